"""Timeouts of flows and tasks, in every colour and on every runner."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from levada import flow, task
from levada.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from levada.testing import Harness

LONG = 30


def spin():
    """Python code that never blocks; a timeout must end it all the same."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        pass


def block():
    threading.Event().wait(LONG)


@pytest.fixture
def quickly():
    """The test ends long before the work would."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LONG / 2


@pytest.mark.parametrize("work", [spin, block])
@pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
def test_sync_code_in_the_main_thread_is_ended(decorate, work, quickly, test_home: Harness):
    definition = decorate(name="slow", timeout_seconds=0.1)(work)
    with pytest.raises(TimeoutError):
        definition()
    state = definition(return_state=True)
    assert (state.type.value, state.name) == ("FAILED", "TimedOut")
    kind = definition.kind.capitalize()
    assert state.message == f"{kind} run exceeded timeout of 0.1 second(s)"


@pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
async def test_async_code_is_ended(decorate, quickly, test_home: Harness):
    ended = []

    @decorate(timeout_seconds=0.05)
    async def slow():
        try:
            await asyncio.sleep(LONG)
        finally:
            ended.append(True)

    state = await slow(return_state=True)
    assert state.name == "TimedOut"
    assert ended == [True]
    with pytest.raises(TimeoutError):
        await slow()


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(max_workers=2), ProcessPoolTaskRunner(max_workers=1)], ids=str)
def test_submitted_code_is_ended(runner, quickly, test_home: Harness):
    slow = task(name="slow", timeout_seconds=0.2)(spin)

    @flow(task_runner=runner)
    def run():
        future = slow.submit()
        future.wait(LONG)
        return future.state.name

    assert run() == "TimedOut"


def test_a_flow_in_a_thread_is_ended(quickly, test_home: Harness):
    states = []
    slow = flow(name="slow", timeout_seconds=0.1)(spin)
    thread = threading.Thread(target=lambda: states.append(slow(return_state=True)))
    thread.start()
    thread.join(LONG)
    assert states[0].name == "TimedOut"


def test_a_flow_that_timed_out_leaves_no_work_behind(quickly, test_home: Harness):
    """Quirk 11: the rival's process outlives the state."""
    slow = task(name="slow")(spin)

    @flow(timeout_seconds=0.2)
    def run():
        slow.submit().result()

    assert run(return_state=True).name == "TimedOut"


def test_a_timeout_is_retried(quickly, test_home: Harness):
    tries = []

    @task(timeout_seconds=0.1, retries=1)
    def slow():
        tries.append(1)
        if len(tries) == 1:
            spin()
        return "ok"

    assert slow() == "ok"
    assert len(tries) == 2


def test_what_is_quick_enough_is_left_alone(test_home: Harness):
    assert task(timeout_seconds=LONG)(lambda: 1)() == 1
    assert flow(timeout_seconds=LONG)(lambda: 1)() == 1


def test_an_authors_own_timeout_error_is_a_failure_like_others(test_home: Harness):
    @task(timeout_seconds=LONG)
    def work():
        raise TimeoutError("mine")

    state = work(return_state=True)
    assert state.name == "Failed"
    assert "mine" in state.message


def test_hooks_hear_of_timeouts(quickly, test_home: Harness):
    heard = []
    slow = task(timeout_seconds=0.05, on_failure=[lambda t, r, s: heard.append(s.name)])(spin)
    slow(return_state=True)
    assert heard == ["TimedOut"]


def test_code_may_clean_up(quickly, test_home: Harness):
    ended = []

    @task(timeout_seconds=0.05)
    def slow():
        try:
            spin()
        finally:
            ended.append(True)

    slow(return_state=True)
    assert ended == [True]


async def test_a_generator_has_a_timeout(quickly, test_home: Harness):
    @task(timeout_seconds=0.1)
    def slow():
        yield 1
        spin()

    items = slow()
    assert next(items) == 1
    with pytest.raises(TimeoutError):
        next(items)
