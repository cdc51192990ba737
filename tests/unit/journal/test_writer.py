from __future__ import annotations

import contextlib
import gc
import os
import signal
import stat
import threading

import pytest

from levada.core import faults
from levada.core.errors import JournalError
from levada.journal import JournalWriter, writers
from levada.journal.format import FRAME_SIZE, HEADER_SIZE, encode
from tests.unit.journal.stream import (
    WRITER,
    directory,
    entries,
    full_disk,
    journal,
    log_line,
    problems,
    records,
    segment_files,
    task_state,
)


@pytest.fixture(autouse=True)
def _no_fault_stays_armed():
    yield
    faults.disarm()


def test_what_is_appended_can_be_read_before_the_journal_is_closed(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(1))
        assert records(tmp_path) == [task_state(1)]
        writer.append(log_line("two"))
        assert records(tmp_path) == [task_state(1), log_line("two")]


def test_sequence_numbers_start_at_one_and_have_no_gaps(tmp_path):
    with journal(tmp_path) as writer:
        for n in range(5):
            writer.append(task_state(n))
        assert writer.sequence == 5
    assert [entry.sequence for entry in entries(tmp_path)] == [1, 2, 3, 4, 5]


def test_a_segment_is_closed_before_it_grows_beyond_its_size(tmp_path):
    with journal(tmp_path, segment_bytes=1_000) as writer:
        for n in range(50):
            writer.append(task_state(n))
    files = segment_files(tmp_path)
    assert len(files) > 3
    assert all(file.stat().st_size <= 1_000 for file in files)
    assert records(tmp_path) == [task_state(n) for n in range(50)]
    assert problems(tmp_path) == []


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path):
    with journal(tmp_path, segment_bytes=1_000) as writer:
        for message in ("small", "x" * 5_000, "y" * 3_000_000, "small again"):
            writer.append(log_line(message))
    assert [len(record.message) for record in records(tmp_path)] == [5, 5_000, 3_000_000, 11]
    assert len(segment_files(tmp_path)) == 4


def test_one_append_is_one_write_of_header_and_payload(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(1))
    [file] = segment_files(tmp_path)
    assert file.stat().st_size == HEADER_SIZE + FRAME_SIZE + len(encode(task_state(1)))


def test_a_writer_is_live_until_it_is_closed(tmp_path):
    writer = journal(tmp_path)
    writer.append(task_state(1))
    assert directory(tmp_path).is_live()
    assert directory(tmp_path).is_live(), "asking does not disturb"
    writer.close()
    assert not directory(tmp_path).is_live()


def test_a_journal_without_records_leaves_nothing_behind(tmp_path):
    journal(tmp_path).close()
    assert writers(tmp_path) == []
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_journal_is_private_to_its_user(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(1))
        for path in (*writer.directories, *segment_files(tmp_path)):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_fsync_keeps_the_same_bytes(tmp_path):
    with journal(tmp_path, durability="fsync", segment_bytes=500) as writer:
        for n in range(10):
            writer.append(task_state(n))
    assert records(tmp_path) == [task_state(n) for n in range(10)]


def test_sync_may_be_asked_for_at_any_time(tmp_path):
    with journal(tmp_path) as writer:
        writer.append(task_state(1))
        writer.sync()
    writer.sync()


def test_a_closed_journal_refuses_records_and_may_be_closed_again(tmp_path):
    writer = journal(tmp_path)
    writer.append(task_state(1))
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="closed"):
        writer.append(task_state(2))


def test_arguments_that_cannot_work_are_told_at_construction(tmp_path):
    with pytest.raises(ValueError, match="16 bytes"):
        JournalWriter(tmp_path, writer=b"short")
    with pytest.raises(ValueError, match="durability"):
        JournalWriter(tmp_path, writer=WRITER, durability="acknowledged")


def test_a_relative_home_stays_where_it_was_when_the_process_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with journal("home", segment_bytes=200) as writer:
        monkeypatch.chdir("/")
        for n in range(5):
            writer.append(task_state(n))
    assert len(records(tmp_path / "home")) == 5


