"""A schedule of every second while servers are restarted and killed: no moment twice, none lost that was attended.

Three deployments with the three catch-up policies; the runs of one are executed by a real worker. In the long form no
server is there for longer than a schedule waits, so that the policies decide.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from levada.client.http.plane import RemotePlane
from levada.client.http.transport import Transport
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.deployments import Code, DeploymentChange, IntervalTiming, NewDeployment, ScheduleSpec
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import PoolSpec
from tests.chaos.processes import LONG
from tests.chaos.server.fleet import Replica, complaints, serving, show
from tests.chaos.server.network import network
from tests.integration.workers import working

pytestmark = pytest.mark.chaos

PROGRAMS = Path(__file__).parent / "programs"
SECOND = 1_000_000
QUIET = 20.0 if LONG else 1.5
"""Seconds between two troubles."""

OUTAGE = 45.0
"""Seconds without any server, in the long form: longer than a schedule that is late still counts as attended."""

POLICIES = ("none", "last", "all")
OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]


class Fired(NamedTuple):
    """What became of a schedule.

    Attributes:
        nominal: its moments, in seconds, in their order.
        runs: the runs that were made for them.
    """

    nominal: list[int]
    runs: list[bytes]

    @property
    def gaps(self) -> list[int]:
        """Moments that are not there between those that are."""
        there = set(self.nominal)
        return [one for one in range(self.nominal[0], self.nominal[-1]) if one not in there]


def fired(replica: Replica, schedule: bytes) -> Fired:
    """Moments of a schedule, as the database has them."""
    with replica.tables() as plane, plane.store.read() as transaction:
        rows = transaction.execute(
            "SELECT nominal, run FROM occurrences WHERE schedule = ? AND run IS NOT NULL ORDER BY nominal", (schedule,)
        )
    return Fired([int(nominal) // SECOND for nominal, _ in rows], [bytes(run) for _, run in rows])


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str) -> Iterator[list[Replica]]:
    """Two servers on one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(tmp_path / f"server-{number}", postgres_url)) for number in range(2)]


def test_a_schedule_of_every_second_fires_each_once_whatever_happens_to_servers(
    replicas: list[Replica], tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    with ExitStack() as stack:
        proxy = stack.enter_context(network([replica.port for replica in replicas]))
        plane = stack.enter_context(RemotePlane(Transport(proxy.url)))
        schedules = {}
        for policy in POLICIES:
            pool = PoolSpec(name=policy, launcher="warm")
            plane.create_work_pool(pool)
            made = plane.deploy(
                NewDeployment(
                    flow_name="clockwork", name=policy, pool=policy, parameters={"ledger": str(ledger)},
                    code=Code(entrypoint="clockwork.py:clockwork", path=str(PROGRAMS)),
                    schedules=[ScheduleSpec(timing=IntervalTiming(seconds=1.0), catchup=policy)],
                )
            )  # fmt: skip
            schedules[policy] = made.schedules[0].id.bytes
        env = {"LEVADA_HOME": str(tmp_path / "home"), "LEVADA_API_URL": proxy.url}
        worker = stack.enter_context(working(tmp_path / "log", pool="all", env=env))
        eventually(lambda: ledger.exists() and len(ledger.read_text().splitlines()) > 2, 60)
        began = time.time()
        _rest(QUIET)
        replicas[0].restart(signal.SIGKILL)  # the other one goes on
        _rest(QUIET)
        outage = _restart_all(replicas, OUTAGE if LONG else 0.0)
        _rest(QUIET)
        replicas[1].restart(signal.SIGKILL)
        _rest(QUIET)
        ended = time.time()
        for policy in POLICIES:
            plane.change_deployment(f"clockwork/{policy}", DeploymentChange(paused=True))
        query = FlowRunQuery(state_types=OPEN, work_pool_names=["all"])
        eventually(lambda: plane.count_flow_runs(query) == 0, 60, 0.2)
        worker.stop()
        found = {policy: fired(replicas[0], schedule) for policy, schedule in schedules.items()}
        lines = [line.split() for line in ledger.read_text().splitlines()]
        late = sorted(float(at) - float(planned) for planned, at, _ in lines)
        show({"seconds": round(ended - began), "fired": {policy: len(one.nominal) for policy, one in found.items()},
              "gaps": {policy: len(one.gaps) for policy, one in found.items()}, "outage": outage,
              "late p50": late[len(late) // 2], "late worst": late[-1]})  # fmt: skip
        for one in found.values():
            assert max(Counter(one.nominal).values()) == 1
            assert max(Counter(one.runs).values()) == 1
            assert (one.nominal[0] < began, one.nominal[-1] > ended - 3) == (True, True)
        if outage > 30:
            assert found["all"].gaps == []
            assert found["none"].gaps
            assert len(found["none"].gaps) - len(found["last"].gaps) == 1  # the last of those that were missed
        else:
            assert [one.gaps for one in found.values()] == [[], [], []]
        assert Counter(str(run) for *_, run in lines).most_common(1)[0][1] == 1
        assert sorted(round(float(planned)) for planned, *_ in lines) == found["all"].nominal
        assert complaints(replicas) == []


def _rest(seconds: float) -> None:
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until, seconds + 10, 0.05)


def _restart_all(replicas: list[Replica], seconds: float) -> float:
    """Stop every server, and bring them back after a while; how long none was there."""
    began = time.monotonic()
    for replica in replicas:
        replica.stop()
    _rest(seconds)
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.ready()
    return time.monotonic() - began
