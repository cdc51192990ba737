"""Rows of limits, of the leases that occupy them, and of the buckets that rate limits pour into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from levada.core.limits import base_of

if TYPE_CHECKING:
    from levada.store.base import Transaction

_LIMITS = "SELECT name, slots, active, decay, created, updated FROM limits"
_WAITERS = "SELECT id, limit_name, slots, holder_writer, run, task, since, asked, priority FROM waiters"
_LEASES = "SELECT id, limit_name, slots, holder_writer, run, task, owner, acquired, expires FROM leases"


class LimitRow(NamedTuple):
    """A limit as it was set."""

    name: str
    slots: int
    active: int
    decay: float
    created: int
    updated: int


class LeaseRow(NamedTuple):
    """Slots of one limit that somebody holds; a lease over several limits has one row for each."""

    id: bytes
    limit_name: str
    slots: int
    holder_writer: bytes | None
    run: bytes | None
    task: bytes | None
    owner: str
    acquired: int
    expires: int


class WaiterRow(NamedTuple):
    """One who waits for slots of a limit; a wait for several limits has one row for each."""

    id: bytes
    limit_name: str
    slots: int
    holder_writer: bytes | None
    run: bytes | None
    task: bytes | None
    since: int
    asked: int
    priority: int = 0


class BucketRow(NamedTuple):
    """What was in a bucket at a moment."""

    name: str
    level: float
    at: int


class LimitTables:
    """The tables `limits`, `leases`, `waiters` and `rate_buckets`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def limits(self, names: Sequence[str]) -> list[LimitRow]:
        """The limits that hold for these names: for `api[acme]` one of that name, or else what `api` says."""
        bases = {name: of for name in names if (of := base_of(name)) is not None}
        found = {row.name: row for row in self.exact_limits(list(dict.fromkeys([*names, *bases.values()])))}
        rows = []
        for name in names:
            base = found.get(bases.get(name, ""))
            if name in found:
                rows.append(found[name])
            elif base is not None:
                rows.append(base._replace(name=name))
        return rows

    def exact_limits(self, names: Sequence[str]) -> list[LimitRow]:
        """The limits that were made under these names."""
        return [LimitRow(*row) for row in self._execute(f"{_LIMITS} WHERE name IN ({_marks(names)})", names)]

    def all_limits(self) -> list[LimitRow]:
        """Every limit, by name."""
        return [LimitRow(*row) for row in self._execute(f"{_LIMITS} ORDER BY name")]

    def save_limit(self, row: LimitRow) -> None:
        """Insert a limit, or change the one of that name; when it was made stays."""
        self._execute(
            "INSERT INTO limits (name, slots, active, decay, created, updated) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, active = excluded.active, "
            "decay = excluded.decay, updated = excluded.updated",
            row,
        )

    def delete_limit(self, name: str) -> None:
        """Remove a limit."""
        self._execute("DELETE FROM limits WHERE name = ?", (name,))

    def leases(self, names: Sequence[str]) -> list[LeaseRow]:
        """All leases on these limits, oldest first, the expired ones too."""
        statement = f"{_LEASES} WHERE limit_name IN ({_marks(names)}) ORDER BY acquired, id"
        return [LeaseRow(*row) for row in self._execute(statement, names)]

    def lease(self, lease: bytes) -> list[LeaseRow]:
        """The rows of one lease."""
        return [LeaseRow(*row) for row in self._execute(f"{_LEASES} WHERE id = ?", (lease,))]

    def add_leases(self, rows: Iterable[LeaseRow]) -> None:
        """Insert leases."""
        for row in rows:
            self._execute(
                "INSERT INTO leases (id, limit_name, slots, holder_writer, run, task, owner, acquired, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def renew_lease(self, lease: bytes, expires: int) -> None:
        """Move the moment at which a lease ends by itself."""
        self._execute("UPDATE leases SET expires = ? WHERE id = ?", (expires, lease))

    def ended_leases(self, now: int) -> list[LeaseRow]:
        """Leases that nobody renewed in time."""
        return [LeaseRow(*row) for row in self._execute(f"{_LEASES} WHERE expires <= ?", (now,))]

    def next_end(self, now: int) -> int | None:
        """When the next lease ends by itself."""
        found: int | None = self._execute("SELECT min(expires) FROM leases WHERE expires > ?", (now,))[0][0]
        return found

    def holders(self) -> list[bytes]:
        """The writers that hold slots."""
        sql = "SELECT DISTINCT holder_writer FROM leases WHERE holder_writer IS NOT NULL"
        return [row[0] for row in self._execute(sql)]

    def prolong(self, since: int, until: int) -> None:
        """Let leases that ended after a moment, or will before another, end at the other."""
        self._execute("UPDATE leases SET expires = ? WHERE expires >= ? AND expires < ?", (until, since, until))

    def delete_leases_of(self, writer: bytes) -> list[str]:
        """Remove what a process holds and waits for; the limits of which it held slots."""
        names = [row[0] for row in self._execute("SELECT limit_name FROM leases WHERE holder_writer = ?", (writer,))]
        self._execute("DELETE FROM leases WHERE holder_writer = ?", (writer,))
        self._execute("DELETE FROM waiters WHERE holder_writer = ?", (writer,))
        return names

    def names_in_use(self) -> set[str]:
        """Every name under which somebody holds or waits for slots."""
        sql = "SELECT limit_name FROM leases UNION SELECT limit_name FROM waiters"
        return {row[0] for row in self._execute(sql)}

    def signs_of_life(self, writers: Sequence[bytes]) -> dict[bytes, bool | None]:
        """Of the writers the store knows: whether one that reports to a server counts as alive; None for local ones."""
        sql = f"SELECT id, renewed, expires FROM writers WHERE id IN ({_marks(writers)})"
        return {row[0]: None if row[1] is None else row[2] is not None for row in self._execute(sql, list(writers))}

    def delete_leases(self, leases: Iterable[bytes]) -> None:
        """Remove leases with all their rows."""
        for lease in leases:
            self._execute("DELETE FROM leases WHERE id = ?", (lease,))

    def delete_lease_rows(self, rows: Iterable[LeaseRow]) -> None:
        """Remove these rows; what their leases hold of other limits stays."""
        for row in rows:
            self._execute("DELETE FROM leases WHERE id = ? AND limit_name = ?", (row.id, row.limit_name))

    def waiters(self, names: Sequence[str], asked_after: int) -> list[WaiterRow]:
        """Those who wait for one of these limits and said so lately: every row of each, who is served first before."""
        statement = (
            f"{_WAITERS} WHERE id IN (SELECT id FROM waiters WHERE limit_name IN ({_marks(names)}) AND asked > ?) "
            "ORDER BY priority DESC, since, id"
        )
        return [WaiterRow(*row) for row in self._execute(statement, (*names, asked_after))]

    def waiter(self, waiter: bytes) -> list[WaiterRow]:
        """The rows of one who waits."""
        return [WaiterRow(*row) for row in self._execute(f"{_WAITERS} WHERE id = ?", (waiter,))]

    def save_waiters(self, rows: Iterable[WaiterRow]) -> None:
        """Insert rows, or note that they still wait; since when stays."""
        for row in rows:
            self._execute(
                "INSERT INTO waiters (id, limit_name, slots, holder_writer, run, task, since, asked, priority) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (limit_name, id) DO UPDATE SET "
                "asked = excluded.asked, priority = excluded.priority",
                row,
            )

    def delete_waiter(self, waiter: bytes) -> None:
        """Remove one who waits no more."""
        self._execute("DELETE FROM waiters WHERE id = ?", (waiter,))

    def delete_silent_waiters(self, names: Sequence[str], asked_before: int) -> None:
        """Remove those who have said nothing for long: their processes are gone."""
        self._execute(
            f"DELETE FROM waiters WHERE limit_name IN ({_marks(names)}) AND asked < ?", (*names, asked_before)
        )

    def leases_of(self, writer: bytes) -> list[LeaseRow]:
        """What a process holds."""
        return [LeaseRow(*row) for row in self._execute(f"{_LEASES} WHERE holder_writer = ?", (writer,))]

    def silent_waiters(self, asked_before: int) -> bool:
        """Whether there are some who have said nothing for long."""
        return bool(self._execute("SELECT 1 FROM waiters WHERE asked < ? LIMIT 1", (asked_before,)))

    def forget_silent_waiters(self, asked_before: int) -> int:
        """Remove all who have said nothing for long; how many limits' lists they stood in."""
        gone = self._execute("SELECT id, limit_name FROM waiters WHERE asked < ?", (asked_before,))
        if gone:
            self._execute("DELETE FROM waiters WHERE asked < ?", (asked_before,))
        return len(gone)

    def delete_waiters_of(self, name: str) -> None:
        """Remove all who wait for a limit."""
        self._execute("DELETE FROM waiters WHERE limit_name = ?", (name,))

    def waits_of(self, subject: bytes) -> list[WaiterRow]:
        """What a flow run or a task run waits for."""
        return [WaiterRow(*row) for row in self._execute(f"{_WAITERS} WHERE run = ? OR task = ?", (subject, subject))]

    def buckets(self, names: Sequence[str]) -> list[BucketRow]:
        """The buckets of these limits, as they last were written."""
        statement = f"SELECT name, level, at FROM rate_buckets WHERE name IN ({_marks(names)})"
        return [BucketRow(*row) for row in self._execute(statement, names)]

    def all_buckets(self) -> list[BucketRow]:
        """Every bucket, as last written."""
        return [BucketRow(*row) for row in self._execute("SELECT name, level, at FROM rate_buckets")]

    def fill_bucket(self, row: BucketRow) -> None:
        """Write what is in a bucket now."""
        self._execute(
            "INSERT INTO rate_buckets (name, level, at) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET level = excluded.level, at = excluded.at",
            row,
        )

    def delete_bucket(self, name: str) -> None:
        """Empty a bucket."""
        self._execute("DELETE FROM rate_buckets WHERE name = ?", (name,))


def _marks(values: Sequence[object]) -> str:
    # An empty list is no SQL everywhere; a NULL equals nothing.
    return ", ".join("?" * len(values)) or "NULL"
