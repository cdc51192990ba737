"""Partitions of the tables that grow with time: made ahead, and dropped when everything in them is old.

A partition holds one week of events or logs, or four weeks of runs, from Monday to Monday UTC: a query that cannot tell
the time is planned for every one, so that they should not be many. Runs and events are in the weeks of their id (UUID
version 7 begins with the time), lines of log in the week in which they were written. A row of no partition's time goes
to the table's default partition, and moves into its own when that is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from levada.core.states import datetime_of, us_of

if TYPE_CHECKING:
    from levada.store.base import Transaction

TABLES = {"flow_runs": "id", "task_runs": "id", "events": "id", "logs": "at"}
"""The partitioned tables, each with the column that tells a row's time."""

WEEKS = {"flow_runs": 4, "task_runs": 4, "events": 1, "logs": 1}
"""How many weeks a partition of each table holds."""

AHEAD = 2
"""Weeks for which partitions are there in advance: so long may nobody look after them."""

_WEEK_US = timedelta(weeks=1) // timedelta(microseconds=1)

_FIRST_MONDAY = 4 * 86_400_000_000
"""The first Monday of 1970."""

_LOCK = "partitions"

_PARTITIONS = """
SELECT parent.relname, own.relname, pg_total_relation_size(own.oid), greatest(own.reltuples, 0)::bigint
FROM pg_inherits AS link
JOIN pg_class AS own ON own.oid = link.inhrelid
JOIN pg_class AS parent ON parent.oid = link.inhparent
WHERE parent.relkind = 'p' AND own.relnamespace = current_schema()::regnamespace
ORDER BY parent.relname, own.relname"""


class Partition(NamedTuple):
    """One partition of a table."""

    table: str
    name: str
    start: int | None
    """First moment, in microseconds since 1970; None for the default partition."""
    end: int | None
    """First moment after it."""
    bytes: int
    """Its indexes included."""
    rows: int
    """Estimated."""


def partitions(transaction: Transaction, table: str | None = None) -> list[Partition]:
    """All partitions, of one table unless that is None, by table and time."""
    found = []
    for parent, name, size, rows in transaction.execute(_PARTITIONS):
        if table in {None, parent} and parent in TABLES:
            start, end = _span(parent, name)
            found.append(Partition(parent, name, start, end, size, rows))
    return sorted(found, key=lambda one: (one.table, one.start is None, one.start or 0))


def ensure_partitions(transaction: Transaction, now: int, ahead: int = AHEAD) -> list[str]:
    """Make the partitions of now and the coming weeks; the names of those that were not there.

    Args:
        transaction: a writing one.
        now: microseconds since 1970.
        ahead: for how many weeks beyond now.
    """
    wanted = _wanted(now, ahead)
    if not _missing(transaction, wanted):
        return []
    transaction.lock(_LOCK)
    made = _missing(transaction, wanted)  # another process may have been faster
    for table, name in made:
        _make(transaction, table, name)
    return [name for _, name in made]


def drop_partition(transaction: Transaction, name: str) -> None:
    """Remove a partition with every row in it; nothing happens when it is gone already.

    Raises:
        ValueError: it is the default partition, or none.
    """
    table = next((table for table in TABLES if name.startswith(f"{table}_p")), None)
    if table is None or _span(table, name)[0] is None:
        raise ValueError(f"{name!r} is no partition that can be dropped.")
    transaction.lock(_LOCK)
    transaction.execute(f'DROP TABLE IF EXISTS "{name}"')


def start_of(table: str, at: int) -> int:
    """When the partition of a moment begins; both in microseconds since 1970."""
    length = WEEKS[table] * _WEEK_US
    return at - (at - _FIRST_MONDAY) % length


def first_id(at: int) -> bytes:
    """The least id of a moment, in microseconds since 1970."""
    return (at // 1000).to_bytes(6, "big") + bytes(10)


def partition_name(table: str, start: int) -> str:
    """The name of the partition that begins at a moment."""
    return f"{table}_p{datetime_of(start):%Y%m%d}"


def _wanted(now: int, ahead: int) -> list[tuple[str, str]]:
    end = now + ahead * _WEEK_US
    return [
        (table, partition_name(table, start))
        for table, weeks in WEEKS.items()
        for start in range(start_of(table, now), end + 1, weeks * _WEEK_US)
    ]


def _missing(transaction: Transaction, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    there = {row[1] for row in transaction.execute(_PARTITIONS)}
    return [(table, name) for table, name in wanted if name not in there]


def _span(table: str, name: str) -> tuple[int | None, int | None]:
    try:
        start = datetime.strptime(name.removeprefix(f"{table}_p"), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None, None  # the default partition
    return us_of(start), us_of(start) + WEEKS[table] * _WEEK_US


def _make(transaction: Transaction, table: str, name: str) -> None:
    start, end = _span(table, name)
    assert start is not None, "the name was made by partition_name"
    assert end is not None, "who has a start has an end"
    column = TABLES[table]
    low, high = (first_id(start), first_id(end)) if column == "id" else (start, end)
    bounds = f"FROM ({_literal(low)}) TO ({_literal(high)})"
    transaction.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    # What came before its partition was there must move, or the partition could not be attached.
    transaction.execute(
        f"WITH moved AS (DELETE FROM {table}_default WHERE {column} >= ? AND {column} < ? RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved",
        (low, high),
    )
    transaction.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}")


def _literal(bound: bytes | int) -> str:
    return f"'\\x{bound.hex()}'" if isinstance(bound, bytes) else str(bound)
