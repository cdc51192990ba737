"""How an attempt ends at its deadline, by what its code does and where it runs: the table of docs/timeouts.md."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from levada import flow, task
from levada.task_runners import AsyncTaskRunner, ProcessPoolTaskRunner, ThreadPoolTaskRunner

LIMIT = 0.1
LONG = 60.0
C_CALL = 1.5
"""Seconds that the call into C takes, about."""


@pytest.fixture(scope="session")
def rounds() -> int:
    """Rounds of hashing that take about as long as `C_CALL`, on this machine, now."""
    begin = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 200_000)
    return int(200_000 * C_CALL / (time.process_time() - begin))


@task(timeout_seconds=LIMIT)
def python_loop(_rounds: int) -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


@task(timeout_seconds=LIMIT)
def sleep(_rounds: int) -> None:
    time.sleep(C_CALL)


@task(timeout_seconds=LIMIT)
def c_call(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)


@task(timeout_seconds=LIMIT)
async def awaits(_rounds: int) -> None:
    await asyncio.sleep(LONG)


@task(timeout_seconds=LIMIT)
async def async_sleep(_rounds: int) -> None:
    time.sleep(C_CALL)
    await asyncio.sleep(LONG)


@task(timeout_seconds=LIMIT)
async def async_c_call(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)
    await asyncio.sleep(LONG)


def timed(call: Callable[[], Any]) -> tuple[str, float]:
    begin = time.monotonic()
    state = call()
    return state.name, time.monotonic() - begin


def called(tasks: list[Any], rounds: int) -> list[tuple[str, float]]:
    return [called_async(one, rounds) if one.isasync else called_sync(one, rounds) for one in tasks]


def called_sync(one: Any, rounds: int) -> tuple[str, float]:
    return flow(lambda: timed(lambda: one(rounds, return_state=True)))()


def called_async(one: Any, rounds: int) -> tuple[str, float]:
    @flow
    async def body() -> tuple[str, float]:
        begin = time.monotonic()
        state = await one(rounds, return_state=True)
        return state.name, time.monotonic() - begin

    return asyncio.run(body())


def called_in_thread(tasks: list[Any], rounds: int) -> list[tuple[str, float]]:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend(called(tasks, rounds)))
    thread.start()
    thread.join(LONG)
    return got


def submitted(runner: Any) -> Callable[[list[Any], int], list[tuple[str, float]]]:
    def place(tasks: list[Any], rounds: int) -> list[tuple[str, float]]:
        def body() -> list[tuple[str, float]]:
            ended = []
            for one in tasks:
                warm_up.submit().wait(LONG)  # so that starting a thread or a process is not counted
                ended.append(timed(lambda one=one: one.submit(rounds).wait(LONG)))
            return ended

        return flow(body, task_runner=runner)()

    return place


@task
def warm_up() -> None:
    pass


PLACES = {
    "main thread": called,
    "another thread": called_in_thread,
    "thread runner": submitted(ThreadPoolTaskRunner()),
    "async runner": submitted(AsyncTaskRunner()),
    "process runner": submitted(ProcessPoolTaskRunner(max_workers=1)),
}
SYNC = {"python loop": python_loop, "sleep": sleep, "C call": c_call}
ASYNC = {"await": awaits, "async sleep": async_sleep, "async C call": async_c_call}
LATE = {
    ("C call", "main thread"),
    ("async C call", "main thread"),
    ("async sleep", "another thread"),
    ("async C call", "another thread"),
    ("async sleep", "thread runner"),
    ("async C call", "thread runner"),
    ("async sleep", "async runner"),
    ("async C call", "async runner"),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_attempt_ends_as_the_documentation_says(place: str, rounds: int) -> None:
    tasks = {**SYNC, **ASYNC}
    ended = dict(zip(tasks, PLACES[place](list(tasks.values()), rounds), strict=True))
    assert {shape: name for shape, (name, _) in ended.items()} == dict.fromkeys(tasks, "TimedOut")
    for shape, (_, seconds) in ended.items():
        if (shape, place) in LATE:
            assert seconds >= C_CALL / 3, shape  # it ends when the call returns; machines vary
        elif seconds > LIMIT + 1:  # a busy machine may stall once
            ((_, again),) = PLACES[place]([tasks[shape]], rounds)
            assert again < LIMIT + 1, shape


def test_the_time_of_a_flow_ends_the_flow_and_cancels_the_task_that_runs_in_it() -> None:
    seen = []

    @task(on_cancellation=[lambda _task, _run, state: seen.append(state.name)], retries=3)
    def loops() -> None:
        python_loop.fn(0)

    @flow(timeout_seconds=LIMIT)
    def body() -> None:
        loops()

    begin = time.monotonic()
    state = body(return_state=True)
    assert time.monotonic() - begin < LIMIT + 1
    assert state.name == "TimedOut"
    assert seen in ([], ["Cancelled"])
    with pytest.raises(TimeoutError):
        state.result()


@task(timeout_seconds=LIMIT)
def slow_items() -> Any:
    for number in range(1000):
        time.sleep(0.03)
        yield number


@task(timeout_seconds=LIMIT)
async def slow_async_items() -> Any:
    for number in range(1000):
        await asyncio.sleep(0.03)
        yield number


@pytest.mark.parametrize("items", [slow_items, slow_async_items])
@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(), AsyncTaskRunner()])
def test_a_submitted_generator_ends_at_its_deadline(items: Any, runner: Any) -> None:
    name, seconds = flow(lambda: timed(lambda: items.submit().wait(LONG)), task_runner=runner)()
    assert name == "TimedOut"
    assert seconds < 20  # all items take thirty


def test_the_time_of_a_generator_is_that_of_its_own_code() -> None:
    @task(timeout_seconds=5)
    def quick_items() -> Any:
        yield from range(3)

    @flow
    def body() -> None:
        with pytest.raises(TimeoutError, match=r"within 0\.1 second"):
            list(slow_items())
        items = quick_items.with_options(timeout_seconds=LIMIT)()
        assert next(items) == 0
        threading.Event().wait(2 * LIMIT)  # the caller takes its time
        assert list(items) == [1, 2]

    body()
    called_in_another = threading.Thread(target=body)
    called_in_another.start()
    called_in_another.join(LONG)


async def test_the_time_of_an_async_generator_is_that_of_its_own_code() -> None:
    @flow
    async def body() -> None:
        with pytest.raises(TimeoutError, match=r"within 0\.1 second"):
            async for _ in slow_async_items():
                pass

    await body()
