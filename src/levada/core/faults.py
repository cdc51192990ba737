"""Named fault points: places in shipped code where a test may make the world fail.

A point is a no-op unless armed. Names are registered here, so that a typo in a test is an error and the list can be
read in one place. `levada.testing.faults` arms them; the process can also be armed from outside with
``LEVADA_FAULT=name:count`` (kill at the count-th passage), which the chaos suite uses on real processes.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS: dict[str, str] = {
    "journal.before_append": "before a record's bytes are written",
    "journal.after_append": "after a record's bytes are written, before the engine goes on",
    "journal.torn_append": "after half of a record's bytes are written",
    "journal.rotate": "between closing one segment and opening the next",
    "results.before_write": "before a result goes to storage",
    "results.after_write": "after a result is in storage, before its record is appended",
    "control.drain.before_commit": "records are applied, the transaction is not committed",
    "control.drain.after_commit": "the transaction is committed, the drained segment still there",
    "limits.after_acquire": "a slot is held, nobody knows yet",
}

armed: dict[str, Callable[[], None]] = {}
"""What to do at each armed point. Empty in production; hot paths test its truth before they call `reach`."""


def reach(name: str) -> None:
    """Pass a fault point; runs what a test armed there."""
    action = armed.get(name)
    if action is not None:
        action()


def arm(name: str, action: Callable[[], None]) -> None:
    """Arm a point.

    Raises:
        KeyError: there is no such point.
    """
    if name not in POINTS:
        raise KeyError(f"No fault point is called {name!r}; there are: {', '.join(sorted(POINTS))}")
    armed[name] = action


def disarm(name: str | None = None) -> None:
    """Disarm one point, or all."""
    if name is None:
        armed.clear()
    else:
        armed.pop(name, None)
