"""Real processes that report to a server over a network that misbehaves: in the end the server knows it all."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada.control.services.lease_reconciler import LeaseReconciler, LeaseReconcilerConfig
from levada.core.settings import LeaseSettings
from levada.core.states import StateType
from levada.journal import writers
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from tests.chaos.ingest_endpoint import Endpoint, endpoint
from tests.chaos.processes import LONG, Running, levada, start

pytestmark = pytest.mark.chaos

STEPS = 2_000 if LONG else 300


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    database = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with endpoint(tmp_path / "server", database=database) as made:
        yield made


def report(server: Endpoint, home: Path, how: str = "end", count: int = STEPS, **environment: str) -> Running:
    return start("reporter.py", home, how, count, LEVADA_API_URL=server.url, **environment)


def runs(server: Endpoint) -> list[Any]:
    return server.plane.read_flow_runs(FlowRunQuery()).items


def assert_complete(server: Endpoint, count: int = STEPS, state: StateType = StateType.COMPLETED) -> None:
    """The server knows of one run with so many completed tasks, each with its one line of log."""
    (run,) = runs(server)
    assert run.state_type is state
    assert server.plane.task_run_state_counts(run.id) == {StateType.COMPLETED: count}
    lines: list[str] = []
    cursor = None
    while True:
        page = server.plane.read_logs(LogQuery(flow_run_ids=[run.id], limit=200, cursor=cursor))
        lines += [line.message for line in page.items if line.message.startswith("step ")]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(lines) == sorted(f"step {number}" for number in range(count))


def test_a_run_is_on_the_server_when_its_process_has_ended(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home) as process:
        assert process.ended() == 0
    assert_complete(server)
    assert writers(levada_home) == []


def test_a_server_that_is_away_for_the_whole_run_gets_it_later(server: Endpoint, levada_home: Path) -> None:
    server.go()
    with report(server, levada_home) as process:
        assert process.ended(within=30) == 0
        assert "did not reach" in process.errors
        assert process.errors.count("does not take records now") == 1
    assert runs(server) == []
    server.come()
    told = levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
    assert "1 journal removed" in told
    assert_complete(server)
    assert writers(levada_home) == []


def test_the_next_process_of_a_home_sends_what_an_earlier_one_left(server: Endpoint, levada_home: Path) -> None:
    server.go()
    with report(server, levada_home, count=50) as process:
        process.ended()
    server.come()
    with report(server, levada_home, "sleep", count=1) as process:
        process.said("stepped")
        eventually(lambda: len(runs(server)) == 2 and len(writers(levada_home)) == 1)
    first = min(runs(server), key=lambda run: run.created)
    assert first.state_type is StateType.COMPLETED
    assert server.plane.task_run_state_counts(first.id) == {StateType.COMPLETED: 50}


def test_lost_requests_lost_answers_and_repeated_batches_change_nothing(server: Endpoint, levada_home: Path) -> None:
    server.lost, server.repeated = 0.3, 0.5
    with report(server, levada_home) as process:
        process.ended()
    server.lost = 0.0
    levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
    assert_complete(server)


def test_a_server_that_restarts_again_and_again_misses_nothing(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "sleep") as process:
        for _ in range(50 if LONG else 5):
            server.go()
            server.come()
        process.said("stepped")
        eventually(lambda: runs(server))
        run = runs(server)[0].id
        eventually(lambda: server.plane.task_run_state_counts(run) == {StateType.COMPLETED: STEPS})


@pytest.mark.parametrize(
    "passage", ["before_send:1", "after_send:1", "after_cursor:1", "before_send:2", "after_send:2"]
)
def test_a_process_killed_while_it_ships_leaves_nothing_out(server: Endpoint, levada_home: Path, passage: str) -> None:
    with report(server, levada_home, "sleep", LEVADA_FAULT=f"journal.ship.{passage}") as process:
        assert process.ended() == -signal.SIGKILL
        stepped = "stepped" in process.lines
    levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
    if stepped:
        assert_complete(server, state=StateType.CRASHED)
    assert [run.state_type for run in runs(server)] == [StateType.CRASHED]
    assert writers(levada_home) == []


def test_what_a_killed_shipping_left_is_shipped_by_the_next(server: Endpoint, levada_home: Path) -> None:
    server.go()
    with report(server, levada_home) as process:
        process.ended()
    server.come()
    for passage in ("before_send:1", "after_send:1", "after_cursor:1", "after_send:2"):
        fault = f"journal.ship.{passage}"
        levada(levada_home, "journal", "ship", code=None, LEVADA_API_URL=server.url, LEVADA_FAULT=fault)
    levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
    assert_complete(server)


def test_a_terminated_process_has_told_the_server_how_its_run_ended(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "sleep") as process:
        process.said("stepped").signal(signal.SIGTERM)
        assert process.ended() == -signal.SIGTERM
    assert_complete(server, state=StateType.CRASHED)
    assert "termination signal" in runs(server)[0].state.message
    assert writers(levada_home) == []


def test_processes_of_a_pool_report_for_themselves(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "pool", 40) as process:
        assert process.ended() == 0
    assert_complete(server, 40)
    assert len({batch.writer for batch in server.batches}) >= 2
    eventually(lambda: writers(levada_home) == [])


def test_a_forked_child_ships_its_own_journal(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "fork", 20) as process:
        assert process.ended() == 0
    assert [run.state_type for run in runs(server)] == [StateType.COMPLETED] * 2
    assert len(server.plane.read_task_runs(TaskRunQuery()).items) == 40
    assert writers(levada_home) == []


def test_a_run_is_cancelled_from_the_server(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "sleep", 3) as process:
        process.said("stepped")
        eventually(lambda: runs(server) and runs(server)[0].state_type is StateType.RUNNING)
        assert server.plane.cancel_flow_run(runs(server)[0].id, by="ana").status == "accept"
        process.ended()
    (run,) = runs(server)
    assert run.state_type is StateType.CANCELLED
    assert "ana" in run.state.message
    assert writers(levada_home) == []


def test_a_run_that_is_suspended_from_the_server_lets_go_and_can_be_resumed(
    server: Endpoint, levada_home: Path
) -> None:
    with report(server, levada_home, "sleep", 3) as process:
        process.said("stepped")
        eventually(lambda: runs(server) and runs(server)[0].state_type is StateType.RUNNING)
        assert server.plane.suspend_flow_run(runs(server)[0].id, by="ana").status == "accept"
        process.ended()
    (run,) = runs(server)
    assert (run.state_type, run.state_name) == (StateType.PAUSED, "Suspended")
    assert server.plane.resume_flow_run(run.id).status == "accept"
    assert runs(server)[0].state_type is StateType.SCHEDULED


def test_a_process_that_stood_still_past_its_lease_is_fenced_and_harmless(tmp_path: Path, levada_home: Path) -> None:
    leases = LeaseSettings(seconds=1.0, renew_seconds=0.2)
    with endpoint(tmp_path / "server", leases) as server, report(server, levada_home, "sleep", 3) as process:
        process.said("stepped")
        eventually(lambda: bool(runs(server)) and runs(server)[0].state_type is StateType.RUNNING)
        reconciler = LeaseReconciler(server.plane, LeaseReconcilerConfig(lease_seconds=1.0))
        reconciler.turn()
        process.signal(signal.SIGSTOP)

        def crashed() -> bool:
            reconciler.turn()
            return runs(server)[0].state_type is StateType.CRASHED

        eventually(crashed)
        process.signal(signal.SIGCONT)
        process.ended(within=20)
        (run,) = runs(server)
        assert run.state_type is StateType.CRASHED
        late = [state.name for state in server.plane.flow_run_states(run.id)]
        assert "Cancelled" in late, "what the process recorded after it was fenced is kept as history"


def test_a_run_that_ended_while_the_server_was_away_is_believed_when_its_records_come(
    tmp_path: Path, levada_home: Path
) -> None:
    with endpoint(tmp_path / "server", LeaseSettings(seconds=1.0, renew_seconds=0.2)) as server:
        with report(server, levada_home, "wait", 3) as process:
            process.said("stepped")
            eventually(lambda: bool(runs(server)) and runs(server)[0].state_type is StateType.RUNNING)
            server.go()
            process.signal(signal.SIGUSR1)
            process.ended()
        reconciler = LeaseReconciler(server.plane, LeaseReconcilerConfig(lease_seconds=1.0))

        def crashed() -> bool:
            reconciler.turn()
            return runs(server)[0].state_type is StateType.CRASHED

        eventually(crashed)
        server.come()
        levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
        assert_complete(server, 3)


def test_an_acknowledged_run_waits_for_the_server_step_by_step(server: Endpoint, levada_home: Path) -> None:
    with report(server, levada_home, "sleep", 20, LEVADA_JOURNAL_DURABILITY="acknowledged") as process:
        process.said("stepped")
        (run,) = runs(server)
        assert server.plane.task_run_state_counts(run.id) == {StateType.COMPLETED: 20}


def test_an_acknowledged_run_that_waits_for_a_server_can_still_be_terminated(
    server: Endpoint, levada_home: Path
) -> None:
    server.go()
    with report(server, levada_home, "end", 20, LEVADA_JOURNAL_DURABILITY="acknowledged") as process:
        eventually(lambda: "does not take records now" in process.errors)
        process.signal(signal.SIGTERM)
        assert process.ended(within=20) == -signal.SIGTERM
    assert process.lines == []


def test_journals_of_a_home_without_a_server_stay_with_the_home(server: Endpoint, levada_home: Path) -> None:
    with start("reporter.py", levada_home, "end", 5) as process:
        process.ended()
    told = levada(levada_home, "journal", "ship", LEVADA_API_URL=server.url)
    assert "Taken into the store of this home" in told
    assert runs(server) == []


def test_the_journal_command_tells_where_records_are_for(server: Endpoint, levada_home: Path) -> None:
    server.go()
    with report(server, levada_home, count=5) as process:
        process.ended()
    assert f"to {server.url}" in levada(levada_home, "journal", "ls")
    told = levada(levada_home, "journal", "ship", code=1)
    assert "nothing to take in" in told
