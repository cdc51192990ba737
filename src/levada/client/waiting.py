"""How one waits: as a thread or as a coroutine, woken when slots come free in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable
from typing import TYPE_CHECKING, Any

from levada.core.limits import Grant

if TYPE_CHECKING:
    from levada.client.line import Lines
    from levada.core.limits import Verdict


class ThreadPlace:
    """A place in line of a thread."""

    def __init__(self, lines: Lines, line: Hashable) -> None:
        self._lines = lines
        self.place = lines.enter(line)
        self._woken = threading.Event()
        self.place.wake = self._woken.set

    def __enter__(self) -> ThreadPlace:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.leave(self.place)

    def sleep(self, seconds: float) -> None:
        """Sleep so long, or until something came free in this process."""
        self._woken.wait(seconds)
        self._woken.clear()


class CoroutinePlace:
    """A place in line of a coroutine."""

    def __init__(self, lines: Lines, line: Hashable) -> None:
        self._lines = lines
        self.place = lines.enter(line)

    async def __aenter__(self) -> CoroutinePlace:
        import asyncio  # lazy: only async waiters pay for it

        loop = asyncio.get_running_loop()
        woken = self._woken = asyncio.Event()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(woken.set)
            except RuntimeError:
                pass  # the loop is closed, and with it the coroutine that waited

        self.place.wake = wake
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lines.leave(self.place)

    async def sleep(self, seconds: float) -> None:
        """Sleep so long, or until something came free in this process."""
        import asyncio  # lazy: only async waiters pay for it

        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return  # nobody woke it, so it looks again by itself
        self._woken.clear()


class Abandonable:
    """A call that runs in a thread, and whose success is undone when nobody waits for it any more."""

    def __init__(self, call: Callable[[], Grant | Verdict], undo: Callable[[], None]) -> None:
        self._call = call
        self._undo = undo
        self._lock = threading.Lock()
        self._abandoned = False

    def __call__(self) -> Grant | Verdict:
        """Make the call; give back what it got when nobody waits any more."""
        outcome = self._call()
        with self._lock:
            abandoned = self._abandoned
        if abandoned and isinstance(outcome, Grant):
            self._undo()
        return outcome

    def abandon(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._abandoned = True


def drive(steps: Generator[Any, Any, None], sleep: Callable[[float], None]) -> None:
    """Carry a wait out on this thread: what it yields is called, or slept when it is a number of seconds."""
    reply: Any = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration:
            return
        if isinstance(step, float):
            sleep(step)
        else:
            reply = step()
