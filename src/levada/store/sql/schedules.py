"""Rows of schedules, of what became of their times, and of backfills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.msgpack import Decoder, Encoder

from levada.store.sql.connection import marks
from levada.wire.deployments import ScheduleSpec

if TYPE_CHECKING:
    from levada.store.base import Transaction

PLANNED: Final = 0
MADE: Final = 1
MISSED: Final = 2
SKIPPED: Final = 3
"""What becomes of a time: a backfill will run it, a run was made, nobody was there, or it was not to run."""

_AT_ONCE = 500
"""Values of one statement."""

_HOUR_MS = 3_600_000
"""Clocks of two servers differ by less."""

_Execute = Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]

_encode = Encoder().encode
_decode_spec = Decoder(ScheduleSpec).decode


class ScheduleRow(NamedTuple):
    """A schedule. `next` is the nominal time to come, `due` the moment at which its run is made; microseconds."""

    id: bytes
    deployment: bytes
    slug: str
    active: int
    next: int | None
    due: int | None
    created: int
    updated: int
    body: bytes

    @property
    def spec(self) -> ScheduleSpec:
        """What it says; decoded at each asking."""
        return _decode_spec(self.body)


class OccurrenceRow(NamedTuple):
    """What became of one time of a schedule or a backfill."""

    schedule: bytes
    nominal: int
    outcome: int
    run: bytes | None


_COLUMNS = ", ".join(ScheduleRow._fields)
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in ScheduleRow._fields[1:])
_OCCURRENCE_COLUMNS = ", ".join(OccurrenceRow._fields)


def packed_schedule(spec: ScheduleSpec) -> bytes:
    """The body of a schedule's row."""
    return _encode(spec)


class ScheduleTable:
    """The table `schedules`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def load(self, ids: Iterable[bytes]) -> dict[bytes, ScheduleRow]:
        """The rows there are of these ids."""
        return {row.id: row for row in self._among("id", ids)}

    def of_deployments(self, deployments: Iterable[bytes]) -> list[ScheduleRow]:
        """The schedules of deployments, each deployment's in the order of their slugs."""
        return list(self._among("deployment", deployments))

    def due(self, now: int, limit: int) -> list[tuple[bytes, int]]:
        """Ids and due times of schedules that are due, the one that waits longest first."""
        sql = "SELECT id, due FROM schedules WHERE active = 1 AND due IS NOT NULL AND due <= ? ORDER BY due LIMIT ?"
        return [(bytes(row[0]), row[1]) for row in self._execute(sql, (now, limit))]

    def earliest(self) -> int | None:
        """When the next schedule is due; None when none will be."""
        sql = "SELECT due FROM schedules WHERE active = 1 AND due IS NOT NULL ORDER BY due LIMIT 1"
        rows = self._execute(sql)
        return rows[0][0] if rows else None

    def save(self, rows: Sequence[ScheduleRow]) -> None:
        """Add schedules, or replace those of the same id."""
        for chunk in _chunks(rows):
            values = ", ".join([f"({marks(ScheduleRow._fields)})"] * len(chunk))
            sql = f"INSERT INTO schedules ({_COLUMNS}) VALUES {values} ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
            self._execute(sql, [value for row in chunk for value in row])

    def move(self, schedule: bytes, following: int | None, due: int | None) -> None:
        """Say which time of a schedule comes next."""
        self._execute("UPDATE schedules SET next = ?, due = ? WHERE id = ?", (following, due, schedule))

    def free_slugs(self, ids: Iterable[bytes]) -> None:
        """Give schedules slugs that nobody else has, so that their old ones can be given anew."""
        for schedule in ids:
            self._execute("UPDATE schedules SET slug = ? WHERE id = ?", (schedule.hex(), schedule))

    def delete(self, ids: Iterable[bytes]) -> None:
        """Remove schedules with what is known of their times."""
        for chunk in _chunks(ids):
            for sql in ("DELETE FROM occurrences WHERE schedule IN", "DELETE FROM schedules WHERE id IN"):
                self._execute(f"{sql} ({marks(chunk)})", chunk)

    def _among(self, column: str, values: Iterable[bytes]) -> Iterator[ScheduleRow]:
        for chunk in _chunks(dict.fromkeys(values)):
            sql = f"SELECT {_COLUMNS} FROM schedules WHERE {column} IN ({marks(chunk)}) ORDER BY deployment, slug"
            for row in self._execute(sql, chunk):
                yield _row(row)


def _row(row: Sequence[Any]) -> ScheduleRow:
    identifier, deployment, slug, active, following, due, created, updated, body = row
    return ScheduleRow(
        bytes(identifier), bytes(deployment), slug, active, following, due, created, updated, bytes(body)
    )


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk


class OccurrenceTable:
    """The table `occurrences`, inside one transaction. Its key makes it impossible that one time is run twice."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def add(self, rows: Sequence[OccurrenceRow]) -> set[tuple[bytes, int]]:
        """Write down what becomes of times; schedule and time of those of which nothing was known."""
        added: set[tuple[bytes, int]] = set()
        for chunk in _chunks(rows):
            values = ", ".join([f"({marks(OccurrenceRow._fields)})"] * len(chunk))
            sql = (
                f"INSERT INTO occurrences ({_OCCURRENCE_COLUMNS}) VALUES {values} "
                "ON CONFLICT (schedule, nominal) DO NOTHING RETURNING schedule, nominal"
            )
            found = self._execute(sql, [value for row in chunk for value in row])
            added.update((bytes(schedule), nominal) for schedule, nominal in found)
        return added

    def open_runs(self, schedule: bytes, flow: str, most: int) -> int:
        """How many runs of a schedule have not ended; counted up to `most`."""
        return sum(1 for _ in islice(open_among(self._execute, schedule, flow), most))


def open_among(execute: _Execute, source: bytes, flow: str, *, since: bytes = b"") -> Iterator[tuple[bytes, int]]:
    """Id and state of the runs of a schedule or backfill that have not ended.

    In two statements, each of which can only go one way: as one, a database without statistics, new or just filled,
    looks at every time of the source for every open run.

    Args:
        execute: of the transaction.
        source: the schedule or backfill.
        flow: of its deployment.
        since: an id made before its first run, up to an hour; older runs are not looked at.
    """
    oldest = (max(0, int.from_bytes(since[:6], "big") - _HOUR_MS)).to_bytes(6, "big") if since else b""
    sql = "SELECT id, state FROM flow_runs WHERE flow = ? AND state IN (0, 1, 2, 3, 4) AND id > ?"
    standing = {bytes(run): state for run, state in execute(sql, (flow, oldest))}
    for chunk in _chunks(standing):
        made = f"SELECT run, schedule FROM occurrences WHERE run IN ({marks(chunk)})"
        for run, of in execute(made, chunk):
            if bytes(of) == source:
                yield bytes(run), standing[bytes(run)]
