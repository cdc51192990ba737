from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from levada import flow, tags, task
from levada.core.errors import ConfigurationError, CrashedRun
from levada.futures import FutureList, wait
from levada.task_runners import ProcessPoolTaskRunner, processes
from levada.task_runners.processes import CANCEL_AFTER

LONG = 60.0
FOREVER = 100_000_000
"""Rounds of hashing that no machine does within a test."""


@task
def pid() -> int:
    return os.getpid()


@task
def dies_by(number: int) -> None:
    os.kill(os.getpid(), number)


@task
def leaves(code: int) -> None:
    os._exit(code)


@task
def hashes(started: str) -> None:
    Path(started).write_text("started")
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", FOREVER)


def run(body: Any, **options: Any) -> Any:
    return flow(body, task_runner=ProcessPoolTaskRunner(**{"max_workers": 1, **options}))()


def children() -> list[str]:
    listed = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "stat=,args="], capture_output=True, check=False)
    return [line for line in listed.stdout.decode().splitlines() if "task_runners.child" in line or "defunct" in line]


def until_there(path: Path) -> None:
    end = time.monotonic() + LONG
    while not path.exists():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_options_are_checked_and_copied() -> None:
    runner = ProcessPoolTaskRunner(max_workers=2, initializer=print, initargs=("x",), max_tasks_per_child=5)
    assert runner.duplicate() == runner
    assert runner != ProcessPoolTaskRunner(max_workers=2)
    assert runner.name == "processpool"
    with pytest.raises(ConfigurationError, match="max_tasks_per_child"):
        ProcessPoolTaskRunner(max_tasks_per_child=0)


def test_tasks_run_in_other_processes_which_are_used_again_and_leave_no_zombie() -> None:
    pids = run(lambda: {pid.submit().result(LONG) for _ in range(5)})
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert children() == []


def test_no_process_is_started_before_there_is_work() -> None:
    with ProcessPoolTaskRunner():
        assert children() == []


def test_processes_are_replaced_after_so_many_tasks() -> None:
    pids = run(lambda: [pid.submit().result(LONG) for _ in range(6)], max_tasks_per_child=2)
    assert len(set(pids)) == 3
    assert pids[0] == pids[1] != pids[2] == pids[3]


@pytest.mark.parametrize(
    ("task_call", "said"),
    [
        ((dies_by, signal.SIGKILL), r"killed by signal 9 \(SIGKILL\); running out of memory is a common cause"),
        ((dies_by, signal.SIGSEGV), r"killed by signal 11 \(SIGSEGV\)"),
        ((leaves, 3), "exited with code 3"),
    ],
)
def test_a_process_that_dies_ends_its_own_task_only_and_is_replaced(task_call: Any, said: str) -> None:
    def body() -> None:
        before = pid.submit().result(LONG)
        victim, argument = task_call
        dead, waiting = victim.submit(argument), pid.submit()
        dead.wait(LONG)
        assert dead.state.is_crashed()
        with pytest.raises(CrashedRun, match=said):
            dead.result()
        assert waiting.result(LONG) != before

    run(body)


def test_blocking_c_code_is_killed_within_a_second_of_its_deadline(tmp_path: Path) -> None:
    def body() -> None:
        pid.submit().wait(LONG)  # so that starting the process is not counted
        begin = time.monotonic()
        late = hashes.with_options(timeout_seconds=0.2).submit(str(tmp_path / "started"))
        state = late.wait(LONG)
        assert time.monotonic() - begin < 0.2 + 1
        assert state.name == "TimedOut"
        assert isinstance(pid.submit().result(LONG), int)

    run(body)


def test_blocking_c_code_is_killed_when_it_is_cancelled(tmp_path: Path) -> None:
    started = tmp_path / "started"

    def body() -> None:
        future = hashes.submit(str(started))
        until_there(started)
        begin = time.monotonic()
        assert future.cancel()
        state = future.wait(LONG)
        assert time.monotonic() - begin < CANCEL_AFTER + 2
        assert state.is_cancelled()
        assert isinstance(pid.submit().result(LONG), int)

    run(body)


def test_cleanup_runs_when_python_code_is_cancelled_and_the_process_lives_on(tmp_path: Path) -> None:
    started, cleaned = tmp_path / "started", tmp_path / "cleaned"

    @task
    def sleeps() -> None:
        started.write_text("started")
        try:
            time.sleep(LONG)
        finally:
            cleaned.write_text("cleaned")

    def body() -> None:
        before = pid.submit().result(LONG)
        future = sleeps.submit()
        until_there(started)
        assert future.cancel()
        assert future.wait(LONG).is_cancelled()
        assert cleaned.exists()
        assert pid.submit().result(LONG) == before

    run(body)


