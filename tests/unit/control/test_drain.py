"""Journals become rows, runs whose process is gone become Crashed, and a drain that was cut off is finished later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID
from zlib import crc32

import pytest
from msgspec.msgpack import encode

from levada.control import ControlPlane
from levada.control.drain import drain
from levada.core import faults
from levada.core.states import StateType
from levada.journal import JournalWriter, writers
from levada.journal.format import HEADER_SIZE, pack_frame, seed_of
from levada.store.sqlite import SqliteStore
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from tests.unit.control import records as make

RUNNING, COMPLETED, FAILED, CRASHED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED, StateType.CRASHED


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def control(levada_home: Path) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home, now_us=make.tick) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_fault_stays_armed() -> Iterator[None]:
    yield
    faults.disarm()


class Process:
    """A pretended process: a journal, and one flow run that it owns."""

    def __init__(self, home: Path, segment_bytes: int = 8 << 20) -> None:
        self.writer = make.new_id()
        self.run = make.new_id()
        self.journal = JournalWriter(home, writer=self.writer, segment_bytes=segment_bytes)

    def start(self) -> Process:
        self.journal.append(make.run_opened(self.run, self.writer))
        self.journal.append(make.run_state(self.run, RUNNING, 2))
        return self

    def task(self, kind: StateType | None = COMPLETED) -> bytes:
        task = make.new_id()
        self.journal.append(make.task_opened(task, self.run, started=True))
        if kind is not None:
            self.journal.append(make.task_state(task, self.run, kind, 2))
        return task

    def finish(self, kind: StateType = COMPLETED) -> None:
        self.journal.append(make.run_state(self.run, kind, 3))

    def die(self) -> None:
        """Give up the lock, which is all that others see of a death."""
        self.journal.close()

    @property
    def id(self) -> UUID:
        return UUID(bytes=self.run)


def state_of(control: ControlPlane, run: UUID) -> StateType | None:
    return control.read_flow_run(run).state_type


def test_a_live_run_is_shown_as_it_is_and_left_alone(control: ControlPlane) -> None:
    process = Process(control.home).start()
    task = process.task(None)
    report = control.drain()
    assert (report.journals, report.records, report.flow_runs, report.task_runs) == (1, 3, 1, 1)
    assert state_of(control, process.id) is RUNNING
    assert control.read_task_run(UUID(bytes=task)).state_type is RUNNING
    assert len(writers(control.home)) == 1
    process.die()


def test_a_local_run_whose_process_is_gone_is_scheduled_again_when_its_flow_says_so(control: ControlPlane) -> None:
    process = Process(control.home)
    process.journal.append(make.run_opened(process.run, process.writer, crash_retries=1))
    process.journal.append(make.run_state(process.run, RUNNING, 2))
    process.die()
    assert control.drain().crashed_flow_runs == [process.id]
    found = control.read_flow_run(process.id)
    assert (found.state_name, found.epoch) == ("AwaitingRetry", 2)
    assert [state.name for state in found.states[-2:]] == ["Crashed", "AwaitingRetry"]


def test_a_drain_goes_on_where_the_last_one_stopped(control: ControlPlane) -> None:
    process = Process(control.home).start()
    assert control.drain().records == 2
    assert control.drain().records == 0
    process.finish()
    assert control.drain().records == 1
    assert state_of(control, process.id) is COMPLETED
    process.die()


def test_a_process_that_records_without_end_keeps_nobody_waiting(
    control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain used to follow a busy process for as long as that recorded as fast as it read: `flow-run ls` hung."""
    monkeypatch.setattr("levada.control.drain.RECORDS_AT_ONCE", 2)
    process = Process(control.home).start()
    for _ in range(10):
        process.task()
    at_first = process.journal.sequence

    def record_more() -> None:
        assert process.journal.sequence < 200, "the drain does not end"
        process.task()

    faults.arm("control.drain.after_commit", record_more)
    assert at_first <= control.drain().records < at_first + 6
    faults.disarm()
    assert control.drain().records > 0
    process.die()


