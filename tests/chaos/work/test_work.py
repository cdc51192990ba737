"""Workers, runs and servers are killed at random, under load: every run ends once, and nobody is left.

Replicas on one PostgreSQL behind a proxy, workers of one pool, and a deployment whose runs are taken up again when
their process is gone. Each run writes down that it lives, every fiftieth of a second, so that two owners at once would
be seen.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from levada.client.http.plane import RemotePlane
from levada.client.http.transport import Transport
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import PoolSpec
from tests.chaos.processes import LONG
from tests.chaos.server.fleet import Replica, complaints, serving, show
from tests.chaos.server.network import network
from tests.integration.workers import WorkerProcess

pytestmark = pytest.mark.chaos

PROGRAMS = Path(__file__).parent / "programs"
WORKERS = 3
REPLICAS = 3 if LONG else 2
HOMES = 4 if LONG else 1
SECONDS = float(os.environ.get("LEVADA_CHAOS_SECONDS", 600 if LONG else 20))
OPEN_RUNS = 12 if LONG else 6
"""Runs that are kept waiting or running meanwhile."""

PAUSE = 0.8
"""Seconds between two kills."""

MARK = "LEVADA_CHAOS_MARK"
OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]


class Trouble:
    """Kills something every now and then, and brings it back.

    Attributes:
        happened: how often what was killed.
    """

    def __init__(self, folder: Path, url: str, mark: str, replicas: list[Replica]) -> None:
        self.happened: Counter[str] = Counter()
        self.workers: list[WorkerProcess] = []
        self._folder, self._replicas, self._mark = folder, replicas, mark
        self._env = {"LEVADA_API_URL": url, MARK: mark}
        self._chance = Random(11)
        for _ in range(WORKERS):
            self.hire()

    def hire(self) -> None:
        number = sum(self.happened.values()) + len(self.workers)
        log = self._folder / f"worker-{number}.log"
        # As on several machines: what a dead worker had may wait for the next one there, or for the end of its lease.
        home = self._folder / f"home-{self._chance.randrange(HOMES)}"
        env = {**self._env, "LEVADA_HOME": str(home)}
        self.workers.append(WorkerProcess(log, "--limit", "3", pool="night", env=env))

    def strike(self) -> None:
        what = self._chance.choices(("worker", "run", "replica"), (4, 5, 1))[0]
        if what == "worker":
            gone = self.workers.pop(self._chance.randrange(len(self.workers)))
            gone.process.kill()
            gone.process.wait()
            self.hire()
        elif what == "replica":
            self._chance.choice(self._replicas).restart(signal.SIGKILL)
        else:
            runs = [pid for pid, command in marked(self._mark) if "levada.execution" in command]
            if not runs:
                return
            try:
                os.kill(self._chance.choice(runs), signal.SIGKILL)
            except ProcessLookupError:
                return  # it ended by itself
        self.happened[what] += 1

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        for pid, _ in marked(self._mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself


def marked(mark: str) -> Iterator[tuple[int, str]]:
    """The living processes that descend from our workers, with their commands."""
    wanted = f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name), (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended meanwhile


def lives(ledger: Path) -> dict[str, dict[int, tuple[int, int]]]:
    """Of each run, of each process that executed it: when it was first and last seen alive."""
    found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for line in ledger.read_text().splitlines():
        _, run, pid, at = line.split()
        first, last = found[run].get(int(pid), (int(at), int(at)))
        found[run][int(pid)] = (min(first, int(at)), max(last, int(at)))
    return found


def overlaps(ledger: Path) -> list[str]:
    """Runs that two processes executed at once."""
    found = []
    for run, owners in lives(ledger).items():
        spans = sorted(owners.values())
        found += [run for (_, end), (begin, _) in pairwise(spans) if begin < end]
    return found


def test_whatever_is_killed_every_run_ends_once_and_nobody_is_left(tmp_path: Path, postgres_url: str) -> None:
    ledger, mark = tmp_path / "ledger", f"{os.getpid()}-{time.monotonic_ns()}"
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(serving(tmp_path / f"server-{number}", postgres_url)) for number in range(REPLICAS)
        ]
        proxy = stack.enter_context(network([replica.port for replica in replicas]))
        plane = stack.enter_context(RemotePlane(Transport(proxy.url)))
        plane.create_work_pool(PoolSpec(name="night", cancel_grace=5.0))
        code = Code(entrypoint="shift.py:shift", path=str(PROGRAMS))
        parameters = {"ledger": str(ledger), "seconds": 1.5}
        plane.deploy(
            NewDeployment(
                flow_name="shift", name="night", code=code, pool="night", parameters=parameters, crash_retries=50
            )
        )
        trouble = Trouble(tmp_path, proxy.url, mark, replicas)
        stack.callback(trouble.close)
        made: set[str] = set()
        until, strike = time.monotonic() + SECONDS, time.monotonic() + 3.0
        while time.monotonic() < until:
            going = plane.count_flow_runs(FlowRunQuery(state_types=OPEN))
            for _ in range(OPEN_RUNS - going):
                new = NewDeploymentRun(idempotency_key=f"{mark}-{len(made)}")
                made.add(str(plane.run_deployment("shift/night", new).id))
            if time.monotonic() > strike:
                trouble.strike()
                strike = time.monotonic() + PAUSE
            time.sleep(0.1)

        def all_have_ended() -> bool:
            return plane.count_flow_runs(FlowRunQuery(state_types=OPEN)) == 0

        try:
            eventually(all_have_ended, 100, 0.5)
        except AssertionError as error:
            stuck = [plane.why(run.id) for run in plane.read_flow_runs(FlowRunQuery(state_types=OPEN)).items]
            raise AssertionError(f"stuck: {stuck}") from error
        states = plane.flow_run_state_counts(FlowRunQuery())
        ends = Counter(line.split()[1] for line in ledger.read_text().splitlines() if line.startswith("ends "))
        retried = sum(len(owners) > 1 for owners in lives(ledger).values())
        show({"seconds": SECONDS, "runs": len(made), "states": {str(k): n for k, n in states.items()},
              "killed": dict(trouble.happened), "executed more than once": retried, **proxy.happened})  # fmt: skip
        assert sum(states.values()) == len(made)
        others = plane.read_flow_runs(FlowRunQuery(state_types=[StateType.CRASHED, StateType.FAILED])).items
        assert not [plane.why(run.id) for run in others]
        assert states == {StateType.COMPLETED: len(made)}
        assert set(ends) == made
        assert overlaps(ledger) == []
        for worker in trouble.workers:
            worker.stop()
        eventually(lambda: list(marked(mark)) == [], 20)
        assert complaints(replicas) == []
