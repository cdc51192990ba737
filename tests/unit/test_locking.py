from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from levada.locking import FileSystemLockManager, MemoryLockManager

HOLD = """
import sys
from levada.locking import FileSystemLockManager
manager = FileSystemLockManager(sys.argv[1])
assert manager.acquire_lock("key", "the other process", hold_timeout=float(sys.argv[2]) if len(sys.argv) > 2 else None)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def files(folder: Path) -> FileSystemLockManager:
    return FileSystemLockManager(folder)


@pytest.fixture
def other_process(folder: Path):
    """Starts a process that holds the lock on `key` until its input ends or it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(folder), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_there_is_one_memory_manager_in_a_process():
    assert MemoryLockManager() is MemoryLockManager()


def test_another_process_sees_who_holds_a_lock(files, other_process):
    other_process()
    assert files.is_locked("key")
    assert files.is_lock_holder("key", "the other process")
    assert not files.is_lock_holder("key", "me")
    assert not files.acquire_lock("key", "me", acquire_timeout=0)
    assert not files.acquire_lock("key", "the other process", acquire_timeout=0), "a name is not enough"
    with pytest.raises(ValueError, match="No lock held by"):
        files.release_lock("key", "the other process")


def test_a_killed_process_has_given_its_locks_up(files, other_process):
    """Prefect's file locks stay for ever when their holder is killed; here the kernel lets go."""
    process = other_process()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not files.is_locked("key")
    assert files.wait_for_lock("key", timeout=0)
    assert files.acquire_lock("key", "me", acquire_timeout=0)
    assert files.is_lock_holder("key", "me")


def test_who_waits_for_a_process_gets_the_lock_when_it_dies(files, other_process):
    process = other_process()
    got = threading.Event()

    def wait() -> None:
        assert files.acquire_lock("key", "me")
        got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    process.kill()
    assert got.wait(10)
    thread.join()


def test_an_expired_lock_is_taken_from_a_process_that_lives(files, other_process):
    other_process("0.05")
    assert files.acquire_lock("key", "me", acquire_timeout=10)
    assert files.is_lock_holder("key", "me")
    assert not files.is_lock_holder("key", "the other process")


def test_who_lost_an_expired_lock_cannot_release_the_lock_of_the_next(folder):
    one, two = FileSystemLockManager(folder), FileSystemLockManager(folder)
    one.acquire_lock("key", "one", hold_timeout=0.001)
    assert two.acquire_lock("key", "two", acquire_timeout=10)
    with pytest.raises(ValueError, match="No lock held by one"):
        one.release_lock("key", "one")
    assert two.is_lock_holder("key", "two")
    assert one.is_lock_holder("key", "two")
    two.release_lock("key", "two")
    assert not one.is_locked("key")


def test_many_who_take_an_expired_lock_get_it_one_at_a_time(folder):
    """Two thieves once both found the old file in place and each put its own there: both believed they had the lock."""
    managers = [FileSystemLockManager(folder) for _ in range(8)]
    for _ in range(10):
        FileSystemLockManager(folder).acquire_lock("key", "dead", acquire_timeout=10, hold_timeout=0.0)
        barrier, got = threading.Barrier(len(managers)), []

        def steal(number: int, barrier: threading.Barrier = barrier, got: list[int] = got) -> None:
            barrier.wait()
            if managers[number].acquire_lock("key", f"thief {number}", acquire_timeout=0):
                got.append(number)

        threads = [threading.Thread(target=steal, args=(number,)) for number in range(len(managers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        holders = [number for number in got if managers[number].is_lock_holder("key", f"thief {number}")]
        assert holders == got
        assert len(got) <= 1
        for number in got:
            managers[number].release_lock("key", f"thief {number}")


def test_two_managers_in_one_process_respect_each_other(folder):
    one, two = FileSystemLockManager(folder), FileSystemLockManager(folder)
    assert one.acquire_lock("key", "one")
    assert not two.acquire_lock("key", "two", acquire_timeout=0)
    one.release_lock("key", "one")
    assert two.acquire_lock("key", "two", acquire_timeout=0)


def test_a_forked_child_does_not_keep_the_locks_of_its_parent(folder):
    """A child inherits the open files; had it kept them, the lock would outlive the parent."""
    program = f"""
import os, sys, time
from levada.locking import FileSystemLockManager
manager = FileSystemLockManager({str(folder)!r})
manager.acquire_lock("key", "parent")
child = os.fork()
if child == 0:
    assert manager.is_lock_holder("key", "parent")
    print("child", os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline().split()[1])
    process.kill()
    process.wait()
    try:
        assert FileSystemLockManager(folder).acquire_lock("key", "me", acquire_timeout=0)
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_locks_leave_no_files_behind(files, folder):
    files.acquire_lock("key", "me")
    files.release_lock("key", "me")
    assert [entry.name for entry in folder.iterdir()] == []


def test_a_lock_file_that_was_removed_is_a_lost_lock(files, folder):
    files.acquire_lock("key", "me")
    for entry in folder.iterdir():
        entry.unlink()
    assert not files.is_locked("key")
    with pytest.raises(ValueError, match="No lock held by me"):
        files.release_lock("key", "me")


def test_a_torn_lock_file_of_a_dead_process_is_taken_over(files, folder):
    files.acquire_lock("key", "me")
    (file,) = folder.iterdir()
    name = file.name
    files.release_lock("key", "me")
    (folder / name).write_bytes(b'{"key":"ke')
    assert not files.is_locked("key")
    assert files.acquire_lock("key", "me", acquire_timeout=0)


def test_managers_over_the_same_folder_are_equal(folder):
    assert FileSystemLockManager(folder) == FileSystemLockManager(str(folder))
    assert hash(FileSystemLockManager(folder)) == hash(FileSystemLockManager(folder))
    assert FileSystemLockManager(folder) != FileSystemLockManager(folder / "b")
