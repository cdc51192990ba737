"""Journals and real processes: many at once, forked ones, killed ones, ones whose disk is full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from levada.journal import verify, writers
from tests.unit.journal.stream import WRITER, directory, problems, records

PROLOGUE = """
import os, resource, signal, sys, threading
from pathlib import Path
from levada.core import faults
from levada.core.errors import JournalError
from levada.journal import JournalWriter
from tests.unit.journal.stream import WRITER, full_disk, log_line, task_state

home = Path(sys.argv[1])
"""


def start(program: str, home: Path, *arguments: str) -> subprocess.Popen[str]:
    source = PROLOGUE + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-c", source, str(home), *arguments], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def run(program: str, home: Path, *arguments: str, code: int = 0) -> str:
    process = start(program, home, *arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    return output


def numbers(home: Path, writer: bytes = WRITER) -> list[int]:
    return [record.n for record in records(home, writer)]


def test_many_processes_write_to_one_home_at_once(tmp_path):
    program = """
        with JournalWriter(home, writer=sys.argv[2].encode() * 16, segment_bytes=5_000) as writer:
            for n in range(500):
                writer.append(task_state(n))
    """
    processes = [start(program, tmp_path, letter) for letter in "abcdef"]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert [found.writer for found in writers(tmp_path)] == [letter.encode() * 16 for letter in "abcdef"]
    for report in verify(tmp_path):
        assert report.healthy
        assert (report.records, report.live) == (500, False)


def test_kill_minus_nine_loses_nothing_that_was_appended(tmp_path):
    """The process reports each append when it returns; whatever it reported is there after it was killed."""
    program = """
        writer = JournalWriter(home, writer=WRITER, segment_bytes=3_000)
        n = 0
        while True:
            writer.append(task_state(n))
            os.write(1, b"%d\\n" % n)
            n += 1
    """
    for at in (0, 1, 50, 700):
        home = tmp_path / str(at)
        process = start(program, home)
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= at:
                break
        assert directory(home).is_live()
        process.kill()
        reported = [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        assert not directory(home).is_live(), "the lock went with the process"
        found = numbers(home)
        assert found == [*range(len(found))]
        assert len(found) > max([at, *reported])
        assert problems(home) == []


@pytest.mark.parametrize(
    ("point", "kept", "kinds"),
    [
        ("journal.before_append", [0, 1, 2], []),
        ("journal.torn_append", [0, 1, 2], ["torn"]),
        ("journal.after_append", [0, 1, 2, 3], []),
    ],
)
def test_death_at_a_fault_point_leaves_what_the_point_says(tmp_path, point, kept, kinds):
    program = """
        writer = JournalWriter(home, writer=WRITER)
        for n in range(3):
            writer.append(task_state(n))
        faults.arm(sys.argv[2], lambda: os.kill(os.getpid(), signal.SIGKILL))
        writer.append(task_state(3))
    """
    run(program, tmp_path, point, code=-signal.SIGKILL)
    assert numbers(tmp_path) == kept
    assert [problem.kind for problem in problems(tmp_path)] == kinds


def test_death_between_two_segments_loses_nothing(tmp_path):
    program = """
        writer = JournalWriter(home, writer=WRITER, segment_bytes=300)
        faults.arm("journal.rotate", lambda: os.kill(os.getpid(), signal.SIGKILL))
        for n in range(10):
            writer.append(task_state(n))
    """
    run(program, tmp_path, code=-signal.SIGKILL)
    found = numbers(tmp_path)
    assert found == [*range(len(found))]
    assert len(directory(tmp_path).segments()) == 1
    assert problems(tmp_path) == []


def test_a_forked_child_cannot_write_its_parents_journal(tmp_path):
    program = """
        writer = JournalWriter(home, writer=WRITER)
        writer.append(task_state(0))
        child = os.fork()
        if child == 0:
            try:
                writer.append(task_state(99))
            except JournalError as refused:
                with JournalWriter(home, writer=b"c" * 16) as own:
                    own.append(log_line(str(refused)))
                    writer.close()
                    os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        writer.append(task_state(1))
        print(os.getpid())
        writer.close()
    """
    parent = run(program, tmp_path).strip()
    assert numbers(tmp_path) == [0, 1]
    [message] = [record.message for record in records(tmp_path, b"c" * 16)]
    assert f"belongs to process {parent}" in message


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_journal_alive(tmp_path):
    program = """
        writer = JournalWriter(home, writer=WRITER)
        writer.append(task_state(0))
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            os.write(writing, b"!")
            os.write(1, b"child lives\\n")
            signal.pause()
        os.read(reading, 1)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    source = PROLOGUE + textwrap.dedent(program)
    process = subprocess.Popen(
        [sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "child lives\n"
        process.wait()
        assert not directory(tmp_path).is_live()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_a_child_forked_while_threads_append_is_not_stuck(tmp_path):
    """The parent's lock may be held at the moment of the fork, by a thread that the child does not have."""
    program = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        writer = JournalWriter(home, writer=WRITER)
        stop = threading.Event()

        def work():
            while not stop.is_set():
                writer.append(task_state(1))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for place in range(20):
            child = os.fork()
            if child == 0:
                with JournalWriter(home, writer=bytes([place]) * 16) as own:
                    own.append(task_state(place))
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        writer.close()
    """
    run(program, tmp_path)
    assert all(report.healthy for report in verify(tmp_path))
    assert len(writers(tmp_path)) == 21


def test_a_process_whose_disk_fills_up_ends_well_and_says_so(tmp_path):
    program = """
        told, time = [], [0.0]
        writer = JournalWriter(home, writer=WRITER, on_trouble=told.append, monotonic=lambda: time[0])
        with full_disk(2_000):
            for n in range(300):
                writer.append(task_state(n))
                time[0] += 0.1
        time[0] += 100
        for n in range(300, 310):
            writer.append(task_state(n))
        writer.close()
        print(len(told))
    """
    assert int(run(program, tmp_path)) >= 2
    assert numbers(tmp_path) == [*range(310)]
    assert Counter(problem.kind for problem in problems(tmp_path)) == Counter()


def test_a_journal_that_is_not_closed_is_whole_when_the_process_ends(tmp_path):
    run("JournalWriter(home, writer=WRITER).append(task_state(0))", tmp_path)
    assert numbers(tmp_path) == [0]
    assert not directory(tmp_path).is_live()
