"""Named fault points: places in shipped code where a test may make the world fail.

A point is a no-op unless armed. Names are registered here, so that a typo in a test is an error and the list can be
read in one place. `levada.testing.fault` arms them inside a process.

A process is armed from outside with ``LEVADA_FAULT=name:count`` in its environment: it is killed, as by ``kill -9``, at
the count-th passage. ``name:count:raise`` raises `InjectedFault` there instead, and ``name:0:raise`` does so at every
passage. The variable is read once in a process, when it builds its session or when a command opens its home, so that
it costs nothing elsewhere. A child counts its own passages, from 1.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from itertools import count

POINTS: dict[str, str] = {
    "journal.before_append": "before a record's bytes are written",
    "journal.after_append": "after a record's bytes are written, before the engine goes on",
    "journal.torn_append": "after half of a record's bytes are written",
    "journal.rotate": "between closing one segment and opening the next",
    "journal.ship.before_send": "a batch is read from the journal, not sent",
    "journal.ship.after_send": "the server has a batch, its answer is not looked at",
    "journal.ship.after_cursor": "it is noted how far the server has the records, segments are still there",
    "results.before_write": "before a result goes to storage",
    "results.after_write": "after a result is in storage, before its record is appended",
    "control.drain.before_commit": "records are applied, the transaction is not committed",
    "control.drain.after_commit": "the transaction is committed, the drained segment still there",
    "control.retention.before_commit": "rows of an old run are removed, the transaction is not committed",
    "control.retention.after_commit": "some rows of what is old are gone, others still there",
    "control.outbox.before_commit": "events have positions, the transaction is not committed",
    "control.leases.before_note": "it is noted that the control plane is there, the transaction is not committed",
    "control.leases.before_commit": "what a lost process left open has crashed, the transaction is not committed",
    "control.feeds.before_read": "news was announced to those who follow, the tables are not read yet",
    "limits.after_acquire": "a slot is held, nobody knows yet",
}

VARIABLE = "LEVADA_FAULT"


class InjectedFault(OSError):  # noqa: N818 - it stands for any error
    """A fault point was made to fail."""


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


def arm_from(environment: Mapping[str, str]) -> None:
    """Arm the point that `LEVADA_FAULT` names, if any; does nothing when this process is armed already.

    Raises:
        ValueError: it is not ``name:count``, ``name:count:kill`` or ``name:count:raise``.
        KeyError: there is no such point.
    """
    global _armed_in  # noqa: PLW0603 - a process is armed once, and a forked child is another process
    order = environment.get(VARIABLE)
    if not order or _armed_in == os.getpid():
        return
    name, _, rest = order.partition(":")
    number, _, what = rest.partition(":")
    if not number.isdecimal() or what not in {"", "kill", "raise"}:
        raise ValueError(f"{VARIABLE} must be name:count, name:count:kill or name:count:raise, got {order!r}.")
    passages, due = count(1), int(number)

    def pass_by() -> None:
        passage = next(passages)
        if due not in {0, passage}:
            return
        if what == "raise":
            raise InjectedFault(f"{VARIABLE} made {name!r} fail at passage {passage}.")
        os.kill(os.getpid(), signal.SIGKILL)

    arm(name, pass_by)
    _armed_in = os.getpid()


_armed_in = 0
"""The process that `arm_from` armed."""
