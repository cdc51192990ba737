"""There is no state of a run to which the answer is a shrug."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.core.states import NAMES_BY_TYPE, StateType
from levada.journal.format import encode
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.ingest import IngestBatch
from levada.wire.objects import Why
from levada.wire.records import Record
from tests.unit.control import records as make
from tests.unit.control.stores import plane, postgres_with_tables

__all__ = ["plane", "postgres_with_tables"]  # fixtures

T = StateType
STATES = [(kind, name) for kind, names in NAMES_BY_TYPE.items() for name in names]


def shipped(plane: ControlPlane, writer: bytes, *records: Record, first: int = 1, **fields: Any) -> None:
    numbered = [(number, encode(record)) for number, record in enumerate(records, first)]
    plane.take_in(IngestBatch(writer, numbered, host="far", pid=7, **fields))


def running(plane: ControlPlane, **fields: Any) -> tuple[bytes, bytes]:
    run, writer = make.new_id(), make.new_id()
    shipped(plane, writer, make.run_opened(run, writer, host="far", pid=7, **fields), make.run_state(run, T.RUNNING, 2))
    return run, writer


@pytest.mark.parametrize(("kind", "name"), STATES)
def test_every_state_of_a_flow_run_has_a_reason(plane: ControlPlane, kind: StateType, name: str) -> None:
    run, writer = running(plane)
    shipped(plane, writer, make.run_state(run, kind, 3, name=name), first=3)
    _answers(plane.why(run), kind, name)


@pytest.mark.parametrize(("kind", "name"), STATES)
def test_every_state_of_a_task_run_has_a_reason(plane: ControlPlane, kind: StateType, name: str) -> None:
    run, writer = running(plane)
    task = make.new_id()
    shipped(plane, writer, make.task_opened(task, run), make.task_state(task, run, kind, 1, name=name), first=3)
    _answers(plane.why(task), kind, name)


@pytest.mark.parametrize(("kind", "name"), [state for state in STATES if state[0] not in {T.PAUSED, T.CANCELLING}])
def test_every_state_that_was_set_by_a_request_has_a_reason(plane: ControlPlane, kind: StateType, name: str) -> None:
    made = plane.create_flow_run(NewFlowRun(flow_name="etl"))
    plane.set_flow_run_state(made.id, ProposedState(type=kind, name=name, force=True), by="ana")
    found = plane.read_flow_run(made.id)
    if found.state_type is kind:
        _answers(plane.why(made.id), kind, found.state_name or "")


def _answers(why: Why, kind: StateType, name: str) -> None:
    assert why.state == name
    assert "since" in why.summary or " at " in why.summary
    if kind is not T.COMPLETED:
        assert why.reasons
        assert all(reason.strip() and "None" not in reason for reason in why.reasons), why.reasons


def test_a_run_of_later_says_when(plane: ControlPlane) -> None:
    later = datetime.now(UTC) + timedelta(hours=2, minutes=5)
    made = plane.create_flow_run(NewFlowRun(flow_name="etl", scheduled_time=later))
    reasons = plane.why(made.id).reasons
    assert f"It is to start at {later:%Y-%m-%d %H:%M:%S} UTC." in reasons
    assert "Its time comes in 2 hours; until then nothing is to be done." in reasons


def test_a_late_run_says_that_nobody_takes_it_and_what_to_do(plane: ControlPlane) -> None:
    past = datetime.now(UTC) - timedelta(minutes=10)
    made = plane.create_flow_run(NewFlowRun(flow_name="etl", scheduled_time=past))
    plane.set_flow_run_state(made.id, ProposedState(type=T.SCHEDULED, name="Late"))
    found = plane.why(made.id)
    assert found.state == "Late"
    assert any(reason.startswith("It has been due for 10 minutes, and nobody") for reason in found.reasons)
    assert f"levada flow-run resume {made.id}" in found.next_steps
    deployment = uuid4()
    made = plane.create_flow_run(NewFlowRun(flow_name="etl", scheduled_time=past, deployment_id=deployment))
    assert "its deployment names no work pool" in " ".join(plane.why(made.id).reasons)


def test_a_claimed_run_says_who_claimed_it(plane: ControlPlane) -> None:
    made = plane.create_flow_run(NewFlowRun(flow_name="etl"))
    plane.set_flow_run_state(made.id, ProposedState(type=T.PENDING), by="worker-3")
    assert any(reason.startswith("worker-3 claimed it 0 seconds ago") for reason in plane.why(made.id).reasons)


def test_a_running_run_says_which_process_and_when_it_was_heard_of(plane: ControlPlane) -> None:
    run, writer = running(plane)
    assert "Its owner, process 7 on host far, lives: it last reported 0 seconds ago." in plane.why(run).reasons
    with plane.store.write() as transaction:
        now = transaction.now
        transaction.writers.renew(writer, now - 17_000_000, now + 3_000_000, "far", 7)
    (reason,) = plane.why(run).reasons
    assert reason.startswith("Its owner, process 7 on host far, has been silent for 17 seconds; its lease ends at ")


def test_a_cancelled_run_says_whom_it_waits_for_and_then_who_asked(plane: ControlPlane) -> None:
    run, writer = running(plane)
    plane.cancel_flow_run(run, by="ana")
    reasons = plane.why(run).reasons
    assert reasons[0] == "Cancelled by ana."
    assert "It ends when process 7 on host far has stopped it, which is told with each of its reports." in reasons
    shipped(plane, writer, make.run_state(run, T.CANCELLED, 3), first=3)
    assert plane.why(run).reasons == ["Cancelled by ana."]


def test_a_suspended_run_says_by_whom_and_until_when(plane: ControlPlane) -> None:
    run, _ = running(plane)
    wish = ProposedState(type=T.PAUSED, message="Approve the load.", pause_timeout=60.0)
    plane.set_flow_run_state(run, wish, by="ana")
    reasons = plane.why(run).reasons
    assert reasons[0] == "Approve the load."
    assert reasons[1].startswith("Unless somebody resumes it before ")
    assert reasons[2] == "ana asked for it."


def test_a_fenced_run_says_that_its_process_came_back(plane: ControlPlane) -> None:
    run, writer = running(plane)
    plane.set_flow_run_state(run, ProposedState(type=T.CRASHED, message="Its process is gone.", force=True))
    late = make.run_state(run, T.COMPLETED, 3, at=int(datetime.now(UTC).timestamp() * 1e6) + 1_000_000)
    shipped(plane, writer, late, first=3)
    assert plane.read_flow_run(run).state_type is T.CRASHED
    assert any("heard of again afterwards" in reason for reason in plane.why(run).reasons)


def test_a_task_run_under_a_suspended_run_says_so(plane: ControlPlane) -> None:
    run, writer = running(plane)
    task = make.new_id()
    shipped(plane, writer, make.task_opened(task, run), first=3)
    plane.suspend_flow_run(run)
    found = plane.why(task)
    assert "Its flow run 'brave-otter' is Suspended." in found.reasons
    assert found.next_steps == [f"levada flow-run why {UUID(bytes=run)}"]


def test_a_task_run_that_waits_for_a_retry_says_when(plane: ControlPlane) -> None:
    run, writer = running(plane)
    task = make.new_id()
    details = {"reason": "Attempt 1 of 3 failed.", "scheduled_time": "2031-01-01T00:00:00+00:00"}
    retry = make.task_state(task, run, T.SCHEDULED, 1, name="AwaitingRetry", details=details)
    shipped(plane, writer, make.task_opened(task, run), retry, first=3)
    assert plane.why(task).reasons[:2] == ["Attempt 1 of 3 failed.", "It goes on at 2031-01-01 00:00:00 UTC."]
