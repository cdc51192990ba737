"""Disks that are full and homes that cannot be written: one clear word, no exception, nothing lost in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from levada.journal import JournalWriter, verify, writers
from levada.journal.backlog import Backlog
from levada.journal.layout import fallback_roots, journal_root
from tests.unit.journal.stream import (
    RUN,
    WRITER,
    below_a_file,
    directory,
    full_disk,
    log_line,
    problems,
    records,
    task_state,
)


class Told(list[str]):
    """What the writer said, and a clock that only the test moves."""

    time = 0.0

    def writer(self, home: Path, **options: Any) -> JournalWriter:
        return JournalWriter(
            home, **{"writer": WRITER, "on_trouble": self.append, "monotonic": lambda: self.time, **options}
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of the test's own, so that fallbacks stay inside it."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    return path


def test_a_home_that_cannot_be_made_sends_records_to_a_temporary_directory(tmp_path, told, temporary):
    home = below_a_file(tmp_path)
    with told.writer(home) as writer:
        for n in range(3):
            writer.append(task_state(n))
        assert writer.trouble is not None
        assert directory(home).is_live()
        assert directory(home).paths[0].is_relative_to(temporary)
    assert records(home) == [task_state(n) for n in range(3)]
    assert len(told) == 1
    assert "cannot write its journal to" in told[0]
    assert "Not a directory" in told[0]
    assert str(temporary) in told[0]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_sends_records_to_a_temporary_directory(tmp_path, told):
    home = tmp_path / "home"
    home.mkdir(0o500)
    with told.writer(home) as writer:
        writer.append(task_state(1))
    assert records(home) == [task_state(1)]
    assert "Permission denied" in told[0]


def test_a_disk_that_fills_up_keeps_the_stream_whole(tmp_path, told):
    """The home and every temporary directory are full, then there is room again."""
    with told.writer(tmp_path) as writer:
        for n in range(10):
            writer.append(task_state(n))
        with full_disk():
            for n in range(10, 20):
                writer.append(task_state(n))
            assert "File too large" in str(writer.trouble)
        told.time += 2
        for n in range(20, 30):
            writer.append(task_state(n))
        assert writer.trouble is None
    assert records(tmp_path) == [task_state(n) for n in range(30)]
    assert problems(tmp_path) == []
    assert len(told) == 2
    assert "Records are kept in memory" in told[0]
    assert "again" in told[1]


def test_a_record_that_does_not_fit_any_more_is_not_left_behind_in_half(tmp_path, told):
    with told.writer(tmp_path) as writer:
        writer.append(task_state(0))
        size = directory(tmp_path).size()
        with full_disk(size + 20):
            writer.append(task_state(1))
        assert directory(tmp_path).segments()[1].stat().st_size == size
        told.time += 2
        writer.append(task_state(2))
    assert records(tmp_path) == [task_state(n) for n in range(3)]
    assert problems(tmp_path) == []


def test_places_that_failed_are_asked_again_after_growing_pauses(tmp_path, told):
    with told.writer(tmp_path, fallbacks=[]) as writer:
        with full_disk():
            writer.append(task_state(0))
            for pause in (1, 2, 4, 8, 16, 32, 60, 60):
                told.time += pause - 0.01
                writer.append(task_state(1))
                told.time += 0.02
                writer.append(task_state(2))
        told.time += 59
        writer.append(task_state(3))
        assert writer.trouble
        told.time += 2
        writer.append(task_state(4))
        assert not writer.trouble
    assert len(told) == 2, "one warning and one all-clear, however long it takes"
    assert problems(tmp_path) == []


def test_a_writer_goes_home_when_it_can(tmp_path, told, temporary):
    home = tmp_path / "home"
    home.touch()
    with told.writer(home) as writer:
        writer.append(task_state(0))
        home.unlink()
        writer.append(task_state(1))
        assert not (home / "journal").exists(), "the pause is not over"
        told.time += 2
        writer.append(task_state(2))
        writer.append(task_state(3))
        assert [path.is_relative_to(temporary) for path in directory(home).paths] == [False, True]
        assert len(writer.directories) == 2
    assert records(home) == [task_state(n) for n in range(4)]
    assert problems(home) == []
    assert "again" in told[-1]


def test_the_segments_of_both_places_are_one_stream_until_they_are_removed(tmp_path, told):
    home = tmp_path / "home"
    home.touch()
    with told.writer(home) as writer:
        writer.append(task_state(0))
        home.unlink()
        told.time += 2
        writer.append(task_state(1))
        assert not directory(home).remove(), "it lives"
    found = directory(home)
    paths = found.paths
    assert list(found.segments()) == [1, 2]
    assert found.remove_segments(before=2) == 1
    assert records(home) == [task_state(1)]
    assert found.remove()
    assert not any(path.exists() for path in paths)
    assert writers(home) == []


def test_a_home_that_is_removed_is_made_anew_with_the_next_segment(tmp_path, told):
    home = tmp_path / "home"
    with told.writer(home, segment_bytes=300) as writer:
        writer.append(task_state(0))
        (home / "journal").rename(home / "gone")
        for n in range(1, 5):
            writer.append(task_state(n))
        assert directory(home).is_live()
    assert [record.n for record in records(home)] == [2, 3, 4]
    assert [problem.kind for problem in problems(home)] == []


def test_a_temporary_directory_of_somebody_else_is_not_trusted(tmp_path, told, temporary):
    """Journals lead to values that are unpickled: nobody else may plant one."""
    home = below_a_file(tmp_path)
    planted = fallback_roots(home)[0].parents[1]
    planted.mkdir()
    planted.chmod(0o777)
    with told.writer(home, fallbacks=fallback_roots(home)[:1]) as writer:
        writer.append(task_state(1))
        assert "not private" in str(writer.trouble)
        assert "kept in memory" in told[0]
        fallback_roots(home)[0].mkdir(parents=True)
        (fallback_roots(home)[0] / WRITER.hex()).mkdir()
        assert writers(home) == []
    assert "lost 1 records" in told[-1]


def test_what_does_not_fit_into_memory_is_counted_and_the_count_is_recorded(tmp_path, told):
    other = b"o" * 16
    writer = told.writer(tmp_path, fallbacks=[], now_us=lambda: 77)
    writer._backlog = Backlog(4_000)
    with writer:
        writer.append(task_state(0))
        with full_disk():
            for n in range(1, 101):
                writer.append(task_state(n))
            for _ in range(5):
                writer.append(log_line("lost", run=other))
        told.time += 2
        writer.append(task_state(101))
    found = records(tmp_path)
    kept = [record.n for record in found if hasattr(record, "n")]
    notes = {record.run: record for record in found if not hasattr(record, "n")}
    assert kept == [*range(len(kept) - 1), 101]
    lost = 102 - len(kept)
    assert lost > 10
    assert notes[RUN].fields == {"lost_records": lost, "lost_since": 77}
    assert notes[RUN].level == 40
    assert f"{lost} records of this run were lost, because no disk took them" in notes[RUN].message
    assert notes[other].fields["lost_records"] == 5
    [gap] = problems(tmp_path)
    assert (gap.kind, gap.size) == ("missing", lost + 5), "the gap in the numbers tells the same"
    assert [word in message for word, message in zip(("memory", "no room", "again"), told, strict=True)] == [True] * 3


def test_states_of_runs_are_the_last_thing_to_be_lost():
    backlog = Backlog(1_000)
    for n in range(100):
        backlog.offer(n, b"x" * 100, log_line("x"), 1)
    assert len(backlog.held) == 5
    for n in range(100):
        backlog.offer(100 + n, b"x" * 100, task_state(n), 1)
    assert len(backlog.held) == 10
    assert backlog.lost == {RUN: 95 + 95}


def test_losses_of_very_many_runs_are_counted_together():
    backlog = Backlog(0)
    for n in range(1_500):
        backlog.offer(n, b"x", task_state(n, run=n.to_bytes(16, "big")), 1)
    assert len(backlog.lost) == 1_001
    assert backlog.lost[None] == 500


def test_closing_on_a_full_disk_says_what_is_lost(tmp_path, told):
    writer = told.writer(tmp_path)
    writer.append(task_state(0))
    with full_disk():
        for n in range(1, 4):
            writer.append(task_state(n))
        writer.close()
    assert "lost 3 records" in told[-1]
    assert records(tmp_path) == [task_state(0)]


def test_closing_tries_once_more_whatever_the_pauses_say(tmp_path, told):
    writer = told.writer(tmp_path)
    with full_disk():
        writer.append(task_state(0))
    writer.close()
    assert records(tmp_path) == [task_state(0)]
    assert not any("lost" in message for message in told[1:])


def test_a_complaint_that_fails_does_not_reach_the_run(tmp_path, capsys):
    def fail(message: str) -> None:
        raise RuntimeError("no logger")

    with JournalWriter(below_a_file(tmp_path), writer=WRITER, on_trouble=fail) as writer:
        writer.append(task_state(0))
    assert "cannot write its journal" in capsys.readouterr().err


def test_a_complaint_may_itself_be_recorded(tmp_path):
    """The warning goes through logging, which records it in the journal it is about."""
    holder: list[JournalWriter] = []

    def record(message: str) -> None:
        holder[0].append(log_line(message))

    with JournalWriter(tmp_path, writer=WRITER, on_trouble=record) as writer:
        holder.append(writer)
        with full_disk():
            writer.append(task_state(0))
        writer._monotonic = lambda: float("1e9")
        writer.append(task_state(1))
    kinds = [type(record).__name__ for record in records(tmp_path)]
    assert kinds == ["TaskState", "LogLine", "TaskState", "LogLine"]


def test_verify_sees_journals_in_both_places(tmp_path, told):
    home = tmp_path / "home"
    home.touch()
    with told.writer(home) as writer:
        writer.append(task_state(0))
        home.unlink()
        told.time += 2
        writer.append(task_state(1))
        [report] = verify(home)
        assert (report.records, len(report.paths), report.live, report.healthy) == (2, 2, True, True)
    assert journal_root(home).is_dir()
