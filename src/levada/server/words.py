"""Words to processes: who asked for one is answered the moment something is decided about the runs it executes.

A word says nothing but that there is something to hear; the process then asks for it with its next batch, so that the
tables alone decide. Who waits is a coroutine and a line in a set: no thread, no connection to the database.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio

from levada.core.errors import TooManyRequests

if TYPE_CHECKING:
    from levada.control.bus import Bus, Subscription

TOPIC: Final = "commands"
"""What is announced, with the writer's id in hex, when a process must be told something."""

MOST_WAITING: Final = 5_000
MOST_KEPT: Final = 10_000
KEPT_SECONDS: Final = 60.0
"""A word is kept for whoever was just not waiting when it came."""

COME_AGAIN_SECONDS: Final = 10.0


class _Ear(NamedTuple):
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event

    def wake(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self.woken.set)
        except RuntimeError:
            pass  # the loop is closed, and with it the request that waited


class Words:
    """The words of one server process.

    Args:
        bus: where announcements come from; without one, nobody hears anything before the time is over.
    """

    def __init__(self, bus: Bus | None) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        self._said: dict[str, int] = {}
        self._ears: dict[str, list[_Ear]] = {}
        self._closed = False
        self.waiting = 0
        """How many wait now."""

    async def wait(self, writer: str, after: int, seconds: float) -> int:
        """Wait until there is a word for a process.

        Args:
            writer: the process's writer, in hex.
            after: the number that the last answer gave; 0 at first.
            seconds: after which there is none.

        Returns:
            The number of the newest word; `after` when there is none.

        Raises:
            TooManyRequests: too many wait already.
        """
        self.listen()
        ear = _Ear(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            found = self._said.get(writer, 0)
            if found > after or self._closed:
                return max(found, after)
            if self.waiting >= MOST_WAITING:
                refusal = TooManyRequests(f"{MOST_WAITING} processes wait for a word already; come again later.")
                refusal.retry_after = COME_AGAIN_SECONDS  # type: ignore[attr-defined]
                raise refusal
            self.waiting += 1
            self._ears.setdefault(writer, []).append(ear)
        try:
            with anyio.move_on_after(seconds):
                await ear.woken.wait()
        finally:
            with self._lock:
                self.waiting -= 1
                left = [other for other in self._ears.get(writer, ()) if other is not ear]
                if left:
                    self._ears[writer] = left
                else:
                    self._ears.pop(writer, None)
        return max(after, self._said.get(writer, 0))

    def close(self) -> None:
        """Let everybody go: the server stops."""
        with self._lock:
            self._closed = True
            ears = [ear for each in self._ears.values() for ear in each]
            subscription, self._subscription = self._subscription, None
        if subscription is not None and self._bus is not None:
            self._bus.unsubscribe(subscription)
        for ear in ears:
            ear.wake()

    def listen(self) -> None:
        """Hear from now on, so that words are kept for those who come a moment later; twice does nothing."""
        with self._lock:
            if self._subscription is None and self._bus is not None and not self._closed:
                self._subscription = self._bus.subscribe({TOPIC}, self._hear, MOST_KEPT)

    def _hear(self) -> None:
        """Called by the bus: note the words, and wake who waits for them."""
        subscription = self._subscription
        if subscription is None:
            return
        heard = subscription.take()
        # By the clock, so that a process that comes to another replica next knows which words it has heard.
        now = time.time_ns() // 1000
        with self._lock:
            writers = list(self._ears) if heard.missed else [text for _, text in heard.said]
            for writer in writers:
                self._said.pop(writer, None)
                self._said[writer] = now
            while self._said and self._is_old(now):
                del self._said[next(iter(self._said))]
            ears = [ear for writer in writers for ear in self._ears.get(writer, ())]
        for ear in ears:
            ear.wake()

    def _is_old(self, now: int) -> bool:
        oldest = next(iter(self._said.values()))
        return len(self._said) > MOST_KEPT or oldest < now - int(KEPT_SECONDS * 1e6)
