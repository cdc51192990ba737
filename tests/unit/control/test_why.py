"""Every run that is not simply done has a reason that a person understands, and a next step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from levada.control import ControlPlane
from levada.control.ingest import ingest
from levada.core.errors import ObjectNotFound
from levada.core.states import StateType
from levada.journal import JournalWriter
from levada.wire.objects import Why
from levada.wire.records import Record
from tests.unit.control import records as make

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


@pytest.fixture
def control(levada_home: Path) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


@pytest.fixture
def run() -> bytes:
    return make.new_id()


def why(control: ControlPlane, run: bytes, *records: Record, writer: bytes | None = None) -> Why:
    """The reason after a run was opened and these records came."""
    owner = writer or make.new_id()
    with control.store.write() as transaction:
        ingest(transaction, owner, enumerate([make.run_opened(run, owner), *records], 1))
    return control.why(UUID(bytes=run))


def test_a_failed_run_names_its_error_the_tasks_that_failed_and_how_to_go_on(control: ControlPlane, run: bytes) -> None:
    task = make.new_id()
    found = why(
        control,
        run,
        make.task_opened(task, run, name="load-0"),
        make.task_state(task, run, FAILED, 1, message="ValueError: no rows"),
        make.run_state(run, FAILED, 2, message="ValueError: no rows", details={"reason": "load-0 failed"}),
    )
    assert found.state == "Failed"
    assert found.summary.startswith("Flow run 'brave-otter' of flow 'etl' failed at ")
    assert found.reasons == ["load-0 failed", "ValueError: no rows", "Task run 'load-0' failed: ValueError: no rows"]
    identifier = UUID(bytes=run)
    assert found.next_steps == [f"levada flow-run logs {identifier}", f"levada flow-run resume {identifier}"]


def test_of_many_failed_tasks_the_first_are_named(control: ControlPlane, run: bytes) -> None:
    records: list[Record] = []
    for number in range(8):
        task = make.new_id()
        records += [make.task_opened(task, run, name=f"load-{number}"), make.task_state(task, run, FAILED, 1)]
    found = why(control, run, *records, make.run_state(run, FAILED, 2))
    assert found.reasons[0] == "Task run 'load-0' failed."
    assert found.reasons[-1].startswith("More task runs did not complete")
    assert len(found.reasons) == 6


def test_a_failed_subflow_run_is_resumed_through_the_run_that_called_it(control: ControlPlane, run: bytes) -> None:
    parent = make.new_id()
    opened = make.run_opened(run, make.new_id(), n=2, parent_run=parent)
    found = why(control, run, opened, make.run_state(run, FAILED, 3))
    assert f"levada flow-run resume {UUID(bytes=parent)}  (the run that called it)" in found.next_steps


def test_a_completed_run_needs_nothing(control: ControlPlane, run: bytes) -> None:
    found = why(control, run, make.run_state(run, COMPLETED, 2))
    assert (found.state, found.reasons, found.next_steps) == ("Completed", [], [])


def test_a_running_run_tells_what_is_worked_on_and_what_waits_for_what(control: ControlPlane, run: bytes) -> None:
    first, second, third = (make.new_id() for _ in range(3))
    journal = JournalWriter(control.home, writer=make.new_id())
    found = why(
        control,
        run,
        make.run_state(run, RUNNING, 2),
        make.task_opened(first, run, name="extract-0", started=True),
        make.task_opened(second, run, name="load-0", inputs={"rows": [first]}),
        make.task_opened(third, run, name="fetch-0", started=True),
        make.task_state(
            third,
            run,
            StateType.SCHEDULED,
            2,
            name="AwaitingRetry",
            details={"reason": "Attempt 1 of 3 failed: timeout", "scheduled_time": "2025-10-09T09:00:00+00:00"},
        ),
        writer=journal.writer,
    )
    journal.close()
    assert found.reasons[0] == "Its owner, process 123 on host h, lives."
    assert "Running now: 'extract-0'." in found.reasons
    assert "Task run 'load-0' waits for extract-0." in found.reasons
    assert "Submitted and not started: 1." in found.reasons
    (retry,) = [reason for reason in found.reasons if "fetch-0" in reason]
    assert "(AwaitingRetry). Attempt 1 of 3 failed: timeout It goes on at 2025-10-09 09:00:00 UTC." in retry
    assert found.next_steps == [f"levada flow-run watch {found.run}", f"levada flow-run cancel {found.run}"]


def test_a_run_whose_owner_is_gone_says_so_before_anybody_drained(control: ControlPlane, run: bytes) -> None:
    found = why(control, run, make.run_state(run, RUNNING, 2))
    assert found.reasons == ["Its owner, process 123 on host h, is gone; the next look marks the run Crashed."]
    assert found.next_steps == ["levada flow-run ls", f"levada flow-run resume {found.run}"]


def test_a_paused_run_tells_until_when_it_waits_and_for_whom(control: ControlPlane, run: bytes) -> None:
    paused = make.run_state(
        run, StateType.PAUSED, 2, details={"reason": "approve the load", "pause_timeout": make.START + 3_600_000_000}
    )
    found = why(control, run, paused)
    assert "waits for a person" in found.summary
    assert found.reasons[:2] == [
        "approve the load",
        "Unless somebody resumes it before 2025-10-09 09:53:20 UTC, it fails.",
    ]
    assert found.next_steps == [f"levada flow-run resume {found.run}"]


def test_a_crashed_run_tells_which_process_went(control: ControlPlane, run: bytes) -> None:
    journal = JournalWriter(control.home, writer=make.new_id())
    journal.append(make.run_opened(run, journal.writer))
    journal.close()
    control.drain()
    found = control.why(UUID(bytes=run))
    assert found.state == "Crashed"
    assert found.reasons[0].startswith("Process 123 on host h is gone (killed, or its machine lost power).")
    assert len(found.reasons) == 1


class TestTaskRuns:
    def test_a_waiting_one_names_what_it_waits_for(self, control: ControlPlane, run: bytes) -> None:
        first, second = make.new_id(), make.new_id()
        why(
            control,
            run,
            make.task_opened(first, run, name="extract-0", started=True),
            make.task_opened(second, run, name="load-0", inputs={"rows": [first, first]}),
        )
        found = control.why(UUID(bytes=second))
        assert found.summary.startswith("Task run 'load-0' is about to start since ")
        assert found.reasons == [
            "Task run 'load-0' waits for extract-0.",
            "The process that runs it is gone; the next look marks this run Crashed.",
        ]

    def test_a_failed_one_says_what_failed(self, control: ControlPlane, run: bytes) -> None:
        task = make.new_id()
        why(
            control,
            run,
            make.task_opened(task, run),
            make.task_state(task, run, FAILED, 1, name="TimedOut", message="took longer than 5 seconds"),
        )
        found = control.why(str(UUID(bytes=task)))
        assert (found.state, found.reasons) == ("TimedOut", ["took longer than 5 seconds"])
        identifier = UUID(bytes=task)
        assert found.next_steps == [f"levada task-run logs {identifier}", f"levada flow-run resume {UUID(bytes=run)}"]


def test_a_run_that_is_not_there_is_told(control: ControlPlane) -> None:
    with pytest.raises(ObjectNotFound, match="There is no flow run"):
        control.why(UUID(int=0))
