"""Signals and cancellation: how a run that is running is made to stop, with a terminal state and its hooks.

SIGTERM and SIGHUP crash a run, Ctrl-C and a request to cancel cancel it. In each case an exception is brought into the
run's own code: raised in the main thread by the signal handler, injected into other threads, delivered as a
cancellation of the asyncio task on an event loop. The run then ends as after any exception. A process that was told to
terminate still dies by that signal once its runs have ended.

The engine itself is never disturbed, or the final state would be lost: a `Guard` holds the exception back until the
author's code runs. Code that keeps an event loop from turning, so that no cancellation arrives, meets the exception
itself after a moment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from levada.core.errors import InterruptedRun, RunCancelled, TerminationSignal
from levada.engine import session as sessions
from levada.engine.context import FlowRunContext
from levada.engine.guard import current_guard, interrupt

_HANDLED = [number for name in ("SIGTERM", "SIGINT", "SIGHUP") if (number := getattr(signal, name, None)) is not None]

PATIENCE = 0.5
"""Seconds that an event loop has to deliver a cancellation before the code that holds it up is interrupted."""
AGAIN = 0.05
"""Seconds between two attempts to do that."""

_live: list[FlowRunContext] = []
"""Contexts of all flow runs that are executing in this process, outermost first."""

_lock = threading.Lock()
_before: dict[int, Any] = {}
_pending: Callable[[Any], None] | None = None
"""What the main thread is to do, with the frame it stands in, when the signal that wakes it arrives."""


cancelled_by_signal: Callable[[], str | None] | None = None
"""Asked when the process is told to terminate: why the run is cancelled by that; None when it only has to end."""


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
        # What came too late for this run is nobody's: threads and asyncio tasks that come later may have its key.
        if not any(other.thread == ctx.thread for other in _live):
            _endings.pop(ctx.thread, None)
        if ctx.loop is not None and not any(other.loop == ctx.loop for other in _live):
            _endings.pop(id(ctx.loop[1]), None)
        if not any(other.thread == threading.main_thread().ident for other in _live):
            _restore()


def live(run: bytes) -> FlowRunContext | None:
    """The context of a run that is executing in this process."""
    return next((ctx for ctx in list(_live) if ctx.run == run), None)


def executing() -> list[tuple[bytes, int]]:
    """The runs that execute in this process, each with the epoch it is in."""
    return [(ctx.run, ctx.epoch) for ctx in list(_live)]


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
    for below in [other for other in list(_live) if _is_inside(other, ctx)]:
        # A thread that waits for the tasks of a subflow cannot be interrupted: it wakes up when they have ended.
        if below.task_runner is not None:
            below.task_runner.cancel_all()
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
        if _is_inside(other, ctx) and other.thread == ctx.thread:
            found = other
    return found


def _is_inside(ctx: FlowRunContext, outer: FlowRunContext) -> bool:
    """Whether a run is another one, or was called in it at any depth."""
    above: FlowRunContext | None = ctx
    while above is not None and above is not outer:
        above = above.parent
    return above is outer


def _bring(ctx: FlowRunContext, error: BaseException) -> None:
    """Make the code of a run raise this error."""
    if ctx.loop is not None:
        ctx.state.details.reason = str(error)
        _cancel_on_loop(ctx, error)
        return
    if _in_main_thread(ctx, lambda _: _raise_in_main(error)):
        return
    _endings[ctx.thread] = error
    interrupt(ctx.thread, RunCancelled)


def _in_main_thread(ctx: FlowRunContext, action: Callable[[Any], None]) -> bool:
    """Have the main thread do something now, whatever blocks it; False when the run is not there."""
    global _pending  # noqa: PLW0603 - a signal handler can be given nothing else
    main = threading.main_thread()
    if ctx.thread != main.ident or not hasattr(signal, "pthread_kill"):
        return False
    _pending = action
    signal.pthread_kill(ctx.thread, signal.SIGTERM)
    return True


def _raise_in_main(error: BaseException) -> None:
    guard = current_guard()
    if guard is None or guard.admits(error):
        raise error


def _cancel_on_loop(ctx: FlowRunContext, error: BaseException) -> None:
    """Cancel the asyncio task of a run, and insist when its loop does not turn."""
    loop, task = ctx.loop
    _endings[id(task)] = error
    asked = threading.Event()

    def ask() -> None:
        if _endings.get(id(task)) is error:  # not delivered in another way meanwhile
            asked.set()
            task.cancel()

    def collide(frame: Any) -> None:
        if asked.is_set() or _endings.get(id(task)) is not error or sys.modules["asyncio"].current_task(loop) is None:
            return
        if _engine_at_work(frame):
            insisted[threading.get_ident()] = (task, error)
        else:
            del _endings[id(task)]
            raise error

    def insist() -> None:
        pause = PATIENCE
        while not asked.wait(pause) and ctx in _live and _endings.get(id(task)) is error:
            pause = AGAIN
            if not _in_main_thread(ctx, collide):
                interrupt(ctx.thread, RunCancelled)
                return

    loop.call_soon_threadsafe(ask)
    threading.Thread(target=insist, name="levada-insist", daemon=True).start()


insisted: dict[int, tuple[Any, BaseException]] = {}
"""By thread: an asyncio task, and its ending that met the engine at work; raised before the driver's next command."""


def insisted_here() -> None:
    """Raise the ending that waits for the driver of this thread's current asyncio task, if one does."""
    task, error = insisted.get(threading.get_ident(), (None, None))
    if error is not None and task is sys.modules["asyncio"].current_task():
        del insisted[threading.get_ident()]
        if _endings.pop(id(task), None) is error:
            raise error


def _engine_at_work(frame: Any) -> bool:
    """Whether the innermost code of a stack, the standard library aside, is ours and not the author's."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("levada."):
            return True
        if name.partition(".")[0] not in sys.stdlib_module_names or name == "__main__":
            return False
        frame = frame.f_back
    return False


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


def _on_signal(number: int, frame: Any) -> None:
    global _pending
    action, _pending = _pending, None
    if action is not None:
        action(frame)
        return
    main = threading.main_thread().ident
    here = [ctx for ctx in list(_live) if ctx.thread == main]
    error: BaseException
    if number == signal.SIGINT:
        error = InterruptedRun("The run was interrupted (Ctrl-C).")
    elif (cancelled := next((ctx for ctx in here if ctx.cancel_requested), None)) is not None:
        # Whoever cancelled it grows impatient; that does not change how it ends.
        error = RunCancelled("Cancelled on request.", run=cancelled.run)
    elif here and cancelled_by_signal is not None and (reason := cancelled_by_signal()) is not None:
        error = RunCancelled(reason, run=here[0].run)
    else:
        error = TerminationSignal(number)
    if here and here[-1].loop is not None:
        _cancel_on_loop(here[-1], error)
    else:
        _raise_in_main(error)


def die_by(error: BaseException) -> None:
    """End the process the way the signal meant, once its runs have ended; does nothing for other errors."""
    if not isinstance(error, TerminationSignal) or _live:
        return
    session = sessions.existing()
    if session is not None:
        session.close()  # nothing that is registered for the end of the process is called after this
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(error.signal, signal.SIG_DFL)
    os.kill(os.getpid(), error.signal)


def onwards(error: BaseException) -> BaseException:
    """What goes on through the caller of a run: Ctrl-C leaves the outermost run as Python itself raises it.

    Python exits as interrupted only for a plain `KeyboardInterrupt`.
    """
    if isinstance(error, InterruptedRun) and not _live:
        return KeyboardInterrupt(str(error)).with_traceback(error.__traceback__)
    return error
