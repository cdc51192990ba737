"""The seam for time: every wait and every timestamp of a run goes through a `Clock`.

The real one lives in `levada.engine.clock`; `levada.testing` has a virtual one in which sleeping takes no time.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed point, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend this coroutine."""
        ...
