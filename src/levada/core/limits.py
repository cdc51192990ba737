"""The law of limits: whether slots may be had now, and if not, what stands in the way.

A limit has a number of slots. What occupies it is *derived*, never counted: the slots of the leases that live now, plus
the level of a leaky bucket into which `rate_limit` pours and from which `decay` slots a second run out. There is no
counter that could drift from the truth. A limit that is not active is looked at by nobody: slots are given, and
recorded, so that switching it on counts those who are inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from levada.core.errors import ConcurrencySlotAcquisitionError

TAG_PREFIX: Final = "tag:"
"""A limit of this prefix and a tag's name bounds how many tasks of that tag run at once."""

_ROUNDING: Final = 1e-9


class Limit(Struct, frozen=True):
    """A limit as it was set.

    Attributes:
        name: what it is asked for by.
        slots: how many may be occupied; 0 closes it.
        active: whether it is enforced.
        decay: slots a second that run out of its bucket; 0 when it bounds holders only.
    """

    name: str
    slots: int
    active: bool = True
    decay: float = 0.0


class Verdict(Struct, frozen=True):
    """What the law says to one who asks.

    Attributes:
        full: the limits that have no room; empty when the slots may be had.
        retry_after: seconds after which a bucket will have run out far enough; None when that depends on holders.
    """

    full: tuple[str, ...] = ()
    retry_after: float | None = None

    @property
    def granted(self) -> bool:
        """Whether the slots may be had now."""
        return not self.full


def level_at(level: float, since_us: int, now_us: int, decay: float) -> float:
    """What is left in a bucket; a clock that went back lets nothing run out."""
    return max(0.0, level - decay * max(0, now_us - since_us) / 1e6)


def decide(limits: Iterable[Limit], slots: int, occupied: Mapping[str, float], levels: Mapping[str, float]) -> Verdict:
    """Whether `slots` may be had in all of the limits at once.

    Args:
        limits: the limits asked for.
        slots: how many in each of them.
        occupied: slots of living leases, by name.
        levels: what is in the buckets now, by name.

    Raises:
        ConcurrencySlotAcquisitionError: more slots than an active limit has; waiting would never help.
    """
    full: list[str] = []
    waits: list[float | None] = []
    for limit in limits:
        if not limit.active:
            continue
        if slots > limit.slots:
            raise ConcurrencySlotAcquisitionError(_never(limit, slots))
        level = levels.get(limit.name, 0.0)
        excess = occupied.get(limit.name, 0) + level + slots - limit.slots
        if excess > _ROUNDING:
            full.append(limit.name)
            waits.append(excess / limit.decay if limit.decay > 0 and excess <= level + _ROUNDING else None)
    known = [wait for wait in waits if wait is not None]
    return Verdict(tuple(full), max(known) if known and len(known) == len(waits) else None)


def _never(limit: Limit, slots: int) -> str:
    remedy = f"raise it with `levada concurrency-limit update {limit.name} --slots {slots}`"
    if limit.slots == 0:
        return f"Concurrency limit {limit.name!r} has 0 slots, so it is closed: nothing may start; {remedy}."
    return (
        f"{slots} slots of concurrency limit {limit.name!r} were asked for, and it has only {limit.slots}: "
        f"this can never be granted; ask for fewer, or {remedy}."
    )
