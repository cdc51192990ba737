"""How long work of little urgency lets urgent work go first, where both share one interpreter.

Threads cannot be told to be polite: Python gives each its turn. So work that may wait asks at its convenient places,
once for every row, say, whether something urgent goes on, and pauses then. It pauses a bounded time in all, so that it
comes to its end however busy the process is. Where nobody said that it may wait, asking costs a look at a variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATIENCE = 0.25
"""Seconds that one piece of work pauses at most, in all."""


class Road:
    """Who is on it goes first. Entered and left by one thread, looked at by all."""

    def __init__(self) -> None:
        self.urgent = 0
        """How much urgent work goes on."""
        self._free = threading.Event()
        self._free.set()

    def enter(self) -> None:
        """Urgent work begins."""
        self.urgent += 1
        self._free.clear()

    def leave(self) -> None:
        """Urgent work has ended."""
        self.urgent -= 1
        if not self.urgent:
            self._free.set()

    def wait(self, seconds: float) -> None:
        """Wait until nothing urgent goes on, so long at most."""
        self._free.wait(seconds)


class _Polite:
    __slots__ = ("left", "road")

    def __init__(self, road: Road, patience: float) -> None:
        self.road = road
        self.left = patience


_polite: ContextVar[_Polite | None] = ContextVar("levada_polite", default=None)


@contextmanager
def polite(road: Road, patience: float = PATIENCE) -> Iterator[None]:
    """What is done in this context gives way.

    Args:
        road: on which urgent work is.
        patience: seconds to pause at most, in all.
    """
    token = _polite.set(_Polite(road, patience))
    try:
        yield
    finally:
        _polite.reset(token)


def give_way() -> None:
    """Pause while something urgent goes on, if this work is one that may wait."""
    mine = _polite.get()
    if mine is not None and mine.road.urgent and mine.left > 0:
        since = time.monotonic()
        mine.road.wait(mine.left)
        mine.left -= time.monotonic() - since
