"""Delayed calls between real processes: at home and on a server, with processes that are killed and told to end."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from levada import get_client
from levada.core.states import StateType
from levada.futures import wait
from levada.settings import refresh_settings
from levada.testing import eventually
from tests.integration.servers import levada, serving

TASKS = '''
import os
import time
from pathlib import Path

from levada import task

HERE = Path(__file__).parent


def note(line):
    with open(HERE / "notes", "ab", buffering=0) as notes:
        notes.write(f"{line} {os.getpid()}\\n".encode())


@task
def double(number):
    note(f"begin {number}")
    note(f"end {number}")
    return 2 * number


@task
async def adouble(number):
    return 2 * number


@task
def held(name):
    """Runs until somebody makes a file of this name."""
    note(f"begin {name}")
    while not (HERE / name).exists():
        time.sleep(0.01)
    note(f"end {name}")
    return name


held_again = held.with_options(retries=2, name="held-again")


@task
def unserved():
    return 1


if __name__ == "__main__":
    from levada.task_worker import serve

    serve(double, held, held_again)
'''

SHORT_LEASES = {"LEVADA_LEASES_SECONDS": "3", "LEVADA_LEASES_RENEW_SECONDS": "0.5"}


class Folder:
    """Where the tasks are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "work.py").write_text(TASKS)
        spec = importlib.util.spec_from_file_location("work", path / "work.py")
        assert spec is not None
        assert spec.loader is not None
        self.tasks: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules["work"] = self.tasks
        spec.loader.exec_module(self.tasks)

    def notes(self) -> list[list[str]]:
        """What the calls noted down: word, name, process."""
        file = self.path / "notes"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def began(self, name: str) -> Callable[[], int]:
        return lambda: sum(word == "begin" and which == name for word, which, _ in self.notes())

    def let_go(self, name: str) -> None:
        (self.path / name).touch()

    @contextmanager
    def served(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that serves the tasks; killed with the block if it still lives."""
        command = arguments or ("-m", "levada.cli", "task", "serve", "work.py", "--limit", "8")
        with (self.path / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=self.path, env=_environment(), stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(30)

    def log(self) -> str:
        return (self.path / "log").read_text()


def _environment() -> dict[str, str]:
    """Who serves asks another server than who calls, when there are two."""
    other = os.environ.get("OTHER_API_URL")
    return {**os.environ, **({"LEVADA_API_URL": other} if other else {})}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    path = tmp_path / "code"
    path.mkdir()
    yield Folder(path)
    sys.modules.pop("work", None)


@pytest.fixture(params=["home", "server"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, levada_home: Path) -> Iterator[str]:
    """Where calls are handed to: the home of this process, a server, or one of two servers on one PostgreSQL."""
    del levada_home
    for name, value in SHORT_LEASES.items():
        monkeypatch.setenv(name, value)
    if request.param == "home":
        refresh_settings()
        yield "home"
        return
    database = {"LEVADA_DATABASE_URL": request.getfixturevalue("postgres_url")} if request.param == "replicas" else {}
    with ExitStack() as around:
        servers = [around.enter_context(serving(env=database)) for _ in range(2 if database else 1)]
        monkeypatch.setenv("LEVADA_API_URL", f"http://127.0.0.1:{servers[-1].port}/api")
        refresh_settings()
        monkeypatch.setenv("OTHER_API_URL", f"http://127.0.0.1:{servers[0].port}/api")
        yield str(request.param)


def state_of(future: Any) -> Any:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(future.flow_run_id)


def test_another_process_executes_what_is_delayed_here(place: str, folder: Folder) -> None:
    futures = [folder.tasks.double.delay(number) for number in range(5)]
    futures += folder.tasks.adouble.map(range(5), deferred=True)
    with folder.served():
        done, not_done = wait(futures, timeout=60)
        assert not not_done
        assert sorted(future.result() for future in done) == sorted([*range(0, 10, 2)] * 2)
        late = folder.tasks.double.delay(21)
        assert late.result(timeout=30) == 42
    assert {int(pid) for _, _, pid in folder.notes()} != {os.getpid()}


def test_a_file_that_serves_its_own_tasks_as_a_script_takes_their_calls(place: str, folder: Folder) -> None:
    future = folder.tasks.double.delay(1)
    with folder.served("work.py"):
        assert future.result(timeout=60) == 2


@pytest.mark.parametrize("place", ["home", "server", "replicas"], indirect=True)
def test_two_processes_share_the_calls_and_execute_each_once(place: str, folder: Folder) -> None:
    futures = folder.tasks.double.map(range(200), deferred=True)
    with folder.served(), folder.served():
        assert futures.result(timeout=90) == [2 * number for number in range(200)]
    begun = Counter(name for word, name, _ in folder.notes() if word == "begin")
    assert begun == Counter(str(number) for number in range(200))


@pytest.mark.parametrize("place", ["home", "server", "replicas"], indirect=True)
def test_a_call_whose_process_is_killed_is_executed_again_when_its_task_may_be(place: str, folder: Folder) -> None:
    with folder.served() as first:
        future = folder.tasks.held_again.delay("again")
        eventually(folder.began("again"), 60)
        first.kill()
        first.wait(30)
    folder.let_go("again")
    with folder.served():
        assert future.result(timeout=60) == "again"
    assert folder.began("again")() == 2
    run = state_of(future)
    assert (run.state_type, run.epoch) == (StateType.COMPLETED, 2)


def test_a_call_whose_process_is_killed_crashes_visibly_when_its_task_must_not_run_twice(
    place: str, folder: Folder
) -> None:
    with folder.served() as first, folder.served():
        future = folder.tasks.held.delay("once")
        eventually(folder.began("once"), 60)
        (_, _, pid) = folder.notes()[0]
        os.kill(int(pid), signal.SIGKILL)
        state = future.wait(timeout=60)
        first.poll()
    assert state is not None
    assert state.type is StateType.CRASHED
    assert folder.began("once")() == 1


def test_a_process_that_is_told_to_end_finishes_its_calls_and_takes_no_more(place: str, folder: Folder) -> None:
    with folder.served() as process:
        running = folder.tasks.held.delay("last")
        eventually(folder.began("last"), 60)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: "No more calls are taken" in folder.log(), 30)
        late = folder.tasks.double.delay(1)
        folder.let_go("last")
        assert process.wait(30) == 0
    assert running.result(timeout=30) == "last"
    assert state_of(late).state_name == "Scheduled"


def test_a_call_is_cancelled_while_another_process_executes_it(place: str, folder: Folder) -> None:
    with folder.served():
        future = folder.tasks.held.delay("forever")
        eventually(folder.began("forever"), 60)
        assert future.cancel()
        state = future.wait(timeout=60)
        assert state is not None
        assert state.is_cancelled()
        assert folder.tasks.double.delay(4).result(timeout=30) == 8  # the process has not suffered


def test_a_call_that_nobody_serves_waits_and_says_so(place: str, folder: Folder) -> None:
    future = folder.tasks.unserved.delay()
    with folder.served("-m", "levada.cli", "task", "serve", "work.py:double"):
        assert folder.tasks.double.delay(1).result(timeout=60) == 2
        said = levada("why", str(future.flow_run_id))
        assert said.returncode == 0, said.stderr
        assert "nobody serves" in said.stdout.lower()
        assert "work.unserved" in said.stdout
        assert not future.done()


def test_serving_says_what_cannot_be_served(folder: Folder) -> None:
    for place, word in (
        ("nowhere.py", "no file"),
        ("work.py:note", "no task"),
        ("nomodule.at.all", "no file and no module"),
    ):
        said = subprocess.run(
            [sys.executable, "-m", "levada.cli", "task", "serve", place],
            cwd=folder.path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 1
        assert word in said.stderr
        assert "Traceback" not in said.stderr
