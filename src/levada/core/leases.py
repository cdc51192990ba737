"""The law of leases: who is gone, and when nobody may be called gone.

A process that reports to a control plane says something every few seconds; each time its lease ends later. Whose lease
has ended is gone, unless nobody was there to hear it: after an outage of the control plane (or a jump of its clock,
which looks the same) every lease gets a fresh period first. All times are microseconds by one clock, the store's.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

OUTAGE_PART: Final = 0.5
"""An absence of more than this part of a lease counts as an outage: a process that renews in time may have been missed
during it, and two renewals fit into the rest."""

STAMP_PART: Final = 0.125
"""The control plane notes that it is there whenever this part of a lease has passed since it last did."""


class Watch(Struct, frozen=True):
    """What the control plane remembers of its own presence.

    Attributes:
        alive: when some replica last noted that it is there; None when none ever did.
        grace: until when nobody is called gone.
    """

    alive: int | None = None
    grace: int = 0


class Presence(Struct, frozen=True):
    """What follows from the watch at a moment.

    Attributes:
        watch: what is to be remembered from now on; the one before itself when nothing needs to be written.
        absent_since: the beginning of an outage that just ended; None when there was none.
        may_judge: whether leases that have ended may be acted upon now.
    """

    watch: Watch
    absent_since: int | None
    may_judge: bool


def observe(watch: Watch, now: int, lease_us: int) -> Presence:
    """What a reconciler must do at this moment.

    Args:
        watch: what is remembered.
        now: the moment.
        lease_us: the length of a lease.
    """
    since = watch.alive
    if since is None or now - since > lease_us * OUTAGE_PART or now < since - lease_us * OUTAGE_PART:
        # Nobody was there, or the clock jumped: forward, so that leases seem to have ended; or back, so that a grace
        # of the time before would last too long.
        return Presence(Watch(now, now + lease_us), since if since is not None else now, may_judge=False)
    stamped = now - since >= lease_us * STAMP_PART
    return Presence(Watch(now, watch.grace) if stamped else watch, None, may_judge=now >= watch.grace)


def is_gone(expires: int | None, now: int, presence: Presence) -> bool:
    """Whether a process with a lease until `expires` is gone; one without a lease was given up before."""
    return presence.may_judge and expires is not None and expires <= now


def latest_end(now: int, lease_us: int) -> int:
    """When a lease ends at the latest that was renewed up to now; one that ends later is of a clock that went back."""
    return now + lease_us + int(lease_us * OUTAGE_PART)
