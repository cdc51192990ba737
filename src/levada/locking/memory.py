"""Locks for the threads and coroutines of one process, handed from holder to holder in the order of asking.

Nobody polls: whoever waits leaves a `_Waiter` in the lock's queue, and the one who gives the lock up makes the first of
them its holder before waking it. So a lock is never free while somebody waits for it, and nobody can be overtaken.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Event, Lock
from typing import Any, Self

from levada.locking.manager import not_held


class _Waiter:
    """Somebody who waits: for the lock (`holder` set), or only for it to be free."""

    __slots__ = ("done", "granted", "hold_timeout", "holder", "wake")

    def __init__(self, holder: str | None, hold_timeout: float | None, wake: Callable[[], object]) -> None:
        self.holder = holder
        self.hold_timeout = hold_timeout
        self.wake = wake
        self.granted = False


class _Held:
    """A lock that is held: by whom, until when, and who waits."""

    __slots__ = ("expires", "holder", "waiters")

    def __init__(self) -> None:
        self.holder = ""
        self.expires: float | None = None
        self.waiters: deque[_Waiter] = deque()

    def give_to(self, holder: str, hold_timeout: float | None) -> None:
        self.holder = holder
        self.expires = None if hold_timeout is None else time.monotonic() + hold_timeout

    def expired(self) -> bool:
        return self.expires is not None and time.monotonic() >= self.expires


class MemoryLockManager:
    """The locks of this process. There is one: every construction gives the same object."""

    _instance: MemoryLockManager | None = None

    def __new__(cls) -> Self:
        """The one of this process."""
        if cls._instance is None or type(cls._instance) is not cls:
            instance = super().__new__(cls)
            instance._mutex = Lock()
            instance._held = {}
            cls._instance = instance
        return cls._instance

    _mutex: Lock
    _held: dict[str, _Held]

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Take the lock, waiting for it; see `LockManager.acquire_lock`."""
        event = Event()
        waiter = _Waiter(holder, hold_timeout, event.set)
        return self._enter(key, waiter) or self._wait(key, waiter, event, acquire_timeout)

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """`acquire_lock` for async code; no thread waits."""
        waiter, woken = _async_waiter(holder, hold_timeout)
        return self._enter(key, waiter) or await self._await(key, waiter, woken, acquire_timeout)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has the lock; False when that took longer than `timeout`."""
        event = Event()
        waiter = _Waiter(None, None, event.set)
        return self._enter(key, waiter) or self._wait(key, waiter, event, timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """`wait_for_lock` for async code; no thread waits."""
        waiter, woken = _async_waiter(None, None)
        return self._enter(key, waiter) or await self._await(key, waiter, woken, timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock up; the first who waits has it.

        Raises:
            ValueError: the holder does not have it.
        """
        with self._mutex:
            held = self._current(key)
            if held is None or held.holder != holder:
                raise not_held(key, holder)
            self._hand_on(key, held)

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock."""
        with self._mutex:
            return self._current(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has the lock."""
        with self._mutex:
            held = self._current(key)
            return held is not None and held.holder == holder

    def _current(self, key: str) -> _Held | None:
        """The lock, when it is held and has not expired; an expired one goes to the first who waits."""
        held = self._held.get(key)
        while held is not None and held.expired():
            self._hand_on(key, held)
            held = self._held.get(key)
        return held

    def _hand_on(self, key: str, held: _Held) -> None:
        while held.waiters:
            waiter = held.waiters.popleft()
            waiter.granted = True
            waiter.wake()
            if waiter.holder is not None:
                held.give_to(waiter.holder, waiter.hold_timeout)
                return
        del self._held[key]

    def _enter(self, key: str, waiter: _Waiter) -> bool:
        """Take a free lock (or find it free, for a waiter without holder); otherwise queue."""
        with self._mutex:
            held = self._current(key)
            if held is None or held.holder == waiter.holder:
                if waiter.holder is not None:
                    held = self._held.setdefault(key, held or _Held())
                    held.give_to(waiter.holder, waiter.hold_timeout)
                return True
            held.waiters.append(waiter)
            return False

    def _pause(self, key: str, waiter: _Waiter, deadline: float | None) -> float | None:
        """Seconds to sleep until the lock may be had; -1: it was given, 0: time is up and the waiter left the queue."""
        with self._mutex:
            held = self._current(key)
            if waiter.granted:
                return -1.0
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                if held is not None and waiter in held.waiters:
                    held.waiters.remove(waiter)
                return 0.0
            ends = [moment for moment in (deadline, held.expires if held is not None else None) if moment is not None]
            return max(0.001, min(ends) - now) if ends else None

    def _withdraw(self, key: str, waiter: _Waiter) -> None:
        """Leave the queue after an interruption; a lock that was given in the meantime is handed on."""
        with self._mutex:
            held = self._held.get(key)
            if waiter.granted and waiter.holder is not None and held is not None and held.holder == waiter.holder:
                self._hand_on(key, held)
            elif held is not None and waiter in held.waiters:
                held.waiters.remove(waiter)

    def _wait(self, key: str, waiter: _Waiter, event: Event, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                pause = self._pause(key, waiter, deadline)
                if pause is not None and pause <= 0:
                    return pause < 0
                event.wait(pause)
        except BaseException:
            self._withdraw(key, waiter)
            raise

    async def _await(self, key: str, waiter: _Waiter, woken: Any, timeout: float | None) -> bool:
        import asyncio  # lazy: only async authors pay for it

        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                pause = self._pause(key, waiter, deadline)
                if pause is not None and pause <= 0:
                    return pause < 0
                await asyncio.wait([woken], timeout=pause)
        except BaseException:
            self._withdraw(key, waiter)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


def _async_waiter(holder: str | None, hold_timeout: float | None) -> tuple[_Waiter, Any]:
    import asyncio  # lazy: only async authors pay for it

    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def finish() -> None:
        if not woken.done():
            woken.set_result(None)

    return _Waiter(holder, hold_timeout, lambda: loop.call_soon_threadsafe(finish)), woken
