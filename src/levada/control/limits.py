"""Concurrency and rate limits: slots given, renewed, taken back.

Whoever wants slots asks for all of them in one writing transaction, so that they are had in every limit or in none.
What is occupied is derived from leases that live; a lease ends when it is released, when nobody renewed it until it
expired, or, at once, when the process that holds it is provably gone. Nothing is counted, so nothing can be left over.
The law itself, free of rows and clocks, is `levada.core.limits`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from levada.control.occupancy import SILENT_SECONDS, Occupancy, room
from levada.core import faults
from levada.core.errors import ConcurrencySlotAcquisitionError, ConfigurationError, ObjectAlreadyExists, ObjectNotFound
from levada.core.ids import as_uuid
from levada.core.limits import LEASE_SECONDS, Asker, Grant, Verdict, new_lease
from levada.core.states import datetime_of
from levada.store.limits import BucketRow, LeaseRow, LimitRow, LimitTables, WaiterRow
from levada.wire.objects import Holder, LimitView

if TYPE_CHECKING:
    from datetime import datetime

    from levada.store.base import Store

FORGOTTEN_AFTER_US = 60_000_000
"""Waiters who said nothing for so long are removed from the table."""


class Limits:
    """The limits of one store.

    Args:
        store: where they are.
        is_live: whether the process that writes a journal may still be alive; asked only when slots are short.
        now_us: microseconds since 1970, of the clock that leases run by.
    """

    def __init__(
        self, store: Store, *, is_live: Callable[[bytes], bool], now_us: Callable[[], int] | None = None
    ) -> None:
        self._store = store
        self._is_live = is_live
        self._now_us = now_us or (lambda: time.time_ns() // 1000)

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
        row = self._row(name, slots, active, decay)
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            if tables.limits([name]):
                raise ObjectAlreadyExists(f"Concurrency limit {name!r} exists already.")
            tables.save_limit(row)
        return _view(row, [])

    def upsert(self, name: str, slots: int, *, active: bool | None = None, decay: float | None = None) -> LimitView:
        """Make a limit, or change the one of that name; what is None stays as it is.

        Raises:
            ConfigurationError: a number is negative, or the name is empty.
        """
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            before = next(iter(tables.limits([name])), None)
            active = active if active is not None else (before is None or bool(before.active))
            decay = decay if decay is not None else (before.decay if before is not None else 0.0)
            row = self._row(name, slots, active, decay)
            if before is not None:
                row = row._replace(created=before.created)
            tables.save_limit(row)
            return _view(row, self._living(tables, [name]))

    def change(
        self, name: str, *, slots: int | None = None, active: bool | None = None, decay: float | None = None
    ) -> LimitView:
        """Change what is given of a limit. Fewer slots than are held takes nobody's away: new ones wait longer.

        Raises:
            ObjectNotFound: there is none of that name.
            ConfigurationError: a number is negative.
        """
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            before = self._there(tables, name)
            row = self._row(
                name,
                slots if slots is not None else before.slots,
                active if active is not None else bool(before.active),
                decay if decay is not None else before.decay,
            )._replace(created=before.created)
            tables.save_limit(row)
            return _view(row, self._living(tables, [name]))

    def read(self, name: str) -> LimitView:
        """One limit with those who hold it.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        with self._store.read() as transaction:
            tables = LimitTables(transaction)
            row = self._there(tables, name)
            return _view(row, self._living(tables, [name]), len({wait.id for wait in self._waiting(tables, [name])}))

    def read_all(self) -> Sequence[LimitView]:
        """Every limit by name, with those who hold it."""
        with self._store.read() as transaction:
            tables = LimitTables(transaction)
            rows = tables.all_limits()
            living = self._living(tables, [row.name for row in rows])
            waiting = self._waiting(tables, [row.name for row in rows])
        return [
            _view(
                row,
                [lease for lease in living if lease.limit_name == row.name],
                sum(wait.limit_name == row.name for wait in waiting),
            )
            for row in rows
        ]

    def delete(self, name: str) -> bool:
        """Remove a limit with what is held of it; False when there was none."""
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            if not tables.limits([name]):
                return False
            tables.delete_lease_rows(tables.leases([name]))
            tables.delete_waiters_of(name)
            tables.delete_bucket(name)
            tables.delete_limit(name)
            return True

    def reset(self, name: str) -> int:
        """Take all slots of a limit back; how many were held.

        A holder that is still at work takes its slots again when it next renews its lease, if there is room.

        Raises:
            ObjectNotFound: there is none of that name.
        """
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            self._there(tables, name)
            leases = tables.leases([name])
            tables.delete_lease_rows(leases)
            tables.delete_bucket(name)
            return sum(lease.slots for lease in leases)

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
            tables = LimitTables(transaction)
            return Occupancy(tables, list(names), self._now_us(), self._is_live, asker=lease).judge(slots)

    def acquire(
        self,
        names: Iterable[str],
        slots: int,
        asker: Asker,
        *,
        strict: bool = True,
        lease: bytes | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Grant | Verdict:
        """Take slots in all the limits, or in none.

        Args:
            names: the limits.
            slots: how many in each.
            asker: who will hold them.
            strict: whether a limit that does not exist is an error; it bounds nothing otherwise.
            lease: 16 bytes by which the slots are renewed and released; made when it is not given.
            lease_seconds: how long they are held without being renewed.

        Who is refused and gave a `lease` is put on the list of those who wait: ask again with the same one at least
        once a second to keep the place there, and `release` it to leave.

        Returns:
            The grant, or the verdict that says which limits are full.

        Raises:
            ConcurrencySlotAcquisitionError: a limit is missing (and `strict`), or has fewer slots than asked for.
        """
        wanted = distinct(names, slots)
        now = self._now_us()
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            seen = Occupancy(tables, wanted, now, self._is_live, asker=lease)
            if strict:
                require(wanted, set(seen.names))
            if not seen.rows:
                return Grant(None, (), slots)
            verdict = seen.judge(slots)
            tables.delete_lease_rows(seen.ended)
            if verdict.full:
                if lease is not None:
                    tables.save_waiters(_waiter_rows(lease, seen.names, slots, asker, now))
                    tables.delete_silent_waiters(seen.names, now - FORGOTTEN_AFTER_US)
                return verdict
            if lease is not None:
                tables.delete_waiter(lease)
            lease = lease if lease is not None else new_lease(now, os.urandom(8))
            expires = now + int(lease_seconds * 1e6)
            tables.add_leases(_lease_rows(lease, seen.names, slots, asker, now, expires))
        if faults.armed:
            faults.reach("limits.after_acquire")
        return Grant(lease, tuple(seen.names), slots)

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
        now = self._now_us()
        moment = now if now_us is None else now_us
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            seen = Occupancy(tables, wanted, now, self._is_live, moment=moment)
            if strict:
                require(wanted, set(seen.names))
            for row in seen.rows:
                if row.active and row.decay <= 0:
                    raise ConcurrencySlotAcquisitionError(
                        f"Concurrency limit {row.name!r} has no slot decay, so a rate limit on it would never end; "
                        f"set one with `levada concurrency-limit update {row.name} --decay N`."
                    )
            verdict = seen.judge(slots)
            tables.delete_lease_rows(seen.ended)
            for name in seen.from_the_future:
                tables.fill_bucket(BucketRow(name, seen.levels[name], moment))
            if verdict.full:
                return verdict
            for name in seen.names:
                tables.fill_bucket(BucketRow(name, seen.levels.get(name, 0.0) + slots, moment))
        return Grant(None, tuple(seen.names), slots)

    def renew(self, grant: Grant, asker: Asker, *, lease_seconds: float = LEASE_SECONDS) -> tuple[str, ...]:
        """Hold slots for longer.

        Slots that were lost meanwhile (the machine slept past the lease, somebody reset the limit) are taken again
        when there is room.

        Returns:
            The limits in which the slots are lost.
        """
        if grant.lease is None:
            return ()
        now = self._now_us()
        expires = now + int(lease_seconds * 1e6)
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            kept = {row.limit_name for row in tables.lease(grant.lease)}
            tables.renew_lease(grant.lease, expires)
            seen = Occupancy(tables, [name for name in grant.names if name not in kept], now, self._is_live)
            tables.delete_lease_rows(seen.ended)
            lost = []
            for row in seen.rows:
                if room(row, (lease for lease in seen.held if lease.limit_name == row.name), grant.slots):
                    tables.add_leases(_lease_rows(grant.lease, [row.name], grant.slots, asker, now, expires))
                else:
                    lost.append(row.name)
        return tuple(lost)

    def release(self, lease: bytes) -> None:
        """Give slots back, or wait for them no longer; doing so twice does nothing."""
        with self._store.write() as transaction:
            tables = LimitTables(transaction)
            tables.delete_leases([lease])
            tables.delete_waiter(lease)

    def waits_of(self, subject: bytes) -> Mapping[str, datetime]:
        """The limits for which a flow run or a task run waits, and since when."""
        fresh = self._now_us() - int(SILENT_SECONDS * 1e6)
        with self._store.read() as transaction:
            rows = LimitTables(transaction).waits_of(subject)
        return {row.limit_name: datetime_of(row.since) for row in rows if row.asked > fresh}

    def _row(self, name: str, slots: int, active: bool, decay: float) -> LimitRow:
        if not name.strip():
            raise ConfigurationError(f"A concurrency limit needs a name, got {name!r}.")
        if type(slots) is not int or slots < 0:
            raise ConfigurationError(
                f"Concurrency limit {name!r} cannot have {slots!r} slots: a whole number, 0 or more."
            )
        if not decay >= 0 or decay == float("inf"):
            raise ConfigurationError(
                f"Concurrency limit {name!r} cannot give back {decay!r} slots a second: 0 or more."
            )
        now = self._now_us()
        return LimitRow(name, slots, int(active), float(decay), now, now)

    @staticmethod
    def _there(tables: LimitTables, name: str) -> LimitRow:
        found = tables.limits([name])
        if not found:
            raise ObjectNotFound(f"There is no concurrency limit {name!r}.")
        return found[0]

    def _waiting(self, tables: LimitTables, names: Sequence[str]) -> Sequence[WaiterRow]:
        return tables.waiters(names, self._now_us() - int(SILENT_SECONDS * 1e6))

    def _living(self, tables: LimitTables, names: Sequence[str]) -> Sequence[LeaseRow]:
        now = self._now_us()
        rows = [row for row in tables.leases(names) if row.expires > now]
        dead = self._dead(rows)
        return [row for row in rows if row.holder_writer not in dead]

    def _dead(self, leases: Iterable[LeaseRow]) -> set[bytes]:
        writers = {lease.holder_writer for lease in leases}
        return {writer for writer in writers if writer is not None and not self._is_live(writer)}


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
    return [WaiterRow(lease, name, slots, asker.writer, asker.run, asker.task, now, now) for name in names]


def _view(row: LimitRow, leases: Iterable[LeaseRow], waiting: int = 0) -> LimitView:
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
        waiting=waiting,
    )
