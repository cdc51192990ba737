"""Concurrency and rate limits: slots given, renewed, taken back.

Whoever wants slots asks for all of them in one writing transaction, so that they are had in every limit or in none.
What is occupied is derived from leases that live; a lease ends when it is released, when nobody renewed it until it
expired, or, at once, when the process that holds it is provably gone. Nothing is counted, so nothing can be left over.
The law itself, free of rows and clocks, is `levada.core.limits`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from levada.control.occupancy import SILENT_SECONDS, IsLive, Occupancy, dead_writers, room
from levada.core import faults
from levada.core.errors import ConcurrencySlotAcquisitionError, ConfigurationError, ObjectAlreadyExists, ObjectNotFound
from levada.core.ids import as_uuid
from levada.core.limits import LEASE_SECONDS, MOST_URGENT, Asker, Grant, Verdict, base_of, level_at, new_lease
from levada.core.states import datetime_of
from levada.store.limits import BucketRow, LeaseRow, LimitRow, LimitTables, WaiterRow
from levada.wire.objects import Holder, LimitView, Waiter

if TYPE_CHECKING:
    from datetime import datetime

    from levada.store.base import Store, Transaction

T = TypeVar("T")

TOPIC: Final = "limits"
"""What is announced, with the name of the limit, when slots of it may have come free."""

MOST_SHOWN: Final = 100
"""Of those who wait, so many are named; all are counted."""

FORGOTTEN_AFTER_US = 60_000_000
"""Waiters who said nothing for so long are removed from the table."""


class Limits:
    """The limits of one store.

    Args:
        store: where they are.
        is_live: whether the process that writes a journal lives on this machine, None when it has none here; asked
            only when slots are short.
        now_us: microseconds since 1970, of the clock that leases run by; the store's, unless given.
    """

    def __init__(self, store: Store, *, is_live: IsLive, now_us: Callable[[], int] | None = None) -> None:
        self._store = store
        self._is_live = is_live
        self._now_us = now_us

    def create(self, name: str, slots: int, *, active: bool = True, decay: float = 0.0) -> LimitView:
        """Make a limit.

        Args:
            name: any text; `tag:` and a tag's name bounds how many tasks of that tag run at once.
            slots: how many may be occupied; 0 closes the limit, so that asking for a slot is an error at once.
            active: False lets everybody pass, and records them.
            decay: slots a second that `rate_limit` gives back by itself.

        Raises:
            ObjectAlreadyExists: there is one of that name.
            ConfigurationError: a number is negative, or the name is empty.
        """

        def work(seen: _Seen) -> LimitView:
            row = _row(name, slots, active, decay, seen.now)
            if seen.tables.exact_limits([name]):
                raise ObjectAlreadyExists(f"Concurrency limit {name!r} exists already.")
            seen.tables.save_limit(row)
            return _view(row, [])

        return self._change([name], work)

    def upsert(self, name: str, slots: int, *, active: bool | None = None, decay: float | None = None) -> LimitView:
        """Make a limit, or change the one of that name; what is None stays as it is.

        Raises:
            ConfigurationError: a number is negative, or the name is empty.
        """

        def work(seen: _Seen) -> LimitView:
            before = next(iter(seen.tables.exact_limits([name])), None)
            is_active = active if active is not None else (before is None or bool(before.active))
            runs_out = decay if decay is not None else (before.decay if before is not None else 0.0)
            row = _row(name, slots, is_active, runs_out, seen.now)
            return self._save(seen, row if before is None else row._replace(created=before.created))

        return self._change([name], work)

    def change(
        self, name: str, *, slots: int | None = None, active: bool | None = None, decay: float | None = None
    ) -> LimitView:
        """Change what is given of a limit. Fewer slots than are held takes nobody's away: new ones wait longer.

        Raises:
            ObjectNotFound: there is none of that name.
            ConfigurationError: a number is negative.
        """

        def work(seen: _Seen) -> LimitView:
            before = _there(seen.tables.exact_limits([name]), name)
            row = _row(
                name,
                slots if slots is not None else before.slots,
                active if active is not None else bool(before.active),
                decay if decay is not None else before.decay,
                seen.now,
            )
            return self._save(seen, row._replace(created=before.created))

        return self._change([name], work)

    def read(self, name: str) -> LimitView:
        """One limit with those who hold it.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        with self._store.read() as transaction:
            seen = self._seen(transaction)
            row = _there(seen.tables.limits([name]), name)
            return _view(row, self._living(seen, [name]), _waiting(seen, [name]))

    def read_all(self) -> Sequence[LimitView]:
        """Every limit by name, with those who hold it; also those of keys (`api[acme]`) that are in use."""
        with self._store.read() as transaction:
            seen = self._seen(transaction)
            rows = seen.tables.all_limits()
            keyed = seen.tables.names_in_use() - {row.name for row in rows}
            rows = sorted([*rows, *seen.tables.limits(sorted(keyed))])
            living = self._living(seen, [row.name for row in rows])
            waiting = _waiting(seen, [row.name for row in rows])
        return [
            _view(
                row,
                [lease for lease in living if lease.limit_name == row.name],
                waiting,
            )
            for row in rows
        ]

    def delete(self, name: str) -> bool:
        """Remove a limit with what is held of it, under every key; False when there was none."""

        def work(seen: _Seen) -> bool:
            if not seen.tables.exact_limits([name]):
                return False
            for each in _with_keys(seen, name):
                seen.tables.delete_lease_rows(seen.tables.leases([each]))
                seen.tables.delete_waiters_of(each)
                seen.tables.delete_bucket(each)
                seen.transaction.announce(TOPIC, each)
            seen.tables.delete_limit(name)
            return True

        return self._change([name], work)

    def reset(self, name: str) -> int:
        """Take all slots of a limit back, those of its keys too; how many were held.

        A holder that is still at work takes its slots again when it next renews its lease, if there is room.

        Raises:
            ObjectNotFound: there is none of that name.
        """

        def work(seen: _Seen) -> int:
            _there(seen.tables.limits([name]), name)
            held = 0
            for each in _with_keys(seen, name):
                leases = seen.tables.leases([each])
                seen.tables.delete_lease_rows(leases)
                seen.tables.delete_bucket(each)
                seen.transaction.announce(TOPIC, each)
                held += sum(lease.slots for lease in leases)
            return held

        return self._change([name], work)

    def known(self, names: Sequence[str]) -> set[str]:
        """Those of the names for which there is a limit."""
        with self._store.read() as transaction:
            return {row.name for row in LimitTables(transaction).limits(list(names))}

    def look(self, names: Sequence[str], slots: int, lease: bytes | None = None) -> Verdict:
        """What `acquire` would say now, without writing anything.

        Raises:
            ConcurrencySlotAcquisitionError: more slots than a limit has.
        """
        with self._store.read() as transaction:
            seen = self._seen(transaction)
            return Occupancy(seen.tables, list(names), seen.now, self._is_live, asker=lease).judge(slots)

    def acquire(
        self,
        names: Iterable[str],
        slots: int,
        asker: Asker,
        *,
        strict: bool = True,
        lease: bytes | None = None,
        lease_seconds: float = LEASE_SECONDS,
        wait: float = 0.0,
    ) -> Grant | Verdict:
        """Take slots in all the limits, or in none.

        Args:
            names: the limits.
            slots: how many in each.
            asker: who will hold them, and how urgent it is: a higher `priority` is served first.
            strict: whether a limit that does not exist is an error; it bounds nothing otherwise.
            lease: 16 bytes by which the slots are renewed and released; made when it is not given.
            lease_seconds: how long they are held without being renewed.
            wait: not looked at: the answer comes at once. A server holds it back.

        Who is refused and gave a `lease` is put on the list of those who wait: ask again with the same one at least
        once a second to keep the place there, and `release` it to leave.

        Returns:
            The grant, or the verdict that says which limits are full.

        Raises:
            ConcurrencySlotAcquisitionError: a limit is missing (and `strict`), or has fewer slots than asked for.
            ConfigurationError: the priority is beyond 1 000 000.
        """
        del wait
        wanted = distinct(names, slots)
        if abs(asker.priority) > MOST_URGENT:
            raise ConfigurationError(f"A priority is from {-MOST_URGENT} to {MOST_URGENT}, got {asker.priority}.")

        def work(seen: _Seen) -> Grant | Verdict:
            return self._acquire(seen, wanted, slots, asker, strict=strict, lease=lease, lease_seconds=lease_seconds)

        answer = self._change(wanted, work)
        if isinstance(answer, Grant) and faults.armed:
            faults.reach("limits.after_acquire")
        return answer

    def _acquire(
        self,
        seen: _Seen,
        wanted: Sequence[str],
        slots: int,
        asker: Asker,
        *,
        strict: bool,
        lease: bytes | None,
        lease_seconds: float,
    ) -> Grant | Verdict:
        tables, now = seen.tables, seen.now
        there = Occupancy(tables, wanted, now, self._is_live, asker=lease, priority=asker.priority)
        if strict:
            require(wanted, set(there.names))
        if not there.rows:
            return Grant(None, (), slots)
        verdict = there.judge(slots)
        seen.take_back(there.ended)
        if verdict.full:
            if lease is not None:
                tables.save_waiters(_waiter_rows(lease, there.names, slots, asker, now))
                tables.delete_silent_waiters(there.names, now - FORGOTTEN_AFTER_US)
            return verdict
        if lease is not None:
            tables.delete_waiter(lease)
            # Asking again after an answer was lost on its way must not take the slots twice.
            tables.delete_leases([lease])
        lease = lease if lease is not None else new_lease(now, os.urandom(8))
        expires = now + int(lease_seconds * 1e6)
        tables.add_leases(_lease_rows(lease, there.names, slots, asker, now, expires))
        return Grant(lease, tuple(there.names), slots)

    def pour(
        self, names: Iterable[str], slots: int, *, strict: bool = True, now_us: int | None = None
    ) -> Grant | Verdict:
        """Take slots that nobody gives back: they run out of the limits' buckets by themselves.

        Args:
            names: the limits.
            slots: how many in each.
            strict: whether a limit that does not exist is an error; it bounds nothing otherwise.
            now_us: the moment by the clock that buckets run by; the clock of leases when it is not given.

        Returns:
            A grant without a lease, or the verdict that says which limits are full and for how long.

        Raises:
            ConcurrencySlotAcquisitionError: a limit is missing (and `strict`), has fewer slots than asked for, or
                has no decay, so that its slots would never come back.
        """
        wanted = distinct(names, slots)
        return self._change(wanted, lambda seen: self._pour(seen, wanted, slots, strict=strict, moment=now_us))

    def _pour(
        self, seen: _Seen, wanted: Sequence[str], slots: int, *, strict: bool, moment: int | None
    ) -> Grant | Verdict:
        tables = seen.tables
        moment = seen.now if moment is None else moment
        there = Occupancy(tables, wanted, seen.now, self._is_live, moment=moment)
        if strict:
            require(wanted, set(there.names))
        for row in there.rows:
            if row.active and row.decay <= 0:
                raise ConcurrencySlotAcquisitionError(
                    f"Concurrency limit {row.name!r} has no slot decay, so a rate limit on it would never end; "
                    f"set one with `levada concurrency-limit update {row.name} --decay N`."
                )
        verdict = there.judge(slots)
        seen.take_back(there.ended)
        for name in there.from_the_future:
            tables.fill_bucket(BucketRow(name, there.levels[name], moment))
        if verdict.full:
            return verdict
        for name in there.names:
            tables.fill_bucket(BucketRow(name, there.levels.get(name, 0.0) + slots, moment))
        return Grant(None, tuple(there.names), slots)

    def renew(self, grant: Grant, asker: Asker, *, lease_seconds: float = LEASE_SECONDS) -> tuple[str, ...]:
        """Hold slots for longer.

        Slots that were lost meanwhile (the machine slept past the lease, somebody reset the limit) are taken again
        when there is room.

        Returns:
            The limits in which the slots are lost.
        """
        lease = grant.lease
        if lease is None:
            return ()

        def work(seen: _Seen) -> tuple[str, ...]:
            expires = seen.now + int(lease_seconds * 1e6)
            kept = {row.limit_name for row in seen.tables.lease(lease)}
            seen.tables.renew_lease(lease, expires)
            gone = [name for name in grant.names if name not in kept]
            there = Occupancy(seen.tables, gone, seen.now, self._is_live)
            seen.take_back(there.ended)
            lost = []
            for row in there.rows:
                if room(row, (each for each in there.held if each.limit_name == row.name), grant.slots):
                    seen.tables.add_leases(_lease_rows(lease, [row.name], grant.slots, asker, seen.now, expires))
                else:
                    lost.append(row.name)
            return tuple(lost)

        return self._change(grant.names, work)

    def release(self, lease: bytes) -> None:
        """Give slots back, or wait for them no longer; doing so twice does nothing."""

        def work(transaction: Transaction) -> None:
            tables = LimitTables(transaction)
            held, waits = tables.lease(lease), tables.waiter(lease)
            if held:
                tables.delete_leases([lease])
            if waits:
                tables.delete_waiter(lease)
            # Those who came after one who leaves the line may be next as well.
            for name in dict.fromkeys([row.limit_name for row in held] + [row.limit_name for row in waits]):
                transaction.announce(TOPIC, name)

        self._store.transact(work)

    def clear_up(self, now: int) -> Cleared:
        """Take back what nobody will give back: leases that ended, slots of processes that are gone, silent waiters.

        Args:
            now: microseconds since 1970, of the clock that leases run by; see `moment`.
        """
        with self._store.read() as transaction:
            tables = LimitTables(transaction)
            dead = dead_writers(tables, tables.holders(), self._is_live)
            ended = {lease.limit_name for lease in tables.ended_leases(now)}
            next_end = tables.next_end(now)
            silent = tables.silent_waiters(now - FORGOTTEN_AFTER_US)
            empty = self._empty_buckets(tables, now)
            names = ended | {lease.limit_name for writer in dead for lease in tables.leases_of(writer)}
        if not (names or silent or empty):
            return Cleared(next_end=next_end)

        def work(seen: _Seen) -> Cleared:
            gone = [row for row in seen.tables.leases(sorted(names)) if row.expires <= now or row.holder_writer in dead]
            seen.take_back(gone)
            for name in empty & self._empty_buckets(seen.tables, now):
                seen.tables.delete_bucket(name)
            waiters = seen.tables.forget_silent_waiters(now - FORGOTTEN_AFTER_US)
            return Cleared(leases=len(gone), waiters=waiters, next_end=next_end)

        return self._change(sorted(names | empty), work)

    def moment(self) -> int:
        """Microseconds since 1970 by the clock that leases run by."""
        with self._store.read() as transaction:
            return self._seen(transaction).now

    def waits_of(self, subject: bytes) -> Mapping[str, datetime]:
        """The limits for which a flow run or a task run waits, and since when."""
        with self._store.read() as transaction:
            seen = self._seen(transaction)
            rows = seen.tables.waits_of(subject)
        fresh = seen.now - int(SILENT_SECONDS * 1e6)
        return {row.limit_name: datetime_of(row.since) for row in rows if row.asked > fresh}

    def _change(self, names: Iterable[str], work: Callable[[_Seen], T]) -> T:
        """Do `work` in a writing transaction that no other one on the same limits overlaps."""

        def locked(transaction: Transaction) -> T:
            keys = sorted(f"limit:{name}" for name in set(names))
            if keys:
                transaction.lock(*keys)
            return work(self._seen(transaction))

        return self._store.transact(locked)

    def _seen(self, transaction: Transaction) -> _Seen:
        now = transaction.now if self._now_us is None else self._now_us()
        return _Seen(transaction, LimitTables(transaction), now)

    def _save(self, seen: _Seen, row: LimitRow) -> LimitView:
        seen.tables.save_limit(row)
        for name in _with_keys(seen, row.name):
            seen.transaction.announce(TOPIC, name)  # there may be more room now
        return _view(row, self._living(seen, [row.name]))

    def _living(self, seen: _Seen, names: Sequence[str]) -> Sequence[LeaseRow]:
        rows = [row for row in seen.tables.leases(names) if row.expires > seen.now]
        dead = dead_writers(seen.tables, (row.holder_writer for row in rows), self._is_live)
        return [row for row in rows if row.holder_writer not in dead]

    @staticmethod
    def _empty_buckets(tables: LimitTables, now: int) -> set[str]:
        """Buckets that have run out; every key of a rate limit makes one."""
        buckets = tables.all_buckets()
        decay = {row.name: row.decay for row in tables.limits([bucket.name for bucket in buckets])}
        return {
            bucket.name for bucket in buckets if not level_at(bucket.level, bucket.at, now, decay.get(bucket.name, 0.0))
        }