def test_threads_append_at_the_same_time_and_lose_nothing(tmp_path):
    writer = journal(tmp_path, segment_bytes=4_000)
    start = threading.Barrier(8)

    def work(thread: int) -> None:
        start.wait()
        for n in range(500):
            writer.append(log_line(f"{thread}:{n}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert problems(tmp_path) == []
    messages = [record.message for record in records(tmp_path)]
    assert sorted(messages) == sorted(f"{thread}:{n}" for thread in range(8) for n in range(500))
    for thread in range(8):
        mine = [message for message in messages if message.startswith(f"{thread}:")]
        assert mine == [f"{thread}:{n}" for n in range(500)], "each thread's records keep their order"


class Alarms:
    """Signals that strike again and again, at any point of what this thread does."""

    def __init__(self, handler) -> None:
        self.handler = handler

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self.handler)
        signal.setitimer(signal.ITIMER_REAL, 0.000_05, 0.000_05)

    def __exit__(self, *_) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


def test_a_signal_handler_may_append_in_the_middle_of_an_append(tmp_path):
    writer = journal(tmp_path, segment_bytes=20_000)
    handled: list[int] = []

    def handler(*_: object) -> None:
        writer.append(log_line(f"signal {len(handled)}"))
        handled.append(1)

    with Alarms(handler):
        for n in range(10_000):
            writer.append(task_state(n))
    writer.close()
    found = records(tmp_path)
    assert len(handled) > 20
    assert problems(tmp_path) == []
    assert [record.n for record in found if not hasattr(record, "message") or hasattr(record, "n")] == [*range(10_000)]
    assert sum(1 for record in found if not hasattr(record, "n")) == len(handled)


class Strike(BaseException):
    pass


def append_under_strikes(writer, count):
    """Append while a signal raises again and again; returns the appends that returned, and the number of strikes."""

    done, strikes, n = [], 0, 0

    def handler(*_: object) -> None:
        if n < count:
            raise Strike

    def append_until_struck() -> None:
        # A function of its own: Python 3.13 lets a signal strike at the jump back of a loop outside of its `try`.
        nonlocal n
        signal.setitimer(signal.ITIMER_REAL, 0.000_4)
        while n < count:
            n += 1
            writer.append(task_state(n))
            done.append(n)

    before = signal.signal(signal.SIGALRM, handler)
    gc.disable()  # a strike inside a collector's callback (hypothesis has one) would only be a warning, and lost
    try:
        while n < count:
            try:
                append_until_struck()
            except Strike:
                strikes += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    return done, strikes


def test_a_signal_that_raises_in_the_middle_of_an_append_damages_nothing(tmp_path):
    """A timeout or Ctrl-C may strike between the write and the counting of it.

    Then the next append would have used a sequence number twice, had it not asked the file first.
    """
    writer = journal(tmp_path, segment_bytes=20_000)
    done, strikes = append_under_strikes(writer, 10_000)
    writer.append(task_state(0))
    writer.close()
    found = [record.n for record in records(tmp_path)]
    assert strikes > 20
    assert problems(tmp_path) == []
    assert set(done) <= set(found), "an append that returned is on disk"
    assert len(found) == len(set(found)), "none is there twice"


def test_a_signal_that_raises_while_the_disk_is_full_damages_nothing(tmp_path):
    told: list[str] = []
    time = [0.0]
    writer = journal(tmp_path, fallbacks=[], on_trouble=told.append, monotonic=lambda: time[0])
    with full_disk():
        done, strikes = append_under_strikes(writer, 5_000)
    time[0] = 1_000.0
    more, more_strikes = append_under_strikes(writer, 5_000)
    writer.append(task_state(0))
    writer.close()
    found = [record.n for record in records(tmp_path)]
    assert strikes + more_strikes > 20
    assert problems(tmp_path) == []
    assert set(done) | set(more) <= set(found)
    assert max(found.count(n) for n in range(0, 5_001, 50)) <= 2, "once for each of the two rounds"
    assert len(found) <= 10_001


def test_the_fault_points_stand_where_they_say(tmp_path):
    seen: list[tuple[str, int]] = []
    writer = journal(tmp_path, segment_bytes=300)
    writer.append(task_state(0))

    def note(name: str) -> None:
        size = sum(file.stat().st_size for file in segment_files(tmp_path))
        seen.append((name, size))

    for name in ("journal.before_append", "journal.torn_append", "journal.after_append", "journal.rotate"):
        faults.arm(name, lambda name=name: note(name))
    writer.append(task_state(1))
    writer.append(task_state(2))
    writer.close()
    frame = FRAME_SIZE + len(encode(task_state(1)))
    one, two, three = (HEADER_SIZE + n * frame for n in (1, 2, 3))
    assert seen == [
        ("journal.before_append", one),
        ("journal.torn_append", one + frame // 2),
        ("journal.after_append", two),
        ("journal.before_append", two),
        ("journal.rotate", two),
        ("journal.torn_append", HEADER_SIZE + two + frame // 2),
        ("journal.after_append", HEADER_SIZE + three),
    ]
    assert problems(tmp_path) == []


def test_a_failure_at_any_fault_point_leaves_a_readable_journal(tmp_path):
    class Failure(Exception):
        pass

    def fail() -> None:
        raise Failure

    for place, name in enumerate(name for name in faults.POINTS if name.startswith("journal.")):
        writer_id = bytes([place]) * 16
        with journal(tmp_path, writer=writer_id, segment_bytes=300) as writer:
            for n in range(3):
                writer.append(task_state(n))
            faults.arm(name, fail)
            for n in range(3, 6):
                with contextlib.suppress(Failure):
                    writer.append(task_state(n))
            faults.disarm()
            writer.append(task_state(6))
        found = [record.n for record in records(tmp_path, writer_id)]
        assert problems(tmp_path, writer_id) == []
        assert found[:3] == [0, 1, 2]
        assert found[-1] == 6
        assert found == sorted(set(found))


def test_a_fault_point_is_refused_when_there_is_none_of_that_name():
    with pytest.raises(KeyError, match=r"journal\.rotate"):
        faults.arm("journal.rotated", lambda: None)


def test_a_process_can_find_its_own_directory(tmp_path):
    with journal(tmp_path) as writer:
        assert writer.directories == [tmp_path / "journal" / WRITER.hex()]
        assert (writer.directories[0] / "lock").read_text() == f"{os.getpid()}\n"
