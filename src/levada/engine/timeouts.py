"""Ending an attempt that takes too long, wherever its code runs.

Sync code on the main thread: a timer signal raises in the code, also out of a blocking call.

Sync code on other threads: the code gets a thread of its own. At the deadline an exception is raised in it, and if it
does not end within a fifth of a second it is given up: it may live on until its call into C returns, and what it
returns is thrown away.

Async code: the event loop cancels it. Code that blocks the loop is interrupted on the main thread only.

Inside the code the deadline appears as `DeadlineReached`, which is no `Exception`: an ``except Exception`` does not
swallow it, and a task inside a flow whose time is up ends as cancelled. Outside it becomes a `TimeoutError`.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from levada.core.errors import RunCancelled
from levada.engine.guard import Guard, current_guard, dismiss_guard
from levada.futures import this_thread

if TYPE_CHECKING:
    from types import FrameType

GRACE = 0.2
"""Seconds that code in a thread has to end after its deadline before it is given up."""
INSIST = 0.5
"""Seconds after which code on the main thread that swallowed its deadline meets it again."""
LATE = 0.25
"""Seconds that an event loop has to cancel async code before the code is taken to block the loop."""
SOON = 0.005
"""Seconds after which the timer tries again when the engine must not be disturbed."""
COME_BACK = 0.05
"""Seconds after which a thread that waits for a body looks whether it was itself interrupted."""

Report = Callable[[float | None], None]
report: Report | None = None
"""Told the seconds of each attempt that has a timeout, and None when it ended; set in children of a process pool, whose
parent kills what cannot be interrupted."""


class DeadlineReached(RunCancelled):
    """The time of the run around this code is up."""

    def __init__(self, alarm: _Alarm | None = None) -> None:
        super().__init__("The time of the run around it was up.")
        self.alarm = alarm


class AttemptTimedOut(TimeoutError):  # noqa: N818 - said as it happened
    """An attempt took longer than it may."""

    levada_timeout = True


def call_with_timeout(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float
) -> Any:
    """Call a function, and give up on it after so many seconds.

    Raises:
        TimeoutError: the time was up.
    """
    if report is not None:
        report(seconds)
    try:
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            return _with_timer(function, args, kwargs, seconds)
        return _in_own_thread(function, args, kwargs, seconds)
    finally:
        if report is not None:
            report(None)


async def acall_with_timeout(
    function: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float
) -> Any:
    """Await a coroutine function, and cancel it after so many seconds.

    Raises:
        TimeoutError: the time was up.
    """
    import asyncio  # lazy: an async run has it loaded

    task = asyncio.current_task()
    alarm = _Alarm(seconds + LATE, lambda: _current_task() is task)
    on_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    scope = asyncio.timeout(seconds)
    if report is not None:
        report(seconds)
    try:
        if on_main:
            _timer.add(alarm)
        async with scope:
            return await function(*args, **kwargs)
    except TimeoutError as error:
        if scope.expired():
            raise _timed_out(seconds) from error
        raise
    except DeadlineReached as error:
        if error.alarm is alarm:
            raise _timed_out(seconds) from error
        raise
    finally:
        if on_main:
            _timer.remove(alarm)
        if report is not None:
            report(None)


class Budget:
    """The time that the steps of one generator may take together; what its caller does in between does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = seconds

    def call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Take a step.

        Raises:
            TimeoutError: the time is used up.
        """
        begin = time.monotonic()
        try:
            return call_with_timeout(function, args, {}, max(self._left, SOON))
        except AttemptTimedOut as error:
            raise _timed_out(self._seconds) from error.__cause__
        finally:
            self._left -= time.monotonic() - begin

    async def acall(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Take a step of an async generator.

        Raises:
            TimeoutError: the time is used up.
        """
        begin = time.monotonic()
        try:
            return await acall_with_timeout(function, args, {}, max(self._left, SOON))
        except AttemptTimedOut as error:
            raise _timed_out(self._seconds) from error.__cause__
        finally:
            self._left -= time.monotonic() - begin


def _current_task() -> Any:
    asyncio = sys.modules["asyncio"]
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _timed_out(seconds: float) -> AttemptTimedOut:
    return AttemptTimedOut(f"The attempt did not end within {seconds} second(s)")


# On the main thread.


