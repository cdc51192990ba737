"""The line of those in this process who wait for the same slots: first come, first served.

Only the head of a line asks the store; whoever stands behind it waits in memory. A head that has not asked for a while
(its event loop is blocked, say) is passed over, so that a line never stands still because of one who sleeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

STALE_SECONDS = 0.25
"""A head that has not asked for so long is passed over until it asks again."""


class Place:
    """One who waits.

    Attributes:
        line: those who want the same wait in the same line.
        asked: when it last asked whether it is its turn, in seconds of `time.monotonic`.
        wake: called, from any thread, when slots came free in this process; None while nobody sleeps here.
    """

    __slots__ = ("asked", "line", "wake")

    def __init__(self, line: Hashable) -> None:
        self.line = line
        self.asked = time.monotonic()
        self.wake: Callable[[], None] | None = None


class Lines:
    """All lines of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[Hashable, list[Place]] = {}

    def enter(self, line: Hashable) -> Place:
        """Go to the end of a line."""
        place = Place(line)
        with self._lock:
            self._lines.setdefault(line, []).append(place)
        return place

    def leave(self, place: Place) -> None:
        """Leave a line, served or not; whoever is next is woken."""
        with self._lock:
            line = self._lines.get(place.line, [])
            if place in line:
                line.remove(place)
            if not line:
                self._lines.pop(place.line, None)
        self.stir()

    def is_turn(self, place: Place) -> bool:
        """Whether everybody before this one is served, gone or asleep."""
        now = place.asked = time.monotonic()
        with self._lock:
            for other in self._lines.get(place.line, []):
                if other is place:
                    return True
                if now - other.asked < STALE_SECONDS:
                    return False
        return True

    def stir(self) -> None:
        """Wake the head of every line: something came free."""
        with self._lock:
            heads = [line[0].wake for line in self._lines.values() if line]
        for wake in heads:
            if wake is not None:
                wake()
