"""Waiting for what another thread or process does, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout: float = 20.0, interval: float = 0.01) -> T:
    """Ask again and again until `check` gives something true, or stops raising AssertionError.

    Args:
        check: what to ask; its first true value is returned.
        timeout: seconds after which to give up.
        interval: seconds between two questions.

    Raises:
        AssertionError: it never did; the last reason is in the message.
    """
    deadline = time.monotonic() + timeout
    while True:
        reason = "it was never true"
        try:
            found = check()
            if found:
                return found
        except AssertionError as error:
            reason = str(error) or reason
        if time.monotonic() > deadline:
            raise AssertionError(f"Gave up after {timeout} s: {reason}")
        time.sleep(interval)