def test_a_home_without_journals_has_nothing_to_drain(control: ControlPlane) -> None:
    assert control.drain().journals == 0


def test_drained_segments_are_removed_and_the_journal_of_an_ended_process_too(control: ControlPlane) -> None:
    process = Process(control.home, segment_bytes=2_000).start()
    for _ in range(50):
        process.task()
    before = len(writers(control.home)[0].segments())
    control.drain()
    after = len(writers(control.home)[0].segments())
    assert before > 3
    assert after == 1
    process.finish()
    process.die()
    assert control.drain().removed == 1
    assert writers(control.home) == []
    assert control.count_task_runs(TaskRunQuery(state_types=[COMPLETED])) == 50


def test_the_unfinished_runs_of_a_dead_process_crash_and_say_why(control: ControlPlane) -> None:
    process = Process(control.home).start()
    done, half = process.task(), process.task(None)
    process.journal.append(make.log_line(process.run, "the last words", half))
    process.die()

    report = control.drain()

    assert report.crashed_flow_runs == [process.id]
    assert report.crashed_task_runs == 1
    run = control.read_flow_run(process.id)
    assert run.state_type is CRASHED
    assert run.states[-1].message == "Process 123 on host h is gone."
    assert run.state.details.reason.startswith("Process 123 on host h is gone (killed, or its machine lost power).")
    assert run.end_time is not None
    assert control.read_task_run(UUID(bytes=half)).state_type is CRASHED
    assert control.read_task_run(UUID(bytes=done)).state_type is COMPLETED
    assert [line.message for line in control.read_logs(LogQuery(flow_run_ids=[process.id])).items] == ["the last words"]


def test_a_run_whose_opening_is_damaged_crashes_with_its_process_all_the_same(control: ControlPlane) -> None:
    """The opening names the owner; a run without one used to stay Running for ever."""
    process = Process(control.home)
    process.journal.append(make.run_state(process.run, RUNNING, 2))
    control.drain()
    assert state_of(control, process.id) is RUNNING
    process.die()
    control.drain()
    assert state_of(control, process.id) is CRASHED


def test_a_run_that_ended_stays_as_it_ended_when_its_process_is_gone(control: ControlPlane) -> None:
    process = Process(control.home).start()
    process.finish(FAILED)
    left = process.task(None)
    process.die()
    report = control.drain()
    assert report.crashed_flow_runs == []
    assert state_of(control, process.id) is FAILED
    # A task that the flow did not wait for went down with the process.
    assert control.read_task_run(UUID(bytes=left)).state_type is CRASHED


def test_a_suspended_run_waits_for_a_person_and_not_for_its_process(control: ControlPlane) -> None:
    process = Process(control.home).start()
    process.journal.append(make.run_state(process.run, StateType.PAUSED, 3, name="Suspended"))
    process.die()
    assert control.drain().crashed_flow_runs == []
    assert control.read_flow_run(process.id).state_name == "Suspended"


def test_a_dead_child_process_takes_only_its_own_tasks_with_it(control: ControlPlane) -> None:
    parent = Process(control.home).start()
    in_child, in_parent = make.new_id(), parent.task(None)
    parent.journal.append(make.task_opened(in_child, parent.run))
    child = JournalWriter(control.home, writer=make.new_id())
    child.append(make.task_state(in_child, parent.run, RUNNING, 1))
    control.drain()
    child.close()

    report = control.drain()

    assert (report.crashed_flow_runs, report.crashed_task_runs) == ([], 1)
    crashed = control.read_task_run(UUID(bytes=in_child))
    assert crashed.state_type is CRASHED
    assert "is gone" in crashed.state.details.reason
    assert control.read_task_run(UUID(bytes=in_parent)).state_type is RUNNING
    # The owner lives and may say what happens next.
    parent.journal.append(make.task_state(in_child, parent.run, RUNNING, 2, name="Retrying", attempt=2))
    control.drain()
    assert control.read_task_run(UUID(bytes=in_child)).state_name == "Retrying"
    parent.die()


