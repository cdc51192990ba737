"""Slows down who guesses: failed attempts to come in are counted by address, in bounded memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from levada.core.errors import TooManyRequests

ATTEMPTS: Final = 10
"""Failed attempts that an address has at once."""

REFILL_SECONDS: Final = 6.0
"""Seconds after which it has one more."""

MOST_ADDRESSES: Final = 10_000
"""Addresses remembered; the one that failed longest ago is forgotten first."""


class Throttle:
    """Counts failed attempts.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def check(self, address: str) -> None:
        """Let an attempt be made.

        Raises:
            TooManyRequests: too many failed from this address; its `retry_after` says when the next may be made.
        """
        level = self._level(_group(address))
        if level >= ATTEMPTS:
            wait = (level - ATTEMPTS + 1) * REFILL_SECONDS
            refusal = TooManyRequests(
                f"Too many failed attempts to come in from {address}; the next may be made in {wait:.0f} seconds."
            )
            refusal.retry_after = wait  # type: ignore[attr-defined] # read by `levada.server.problems.handle`
            raise refusal

    def failed(self, address: str) -> None:
        """Note a failed attempt."""
        group = _group(address)
        self._failures[group] = (self._level(group) + 1, self._clock())
        self._failures.move_to_end(group)
        while len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def _level(self, group: str) -> float:
        level, at = self._failures.get(group, (0.0, 0.0))
        left = level - (self._clock() - at) / REFILL_SECONDS
        return max(0.0, left)


def _group(address: str) -> str:
    """Whose attempts are counted together: an IPv6 customer has a whole /64 to guess from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