class Cleared(NamedTuple):
    """What `Limits.clear_up` removed, and when the next lease ends by itself."""

    leases: int = 0
    waiters: int = 0
    next_end: int | None = None


class _Seen(NamedTuple):
    """One transaction on the tables of limits, at one moment."""

    transaction: Transaction
    tables: LimitTables
    now: int

    def take_back(self, ended: Sequence[LeaseRow]) -> None:
        """Remove leases that have ended, and wake those who wait for their slots."""
        self.tables.delete_lease_rows(ended)
        for name in dict.fromkeys(row.limit_name for row in ended):
            self.transaction.announce(TOPIC, name)


def _row(name: str, slots: int, active: bool, decay: float, now: int) -> LimitRow:
    if not name.strip():
        raise ConfigurationError(f"A concurrency limit needs a name, got {name!r}.")
    if type(slots) is not int or slots < 0:
        raise ConfigurationError(f"Concurrency limit {name!r} cannot have {slots!r} slots: a whole number, 0 or more.")
    if not decay >= 0 or decay == float("inf"):
        raise ConfigurationError(f"Concurrency limit {name!r} cannot give back {decay!r} slots a second: 0 or more.")
    return LimitRow(name, slots, int(active), float(decay), now, now)


def _there(found: Sequence[LimitRow], name: str) -> LimitRow:
    if not found:
        raise ObjectNotFound(f"There is no concurrency limit {name!r}.")
    return found[0]