def test_a_child_that_outlives_its_owner_may_still_deliver_what_it_did(control: ControlPlane) -> None:
    """The result was computed and recorded; a resume need not compute it again."""
    owner = Process(control.home).start()
    task = make.new_id()
    owner.journal.append(make.task_opened(task, owner.run))
    child = JournalWriter(control.home, writer=make.new_id())
    child.append(make.task_state(task, owner.run, RUNNING, 1))
    owner.die()
    control.drain()
    assert control.read_task_run(UUID(bytes=task)).state_type is CRASHED
    child.append(make.task_state(task, owner.run, COMPLETED, 2, result=make.payload()))
    child.close()
    control.drain()
    assert control.read_task_run(UUID(bytes=task)).state_type is COMPLETED
    assert state_of(control, owner.id) is CRASHED


def test_a_run_that_another_process_resumed_belongs_to_that_one(control: ControlPlane) -> None:
    first = Process(control.home).start()
    second = JournalWriter(control.home, writer=make.new_id())
    second.append(make.run_opened(first.run, second.writer, epoch=2, n=1, reason="resume", pid=456))
    second.append(make.run_state(first.run, RUNNING, 2, epoch=2))
    first.die()
    assert control.drain().crashed_flow_runs == []
    assert state_of(control, first.id) is RUNNING
    second.close()
    assert control.drain().crashed_flow_runs == [first.id]
    assert "Process 456" in (control.read_flow_run(first.id).states[-1].message or "")


@pytest.mark.parametrize("point", ["control.drain.before_commit", "control.drain.after_commit"])
def test_a_drain_that_dies_leaves_everything_to_the_next(control: ControlPlane, point: str) -> None:
    process = Process(control.home, segment_bytes=2_000).start()
    for _ in range(50):
        process.task()
    process.journal.append(make.log_line(process.run, "once"))
    process.die()

    def die() -> None:
        raise Killed

    faults.arm(point, die)
    with pytest.raises(Killed):
        control.drain()
    faults.disarm(point)
    control.drain()

    assert state_of(control, process.id) is CRASHED
    assert control.count_task_runs(TaskRunQuery(flow_run_ids=[process.id])) == 50
    assert [line.message for line in control.read_logs(LogQuery()).items] == ["once"]
    assert writers(control.home) == []


def test_a_drain_that_died_before_its_commit_changed_nothing(control: ControlPlane) -> None:
    process = Process(control.home).start()
    process.die()

    def die() -> None:
        raise Killed

    faults.arm("control.drain.before_commit", die)
    with pytest.raises(Killed):
        control.drain()
    assert control.count_flow_runs(FlowRunQuery()) == 0


