"""The law of limits: whether slots may be had now, and if not, what stands in the way.

A limit has a number of slots. What occupies it is *derived*, never counted: the slots of the leases that live now, plus
the level of a leaky bucket into which `rate_limit` pours and from which `decay` slots a second run out. There is no
counter that could drift from the truth. A limit that is not active is looked at by nobody: slots are given, and
recorded, so that switching it on counts those who are inside.

Who is more urgent goes first, and of those who are as urgent who came first: slots that one before you can use now are
his. A waiter who cannot use them yet (he wants
more, or needs another limit as well) holds nobody up, so that no slot lies idle and nobody waits for one who waits for
him.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from levada.core.errors import ConcurrencySlotAcquisitionError, ConfigurationError
from levada.core.ids import uuid7_bytes

TAG_PREFIX: Final = "tag:"
"""A limit of this prefix and a tag's name bounds how many tasks of that tag run at once."""

MOST_OF_A_KEY: Final = 200
"""Characters of a key."""

LEASE_SECONDS: Final = 300.0
"""How long a lease lives that nobody renews, unless asked for otherwise."""

MOST_URGENT: Final = 1_000_000
"""The highest priority; the lowest is as far below 0."""

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


class Ask(Struct, frozen=True):
    """So many slots in each of some limits, all at once."""

    names: tuple[str, ...]
    slots: int


class Asker(Struct, frozen=True):
    """Who wants slots.

    Attributes:
        writer: the writer of the process's journal, whose lock says that the process lives; None when it has none,
            so that only time ends the lease.
        run: the flow run inside which slots are asked for.
        task: the task run.
        owner: host and process, for people.
        priority: who has a higher one is served first; of the same, who came first.
    """

    writer: bytes | None = None
    run: bytes | None = None
    task: bytes | None = None
    owner: str = ""
    priority: int = 0


class Grant(Struct, frozen=True):
    """Slots that were given.

    Attributes:
        lease: what to renew and release; None when none of the limits exists, so that nothing is held.
        names: the limits in which slots are held.
        slots: how many in each.
    """

    lease: bytes | None
    names: tuple[str, ...]
    slots: int


class Verdict(Struct, frozen=True):
    """What the law says to one who asks.

    Attributes:
        full: the limits that have no room for him; empty when the slots may be had.
        retry_after: seconds after which a bucket will have run out far enough; None when that depends on others.
        look_again: seconds after which it makes sense to look again, by how fast slots come and go here.
    """

    full: tuple[str, ...] = ()
    retry_after: float | None = None
    look_again: float | None = None

    @property
    def granted(self) -> bool:
        """Whether the slots may be had now."""
        return not self.full


def goes_before(priority: int, since: int, other_priority: int, other_since: int) -> bool:
    """Whether one who waits since then is served before another one."""
    return (-priority, since) < (-other_priority, other_since)


def keyed(name: str, key: str) -> str:
    """The name of a limit for one key: `api[acme]`.

    It has as many slots as the limit `api`, of its own, unless there is a limit of just this name.

    Raises:
        ConfigurationError: the key is empty or too long.
    """
    if not key or len(key) > MOST_OF_A_KEY:
        raise ConfigurationError(
            f"The key of concurrency limit {name!r} is text of 1 to {MOST_OF_A_KEY} characters, got {key[:50]!r}."
        )
    return f"{name}[{key}]"


def base_of(name: str) -> str | None:
    """The limit from which one for a key takes its slots; None when the name is of no such form."""
    base, bracket, _ = name.partition("[")
    return base if base and bracket and name.endswith("]") else None


def new_lease(now_us: int, entropy: bytes) -> bytes:
    """The id of a lease that is yet to be taken, so that it can be released whatever happens while it is taken.

    Args:
        now_us: microseconds since 1970.
        entropy: at least 8 random bytes.
    """
    return uuid7_bytes(now_us, entropy)


def level_at(level: float, since_us: int, now_us: int, decay: float) -> float:
    """What is left in a bucket; a clock that went back lets nothing run out."""
    return max(0.0, level - decay * max(0, now_us - since_us) / 1e6)


def decide(
    limits: Iterable[Limit],
    slots: int,
    occupied: Mapping[str, float],
    levels: Mapping[str, float],
    before: Sequence[tuple[Ask, Iterable[Limit]]] = (),
) -> Verdict:
    """Whether `slots` may be had in all of the limits at once.

    Args:
        limits: the limits asked for.
        slots: how many in each of them.
        occupied: slots of living leases, by name.
        levels: what is in the buckets now, by name.
        before: those who go before and still wait, who goes first first, with their limits.

    Raises:
        ConcurrencySlotAcquisitionError: more slots than an active limit has; waiting would never help.
    """
    limits = list(limits)
    for limit in limits:
        if limit.active and slots > limit.slots:
            raise ConcurrencySlotAcquisitionError(_never(limit, slots))
    taken = dict(occupied)
    for ask, theirs in before:
        if not _shortages(theirs, ask.slots, taken, levels):
            for name in ask.names:
                taken[name] = taken.get(name, 0) + ask.slots
    shortages = _shortages(limits, slots, taken, levels)
    waits = list(shortages.values())
    known = [wait for wait in waits if wait is not None]
    return Verdict(tuple(shortages), max(known) if known and len(known) == len(waits) else None)


def _shortages(
    limits: Iterable[Limit], slots: int, occupied: Mapping[str, float], levels: Mapping[str, float]
) -> dict[str, float | None]:
    """The limits without room, each with the seconds until its bucket has run out far enough, if that will do."""
    found: dict[str, float | None] = {}
    for limit in limits:
        level = levels.get(limit.name, 0.0)
        excess = occupied.get(limit.name, 0) + level + slots - limit.slots
        if limit.active and excess > _ROUNDING:
            found[limit.name] = excess / limit.decay if limit.decay > 0 and excess <= level + _ROUNDING else None
    return found


def _never(limit: Limit, slots: int) -> str:
    remedy = f"raise it with `levada concurrency-limit update {limit.name} --slots {slots}`"
    if limit.slots == 0:
        return f"Concurrency limit {limit.name!r} has 0 slots, so it is closed: nothing may start; {remedy}."
    return (
        f"{slots} slots of concurrency limit {limit.name!r} were asked for, and it has only {limit.slots}: "
        f"this can never be granted; ask for fewer, or {remedy}."
    )
