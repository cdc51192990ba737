"""Runs are made, moved and deleted by request: what is lawful happens, the rest is refused with its reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.control.bulk import work_bulk
from levada.core.errors import (
    InvalidNameError,
    ObjectAlreadyExists,
    ObjectNotFound,
    RequestInvalid,
    RequestTooLarge,
    UnfinishedRun,
)
from levada.core.states import StateType
from levada.journal import JournalWriter
from levada.journal.format import encode
from levada.wire.changes import BulkAction, FlowRunChange, NewFlowRun, ProposedState, RunInput
from levada.wire.events import EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.ingest import IngestBatch
from levada.wire.objects import FlowRun
from levada.wire.records import Record
from tests.unit.control import records as make
from tests.unit.control.stores import plane, postgres_with_tables

__all__ = ["plane", "postgres_with_tables"]  # fixtures

T = StateType


def dispatch(plane: ControlPlane) -> None:
    """Give the events that wait their positions."""
    with plane.store.write() as transaction:
        transaction.events.dispatch(10_000)


def shipped(plane: ControlPlane, writer: bytes, *records: Record, first: int = 1, **fields: Any) -> Any:
    """Records of a process elsewhere."""
    numbered = [(number, encode(record)) for number, record in enumerate(records, first)]
    return plane.take_in(IngestBatch(writer, numbered, host="far", pid=7, **fields))


def running(plane: ControlPlane, **fields: Any) -> tuple[bytes, bytes]:
    """A run that a process elsewhere executes; its id and the writer."""
    run, writer = make.new_id(), make.new_id()
    shipped(plane, writer, make.run_opened(run, writer, **fields), make.run_state(run, T.RUNNING, 2))
    return run, writer


def ended(plane: ControlPlane, kind: StateType = T.FAILED, **fields: Any) -> bytes:
    """A run that has ended."""
    run, writer = running(plane)
    shipped(plane, writer, make.run_state(run, kind, 3, **fields), first=3)
    return run


def names(plane: ControlPlane, run: bytes | UUID) -> list[str]:
    return [state.name for state in plane.read_flow_run(run).states]


class TestMaking:
    def test_a_new_run_is_scheduled_and_has_what_it_was_given(self, plane: ControlPlane) -> None:
        when = datetime(2031, 1, 1, tzinfo=UTC)
        made = plane.create_flow_run(
            NewFlowRun(
                flow_name="etl",
                parameters={"day": "2031-01-01", "n": 3},
                tags=["a", "a", "b"],
                labels={"team": "core"},
                scheduled_time=when,
                flow_version="1",
                entrypoint="etl.py:etl",
            ),
            created_by="ana",
        )
        assert (made.state_type, made.state_name, made.epoch, made.flow_name) == (T.SCHEDULED, "Scheduled", 0, "etl")
        assert (made.tags, made.labels, made.created_by) == (["a", "b"], {"team": "core"}, "ana")
        assert made.expected_start_time == when
        assert made.parameters == {"day": "'2031-01-01'", "n": "3"}
        assert "-" in made.name
        assert plane.read_flow_run(made.id) == made
        (event,) = plane.read_events(EventQuery(flow_run_ids=[made.id])).items
        assert (event.event, event.payload["by"]) == ("levada.flow-run.Scheduled", "ana")

    def test_whoever_executes_it_opens_epoch_one(self, plane: ControlPlane) -> None:
        made = plane.create_flow_run(NewFlowRun(flow_name="etl", name="mine"))
        writer, run = make.new_id(), made.id.bytes
        opened = make.run_opened(run, writer, n=0, name="mine")
        shipped(plane, writer, opened, make.run_state(run, T.RUNNING, 1), make.run_state(run, T.COMPLETED, 2))
        assert names(plane, run) == ["Scheduled", "Pending", "Running", "Completed"]

    def test_the_same_key_is_the_same_run(self, plane: ControlPlane) -> None:
        flow = f"flow-{uuid4().hex}"
        new = NewFlowRun(flow_name=flow, idempotency_key="today")
        with ThreadPoolExecutor(16) as threads:
            made = list(threads.map(lambda _: plane.create_flow_run(new).id, range(48)))
        assert len(set(made)) == 1
        assert plane.count_flow_runs(FlowRunQuery(flow_names=[flow])) == 1
        assert plane.create_flow_run(NewFlowRun(flow_name=flow + "2", idempotency_key="today")).id not in made

    def test_a_subflow_run_names_its_parent(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        task = make.new_id()
        shipped(plane, writer, make.task_opened(task, run), first=3)
        made = plane.create_flow_run(NewFlowRun(flow_name="child", parent_task_run_id=UUID(bytes=task)))
        assert made.parent_flow_run_id == made.root_flow_run_id == UUID(bytes=run)
        with pytest.raises(ObjectNotFound):
            plane.create_flow_run(NewFlowRun(flow_name="child", parent_task_run_id=uuid4()))

    def test_what_cannot_be_used_is_refused(self, plane: ControlPlane) -> None:
        with pytest.raises(InvalidNameError):
            plane.create_flow_run(NewFlowRun(flow_name="a/b"))
        with pytest.raises(RequestInvalid, match="version 7"):
            plane.create_flow_run(NewFlowRun(flow_name="etl", id=uuid4()))
        with pytest.raises(RequestTooLarge):
            plane.create_flow_run(NewFlowRun(flow_name="etl", parameters={"x": "y" * 600_000}))
        with pytest.raises(RequestInvalid, match="Tag"):
            plane.create_flow_run(NewFlowRun(flow_name="etl", tags=[""]))
        made = plane.create_flow_run(NewFlowRun(flow_name="etl"))
        with pytest.raises(ObjectAlreadyExists):
            plane.create_flow_run(NewFlowRun(flow_name="etl", id=made.id))

    def test_a_fork_says_where_it_comes_from_and_what_runs_again(self, plane: ControlPlane) -> None:
        run = ended(plane)
        shipped(plane, make.new_id(), make.task_opened(make.new_id(), run, key="load"))
        made = plane.fork_flow_run(run, ["load"], by="ana")
        assert (made.forked_from, made.state_type, made.flow_name) == (UUID(bytes=run), T.SCHEDULED, "etl")
        assert made.states[0].details is not None
        assert made.states[0].details["run_again"] == ["load"]
        with pytest.raises(ObjectNotFound, match="no run of a task 'nope'"):
            plane.fork_flow_run(run, ["nope"])


class TestChanging:
    def test_names_change_tags_are_added_labels_merged(self, plane: ControlPlane) -> None:
        run, writer = running(plane, tags=["a"], labels={"x": 1, "y": 1})
        plane.change_flow_run(run, FlowRunChange(name="zeta", tags=["b"], labels={"y": 2}))
        changed = plane.change_flow_run(run, FlowRunChange(name="alpha"))
        assert (changed.name, changed.tags, changed.labels) == ("alpha", ["a", "b"], {"x": 1, "y": 2})
        shipped(plane, writer, make.run_changed(run, 3, name="by the engine"), first=3)
        assert plane.read_flow_run(run).name == "by the engine"
        assert plane.count_flow_runs(FlowRunQuery(ids=[UUID(bytes=run)], tags_all=["b"])) == 1

    def test_nothing_to_change_changes_nothing(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        before = plane.read_flow_run(run)
        assert plane.change_flow_run(run, FlowRunChange()) == before

    def test_names_that_cannot_be_used_are_refused(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        with pytest.raises(InvalidNameError):
            plane.change_flow_run(run, FlowRunChange(name=" "))


class TestCancelling:
    def test_what_nobody_executes_is_cancelled_at_once(self, plane: ControlPlane) -> None:
        made = plane.create_flow_run(NewFlowRun(flow_name="etl"))
        decision = plane.cancel_flow_run(made.id, by="ana")
        assert (decision.status, decision.state_type) == ("accept", T.CANCELLED)
        again = plane.cancel_flow_run(made.id)
        assert (again.status, again.rule) == ("abort", "ended-stays-ended")

    def test_what_executes_elsewhere_is_told_and_ends_itself(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        decision = plane.cancel_flow_run(run, by="ana")
        assert (decision.status, decision.state_type) == ("accept", T.CANCELLING)
        (order,) = shipped(plane, writer, running=[(run, 1)]).commands
        assert (order.kind, order.reason) == ("cancel", "Cancelled by ana.")
        # What it recorded before it heard of it does not take the wish away; its end does.
        shipped(plane, writer, make.run_state(run, T.RUNNING, 3, name="Retrying"), first=3)
        assert plane.read_flow_run(run).state_type is T.CANCELLING
        assert [order.kind for order in shipped(plane, writer, running=[(run, 1)]).commands] == ["cancel"]
        shipped(plane, writer, make.run_state(run, T.CANCELLED, 4), first=4)
        assert names(plane, run)[-3:] == ["Retrying", "Cancelling", "Cancelled"]
        events = plane.read_events(EventQuery(flow_run_ids=[UUID(bytes=run)])).items
        assert [event.event.rpartition(".")[2] for event in events].count("Cancelling") == 1

    def test_subflow_runs_are_cancelled_with_it(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        child, _ = running(plane, parent_run=run)
        inside = make.new_id()
        opened = make.run_opened(inside, writer, parent_run=run)
        shipped(plane, writer, opened, make.run_state(inside, T.RUNNING, 2), first=3)
        inner = plane.create_flow_run(NewFlowRun(flow_name="inner"))
        other, _ = running(plane)
        plane.cancel_flow_run(run)
        assert plane.read_flow_run(child).state_type is T.CANCELLING
        assert plane.read_flow_run(other).state_type is T.RUNNING
        # What executes in the same process ends with its parent; its process is told of that one alone.
        assert plane.read_flow_run(inside).state_type is T.RUNNING
        told = shipped(plane, writer, running=[(run, 1), (inside, 1)]).commands
        assert [order.run for order in told] == [run]
        assert plane.read_flow_run(inner.id).state_type is T.SCHEDULED

    def test_a_process_of_this_home_finds_it_in_its_inbox(self, plane: ControlPlane) -> None:
        run = make.new_id()
        journal = JournalWriter(plane.home, writer=make.new_id())
        try:
            journal.append(make.run_opened(run, journal.writer))
            journal.append(make.run_state(run, T.RUNNING, 2))
            journal.sync()
            plane.drain()
            assert plane.cancel_flow_run(run).state_type is T.CANCELLING
            assert plane.cancel_flow_run(run).state_type is T.CANCELLING
            assert journal.commands() == [f"{run.hex()}.cancel"]
        finally:
            journal.close()
        plane.drain()
        assert plane.read_flow_run(run).state_type is T.CANCELLED

    def test_a_run_whose_process_is_gone_is_cancelled_at_once(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        with plane.store.write() as transaction:
            transaction.writers.renew(writer, transaction.now, None, "far", 7)
        assert plane.cancel_flow_run(run).state_type is T.CANCELLED
        shipped(plane, writer, make.run_state(run, T.COMPLETED, 9), first=9)
        assert plane.read_flow_run(run).state_type is T.CANCELLED


class TestPausing:
    def test_a_suspended_run_is_let_go_and_resumed_in_a_new_epoch(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        assert plane.suspend_flow_run(run, by="ana").state_name == "Suspended"
        assert [order.kind for order in shipped(plane, writer, running=[(run, 1)]).commands] == ["suspend"]
        shipped(plane, writer, make.run_state(run, T.CANCELLED, 3), first=3, closing=True)
        assert plane.read_flow_run(run).state_name == "Suspended"
        decision = plane.resume_flow_run(run, {"approved": True}, by="bob")
        assert (decision.status, decision.state_name) == ("accept", "Resuming")
        assert plane.read_flow_run(run).epoch == 2
        assert plane.read_input(run, "approved").value is True
        assert plane.read_input(run, "approved").sender == "bob"

    def test_what_is_not_paused_is_not_resumed_and_its_inputs_are_not_kept(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        decision = plane.resume_flow_run(run, {"x": 1})
        assert (decision.status, decision.rule) == ("reject", "resume-what-is-paused")
        assert plane.read_inputs(run) == []

    def test_a_resume_gives_what_the_pause_asks_for_or_is_refused_with_paths(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        schema = {"required": ["ok"], "properties": {"ok": {"type": "boolean"}}, "additionalProperties": False}
        plane.write_input(run, RunInput("ask-schema", schema))
        asked = {"run_input_keyset": {"schema": "ask-schema", "response": "ask-response"}}
        assert plane.set_flow_run_state(run, ProposedState(type=T.PAUSED, details=asked)).status == "accept"
        for given, path in (({}, "ok"), ({"ok": "yes"}, "ok"), ({"ok": True, "why": 1}, "why")):
            with pytest.raises(RequestInvalid, match="asks for other inputs") as refused:
                plane.resume_flow_run(run, given)
            assert [field for field, _ in refused.value.fields] == [f"$.inputs.{path}"]
        assert plane.read_flow_run(run).state_type is T.PAUSED
        assert plane.resume_flow_run(run, {"ok": True}, by="bob").status == "accept"
        assert plane.read_input(run, "ask-response").value == {"ok": True}

    def test_a_pause_that_is_over_has_failed(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        wish = ProposedState(type=T.PAUSED, name="Suspended", pause_timeout=0.0, pause_key="k")
        assert plane.set_flow_run_state(run, wish).status == "accept"
        decision = plane.resume_flow_run(run)
        assert (decision.status, decision.rule, decision.state_type) == ("reject", "pause-expired", T.FAILED)


class TestRetrying:
    def test_an_ended_run_is_scheduled_in_a_new_epoch_that_nobody_owns(self, plane: ControlPlane) -> None:
        run = ended(plane)
        decision = plane.retry_flow_run(run, by="ana")
        assert (decision.status, decision.state_type) == ("accept", T.SCHEDULED)
        found = plane.read_flow_run(run)
        assert (found.epoch, found.writer, found.state_type) == (2, None, T.SCHEDULED)
        assert plane.retry_flow_run(run).rule == "retry-what-ended"

    def test_late_records_of_the_epoch_before_do_not_claim_it(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        shipped(plane, writer, make.run_state(run, T.FAILED, 3), first=3)
        plane.retry_flow_run(run)
        shipped(plane, writer, make.run_changed(run, 4, tags=["late"]), first=4, closing=True)
        found = plane.read_flow_run(run)
        assert (found.state_type, found.writer, found.tags) == (T.SCHEDULED, None, ["late"])

    def test_a_kept_result_is_not_thrown_away(self, plane: ControlPlane) -> None:
        run = ended(plane, T.COMPLETED, result=make.payload())
        assert plane.retry_flow_run(run).rule == "kept-result"
        forced = ProposedState(type=T.FAILED, force=True)
        assert plane.set_flow_run_state(run, forced).rule == "kept-result"


class TestSettingStates:
    def test_by_force_a_running_run_ends_and_its_process_is_fenced(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        refused = plane.set_flow_run_state(run, ProposedState(type=T.FAILED))
        assert (refused.status, refused.rule, refused.state_type) == ("reject", "process-tells", T.RUNNING)
        wish = ProposedState(type=T.FAILED, force=True, message="enough", transition_id="w1")
        assert plane.set_flow_run_state(run, wish, by="ana").state_type is T.FAILED
        assert plane.set_flow_run_state(run, wish, by="ana").rule == "repeated-wish"
        assert [order.kind for order in shipped(plane, writer, running=[(run, 1)]).commands] == ["fenced"]
        shipped(plane, writer, make.run_state(run, T.COMPLETED, 5), first=5)
        found = plane.read_flow_run(run)
        assert found.state_type is T.FAILED
        assert found.states[-1].details == {"by": "ana", "transition_id": "w1"}

    def test_a_later_correction_follows_the_verdict_before(self, plane: ControlPlane) -> None:
        run = ended(plane, T.CRASHED)
        for kind in (T.FAILED, T.CANCELLED, T.COMPLETED):
            assert plane.set_flow_run_state(run, ProposedState(type=kind, force=True)).state_type is kind
        assert names(plane, run)[-4:] == ["Crashed", "Failed", "Cancelled", "Completed"]

    def test_of_two_claimers_one_is_sent_away(self, plane: ControlPlane) -> None:
        made = plane.create_flow_run(NewFlowRun(flow_name="etl"))
        with ThreadPoolExecutor(16) as threads:
            asked = threads.map(
                lambda number: plane.set_flow_run_state(
                    made.id, ProposedState(type=T.PENDING, transition_id=f"claim-{number}")
                ),
                range(32),
            )
            statuses = sorted(decision.status for decision in asked)
        assert statuses == ["abort"] * 31 + ["accept"]
        assert names(plane, made.id) == ["Scheduled", "Pending"]

    def test_a_run_waits_for_its_time(self, plane: ControlPlane) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        made = plane.create_flow_run(NewFlowRun(flow_name="etl", scheduled_time=later))
        plane.set_flow_run_state(made.id, ProposedState(type=T.PENDING))
        decision = plane.set_flow_run_state(made.id, ProposedState(type=T.RUNNING))
        assert (decision.status, decision.rule) == ("wait", "wait-for-time")
        assert decision.retry_after is not None
        assert 3500 < decision.retry_after <= 3600

    def test_32_conflicting_wishes_make_one_lawful_history(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        kinds = [T.FAILED, T.COMPLETED, T.CRASHED, T.CANCELLED]
        with ThreadPoolExecutor(32) as threads:
            asked = threads.map(
                lambda number: plane.set_flow_run_state(
                    run, ProposedState(type=kinds[number % 4], force=number < 4 and number % 4 < 2)
                ),
                range(32),
            )
            decisions = list(asked)
        accepted = [decision for decision in decisions if decision.status == "accept"]
        refused = [decision for decision in decisions if decision.status != "accept"]
        history = names(plane, run)
        assert len(history) == 2 + len(accepted)  # Pending, Running, and each that was accepted, once
        assert 1 <= len(accepted) <= 3
        assert all(decision.rule and decision.reason for decision in refused)
        assert plane.read_flow_run(run).epoch == 1
        assert len(plane.read_events(EventQuery(flow_run_ids=[UUID(bytes=run)])).items) == len(history)

    def test_every_change_of_state_is_an_event(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        plane.suspend_flow_run(run, by="ana")
        plane.resume_flow_run(run)
        plane.cancel_flow_run(run)
        events = plane.read_events(EventQuery(flow_run_ids=[UUID(bytes=run)], oldest_first=True)).items
        assert [event.event for event in events] == [
            f"levada.flow-run.{name}" for name in ("Pending", "Running", "Suspended", "Resuming", "Cancelled")
        ]
        assert events[2].payload == {
            "from": {"type": "RUNNING", "name": "Running"},
            "to": {"type": "PAUSED", "name": "Suspended"},
            "message": "Suspended by ana.",
            "by": "ana",
            "epoch": 1,
        }

    def test_a_run_that_is_not_there_is_not_found(self, plane: ControlPlane) -> None:
        with pytest.raises(ObjectNotFound):
            plane.cancel_flow_run(make.new_id())


class TestTaskRuns:
    def test_a_correction_says_who_made_it(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        task = make.new_id()
        shipped(plane, writer, make.task_opened(task, run), make.task_state(task, run, T.FAILED, 1), first=3)
        assert plane.set_task_run_state(task, ProposedState(type=T.COMPLETED)).rule == "ended-stays-ended"
        decision = plane.set_task_run_state(task, ProposedState(type=T.COMPLETED, force=True), by="ana")
        assert decision.state_type is T.COMPLETED
        assert plane.read_task_run(task).states[-1].details == {"by": "ana"}

    def test_they_are_not_started_from_outside(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        task = make.new_id()
        shipped(plane, writer, make.task_opened(task, run), make.task_state(task, run, T.FAILED, 1), first=3)
        decision = plane.set_task_run_state(task, ProposedState(type=T.SCHEDULED))
        assert (decision.status, decision.rule) == ("reject", "corrections-only")

    def test_one_that_executes_is_cancelled_by_its_process(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        task = make.new_id()
        shipped(plane, writer, make.task_opened(task, run, started=True), first=3)
        assert plane.set_task_run_state(task, ProposedState(type=T.CANCELLING)).state_type is T.CANCELLING
        (order,) = shipped(plane, writer, running=[(run, 1)]).commands
        assert (order.kind, order.run, order.task) == ("cancel", run, task)
        shipped(plane, writer, make.task_state(task, run, T.RUNNING, 1, name="Retrying"), first=4)
        assert plane.read_task_run(task).state_type is T.CANCELLING
        shipped(plane, writer, make.task_state(task, run, T.CANCELLED, 2), first=5)
        assert plane.read_task_run(task).state_type is T.CANCELLED
        assert shipped(plane, writer, running=[(run, 1)]).commands == []


class TestInputs:
    def test_they_are_kept_read_and_taken_back(self, plane: ControlPlane) -> None:
        run, _ = running(plane)
        plane.write_input(run, RunInput("ask-1", {"n": 1}, sender="ana"))
        plane.write_input(run, RunInput("ask-1", {"n": 2}))
        plane.write_input(run, RunInput("tell_1", None))
        assert [given.key for given in plane.read_inputs(run)] == ["ask-1", "tell_1"]
        assert [given.value for given in plane.read_inputs(run, "ask")] == [{"n": 2}]
        assert plane.delete_input(run, "ask-1")
        assert not plane.delete_input(run, "ask-1")
        with pytest.raises(ObjectNotFound, match="no input 'ask-1'"):
            plane.read_input(run, "ask-1")

    def test_their_size_and_number_are_bounded(self, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
        run, _ = running(plane)
        with pytest.raises(RequestTooLarge):
            plane.write_input(run, RunInput("big", "x" * 600_000))
        with pytest.raises(RequestInvalid):
            plane.write_input(run, RunInput("", 1))
        monkeypatch.setattr("levada.control.inputs.MOST_INPUTS", 2)
        for key in ("a", "b", "b"):
            plane.write_input(run, RunInput(key, 1))
        with pytest.raises(RequestInvalid, match="2 are the most"):
            plane.write_input(run, RunInput("c", 1))


class TestDeleting:
    def test_a_run_goes_with_what_was_given_to_it(self, plane: ControlPlane) -> None:
        new = NewFlowRun(flow_name=f"flow-{uuid4().hex}", idempotency_key="k")
        made = plane.create_flow_run(new)
        plane.write_input(made.id, RunInput("a", 1))
        with pytest.raises(UnfinishedRun):
            plane.delete_flow_run(made.id)
        plane.cancel_flow_run(made.id)
        assert plane.delete_flow_run(made.id)["flow_runs"] == 1
        assert plane.create_flow_run(new).id != made.id

    def test_a_deletion_leaves_an_event_that_says_by_whom(self, plane: ControlPlane) -> None:
        run = ended(plane)
        plane.delete_flow_run(run, by="ana")
        dispatch(plane)
        (event,) = plane.read_events(
            EventQuery(flow_run_ids=[UUID(bytes=run)], event_prefixes=["levada.flow-run.deleted"])
        ).items
        assert (event.payload["by"], event.payload["state"]["name"]) == ("ana", "Failed")

    def test_a_correction_of_a_task_run_leaves_an_event_that_says_by_whom(self, plane: ControlPlane) -> None:
        run, writer = running(plane)
        task = make.new_id()
        shipped(plane, writer, make.task_opened(task, run), make.task_state(task, run, T.FAILED, 2), first=3)
        wish = ProposedState(type=T.COMPLETED, message="It was done by hand.", force=True)
        assert plane.set_task_run_state(task, wish, by="ana").status == "accept"
        dispatch(plane)
        (event,) = plane.read_events(EventQuery(resource_ids=[f"levada.task-run.{UUID(bytes=task)}"])).items
        assert event.event == "levada.task-run.Completed"
        assert (event.payload["by"], event.payload["from"]["name"]) == ("ana", "Failed")
        assert event.related[0]["id"] == f"levada.flow-run.{UUID(bytes=run)}"


class TestBulk:
    def runs(self, plane: ControlPlane, count: int) -> tuple[FlowRunQuery, list[FlowRun]]:
        flow = f"flow-{uuid4().hex}"
        made = [plane.create_flow_run(NewFlowRun(flow_name=flow)) for _ in range(count)]
        return FlowRunQuery(flow_names=[flow], limit=3), made

    def test_a_preview_only_says_what_would_happen(self, plane: ControlPlane) -> None:
        query, made = self.runs(plane, 4)
        job = plane.start_bulk(BulkAction(action="cancel", query=query, preview=True))
        assert (job.state, job.total, sorted(job.examples)) == ("preview", 4, [run.id for run in made])
        with pytest.raises(ObjectNotFound):
            plane.read_bulk(job.id)
        assert plane.read_flow_run(made[0].id).state_type is T.SCHEDULED

    def test_a_job_reaches_every_run_once_though_the_query_finds_fewer_and_fewer(self, plane: ControlPlane) -> None:
        query, made = self.runs(plane, 7)
        query.state_types = [T.SCHEDULED]
        job = plane.start_bulk(BulkAction(action="cancel", query=query), by="ana")
        later = plane.create_flow_run(NewFlowRun(flow_name=made[0].flow_name))
        while work_bulk(plane, plane.store, 2).job is not None:
            pass
        job = plane.read_bulk(job.id)
        assert (job.state, job.total, job.done, job.skipped) == ("completed", 7, 7, 0)
        assert all(plane.read_flow_run(run.id).state_type is T.CANCELLED for run in made)
        assert plane.read_flow_run(later.id).state_type is T.SCHEDULED

    def test_replicas_share_a_job_and_refusals_are_counted(self, plane: ControlPlane) -> None:
        query, made = self.runs(plane, 20)
        plane.cancel_flow_run(made[3].id)
        job = plane.start_bulk(BulkAction(action="cancel", query=query))
        with ThreadPoolExecutor(4) as threads:
            while plane.read_bulk(job.id).state == "running":
                list(threads.map(lambda _: work_bulk(plane, plane.store, 3), range(4)))
        job = plane.read_bulk(job.id)
        assert (job.done, job.skipped) == (19, 1)
        assert "has ended" in (job.message or "")

    def test_a_job_can_be_stopped(self, plane: ControlPlane) -> None:
        query, made = self.runs(plane, 5)
        job = plane.start_bulk(BulkAction(action="add_tags", query=query, tags=["x"]))
        work_bulk(plane, plane.store, 2)
        assert plane.cancel_bulk(job.id).state == "cancelled"
        assert work_bulk(plane, plane.store, 2).job is None
        assert [plane.read_flow_run(run.id).tags for run in made].count(["x"]) == 2

    def test_every_action_is_carried_out(self, plane: ControlPlane) -> None:
        query, made = self.runs(plane, 2)
        for action, fields, left in [
            ("set_state", {"state": ProposedState(type=T.FAILED, force=True)}, T.FAILED),
            ("retry", {}, T.SCHEDULED),
            ("suspend", {}, T.SCHEDULED),
            ("cancel", {}, T.CANCELLED),
        ]:
            plane.start_bulk(BulkAction(action=action, query=query, **fields))
            while work_bulk(plane, plane.store).job is not None:
                pass
            assert plane.read_flow_run(made[0].id).state_type is left
        job = plane.start_bulk(BulkAction(action="delete", query=query))
        work_bulk(plane, plane.store)
        assert (plane.read_bulk(job.id).done, plane.count_flow_runs(query)) == (2, 0)

    @pytest.mark.parametrize("action", ["explode", "set_state", "add_tags"])
    def test_a_job_that_makes_no_sense_is_refused(self, plane: ControlPlane, action: str) -> None:
        with pytest.raises(RequestInvalid):
            plane.start_bulk(BulkAction(action=action, query=FlowRunQuery()))