def _waiting(seen: _Seen, names: Sequence[str]) -> Sequence[WaiterRow]:
    return seen.tables.waiters(names, seen.now - int(SILENT_SECONDS * 1e6))


def _with_keys(seen: _Seen, name: str) -> list[str]:
    """A limit, and the keys of it that somebody uses and that are no limits of their own."""
    keyed = [each for each in seen.tables.names_in_use() if base_of(each) == name]
    own = {row.name for row in seen.tables.exact_limits(keyed)} if keyed else set()
    return [name, *sorted(set(keyed) - own)]


def distinct(names: Iterable[str], slots: int) -> Sequence[str]:
    """The names without repetition.

    Raises:
        ConfigurationError: the number of slots is not a whole number above 0.
    """
    if type(slots) is not int or slots < 1:
        raise ConfigurationError(f"Slots to occupy must be a whole number above 0, got {slots!r}.")
    return list(dict.fromkeys(names))


def require(wanted: Iterable[str], known: set[str]) -> None:
    """Do nothing when all limits exist.

    Raises:
        ConcurrencySlotAcquisitionError: one does not; the message says how to make it.
    """
    missing = [name for name in wanted if name not in known]
    if not missing:
        return
    commands = " and ".join(f"`levada concurrency-limit create {name} SLOTS`" for name in missing)
    names = ", ".join(repr(name) for name in missing)
    raise ConcurrencySlotAcquisitionError(
        f"There is no concurrency limit {names}. Create it with {commands}, "
        "or pass strict=False to go on without a limit."
    )


