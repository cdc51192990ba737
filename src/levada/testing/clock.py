"""A clock that does not wait."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from levada.core.states import us_of


class VirtualClock:
    """Time that moves only when somebody sleeps, and then at once.

    Args:
        start: what time it is at first; now, rounded to the second, by default.

    Attributes:
        slept: every sleep that was asked for, in seconds, in order.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = us_of(start or datetime.now(UTC).replace(microsecond=0))
        self._start = self._now
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now_us(self) -> int:
        """Microseconds since 1970, UTC; each look moves it by one, so that no two moments are the same."""
        with self._lock:
            self._now += 1
            return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._now - self._start) / 1e6

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += int(seconds * 1e6)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """`sleep`, giving other coroutines a turn."""
        import asyncio  # lazy: only async runs pay for it

        self.sleep(seconds)
        await asyncio.sleep(0)
