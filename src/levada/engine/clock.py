"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """Time as the machine has it."""

    @staticmethod
    def now_us() -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    @staticmethod
    async def asleep(seconds: float) -> None:
        """Suspend this coroutine."""
        import asyncio  # lazy: only async runs pay for it

        await asyncio.sleep(seconds)
