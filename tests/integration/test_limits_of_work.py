"""All limits at once, on a real server with real workers: each holds, and none keeps others from running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.deployments import Code, Needs, NewDeployment, NewDeploymentRun
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import PoolSpec, QueueSpec
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.integration.workers import working

FLOWS = """
import os, time
from levada import flow, runtime

def note(word):
    descriptor = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{time.monotonic_ns()} {word} {runtime.deployment.name}\\n".encode())
    finally:
        os.close(descriptor)

@flow
def job():
    note("+")
    time.sleep(0.3)
    note("-")
"""

POOL, QUEUE, ONE, TAG, CPU = 5, 3, 2, 1, 2.0
"""Slots of the pool, of the queue `narrow`, of each deployment that has a limit, of the tag `db`; cores of a worker."""

DEPLOYMENTS = {
    "plain": {},
    "queued": {"queue": "narrow"},
    "queued-too": {"queue": "narrow"},
    "limited": {"concurrency_limit": ONE},
    "tagged": {"tags": ["db"]},
    "tagged-too": {"tags": ["db"], "queue": "narrow"},
    "heavy": {"needs": Needs(cpu=CPU)},
    "light": {"needs": Needs(cpu=CPU / 2)},
}
RUNS = 3


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A server that runs report to."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with pair(tmp_path / "server", url) as made:
        monkeypatch.setenv("LEVADA_API_URL", made.url)
        yield made


def most(ledger: Path, *names: str) -> int:
    """How many runs of some deployments were at work at once."""
    found = now = 0
    for line in sorted(ledger.read_text().splitlines(), key=lambda line: int(line.split()[0])):
        _, word, name = line.split()
        if name in names:
            now += 1 if word == "+" else -1
            found = max(found, now)
    return found


def test_all_limits_hold_together_and_everything_runs(server: Pair, tmp_path: Path) -> None:
    plane: Plane = server.there
    code = tmp_path / "code"
    code.mkdir()
    (code / "flows.py").write_text(FLOWS)
    plane.create_work_pool(PoolSpec(name="p", slots=POOL, launcher="warm"))
    plane.create_work_queue("p", QueueSpec(name="narrow", slots=QUEUE))
    server.here.limits.upsert("tag:db", TAG)
    for name, fields in DEPLOYMENTS.items():
        entrypoint = Code(entrypoint="flows.py:job", path=str(code))
        plane.deploy(NewDeployment(**{"flow_name": "job", "name": name, "code": entrypoint, "pool": "p", **fields}))
    for _ in range(RUNS):
        for name in DEPLOYMENTS:
            plane.run_deployment(f"job/{name}", NewDeploymentRun())
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(working(tmp_path / f"log-{number}", "--offer", f"cpu={CPU}"))
        done = FlowRunQuery(state_types=[StateType.COMPLETED])
        eventually(lambda: plane.count_flow_runs(done) == RUNS * len(DEPLOYMENTS), 90, 0.2)
    ledger = code / "ledger"
    assert len(ledger.read_text().splitlines()) == 2 * RUNS * len(DEPLOYMENTS)
    assert 1 < most(ledger, *DEPLOYMENTS) <= POOL
    assert most(ledger, "queued", "queued-too", "tagged-too") <= QUEUE
    assert most(ledger, "limited") <= ONE
    assert most(ledger, "tagged", "tagged-too") == TAG
    assert most(ledger, "heavy") <= 2  # one on each worker