def _remember(name: str, value: str) -> None:
    os.environ[name] = value


@task
def recall(name: str) -> str | None:
    return os.environ.get(name)


def test_the_initializer_runs_in_each_process_before_its_first_task() -> None:
    found = run(
        lambda: recall.submit("FROM_INITIALIZER").result(LONG),
        initializer=_remember,
        initargs=("FROM_INITIALIZER", "yes"),
    )
    assert found == "yes"
    assert "FROM_INITIALIZER" not in os.environ


def test_an_initializer_that_fails_crashes_the_tasks_and_says_so() -> None:
    def body() -> None:
        futures = FutureList([pid.submit() for _ in range(3)])
        futures.wait(LONG)
        for future in futures:
            with pytest.raises(CrashedRun, match="initializer of the process pool failed: ZeroDivisionError"):
                future.result()

    run(body, initializer=lambda: 1 / 0)


def test_arguments_that_cannot_be_pickled_fail_the_task_and_say_so() -> None:
    def body() -> None:
        future = takes.submit(threading.Lock())
        state = future.wait(LONG)
        assert state.is_failed()
        assert "could not be sent to another process" in str(state.message)
        assert isinstance(pid.submit().result(LONG), int)

    run(body)


@task
def takes(thing: object) -> None:
    assert thing is not None


def test_results_that_cannot_be_pickled_fail_the_task_and_say_so() -> None:
    @task(persist_result=False)
    def gives_a_lock() -> Any:
        return threading.Lock()

    def body() -> None:
        state = gives_a_lock.submit().wait(LONG)
        assert not state.is_completed()

    run(body)


def test_many_tasks_in_several_processes() -> None:
    def body() -> None:
        futures = FutureList([pid.submit() for _ in range(200)])
        assert len(set(futures.result(LONG))) <= 3
        assert wait(futures).not_done == set()

    run(body, max_workers=3)


def test_tags_and_the_search_path_reach_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("VALUE = 42\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    @task
    def looks() -> tuple[Any, int]:
        import only_here  # lazy: to be found in the child only

        from levada.context import TaskRunContext  # lazy: as above

        return sorted(TaskRunContext.get().tags), only_here.VALUE

    def body() -> Any:
        with tags("one", "two"):
            return looks.submit().result(LONG)

    assert run(body) == (["one", "two"], 42)


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    # Given a program whose child process is asleep in a task
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from levada import flow, task\n"
        "from levada.task_runners import ProcessPoolTaskRunner\n"
        "@task\n"
        "def sleeps():\n"
        "    open(sys.argv[1] if len(sys.argv) > 1 else PATH, 'w').write(str(os.getpid()))\n"
        "    time.sleep(100)\n"
        "PATH = sys.argv[1]\n"
        "@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))\n"
        "def main():\n"
        "    sleeps.submit().wait()\n"
        "main()\n"
    )
    noted = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, str(program), str(noted)], stderr=subprocess.DEVNULL)
    until_there(noted)
    end = time.monotonic() + LONG
    while not (text := noted.read_text()):
        assert time.monotonic() < end
    # When the program is killed
    parent.kill()
    parent.wait()
    # Then the child ends too
    while Path(f"/proc/{text}").exists() and Path(f"/proc/{text}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_a_frame_may_come_in_pieces_and_a_deadline_loses_none_of_them() -> None:
    import socket  # lazy: only this test talks below the pool

    ours, theirs = socket.socketpair()
    channel = processes.Channel(ours)
    sender = processes.Channel(theirs)
    content = os.urandom(3 << 20)
    got: list[tuple[bytes, bytes]] = []
    theirs.sendall((5).to_bytes(8, "little") + b"X" + b"ab")
    with pytest.raises(TimeoutError):
        channel.receive(until=time.monotonic() + 0.01)
    theirs.sendall(b"cde")
    assert channel.receive() == (b"X", b"abcde")
    reader = threading.Thread(target=lambda: got.append(channel.receive()))
    reader.start()
    sender.send(b"Y", content)
    reader.join(LONG)
    assert got == [(b"Y", content)]
    sender.close()
    with pytest.raises(EOFError):
        channel.receive()
    channel.close()
