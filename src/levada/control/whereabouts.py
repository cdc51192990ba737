"""Which process has a run, and when it was last heard of, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from levada.core.states import datetime_of
from levada.store.base import Transaction

QUIET_SECONDS = 15.0
"""A process that reports to a server says something more often than this; one that does not is remarked upon."""

IsLive = Callable[[bytes], bool]


class Whereabouts(NamedTuple):
    """Where the process of a run is.

    Attributes:
        there: it is not known to be gone.
        reports: it reports to a server, instead of writing into this home.
        heard: when it last said something, microseconds since 1970; None when that is not noted.
        expires: when its lease ends; None when it has none.
    """

    there: bool
    reports: bool = False
    heard: int | None = None
    expires: int | None = None


def whereabouts(transaction: Transaction, writer: bytes | None, is_live: IsLive) -> Whereabouts:
    """What is known of the process that writes a journal."""
    if writer is None:
        return Whereabouts(False)
    row = transaction.writers.find(writer)
    if row is not None and row.renewed is not None:
        return Whereabouts(row.expires is not None, True, row.renewed, row.expires)
    return Whereabouts(is_live(writer))


def in_words(found: Whereabouts, process: str, now: int) -> str:
    """A sentence about the process of an open run; `process` as it is called inside of one."""
    if not found.reports:
        if found.there:
            return f"Its owner, {process}, lives."
        return f"Its owner, {process}, is gone; the next look marks the run Crashed."
    heard = found.heard or now
    ago = span(now - heard)
    if not found.there:
        return f"Its owner, {process}, was given up; it last reported at {clock(heard)}, {ago} ago."
    if now - heard <= QUIET_SECONDS * 1e6 or found.expires is None:
        return f"Its owner, {process}, lives: it last reported {ago} ago."
    return (
        f"Its owner, {process}, has been silent for {ago}; its lease ends at {clock(found.expires)}, and the run is "
        "Crashed then unless it is heard of."
    )


def clock(moment: int) -> str:
    """A moment, for people."""
    return f"{datetime_of(moment):%Y-%m-%d %H:%M:%S} UTC"


def span(microseconds: int) -> str:
    """A length of time, for people."""
    seconds = max(0, microseconds) / 1e6
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    count = round(seconds)
    return f"{count} second{'' if count == 1 else 's'}"
