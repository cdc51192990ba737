"""Hears at once that a server has something to say to this process, instead of with the next sign of life.

One daemon thread keeps one request open that the server answers when something was decided about a run of this
process; the shipper then says something at once, and is told what it is. What cannot be heard so (the server is older,
or away) comes with the next sign of life as ever: an ear makes things faster, and nothing depends on it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from levada.core.errors import ServerUnavailable, StoreUnavailable, TooManyRequests

FIRST_SECONDS: Final = 0.3
"""A process that ends sooner never asks."""

WAIT_SECONDS: Final = 25.0
"""For which the server holds its answer back; shorter than what most proxies allow."""

SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0

Await = Callable[[int, float], int]
"""Waits for a word after the one of this number, for so many seconds at most; the number of the newest word."""


class Ear:
    """Listens for one process.

    Args:
        await_word: asks the server; called on the ear's own thread.
        ring: called when there is something to hear.
    """

    def __init__(self, await_word: Await, ring: Callable[[], object]) -> None:
        self._await = await_word
        self._ring = ring
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    @property
    def listening(self) -> bool:
        """Whether it listens."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to listen; twice does nothing."""
        if self._thread is None and self._pid == os.getpid() and not self._over.is_set():
            self._thread = threading.Thread(target=self._listen, name="levada-ear", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Listen no more; a request that is open is left to itself."""
        self._over.set()

    def _listen(self) -> None:
        number, pause = 0, SHORTEST_PAUSE
        wait = FIRST_SECONDS
        while not self._over.wait(wait):
            began = time.monotonic()
            try:
                newest = self._await(number, WAIT_SECONDS)
            except (ServerUnavailable, StoreUnavailable, TooManyRequests) as problem:
                wait = max(pause, getattr(problem, "retry_after", None) or 0.0)
                pause = min(LONGEST_PAUSE, pause * 2)
                continue
            except Exception:  # noqa: BLE001 - an older server, a key that may not: what it says comes with signs of life
                return
            pause = SHORTEST_PAUSE
            if newest > number:
                number, wait = newest, 0.0
                if not self._over.is_set():
                    self._ring()
            else:
                # A server that stops answers at once; it is not asked again and again.
                wait = max(0.0, SHORTEST_PAUSE - (time.monotonic() - began))
