"""Rows as people see them, found by whatever people know of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from levada.control import ControlPlane
from levada.control.ingest import ingest
from levada.core.errors import ObjectNotFound, UnfinishedRun
from levada.core.states import StateType, datetime_of
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import FlowRun, TaskRun
from levada.wire.records import Payload, Record
from tests.unit.control import records as make

PENDING, RUNNING, COMPLETED, FAILED = StateType.PENDING, StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


@pytest.fixture
def control(levada_home: Path) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


def take_in(control: ControlPlane, *records: Record) -> None:
    with control.store.write() as transaction:
        ingest(transaction, make.new_id(), enumerate(records, 1))


def flow_run(control: ControlPlane, *records: Record, run: bytes) -> FlowRun:
    take_in(control, *records)
    return control.read_flow_run(UUID(bytes=run))


def task_run(control: ControlPlane, *records: Record, task: bytes) -> TaskRun:
    take_in(control, *records)
    return control.read_task_run(UUID(bytes=task))


class TestFlowRuns:
    def test_everything_that_was_recorded_is_shown(self, control: ControlPlane) -> None:
        run, writer, parent, deployment = (make.new_id() for _ in range(4))
        opened = make.run_opened(
            run,
            writer,
            parameters=make.payload(),
            shown={"x": "1"},
            tags=["b", "a"],
            labels={"team": "data"},
            version="v1",
            entrypoint="flow.py:etl",
            code="c0de",
            parent_run=parent,
            root=parent,
            deployment=deployment,
            created_by="ada",
            levada="0.1.0",
        )
        running, done = make.run_state(run, RUNNING, 2), make.run_state(run, COMPLETED, 3, result=make.payload())
        seen = flow_run(control, opened, running, done, run=run)
        assert (seen.name, seen.flow_name, seen.flow_version, seen.entrypoint) == (
            "brave-otter",
            "etl",
            "v1",
            "flow.py:etl",
        )
        assert (seen.state_type, seen.state_name, seen.run_count, seen.epoch) == (COMPLETED, "Completed", 1, 1)
        assert [state.type for state in seen.states] == [PENDING, RUNNING, COMPLETED]
        assert seen.states[-1].result == make.payload()
        assert (seen.created, seen.start_time, seen.end_time) == tuple(
            datetime_of(record.at) for record in (opened, running, done)
        )
        assert (seen.parameters, seen.parameters_payload) == ({"x": "1"}, make.payload())
        assert (seen.tags, seen.labels) == (["b", "a"], {"team": "data"})
        assert seen.parent_flow_run_id == seen.root_flow_run_id == UUID(bytes=parent)
        assert seen.deployment_id == UUID(bytes=deployment)
        assert (seen.host, seen.pid, seen.writer) == ("h", 123, writer.hex())
        assert (seen.created_by, seen.levada_version, seen.code) == ("ada", "0.1.0", "c0de")

    def test_the_flow_of_a_name_has_the_same_id_everywhere(self, control: ControlPlane) -> None:
        run = make.new_id()
        seen = flow_run(control, make.run_opened(run, make.new_id()), run=run)
        assert control.read_flow("etl").id == seen.flow_id

    def test_a_resumed_run_keeps_what_its_new_epoch_does_not_repeat(self, control: ControlPlane) -> None:
        run = make.new_id()
        seen = flow_run(
            control,
            make.run_opened(run, make.new_id(), parameters=make.payload(), tags=["a"], entrypoint="flow.py:etl"),
            make.run_state(run, RUNNING, 2),
            make.run_state(run, FAILED, 3, attempt=2),
            make.run_opened(run, make.new_id(), epoch=2, reason="resume", tags=["b"], pid=456),
            make.run_state(run, RUNNING, 2, epoch=2),
            run=run,
        )
        assert (seen.epoch, seen.state_type, seen.pid) == (2, RUNNING, 456)
        assert (seen.entrypoint, seen.parameters_payload, seen.tags) == ("flow.py:etl", make.payload(), ["a", "b"])
        assert seen.run_count == 3
        assert seen.end_time is None
        assert [state.epoch for state in seen.states] == [1, 1, 1, 2, 2]

    def test_a_late_record_of_an_older_epoch_is_history_and_changes_nothing(self, control: ControlPlane) -> None:
        run = make.new_id()
        late = make.run_state(run, StateType.CANCELLED, 3)
        seen = flow_run(
            control,
            make.run_opened(run, make.new_id()),
            make.run_opened(run, make.new_id(), epoch=2),
            make.run_state(run, COMPLETED, 2, epoch=2),
            late,
            make.run_changed(run, 4, name="too late"),
            run=run,
        )
        assert (seen.state_type, seen.name) == (COMPLETED, "brave-otter")
        assert [state.type for state in seen.states] == [PENDING, StateType.CANCELLED, PENDING, COMPLETED]

    def test_a_change_renames_and_adds(self, control: ControlPlane) -> None:
        run = make.new_id()
        seen = flow_run(
            control,
            make.run_changed(run, 5, name="new-name", tags=["z"], labels={"k": 2}),
            make.run_opened(run, make.new_id(), tags=["a"], labels={"k": 1, "l": 1}),
            run=run,
        )
        assert (seen.name, seen.tags, seen.labels) == ("new-name", ["a", "z"], {"k": 2, "l": 1})
        assert control.read_flow_runs(FlowRunQuery(tags_all=["z"])).items[0].id == seen.id

    def test_a_run_is_found_by_id_by_its_beginning_and_by_a_name_of_its_own(self, control: ControlPlane) -> None:
        run, other = make.new_id(), make.new_id()
        take_in(control, make.run_opened(run, make.new_id(), name="calm-newt"), make.run_opened(other, make.new_id()))
        identifier = UUID(bytes=run)
        for wanted in (identifier, run, str(identifier), run.hex(), str(identifier).upper(), "calm-newt"):
            assert control.read_flow_run(wanted).id == identifier
        with pytest.raises(ObjectNotFound, match=f"Several ids of a flow run begin with '0199': {identifier}, "):
            control.read_flow_run("0199")
        for wanted in ("ffff", "nobody", "", UUID(int=0), bytes(16)):
            with pytest.raises(ObjectNotFound, match="There is no flow run"):
                control.read_flow_run(wanted)
        take_in(control, make.run_opened(make.new_id(), make.new_id(), name="calm-newt"))
        with pytest.raises(ObjectNotFound, match="Several flow runs are called 'calm-newt'"):
            control.read_flow_run("calm-newt")

    def test_runs_are_counted_by_state(self, control: ControlPlane) -> None:
        for kind in (COMPLETED, COMPLETED, FAILED):
            run = make.new_id()
            take_in(control, make.run_opened(run, make.new_id()), make.run_state(run, kind, 2))
        assert control.flow_run_state_counts(FlowRunQuery()) == {COMPLETED: 2, FAILED: 1}
        assert control.count_flow_runs(FlowRunQuery(state_types=[COMPLETED], limit=1)) == 2


class TestTaskRuns:
    def test_everything_that_was_recorded_is_shown(self, control: ControlPlane) -> None:
        run, task, parent, source, child = (make.new_id() for _ in range(5))
        opened = make.task_opened(
            task,
            run,
            started=True,
            occurrence=2,
            opaque=True,
            parent_task=parent,
            inputs={"x": [source]},
            shown={"x": "1"},
            tags=["b", "a"],
            child_run=child,
        )
        done = make.task_state(
            task, run, COMPLETED, 2, name="Cached", result=make.payload(), details={"cache_key": "k"}
        )
        seen = task_run(control, opened, done, task=task)
        assert (seen.name, seen.task_key, seen.code, seen.flow_run_id) == (
            "extract-0",
            "extract",
            "c0de",
            UUID(bytes=run),
        )
        assert (seen.identity, seen.occurrence, seen.opaque) == (task[::-1].hex(), 2, True)
        assert (seen.state_type, seen.state_name, seen.run_count) == (COMPLETED, "Cached", 1)
        assert [state.name for state in seen.states] == ["Pending", "Running", "Cached"]
        assert seen.created == seen.start_time == datetime_of(opened.at)
        assert seen.end_time == datetime_of(done.at)
        assert (seen.parameters, seen.tags, seen.cache_key) == ({"x": "1"}, ["b", "a"], "k")
        assert seen.task_inputs == {"x": [UUID(bytes=source)]}
        assert (seen.parent_task_run_id, seen.child_flow_run_id) == (UUID(bytes=parent), UUID(bytes=child))
        assert not seen.reused

    def test_what_a_child_process_delivers_first_waits_for_the_opening(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        stub = task_run(control, make.task_state(task, run, RUNNING, 1), task=task)
        assert (stub.name, stub.task_key, stub.state_type) == ("", "", RUNNING)
        whole = task_run(control, make.task_opened(task, run), task=task)
        assert (whole.name, whole.task_key, whole.state_type) == ("extract-0", "extract", RUNNING)

    def test_a_run_of_which_only_the_name_arrived_has_no_state(self, control: ControlPlane) -> None:
        task = make.new_id()
        stub = task_run(control, make.task_changed(task, None, 2, "renamed"), task=task)
        assert (stub.name, stub.state_type, stub.state_name, stub.states, stub.state) == (
            "renamed",
            None,
            None,
            [],
            None,
        )
        assert control.why(UUID(bytes=task)).state == "Unknown"

    def test_the_newest_name_counts(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        take_in(control, make.task_changed(task, run, 3, "second"), make.task_opened(task, run, name="first"))
        assert control.read_task_run(task).name == "second"
        take_in(control, make.task_changed(task, run, 2, "between"))
        assert control.read_task_run(task).name == "second"
        take_in(control, make.task_opened(task, run, epoch=2, name="third"))
        assert control.read_task_run(task).name == "third"

    def test_a_call_answered_by_an_earlier_epoch_stays_completed(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        done = make.task_state(task, run, COMPLETED, 2, name="Cached", result=make.payload())
        take_in(control, make.task_opened(task, run, started=True), done)
        seen = task_run(control, make.task_reused(task, run, 0, task), task=task)
        assert (seen.state_name, seen.reused, seen.epoch) == ("Cached", True, 2)
        assert seen.end_time == datetime_of(done.at)
        assert seen.states[-1].result == make.payload()
        assert "earlier epoch" in seen.state.details.reason
        assert control.read_task_runs(TaskRunQuery(state_names=["Cached"])).items[0].id == seen.id

    def test_a_call_answered_by_the_run_it_was_forked_from_is_shown_once(self, control: ControlPlane) -> None:
        run, task, source = (make.new_id() for _ in range(3))
        seen = task_run(
            control,
            make.task_opened(task, run),
            make.task_state(task, run, COMPLETED, 1, result=make.payload(), details={"reason": "forked"}),
            make.task_reused(task, run, 2, source, epoch=1),
            task=task,
        )
        assert [state.type for state in seen.states] == [PENDING, COMPLETED]
        assert seen.states[-1].result == make.payload()
        assert seen.reused

    def test_a_result_that_was_not_copied_is_read_from_where_it_is(self, control: ControlPlane) -> None:
        run, fork, source, task = (make.new_id() for _ in range(4))
        take_in(
            control,
            make.run_opened(fork, make.new_id()),
            make.task_opened(source, run),
            make.task_state(source, run, COMPLETED, 1, result=make.payload(b"\x07")),
        )
        seen = task_run(control, make.task_opened(task, fork), make.task_reused(task, fork, 1, source, 1), task=task)
        assert seen.states[-1].result == make.payload(b"\x07")
        (call,) = control.recorded_calls(fork).calls
        assert call.result == make.payload(b"\x07")

    def test_they_are_counted_by_state(self, control: ControlPlane) -> None:
        run, other = make.new_id(), make.new_id()
        take_in(control, make.run_opened(run, make.new_id()))
        for owner, kind in ((run, COMPLETED), (run, FAILED), (run, FAILED), (other, FAILED)):
            task = make.new_id()
            take_in(control, make.task_opened(task, owner), make.task_state(task, owner, kind, 1))
        assert control.task_run_state_counts(run) == {COMPLETED: 1, FAILED: 2}
        assert control.count_task_runs(TaskRunQuery(state_types=[FAILED])) == 3

    def test_an_id_that_nobody_has_is_told(self, control: ControlPlane) -> None:
        with pytest.raises(ObjectNotFound, match="no task run whose id begins with '0199'"):
            control.read_task_run("0199")
        with pytest.raises(ObjectNotFound, match="0-9, a-f and dashes"):
            control.read_task_run("extract-0")


class TestLogsAndArtifacts:
    def test_a_line_keeps_its_fields(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        take_in(control, make.log_line(run, "hello", task, level=30, attempt=2, fields={"rows": 3}))
        (line,) = control.read_logs(LogQuery()).items
        assert (line.message, line.level, line.logger, line.attempt) == ("hello", 30, "levada.flow_runs", 2)
        assert (line.fields, line.flow_run_id, line.task_run_id) == ({"rows": 3}, UUID(bytes=run), UUID(bytes=task))

    def test_an_artifact_is_found_by_key_and_by_id(self, control: ControlPlane) -> None:
        first, second = make.artifact(None, "report", data=[1]), make.artifact(None, "report", data=[{"a": 1}])
        take_in(control, first, second)
        assert control.read_artifact("report").data == [{"a": 1}]
        assert control.read_artifact(str(UUID(bytes=first.artifact))).data == [1]
        assert [item.data for item in control.read_artifacts(ArtifactQuery()).items] == [[{"a": 1}], [1]]
        for wanted in ("nothing", "ffff", UUID(int=0)):
            with pytest.raises(ObjectNotFound, match="no artifact"):
                control.read_artifact(wanted)

    def test_a_flow_that_never_ran_is_told(self, control: ControlPlane) -> None:
        with pytest.raises(ObjectNotFound, match="No flow called 'etl' ever ran here"):
            control.read_flow("etl")


class TestRecordedCalls:
    def test_a_resume_gets_everything_in_the_order_of_the_calls(self, control: ControlPlane) -> None:
        run, writer = make.new_id(), make.new_id()
        done, failed, nested = (make.new_id() for _ in range(3))
        take_in(
            control,
            make.run_opened(run, writer, parameters=make.payload(), entrypoint="flow.py:etl", code="c0de", tags=["t"]),
            make.task_opened(done, run, key="extract", started=True),
            make.task_opened(failed, run, key="load", inputs={"x": [done]}, opaque=True, occurrence=1),
            make.task_state(done, run, COMPLETED, 2, result=make.payload()),
            make.task_state(failed, run, FAILED, 2, result=Payload("pickle", b"error")),
            make.task_opened(nested, run, key="inner", parent_task=failed),
            make.run_state(run, FAILED, 3),
        )
        recorded = control.recorded_calls(run)
        assert (recorded.run, recorded.epoch, recorded.flow_name, recorded.state_type) == (run, 1, "etl", FAILED)
        assert (recorded.parameters, recorded.entrypoint, recorded.code) == (make.payload(), "flow.py:etl", "c0de")
        assert (recorded.tags, recorded.writer) == (["t"], writer)
        first, second, third = recorded.calls
        assert (first.task, first.key, first.state_type, first.result) == (done, "extract", COMPLETED, make.payload())
        assert (first.identity, first.occurrence, first.code) == (done[::-1], 0, "c0de")
        assert (second.inputs, second.opaque, second.occurrence) == ({"x": [done]}, True, 1)
        assert (second.state_type, second.result) == (FAILED, Payload("pickle", b"error"))
        assert (third.parent_task, third.state_type, third.result) == (failed, PENDING, None)

    def test_a_result_survives_epochs_that_only_took_it_over(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        take_in(
            control,
            make.run_opened(run, make.new_id()),
            make.task_opened(task, run),
            make.task_state(task, run, COMPLETED, 1, result=make.payload()),
            make.task_reused(task, run, 0, task, epoch=2),
            make.task_reused(task, run, 0, task, epoch=3),
        )
        (call,) = control.recorded_calls(run).calls
        assert (call.state_type, call.result, call.epoch) == (COMPLETED, make.payload(), 1)

    def test_a_call_that_ran_again_and_failed_has_no_result_of_before(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        take_in(
            control,
            make.run_opened(run, make.new_id()),
            make.task_opened(task, run),
            make.task_state(task, run, COMPLETED, 1, result=make.payload()),
            make.task_opened(task, run, epoch=2, started=True),
            make.task_state(task, run, FAILED, 2, epoch=2),
        )
        (call,) = control.recorded_calls(run).calls
        assert (call.state_type, call.result, call.epoch) == (FAILED, None, 2)

    def test_a_rolled_back_call_says_so(self, control: ControlPlane) -> None:
        run, task = make.new_id(), make.new_id()
        take_in(
            control,
            make.run_opened(run, make.new_id()),
            make.task_opened(task, run),
            make.task_state(task, run, COMPLETED, 1, result=make.payload()),
            make.task_state(task, run, COMPLETED, 2, name="RolledBack"),
        )
        (call,) = control.recorded_calls(run).calls
        assert call.state_name == "RolledBack"


class TestDeletion:
    def test_everything_that_belongs_to_a_run_goes_with_it(self, control: ControlPlane) -> None:
        run, child, other, task = (make.new_id() for _ in range(4))
        take_in(
            control,
            make.run_opened(run, make.new_id(), tags=["a"]),
            make.run_state(run, COMPLETED, 2),
            make.run_opened(child, make.new_id(), parent_run=run),
            make.run_state(child, FAILED, 2),
            make.task_opened(task, child),
            make.task_state(task, child, FAILED, 1),
            make.log_line(child, task=task),
            make.artifact(run, "report"),
            make.run_opened(other, make.new_id(), tags=["a"]),
            make.log_line(other, "stays"),
        )
        assert control.delete_flow_run(run) == {"flow_runs": 2, "task_runs": 1, "logs": 1, "artifacts": 1}
        assert [found.id for found in control.read_flow_runs(FlowRunQuery(tags_all=["a"])).items] == [UUID(bytes=other)]
        assert control.count_task_runs(TaskRunQuery()) == 0
        assert [line.message for line in control.read_logs(LogQuery()).items] == ["stays"]
        assert control.read_artifacts(ArtifactQuery(latest_of_key=True)).items == []
        with pytest.raises(ObjectNotFound):
            control.delete_flow_run(run)

    def test_a_run_that_goes_on_is_not_deleted(self, control: ControlPlane) -> None:
        run, child = make.new_id(), make.new_id()
        take_in(
            control,
            make.run_opened(run, make.new_id()),
            make.run_state(run, COMPLETED, 2),
            make.run_opened(child, make.new_id(), parent_run=run, name="still-here"),
        )
        with pytest.raises(UnfinishedRun, match=r"'still-here'.*has not ended.*levada flow-run cancel"):
            control.delete_flow_run(run)
        assert control.count_flow_runs(FlowRunQuery()) == 2


def test_meta_keeps_any_plain_value(control: ControlPlane) -> None:
    assert control.read_meta("seen") is None
    control.write_meta("seen", {"version": [1, 2]})
    assert control.read_meta("seen") == {"version": [1, 2]}
    control.write_meta("seen", None)
    assert control.read_meta("seen") is None