def _lease_rows(
    lease: bytes, names: Iterable[str], slots: int, asker: Asker, now: int, expires: int
) -> Iterable[LeaseRow]:
    return [
        LeaseRow(lease, name, slots, asker.writer, asker.run, asker.task, asker.owner, now, expires) for name in names
    ]


def _waiter_rows(lease: bytes, names: Iterable[str], slots: int, asker: Asker, now: int) -> Iterable[WaiterRow]:
    return [
        WaiterRow(lease, name, slots, asker.writer, asker.run, asker.task, now, now, asker.priority) for name in names
    ]


def _view(row: LimitRow, leases: Iterable[LeaseRow], waits: Iterable[WaiterRow] = ()) -> LimitView:
    waiting = [wait for wait in waits if wait.limit_name == row.name]
    return LimitView(
        name=row.name,
        limit=row.slots,
        active=bool(row.active),
        slot_decay_per_second=row.decay,
        holders=[
            Holder(
                lease=as_uuid(lease.id),
                slots=lease.slots,
                since=datetime_of(lease.acquired),
                expires=datetime_of(lease.expires),
                flow_run_id=as_uuid(lease.run) if lease.run is not None else None,
                task_run_id=as_uuid(lease.task) if lease.task is not None else None,
                owner=lease.owner,
            )
            for lease in leases
        ],
        waiting=len(waiting),
        waiters=[
            Waiter(
                lease=as_uuid(wait.id),
                slots=wait.slots,
                since=datetime_of(wait.since),
                priority=wait.priority,
                flow_run_id=as_uuid(wait.run) if wait.run is not None else None,
                task_run_id=as_uuid(wait.task) if wait.task is not None else None,
            )
            for wait in waiting[:MOST_SHOWN]
        ],
    )
