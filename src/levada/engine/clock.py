"""The real clock."""

from __future__ import annotations

import threading
import time

COME_BACK = 0.25
"""Seconds after which a thread that sleeps looks whether it is asked to stop; only the main thread can be woken."""


class SystemClock:
    """Time as the machine has it."""

    @staticmethod
    def now_us() -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Block this thread; whoever interrupts it need not wait for long."""
        until = time.monotonic() + seconds
        if seconds > COME_BACK and threading.current_thread() is not threading.main_thread():
            while (left := until - time.monotonic()) > COME_BACK:
                time.sleep(COME_BACK)
            seconds = max(0.0, left)
        time.sleep(seconds)

    @staticmethod
    async def asleep(seconds: float) -> None:
        """Suspend this coroutine."""
        import asyncio  # lazy: only async runs pay for it

        await asyncio.sleep(seconds)
