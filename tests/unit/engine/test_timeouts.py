from __future__ import annotations

import asyncio
import ctypes
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from levada.engine.guard import current_guard, undisturbed
from levada.engine.timeouts import GRACE, DeadlineReached, acall_with_timeout, call_with_timeout
from levada.futures import Future

SHORT = 0.05
LONG = 30.0
_libc = ctypes.CDLL(None)


@pytest.fixture(autouse=True)
def timer_is_given_back():
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def on_main(action: Callable[[], Any]) -> Any:
    return action()


def in_thread(action: Callable[[], Any]) -> Any:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((action(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LONG)
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


def python_loop() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def sleep() -> None:
    time.sleep(3)


def blocked_in_c() -> None:
    _libc.usleep(1_500_000)


def hashing() -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1_500_000)


def waiting_for_a_future() -> None:
    Future(b"f" * 16).result()


def swallowing_exceptions() -> None:
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            continue  # as careless code does


def swallowing_everything() -> None:
    end = time.monotonic() + LONG
    swallowed = 0
    while time.monotonic() < end and swallowed < 2:
        try:
            time.sleep(0.01)
        except BaseException:
            swallowed += 1
    while time.monotonic() < end:
        pass


# Code shape × where it runs. Blocking C code on the main thread ends when it returns: see docs/timeouts.md.
SHAPES = [python_loop, sleep, waiting_for_a_future, swallowing_exceptions]
IN_C = [blocked_in_c, hashing]


@pytest.mark.parametrize("place", [on_main, in_thread])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_attempt_ends_within_a_second_of_its_deadline(place, shape) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not end within 0\.05 second") as caught:
        place(lambda: call_with_timeout(shape, (), {}, SHORT))
    assert time.monotonic() - begin < SHORT + 1
    assert caught.value.levada_timeout


@pytest.mark.parametrize("shape", [*IN_C, swallowing_everything])
def test_code_in_a_thread_that_cannot_be_interrupted_is_given_up(shape, caplog) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        in_thread(lambda: call_with_timeout(shape, (), {}, SHORT))
    assert time.monotonic() - begin < SHORT + GRACE + 1
    assert "could not be interrupted" in caplog.text


def test_code_on_the_main_thread_that_swallows_its_deadline_meets_it_again(monkeypatch) -> None:
    monkeypatch.setattr("levada.engine.timeouts.INSIST", 0.05)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        call_with_timeout(swallowing_everything, (), {}, SHORT)
    assert time.monotonic() - begin < 1.5


def test_blocking_c_code_on_the_main_thread_ends_as_timed_out_when_it_returns() -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        call_with_timeout(lambda: hashlib.pbkdf2_hmac("sha256", b"p", b"s", 300_000), (), {}, 0.01)
    assert time.monotonic() - begin < LONG


@pytest.mark.parametrize("place", [on_main, in_thread])
def test_code_that_ends_in_time_gives_its_value_or_its_error(place) -> None:
    assert place(lambda: call_with_timeout(lambda a, b: a + b, (1,), {"b": 2}, LONG)) == 3
    with pytest.raises(ZeroDivisionError):
        place(lambda: call_with_timeout(lambda: 1 / 0, (), {}, LONG))


@pytest.mark.parametrize("place", [on_main, in_thread])
def test_a_timeout_error_of_the_code_itself_is_not_taken_for_the_deadline(place) -> None:
    def body() -> None:
        raise TimeoutError("my own")

    with pytest.raises(TimeoutError, match="my own") as caught:
        place(lambda: call_with_timeout(body, (), {}, LONG))
    assert not hasattr(caught.value, "levada_timeout")


@pytest.mark.parametrize("place", [on_main, in_thread])
def test_cleanup_runs(place) -> None:
    cleaned = []

    def body() -> None:
        try:
            python_loop()
        finally:
            cleaned.append(1)

    with pytest.raises(TimeoutError):
        place(lambda: call_with_timeout(body, (), {}, SHORT))
    assert cleaned == [1]


@pytest.mark.parametrize("place", [on_main, in_thread])
def test_the_inner_deadline_ends_the_inner_call_only(place) -> None:
    def outer() -> str:
        try:
            call_with_timeout(python_loop, (), {}, SHORT)
        except TimeoutError:
            return "the inner call was too slow"
        return "never"

    assert place(lambda: call_with_timeout(outer, (), {}, LONG)) == "the inner call was too slow"


@pytest.mark.parametrize("place", [on_main, in_thread])
def test_the_outer_deadline_passes_through_the_inner_call_and_no_except_in_between_takes_it(place) -> None:
    seen = []

    def outer() -> None:
        try:
            call_with_timeout(python_loop, (), {}, LONG)
        except Exception as error:
            seen.append(error)
        except DeadlineReached:
            seen.append("deadline")
            raise

    with pytest.raises(TimeoutError, match=r"0\.05"):
        place(lambda: call_with_timeout(outer, (), {}, SHORT))
    assert seen == ["deadline"]


def test_an_alarm_of_somebody_else_goes_on_afterwards() -> None:
    rang = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        with pytest.raises(TimeoutError):
            call_with_timeout(python_loop, (), {}, SHORT)
        assert not rang.is_set()
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.15
        while not rang.is_set():
            signal.sigtimedwait([], 0.01)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_engine_is_not_disturbed_in_the_middle_of_its_work() -> None:
    steps: list[str] = []

    def body() -> None:
        with undisturbed():
            end = time.monotonic() + 3 * SHORT
            while time.monotonic() < end:
                pass
            steps.append("the engine's work is whole")
        python_loop()

    for place in (on_main, in_thread):
        steps.clear()
        with pytest.raises(TimeoutError):
            place(lambda: call_with_timeout(body, (), {}, SHORT))
        assert steps == ["the engine's work is whole"]


def test_code_in_a_thread_sees_the_context_variables_of_its_caller() -> None:
    variable: ContextVar[str] = ContextVar("variable")

    def caller() -> str:
        variable.set("seen")
        return call_with_timeout(variable.get, (), {}, LONG)

    assert in_thread(caller) == "seen"


def test_no_guard_is_left_open() -> None:
    with pytest.raises(TimeoutError):
        call_with_timeout(python_loop, (), {}, SHORT)
    guard = current_guard()
    assert guard is None or not guard.open


async def test_async_code_is_cancelled() -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.05") as caught:
        await acall_with_timeout(asyncio.sleep, (LONG,), {}, SHORT)
    assert caught.value.levada_timeout
    assert await acall_with_timeout(asyncio.sleep, (0, "value"), {}, LONG) == "value"


async def test_async_code_that_blocks_the_loop_of_the_main_thread_is_interrupted() -> None:
    async def body() -> None:
        time.sleep(5)

    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        await acall_with_timeout(body, (), {}, SHORT)
    assert time.monotonic() - begin < 1


async def test_other_code_that_blocks_the_loop_is_not_interrupted_for_it() -> None:
    async def waits() -> None:
        await asyncio.sleep(LONG)

    late = asyncio.ensure_future(acall_with_timeout(waits, (), {}, SHORT))
    await asyncio.sleep(0)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        pass
    with pytest.raises(TimeoutError):
        await late


async def test_a_timeout_error_of_async_code_itself_is_not_taken_for_the_deadline() -> None:
    async def body() -> None:
        raise TimeoutError("my own")

    with pytest.raises(TimeoutError, match="my own"):
        await acall_with_timeout(body, (), {}, LONG)


async def test_many_async_deadlines_do_not_get_in_each_others_way() -> None:
    async def one(number: int) -> str:
        try:
            await acall_with_timeout(asyncio.sleep, (LONG if number % 2 else 0,), {}, SHORT)
        except TimeoutError:
            return "late"
        return "in time"

    assert await asyncio.gather(*map(one, range(100))) == ["in time", "late"] * 50


async def test_a_sync_deadline_inside_async_code_ends_the_sync_call_only() -> None:
    async def body() -> str:
        with pytest.raises(TimeoutError):
            call_with_timeout(python_loop, (), {}, SHORT)
        return "goes on"

    assert await acall_with_timeout(body, (), {}, LONG) == "goes on"


def test_timeouts_need_no_asyncio() -> None:
    code = "import sys, levada.engine.timeouts; sys.exit('asyncio' in sys.modules)"
    import subprocess  # lazy: only this test starts a process

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
