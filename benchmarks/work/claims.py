"""How fast runs of work pools are given to workers, on either database, also past crowds that are blocked.

No server and no processes: many workers, threads here, ask one control plane for runs of one pool, as its handlers
would.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

from benchmarks.servers.measure import Figure
from benchmarks.work.figures import POSTGRES, SQLITE, quantiles
from levada.control import ControlPlane
from levada.core.ids import uuid7_bytes
from levada.core.settings import DatabaseSettings
from levada.store.opening import open_store
from levada.store.sql.work import WorkTables
from levada.wire.changes import NewFlowRun
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.pools import ClaimRequest, PoolSpec, QueueSpec
from tests.postgres import PostgresServer

POOL = "press"
WORKERS = 100
CROWD = 100_000


def measured(quick: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure, on SQLite and on PostgreSQL."""
    postgres = PostgresServer()
    try:
        for title, url in ((SQLITE, None), (POSTGRES, postgres.url())):
            say(f"claims on {title}")
            with tempfile.TemporaryDirectory(prefix="bench-claims-") as folder:
                home = Path(folder)
                with ControlPlane(home, open_store(home, DatabaseSettings(url=url))) as plane:
                    plane.create_work_pool(PoolSpec(name=POOL))
                    yield from _throughput(plane, title, 1_000 if quick else 3_000)
                    yield from quantiles("made → claimed by a worker that waits", title, _wakes(plane, 100))
                    yield from _crowds(plane, title)
    finally:
        postgres.close()


def _deploy(plane: ControlPlane, name: str, **fields: object) -> str:
    code = Code(entrypoint="flows.py:paper", path="/srv")
    plane.deploy(NewDeployment(**{"flow_name": "paper", "name": name, "code": code, "pool": POOL, **fields}))
    return f"paper/{name}"


def _request(worker: UUID, room: int = 1, wait: float = 0.0) -> ClaimRequest:
    return ClaimRequest(worker=worker, name="anna", room=room, wait=wait)


def _throughput(plane: ControlPlane, title: str, runs: int) -> Iterator[Figure]:
    """So many workers, each taking one run after the other, until none is left."""
    for number in range(10):
        _deploy(plane, f"d{number}")
    for number in range(runs):
        plane.run_deployment(f"paper/d{number % 10}", NewDeploymentRun())
    taken: list[UUID] = []
    waits: list[float] = []

    def work() -> None:
        worker = uuid4()
        while True:
            began = time.perf_counter()
            answer = plane.claim(POOL, _request(worker))
            if not answer.orders:
                return
            waits.append(time.perf_counter() - began)
            taken.extend(order.run for order in answer.orders)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    cpu, began, rounds = time.process_time(), time.perf_counter(), plane.claims.rounds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    who = f"{WORKERS} workers"
    yield Figure(who, title, "claims", len(taken) / elapsed, "/s")
    yield Figure(who, title, "CPU each", cpu / runs, "s")
    yield Figure(who, title, "claims of one transaction", runs / max(1, plane.claims.rounds - rounds), "")
    yield Figure(who, title, "p50 of a claim", statistics.median(waits), "s")
    yield Figure(who, title, "given out twice", len(taken) - len(set(taken)), "")
    yield Figure(who, title, "not given out", runs - len(set(taken)), "")


def _wakes(plane: ControlPlane, times: int) -> list[float]:
    """Seconds from a run's making until a worker that waits has it."""
    found: list[float] = []
    worker = uuid4()
    for _ in range(times):
        got = threading.Event()

        def ask(done: threading.Event = got) -> None:
            plane.claim(POOL, _request(worker, wait=30.0))
            done.set()

        thread = threading.Thread(target=ask)
        thread.start()
        while plane.claims.waiting == 0:
            time.sleep(0.0005)
        time.sleep(0.002)
        plane.run_deployment("paper/d0", NewDeploymentRun())
        began = time.perf_counter()
        got.wait()
        found.append(time.perf_counter() - began)
        thread.join()
    return found


def _crowds(plane: ControlPlane, title: str) -> Iterator[Figure]:
    """One run that can be taken, behind a crowd of another queue and a crowd that a limit holds up."""
    _deploy(plane, "full", concurrency_limit=1)
    plane.run_deployment("paper/full", NewDeploymentRun(priority=9))
    while plane.claim(POOL, _request(uuid4())).orders:
        pass
    plane.create_work_queue(POOL, QueueSpec(name="other", priority=1))
    template = plane.run_deployment("paper/full", NewDeploymentRun())
    _fill(plane, template.id.bytes, "default")
    _deploy(plane, "elsewhere", queue="other")
    other = plane.run_deployment("paper/elsewhere", NewDeploymentRun())
    _fill(plane, other.id.bytes, "other")
    taken, wrong = [], 0
    for _ in range(20):
        wanted = plane.create_flow_run(NewFlowRun(flow_name="lone", work_pool_name=POOL))
        request = ClaimRequest(worker=uuid4(), name="anna", queues=["default"])
        began = time.perf_counter()
        answer = plane.claim(POOL, request)
        taken.append(time.perf_counter() - began)
        wrong += [order.run for order in answer.orders] != [wanted.id]
    scenario = f"past {CROWD:,} queued and {CROWD:,} blocked"
    yield Figure(scenario, title, "p50 of a claim", statistics.median(taken), "s")
    yield Figure(scenario, title, "worst claim", max(taken), "s")
    yield Figure(scenario, title, "wrong run", wrong, "")


def _fill(plane: ControlPlane, run: bytes, queue: str) -> None:
    """A crowd of waiting rows like that of one run; their flow runs are copies of its row."""
    with plane.store.read() as transaction:
        row = transaction.flow_runs.load([run])[run]
        like = WorkTables(transaction).get(run)
    assert like is not None
    for place in range(0, CROWD, 5000):
        with plane.store.write() as transaction:
            some = [uuid7_bytes(row.created + number, os.urandom(8)) for number in range(min(5000, CROWD - place))]
            ids = [key for key in some if key != run]
            transaction.flow_runs.save([row._replace(id=key) for key in ids], {}, set(ids))
            WorkTables(transaction).save([like._replace(run=key, queue=queue) for key in ids])