def test_another_drain_in_the_middle_of_this_one_costs_nothing(
    control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the same records; the second to write sees that the cursor has moved, and goes on from there."""
    process = Process(control.home).start()
    process.task()
    process.journal.append(make.log_line(process.run, "once"))
    process.die()
    store = SqliteStore(control.home / "levada.db")
    begin = store.write

    def overtaken():
        monkeypatch.undo()
        assert control.drain().removed == 1
        return begin()

    monkeypatch.setattr(store, "write", overtaken)
    report = drain(control.home, store, make.tick)
    store.close()

    assert (report.records, report.crashed_flow_runs) == (0, [])
    assert state_of(control, process.id) is CRASHED
    assert len(control.read_logs(LogQuery()).items) == 1
    assert len(control.read_flow_run(process.id).states) == 3


def test_many_drains_at_once_take_every_record_in_exactly_once(control: ControlPlane) -> None:
    processes = [Process(control.home, segment_bytes=4_000).start() for _ in range(6)]
    for process in processes:
        for number in range(40):
            process.task()
            process.journal.append(make.log_line(process.run, str(number)))
        process.finish()
    started = threading.Barrier(4)
    stop = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        with ControlPlane(control.home) as mine:
            started.wait()
            try:
                while not stop.is_set():
                    mine.drain()
            except BaseException as failure:
                failures.append(failure)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    for process in processes:
        process.die()
    control.drain()
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert control.flow_run_state_counts(FlowRunQuery()) == {COMPLETED: 6}
    for process in processes:
        lines = control.read_logs(LogQuery(flow_run_ids=[process.id])).items
        assert [line.message for line in lines] == [str(number) for number in range(40)]
        assert control.task_run_state_counts(process.id) == {COMPLETED: 40}
    assert writers(control.home) == []


def test_a_torn_end_is_cut_and_told(control: ControlPlane) -> None:
    process = Process(control.home).start()
    process.die()
    segment = next(iter(writers(control.home)[0].segments().values()))
    with segment.open("ab") as file:
        file.write(b"\x01\x02\x03")
    report = control.drain()
    assert report.bytes_cut == 3
    (problem,) = report.problems
    assert (problem.kind, problem.writer, problem.segment) == ("torn", process.writer.hex(), 1)
    assert state_of(control, process.id) is CRASHED


def test_a_damaged_record_costs_only_itself_and_is_told(control: ControlPlane) -> None:
    process = Process(control.home).start()
    damaged = segment_end(control)
    process.task(None)
    process.finish()
    process.die()
    segment = next(iter(writers(control.home)[0].segments().values()))
    content = bytearray(segment.read_bytes())
    content[damaged + 30] ^= 0xFF
    segment.write_bytes(content)
    report = control.drain()
    assert {problem.kind for problem in report.problems} == {"corrupted", "missing"}
    assert report.bytes_cut > 0
    assert state_of(control, process.id) is COMPLETED
    assert control.count_task_runs(TaskRunQuery()) == 0


def segment_end(control: ControlPlane) -> int:
    """Where the next record of the only journal will stand."""
    return next(iter(writers(control.home)[0].segments().values())).stat().st_size


def test_a_journal_of_a_newer_levada_is_left_alone(control: ControlPlane) -> None:
    process = Process(control.home).start()
    process.die()
    segment = next(iter(writers(control.home)[0].segments().values()))
    content = bytearray(segment.read_bytes())
    content[8:10] = (99).to_bytes(2, "little")
    body = bytes(content)
    segment.write_bytes(newer(body))
    report = control.drain()
    assert [problem.kind for problem in report.problems] == ["unreadable"]
    assert "format 99" in report.problems[0].message
    assert segment.read_bytes() == newer(body)
    assert control.count_flow_runs(FlowRunQuery()) == 0


def newer(content: bytes) -> bytes:
    """The segment with a header checksum that fits what stands in the header."""
    end = HEADER_SIZE - 4
    return content[:end] + crc32(content[:end]).to_bytes(4, "little") + content[HEADER_SIZE:]


def test_a_record_that_only_a_newer_levada_understands_is_kept_for_it(control: ControlPlane) -> None:
    process = Process(control.home).start()
    segment = next(iter(writers(control.home)[0].segments().values()))
    payload = encode([200, "something new"])
    with segment.open("ab") as file:
        file.write(pack_frame(payload, 3, seed_of(process.writer, 1)))
    process.die()
    report = control.drain()
    assert (report.records, report.unknown, report.problems) == (2, 1, [])
    with control.store.read() as transaction:
        kept = transaction.execute("SELECT writer, sequence, payload FROM unread_records")
    assert kept == [(process.writer, 3, payload)]


def test_a_journal_that_is_for_a_server_is_left_to_it(control: ControlPlane, levada_home: Path) -> None:
    """Its records, and what becomes of its runs, are the server's business, also when the process is gone."""
    run = make.new_id()
    writer = b"s" * 16
    with JournalWriter(levada_home, writer=writer, destination="http://server.test/api") as journal:
        journal.append(make.run_opened(run, writer))
    report = control.drain()
    assert (report.journals, report.records) == (0, 0)
    assert [one.writer for one in writers(levada_home)] == [writer]
