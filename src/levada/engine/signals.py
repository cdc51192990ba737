"""Signals and cancellation: how a run that is running is made to stop, with a terminal state and its hooks.

SIGTERM and SIGHUP crash a run, Ctrl-C and a request to cancel cancel it. In each case an exception is brought into the
run's own code: raised in the main thread by the signal handler, injected into other threads, delivered as a
cancellation of the asyncio task on an event loop. The run then ends as after any exception. A process that was told to
terminate still dies by that signal once its runs have ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from levada.core.errors import InterruptedRun, RunCancelled, TerminationSignal
from levada.engine.context import FlowRunContext
from levada.engine.guard import interrupt

_HANDLED = [number for name in ("SIGTERM", "SIGINT", "SIGHUP") if (number := getattr(signal, name, None)) is not None]

_live: list[FlowRunContext] = []
"""Contexts of all flow runs that are executing in this process, outermost first."""

_lock = threading.Lock()
_before: dict[int, Any] = {}
_pending: BaseException | None = None
"""What the main thread is to raise when the signal that wakes it arrives."""


def enter(ctx: FlowRunContext) -> None:
    """A flow's function is about to run."""
    with _lock:
        _live.append(ctx)
        if not _before and threading.current_thread() is threading.main_thread():
            _install()
    ctx.thread = threading.get_ident()
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and ctx.flow.isasync:
        ctx.loop = (asyncio.get_running_loop(), asyncio.current_task())


def leave(ctx: FlowRunContext) -> None:
    """A flow's function has ended."""
    with _lock:
        _live.remove(ctx)
        if not any(other.thread == threading.main_thread().ident for other in _live):
            _restore()


def live(run: bytes) -> FlowRunContext | None:
    """The context of a run that is executing in this process."""
    return next((ctx for ctx in list(_live) if ctx.run == run), None)


def cancel(run: bytes, reason: str) -> bool:
    """Ask a run of this process to stop; it ends Cancelled, with everything inside it.

    Args:
        run: id of the flow run.
        reason: for people; becomes the state's message.

    Returns:
        False when it is not executing here.
    """
    ctx = live(run)
    if ctx is None:
        return False
    ctx.cancel_requested = True
    error = RunCancelled(reason, run=run)
    if ctx.task_runner is not None:
        ctx.task_runner.cancel_all()
    _bring(innermost(ctx), error)
    return True


def cancel_task(task: bytes) -> bool:
    """Ask one submitted task run of this process to stop; it ends Cancelled.

    Returns:
        False when it is not waiting or running on a task runner here.
    """
    return any(ctx.task_runner is not None and ctx.task_runner.cancel(task) for ctx in list(_live))


def innermost(ctx: FlowRunContext) -> FlowRunContext:
    """The run whose code is on top in the thread in which this run executes."""
    found = ctx
    for other in _live:
        above: FlowRunContext | None = other
        while above is not None and above is not ctx:
            above = above.parent
        if above is ctx and other.thread == ctx.thread:
            found = other
    return found


def _bring(ctx: FlowRunContext, error: BaseException) -> None:
    """Make the code of a run raise this error."""
    global _pending  # noqa: PLW0603 - a signal handler can be given nothing else
    if ctx.loop is not None:
        loop, task = ctx.loop
        ctx.state.details.reason = str(error)
        _endings[id(task)] = error
        loop.call_soon_threadsafe(task.cancel)
        return
    main = threading.main_thread()
    if ctx.thread == main.ident and hasattr(signal, "pthread_kill"):
        _pending = error
        signal.pthread_kill(ctx.thread, signal.SIGTERM)
        return
    _endings[ctx.thread] = error
    interrupt(ctx.thread, RunCancelled)


_endings: dict[int, BaseException] = {}
"""The full errors behind a bare `CancelledError` or `RunCancelled` that had to be delivered as a type."""


def cancel_as(task: Any, error: BaseException) -> None:
    """Cancel an asyncio task of the running loop, with a fuller error than the bare one it will see."""
    _endings[id(task)] = error
    task.add_done_callback(lambda done: _endings.pop(id(done), None))
    task.cancel()


def ending_of(error: BaseException, task: Any = None) -> BaseException:
    """The error that a bare cancellation of this thread or asyncio task stands for."""
    key = threading.get_ident() if task is None else id(task)
    return _endings.pop(key, error)


def _install() -> None:
    for number in _HANDLED:
        try:
            _before[number] = signal.getsignal(number)
            signal.signal(number, _on_signal)
        except (ValueError, OSError):  # not the main interpreter: signals are somebody else's
            _before.pop(number, None)


def _restore() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in list(_before.items()):
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, handler)
    _before.clear()


def _on_signal(number: int, _frame: Any) -> None:
    global _pending
    error, _pending = _pending, None
    if error is None:
        if number == signal.SIGINT:
            error = InterruptedRun("The run was interrupted (Ctrl-C).")
        else:
            error = TerminationSignal(number)
    main = threading.main_thread().ident
    here = [ctx for ctx in list(_live) if ctx.thread == main]
    on_loop = next((ctx for ctx in reversed(here) if ctx.loop is not None), None)
    if on_loop is not None and here[-1] is on_loop:
        loop, task = on_loop.loop
        _endings[id(task)] = error
        loop.call_soon_threadsafe(task.cancel)
        return
    raise error


def die_by(error: BaseException) -> None:
    """End the process the way the signal meant, once its runs have ended; does nothing for other errors."""
    if not isinstance(error, TerminationSignal) or _live:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(error.signal, signal.SIG_DFL)
    os.kill(os.getpid(), error.signal)
