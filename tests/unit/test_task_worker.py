"""A process that serves tasks: what it refuses, how many calls it takes at once, and how it ends."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from levada import task
from levada.core.errors import ConfigurationError, DefinitionError
from levada.task_worker import TaskWorker, aserve, serve
from levada.task_worker.loading import tasks_at
from levada.testing import eventually


@task
def add(a: int, b: int = 2) -> int:
    return a + b


@task
async def shout(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


class Doorway:
    """How many calls are inside at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def pass_through(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.open.wait(30)
        with self._lock:
            self.inside -= 1


doorway = Doorway()


@task
def crowded(number: int) -> int:
    doorway.pass_through()
    return number


@contextmanager
def working(*tasks: object, **options: object) -> Iterator[TaskWorker]:
    """A thread that serves these tasks."""
    worker = TaskWorker(*tasks, tell=lambda _: None, **options)  # type: ignore[arg-type]  # options by name
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _home(levada_home: object) -> None:
    """A home of its own, with the real clock."""


def test_there_must_be_something_to_serve():
    with pytest.raises(ConfigurationError, match="No task"):
        TaskWorker()
    with pytest.raises(ConfigurationError, match="at least 1"):
        TaskWorker(add, limit=0)


def test_two_tasks_of_one_name_would_get_each_others_calls():
    with pytest.raises(ConfigurationError, match="each other's calls"):
        TaskWorker(add, add.with_options(retries=1))
    TaskWorker(add, add.with_options(name="other"))


def test_a_bound_task_cannot_be_served():
    class Machine:
        @task
        def go(self) -> None: ...

    with pytest.raises(DefinitionError, match="bound to an object"):
        TaskWorker(Machine().go)


def test_a_plain_function_is_served_as_a_task():
    def plain(number: int) -> int:
        return -number

    with working(plain):
        assert task(plain).delay(4).result(timeout=30) == -4


def test_no_more_calls_run_at_once_than_the_limit_says():
    doorway.open.clear()
    doorway.most = 0
    futures = crowded.map(range(6), deferred=True)
    with working(crowded, limit=2) as worker:
        eventually(lambda: doorway.inside == 2)
        doorway.open.set()
        assert futures.result(timeout=30) == list(range(6))
        assert doorway.most == 2
        assert worker.ended == 6


def test_plain_and_async_tasks_are_served_together():
    futures = [add.delay(1), shout.delay("ho")]
    with working(add, shout):
        assert [future.result(timeout=30) for future in futures] == [3, "HO"]


def test_calls_that_are_not_due_wait():
    early = add.delay_options(delay_seconds=3600).delay(1)
    with working(add):
        assert add.delay(2).result(timeout=30) == 4
        assert not early.done()


def test_serving_ends_by_itself_when_it_is_given_a_time(capsys: pytest.CaptureFixture[str]):
    serve(add, timeout=0.2)
    assert "test_task_worker.add" in capsys.readouterr().err


def test_a_task_serves_itself(monkeypatch: pytest.MonkeyPatch):
    future = add.delay(5)
    future.add_done_callback(lambda _: ended.set())
    ended = threading.Event()
    threads = []

    class Once(TaskWorker):
        def run(self) -> None:
            threads.append(threading.Thread(target=lambda: (ended.wait(30), self.stop())))
            threads[0].start()
            super().run()

    monkeypatch.setattr("levada.task_worker.serving.TaskWorker", Once)
    add.serve(limit=1)
    threads[0].join()
    assert future.result(timeout=1) == 7


async def test_serving_ends_when_it_is_cancelled():
    serving = asyncio.ensure_future(aserve(shout))
    future = await shout.adelay("x")
    assert await future == "X"
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_serving_does_not_block_an_event_loop():
    with pytest.raises(ConfigurationError, match="await aserve"):
        serve(add)


def test_health_says_whether_it_works():
    told: list[str] = []
    worker = TaskWorker(add, status_server_port=0, tell=told.append)
    thread = threading.Thread(target=worker.run)
    thread.start()
    address = eventually(lambda: next((line.split()[1] for line in told if line.startswith("Health")), ""))
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert json.load(answer)["pool"] == "background-tasks"
    worker.stop()
    thread.join(30)


def test_tasks_are_found_in_files_and_modules(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "errand_boy.py").write_text(
        "from levada import task\nfrom levada.task_worker import serve\n"
        "@task\ndef one(): ...\n@task\ndef two(): ...\nplain = 1\nserve(one)\n"
    )
    file = str(tmp_path / "errand_boy.py")
    assert [found.name for found in tasks_at(file)] == ["one", "two"]
    assert [found.name for found in tasks_at(f"{file}:two")] == ["two"]
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [found.name for found in tasks_at("errand_boy:one")] == ["one"]
    for place, problem in ((f"{file}:plain", "no task 'plain'"), (str(tmp_path / "gone.py"), "no file")):
        with pytest.raises(Exception, match=problem):
            tasks_at(place)
