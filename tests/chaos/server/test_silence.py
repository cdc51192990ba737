"""Processes fall silent: those that are dead are found in time, those that only stood still do no harm."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from levada.client.http import RemotePlane, Transport
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery
from tests.chaos.processes import LONG, Running, levada, start
from tests.chaos.server.fleet import Replica, serving, show, wait
from tests.chaos.server.network import network

pytestmark = pytest.mark.chaos

STANDING = str(Path(__file__).parent / "programs" / "standing.py")
FOUND_WITHIN = 30.0
"""Seconds from a `kill -9` to Crashed, at default settings."""
KILLED = 100 if LONG else 6
AT_ONCE = 20
SHORT = {"leases_seconds": 2.0, "leases_renew_seconds": 0.3}
STANDS_STILL = 40.0 if LONG else 5.0


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def stand(stack: ExitStack, server: Replica, home: Path, *arguments: object) -> Running:
    """A process whose run the server knows to be running."""
    return stack.enter_context(start(STANDING, home, *arguments, LEVADA_API_URL=server.url))


def runs(server: Replica) -> list[Any]:
    with RemotePlane(Transport(server.url)) as plane:
        return plane.read_flow_runs(FlowRunQuery(limit=200)).items


def states(server: Replica) -> list[StateType]:
    return [run.state_type for run in runs(server)]


def until_running(server: Replica, number: int) -> None:
    eventually(lambda: states(server).count(StateType.RUNNING) == number, 60, 0.1)


def test_a_killed_process_is_found_within_thirty_seconds_at_default_settings(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    server = stack.enter_context(serving(tmp_path / "server", database))
    took: list[float] = []
    while len(took) < KILLED:
        number = min(AT_ONCE, KILLED - len(took))
        before = {run.id for run in runs(server)}
        processes = [stand(stack, server, tmp_path / f"clients-{n}") for n in range(number)]
        for process in processes:
            process.said("stands")
        until_running(server, number)
        killed_at = time.monotonic()
        for process in processes:
            process.signal(signal.SIGKILL)
        seen: dict[Any, float] = {}

        def all_found(
            seen: dict[Any, float] = seen, before: set[Any] = before, number: int = number, since: float = killed_at
        ) -> bool:
            for run in runs(server):
                if run.id not in before and run.state_type is StateType.CRASHED:
                    seen.setdefault(run.id, time.monotonic() - since)
            return len(seen) == number

        eventually(all_found, FOUND_WITHIN + 15, 0.25)
        took += seen.values()
    found = [run for run in runs(server) if run.state_type is StateType.CRASHED]
    show({"killed": KILLED, "crashed": len(found), "seconds": [round(min(took), 1), round(max(took), 1)]})
    assert len(found) == KILLED
    assert all("is gone" in run.state.message for run in found)
    assert max(took) < FOUND_WITHIN


def test_a_process_that_stood_still_past_its_lease_is_fenced_and_disturbs_nobody(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    # Given a process that stands still for longer than its lease, so that its run is given up
    server = stack.enter_context(serving(tmp_path / "server", database, **SHORT))
    marker = tmp_path / "go on"
    zombie = stand(stack, server, tmp_path / "clients", marker).said("stands")
    until_running(server, 1)
    zombie.signal(signal.SIGSTOP)
    eventually(lambda: states(server) == [StateType.CRASHED], 60, 0.1)
    run = runs(server)[0]
    # and the same run resumed elsewhere,
    command = [sys.executable, "-m", "levada.cli", "flow-run", "resume", str(run.id)]
    resumed = stack.enter_context(Running(command, tmp_path / "elsewhere", LEVADA_API_URL=server.url))
    resumed.said("stands")
    eventually(lambda: (runs(server)[0].epoch, states(server)) == (2, [StateType.RUNNING]), 60, 0.1)
    # when the first one wakes,
    zombie.signal(signal.SIGCONT)
    zombie.ended(within=30)
    # then it is told, its run stops, and the resumed one goes on to its end.
    assert "ended" not in zombie.lines
    assert "Fenced: the run has gone on elsewhere" in zombie.errors, zombie.errors
    assert states(server) == [StateType.RUNNING]
    marker.touch()
    assert resumed.ended(within=60) == 0
    levada(tmp_path / "elsewhere", "journal", "ship", LEVADA_API_URL=server.url)
    levada(tmp_path / "clients", "journal", "ship", LEVADA_API_URL=server.url)
    (after,) = runs(server)
    assert (after.epoch, after.state_type) == (2, StateType.COMPLETED)
    with RemotePlane(Transport(server.url)) as plane:
        assert plane.task_run_state_counts(run.id) == {StateType.COMPLETED: 2}


def test_a_zombie_whose_run_nobody_resumed_leaves_it_crashed(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    server = stack.enter_context(serving(tmp_path / "server", database, **SHORT))
    marker = tmp_path / "go on"
    zombie = stand(stack, server, tmp_path / "clients", marker).said("stands")
    until_running(server, 1)
    zombie.signal(signal.SIGSTOP)
    eventually(lambda: states(server) == [StateType.CRASHED], 60, 0.1)
    zombie.signal(signal.SIGCONT)
    zombie.ended(within=30)
    assert "ended" not in zombie.lines
    levada(tmp_path / "clients", "journal", "ship", LEVADA_API_URL=server.url)
    assert states(server) == [StateType.CRASHED]


def test_a_server_that_stood_still_for_longer_than_leases_crashes_nobody_who_lives(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    settings = {} if LONG else SHORT
    server = stack.enter_context(serving(tmp_path / "server", database, **settings))
    marker = tmp_path / "go on"
    living = [stand(stack, server, tmp_path / f"clients-{n}", marker).said("stands") for n in range(3)]
    until_running(server, 3)
    server.send(signal.SIGSTOP)
    wait(STANDS_STILL)
    server.send(signal.SIGCONT)
    assert_nobody_crashes(server, living, marker)


def test_no_server_for_longer_than_leases_crashes_nobody_who_lives(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    settings = {} if LONG else SHORT
    server = stack.enter_context(serving(tmp_path / "server", database, **settings))
    marker = tmp_path / "go on"
    living = [stand(stack, server, tmp_path / f"clients-{n}", marker).said("stands") for n in range(3)]
    until_running(server, 3)
    server.stop(signal.SIGKILL)
    wait(STANDS_STILL)
    server.start().ready()
    assert_nobody_crashes(server, living, marker)


def test_a_server_that_restarts_without_a_rest_crashes_nobody_who_lives(
    tmp_path: Path, stack: ExitStack, database: str | None
) -> None:
    # Given a server that is never away for long, and hardly ever there: no absence of it is an outage.
    server = stack.enter_context(serving(tmp_path / "server", database, leases_seconds=8, leases_renew_seconds=2))
    marker = tmp_path / "go on"
    living = [stand(stack, server, tmp_path / f"clients-{n}", marker).said("stands") for n in range(3)]
    until_running(server, 3)
    until = time.monotonic() + (60 if LONG else 12)
    while time.monotonic() < until:
        server.restart(signal.SIGKILL)
    assert_nobody_crashes(server, living, marker)


def test_requests_that_are_never_answered_crash_nobody_whose_next_one_gets_through(
    tmp_path: Path, stack: ExitStack
) -> None:
    # Given a network that swallows for a moment what is sent: no connection breaks, no answer ever comes.
    server = stack.enter_context(serving(tmp_path / "server", leases_seconds=6.0, leases_renew_seconds=1.0))
    proxy = stack.enter_context(network([server.port]))
    marker = tmp_path / "go on"
    living = [
        stack.enter_context(start(STANDING, tmp_path / f"clients-{n}", marker, LEVADA_API_URL=proxy.url))
        for n in range(3)
    ]
    until_running(server, 3)
    proxy.swallows = True
    eventually(lambda: proxy.happened["swallowed"] >= 3)
    proxy.swallows = False
    wait(8)
    assert_nobody_crashes(server, living, marker)


def assert_nobody_crashes(server: Replica, living: list[Running], marker: Path) -> None:
    """Runs go on for more than a lease after the server is back, and then end well; no state says Crashed."""
    wait(25 if LONG else 4)
    assert states(server) == [StateType.RUNNING] * len(living)
    marker.touch()
    assert [process.ended(within=60) for process in living] == [0] * len(living)
    eventually(lambda: states(server) == [StateType.COMPLETED] * len(living))
    with RemotePlane(Transport(server.url)) as plane:
        names = {state.name for run in runs(server) for state in plane.flow_run_states(run.id)}
    assert "Crashed" not in names