class _Alarm:
    """One deadline on the main thread, and whether code that it concerns is running right now."""

    __slots__ = ("concerned", "due")

    def __init__(self, seconds: float, concerned: Callable[[], bool]) -> None:
        self.due = time.monotonic() + seconds
        self.concerned = concerned


class _Timer:
    """The process's one interval timer, shared by all deadlines on the main thread."""

    def __init__(self) -> None:
        self._alarms: list[_Alarm] = []
        self._before: Any = None
        self._remaining = (0.0, 0.0)
        self._taken_at = 0.0

    def add(self, alarm: _Alarm) -> None:
        """Watch a deadline; takes the timer over from whoever uses it."""
        if not self._alarms:
            self._before = signal.signal(signal.SIGALRM, self._on_alarm)
            self._remaining = signal.setitimer(signal.ITIMER_REAL, 0)
            self._taken_at = time.monotonic()
        self._alarms.append(alarm)
        self._arm()

    def remove(self, alarm: _Alarm) -> None:
        """Forget a deadline; gives the timer back after the last."""
        if alarm in self._alarms:
            self._alarms.remove(alarm)
        if self._alarms:
            self._arm()
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before if self._before is not None else signal.SIG_DFL)
        delay, interval = self._remaining
        if delay:
            signal.setitimer(signal.ITIMER_REAL, max(SOON, delay - (time.monotonic() - self._taken_at)), interval)

    def _arm(self, at_least: float = 0.0) -> None:
        delay = min(alarm.due for alarm in self._alarms) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(delay, at_least, 0.0001))

    def _on_alarm(self, _number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        for alarm in self._alarms:  # the outermost first
            if alarm.due <= now:
                if alarm.concerned() and not _in_journal(frame):
                    alarm.due = now + INSIST
                    self._arm()
                    raise DeadlineReached(alarm)
                self._arm(SOON)
                return
        if self._alarms:
            self._arm()


_timer = _Timer()


def _in_journal(frame: FrameType | None) -> bool:
    """Whether a record is being written, by the engine or for an author's log line."""
    for _ in range(12):  # the journal's own calls go no deeper
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__")).startswith("levada.journal"):
            return True
        frame = frame.f_back
    return False


def _with_timer(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float) -> Any:
    guarded = current_guard()
    guard = guarded or Guard()
    alarm = _Alarm(seconds, lambda: guard.open)
    before = guard.open
    guard.open = False
    try:
        _timer.add(alarm)
        return guard.call(function, args, kwargs)
    except DeadlineReached as error:
        if error.alarm is alarm:
            raise _timed_out(seconds) from error
        raise
    finally:
        guard.open = False
        _timer.remove(alarm)
        guard.open = before
        if guarded is None:
            dismiss_guard()


# On other threads.


class _Body:
    """A function in a daemon thread of its own."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._call: tuple[Any, ...] | None = (function, args, kwargs)
        self._worker = this_thread.worker
        self._guard: Guard | None = None
        self._ready = threading.Event()
        self.ended = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        name = f"{threading.current_thread().name}-body"
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        this_thread.worker = self._worker  # so that blocking on a future lends the worker's slot from here too
        self._guard = Guard()
        self._ready.set()
        try:
            function, args, kwargs = self._call  # type: ignore[misc]  # taken once
            self._call = None
            self.value = self._guard.call(function, args, kwargs)
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            self.error = error
        finally:
            self.ended.set()

    def stop(self, error: type[BaseException]) -> bool:
        """Raise an error in the thread; False when it did not end, so it is left alone from now on."""
        assert self._guard is not None
        self._guard.request(error)
        if self.ended.wait(GRACE):
            return True
        logging.getLogger("levada.timeouts").warning(
            "Code in thread %r could not be interrupted, because it is inside a call into C. It goes on until that "
            "returns, and its outcome is discarded. The process task runner can end such code at once.",
            self._thread.name,
        )
        return False


def _in_own_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    body = _Body(function, args, kwargs)
    try:
        # An interrupt of this thread is raised when it comes back to Python, so it does now and then.
        while (left := deadline - time.monotonic()) > 0 and not body.ended.wait(min(left, COME_BACK)):
            pass
    except BaseException as error:
        body.stop(type(error) if isinstance(error, RunCancelled) else DeadlineReached)
        raise
    if not body.ended.is_set():
        body.stop(DeadlineReached)
        raise _timed_out(seconds) from body.error
    if body.error is not None:
        raise body.error
    return body.value
