"""What one transaction sees of some limits: who holds them, who waits for them, and so who may have slots now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from levada.core.limits import Ask, Limit, Verdict, decide, goes_before, level_at

if TYPE_CHECKING:
    from levada.store.limits import LeaseRow, LimitRow, LimitTables, WaiterRow

PATIENCE_SECONDS: Final = 0.25
"""Who has waited for so long goes before all who came later; until then whoever asks first is served, which wastes no
moment in which slots lie idle until the next waiter looks. A more urgent one goes before at once."""

SILENT_SECONDS: Final = 1.5
"""A waiter who has not said for so long that he still waits holds nobody up."""

SHORTEST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.05


IsLive = Callable[[bytes], bool | None]


class Occupancy:
    """Limits with their holders and waiters at one moment.

    Args:
        tables: the tables, inside a transaction.
        names: the limits asked for; those that do not exist are left out.
        now: microseconds since 1970, of the clock that leases run by.
        is_live: see `dead_writers`; asked only when slots are short.
        moment: the moment by the clock that buckets run by; `now` when it is not given.
        asker: the lease that is asked for, when its owner may be waiting already.
        priority: how urgent it is; what the waiter said before when it is not given, or 0.
    """

    def __init__(
        self,
        tables: LimitTables,
        names: Sequence[str],
        now: int,
        is_live: IsLive,
        *,
        moment: int | None = None,
        asker: bytes | None = None,
        priority: int | None = None,
    ) -> None:
        self._now = now
        self._tables = tables
        self._is_live = is_live
        self.rows = tables.limits(names)
        self.names = [row.name for row in self.rows]
        waiters = tables.waiters(self.names, now - int(SILENT_SECONDS * 1e6)) if self.names else []
        mine = next((row for row in waiters if row.id == asker), None)
        since = now if mine is None else mine.since
        urgency = priority if priority is not None else 0 if mine is None else mine.priority
        earlier = [row for row in waiters if row.id != asker and goes_before(row.priority, row.since, urgency, since)]
        self._earlier = {row.id for row in earlier}
        patient = now - int(PATIENCE_SECONDS * 1e6)
        self._before = [row for row in earlier if row.since <= patient or row.priority > urgency]
        others = {row.limit_name for row in self._before} - set(self.names)
        rows = [*self.rows, *tables.limits(list(others))] if others else self.rows
        self._limits = {row.name: Limit(row.name, row.slots, bool(row.active), row.decay) for row in rows}
        leases = tables.leases(list(self._limits)) if rows else []
        self.held = [lease for lease in leases if lease.expires > now]
        self.ended = [lease for lease in leases if lease.expires <= now and lease.limit_name in self.names]
        """Leases on the limits asked for that have expired, or, once judged, whose process is gone."""
        moment = now if moment is None else moment
        decay = {row.name: row.decay for row in rows if row.decay > 0}
        buckets = tables.buckets(list(decay)) if decay else []
        self.levels = {bucket.name: level_at(bucket.level, bucket.at, moment, decay[bucket.name]) for bucket in buckets}
        self.from_the_future = [bucket.name for bucket in buckets if bucket.at > moment]
        """Buckets last written at a time that is yet to come: the clock went back since."""

    def judge(self, slots: int) -> Verdict:
        """Whether so many slots may be had in all the limits now; leases of processes that are gone count for nothing.

        Raises:
            ConcurrencySlotAcquisitionError: more slots than a limit has.
        """
        verdict = self._decide(slots)
        if verdict.granted:
            return verdict
        writers = {lease.holder_writer for lease in self.held} | {row.holder_writer for row in self._before}
        dead = dead_writers(self._tables, writers, self._is_live)
        if dead:
            gone = [lease for lease in self.held if lease.holder_writer in dead]
            self.ended += [lease for lease in gone if lease.limit_name in self.names]
            self.held = [lease for lease in self.held if lease.holder_writer not in dead]
            self._before = [row for row in self._before if row.holder_writer not in dead]
            verdict = self._decide(slots)
        return verdict if verdict.granted else replace(verdict, look_again=self._look_again(verdict))

    def _decide(self, slots: int) -> Verdict:
        occupied: dict[str, float] = {}
        for lease in self.held:
            occupied[lease.limit_name] = occupied.get(lease.limit_name, 0) + lease.slots
        asks: dict[bytes, list[WaiterRow]] = {}
        for row in self._before:
            asks.setdefault(row.id, []).append(row)
        before = [
            (
                Ask(tuple(row.limit_name for row in rows), rows[0].slots),
                [self._limits[row.limit_name] for row in rows if row.limit_name in self._limits],
            )
            for rows in asks.values()
        ]
        return decide([self._limits[name] for name in self.names], slots, occupied, self.levels, before)

    def _look_again(self, verdict: Verdict) -> float:
        """Soon where slots come and go fast, later where they are held for long, and later the more came first."""
        youngest = min(
            (self._now - lease.acquired for lease in self.held if lease.limit_name in verdict.full), default=0
        )
        pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, youngest / 20e6))
        return min(LONGEST_PAUSE, pause * (1 + len(self._earlier)))


def dead_writers(tables: LimitTables, writers: Iterable[bytes | None], is_live: IsLive) -> set[bytes]:
    """Those of the writers whose processes are gone.

    Args:
        tables: inside a transaction.
        writers: whose journals; None is passed over.
        is_live: whether the process that writes a journal lives on this machine; None when it has no journal here.

    One that reports to a server is gone once its lease was given up: the lease reconciler alone decides that. One with
    a journal here is gone when its lock is free. One that was never heard of may be about to say its first word.
    """
    asked = {writer for writer in writers if writer is not None}
    if not asked:
        return set()
    signs = tables.signs_of_life(list(asked))
    dead = set()
    for writer in asked:
        alive = signs.get(writer)
        if alive is None:
            here = is_live(writer)
            alive = here if here is not None else writer not in signs
        if not alive:
            dead.add(writer)
    return dead


def room(row: LimitRow, held: Iterable[LeaseRow], slots: int) -> bool:
    """Whether a limit has room for slots that were lost, whoever waits for them."""
    return not row.active or sum(lease.slots for lease in held) + slots <= row.slots
