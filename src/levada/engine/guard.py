"""Asking the code of another thread to stop, without breaking what the engine does on that thread.

Python can raise an exception in a thread from outside, at any bytecode; a call into C sees it when it returns. That is
fine in an author's function and harmful in the middle of the engine's own work. So a thread that may be interrupted has
a `Guard`: it is open while the author's code runs and closed otherwise. A request that meets a closed guard waits until
it opens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary


def interrupt_thread(ident: int, error: type[BaseException]) -> bool:
    """Raise an exception in a thread at its next bytecode; False when there is no such thread."""
    import ctypes  # lazy: only an interrupt needs it, every start would pay for it

    reached: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))
    return reached == 1


def clear_interrupt(ident: int) -> None:
    """Take back an interrupt that has not been raised yet."""
    import ctypes  # lazy: only an interrupt needs it, every start would pay for it

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None)


def interrupt(ident: int, error: type[BaseException]) -> bool:
    """Raise an exception in the author's code that runs in a thread; False when there is no such thread.

    A guarded thread gets it when its guard is open, any other at once, wherever it is.
    """
    guard = _guards.get(ident)
    if guard is None or not guard.thread.is_alive():  # identities are used again
        return interrupt_thread(ident, error)
    guard.request(error)
    return True


_guards: WeakValueDictionary[int, Guard] = WeakValueDictionary()
"""By thread identity."""


class _ThisThread(threading.local):
    guard: Guard | None = None


_this_thread = _ThisThread()


def current_guard() -> Guard | None:
    """The guard of this thread; None where nobody may interrupt."""
    return _this_thread.guard


def dismiss_guard() -> None:
    """Nobody may interrupt this thread any more."""
    _this_thread.guard = None
    _guards.pop(threading.get_ident(), None)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep interrupts out of this thread while the engine works for an author's code that called it."""
    guard = _this_thread.guard
    if guard is None:
        yield
        return
    before = guard.open
    guard.open = False
    try:
        yield
    finally:
        guard.open = before
    if before:
        guard.check()


class Guard:
    """Lets interrupts through to one thread only while it is open; made on the thread it guards.

    The interrupter announces its wish and then looks whether the guard is open; the thread closes the guard and then
    looks whether there is a wish. So one of the two always sees the other, and the usual case needs no lock.
    """

    __slots__ = ("__weakref__", "_ident", "_lock", "_wish", "open", "thread")

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self._ident = threading.get_ident()
        self._lock = threading.Lock()
        self._wish: type[BaseException] | BaseException | None = None
        self.open = False
        _this_thread.guard = self
        _guards[self._ident] = self

    def request(self, error: type[BaseException]) -> None:
        """Raise the exception in the thread: now if it runs an author's code, else when it next does."""
        self._wish = error
        with self._lock:
            if self.open and self._wish is not None:
                interrupt_thread(self._ident, error)

    @property
    def requested(self) -> bool:
        """Whether something waits to be raised."""
        return self._wish is not None

    def admits(self, error: BaseException) -> bool:
        """Whether a signal handler of this thread may raise an error right now; if not, it is raised when it may be.

        A handler runs on the thread itself, wherever that stands, so nothing here may wait for a lock.
        """
        if self.open:
            return True
        self._wish = error
        return False

    def dismiss(self) -> type[BaseException] | BaseException | None:
        """Nobody may interrupt this thread any more; gives what was requested and never raised."""
        wish = self._wish
        self.reset()
        dismiss_guard()
        return wish

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call an author's function with the guard open; a request that comes while it runs is raised from here."""
        before = self.open
        try:
            self.open = True
            self.check()
            value = function(*args, **kwargs)
            self.open = before
            self.check()
        except BaseException as error:
            self.open = before
            if self._wish is not None:
                self._settle(error)
            raise
        finally:
            self.open = before
        return value

    def reset(self) -> None:
        """Forget a request that came too late; afterwards none is under way."""
        self.open = False
        if self._wish is not None:
            with self._lock:
                clear_interrupt(self._ident)
                self._wish = None

    def check(self) -> None:
        """Raise what was requested while the guard was closed."""
        if self._wish is None:
            return
        with self._lock:
            clear_interrupt(self._ident)
            error, self._wish = self._wish, None
        if error is not None:
            raise error

    def _settle(self, error: BaseException) -> None:
        """After this no interrupt is under way; a request that `error` does not answer stays for the next call."""
        with self._lock:
            clear_interrupt(self._ident)
            wish = self._wish
            if wish is error or (isinstance(wish, type) and isinstance(error, wish)):
                self._wish = None
