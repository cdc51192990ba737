"""Rows of backfills, and of the times that they plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.msgpack import Decoder, Encoder

from levada.store.sql.connection import marks
from levada.store.sql.schedules import MADE, PLANNED, SKIPPED, open_among
from levada.wire.deployments import Backfill

if TYPE_CHECKING:
    from levada.store.base import Transaction

_AT_ONCE = 1_000
"""Times that one statement writes down."""

_encode = Encoder().encode
_decode = Decoder(Backfill).decode


class BackfillRow(NamedTuple):
    """A backfill. The figures in its body are those of its end; until then they are counted."""

    id: bytes
    deployment: bytes
    state: str
    created: int
    updated: int
    body: bytes

    @property
    def view(self) -> Backfill:
        """It as it was when it was written; decoded at each asking."""
        return _decode(self.body)


class Progress(NamedTuple):
    """What became of the times of a backfill."""

    planned: int = 0
    made: int = 0
    completed: int = 0
    failed: int = 0


_COLUMNS = ", ".join(BackfillRow._fields)


def packed_backfill(view: Backfill) -> bytes:
    """The body of a backfill's row."""
    return _encode(view)


class BackfillTable:
    """The table `backfills`, and the times of backfills in `occurrences`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def get(self, backfill: bytes) -> BackfillRow | None:
        """The row of an id, or None."""
        rows = self._execute(f"SELECT {_COLUMNS} FROM backfills WHERE id = ?", (backfill,))
        return _row(rows[0]) if rows else None

    def page(self, deployment: bytes | None, limit: int) -> list[BackfillRow]:
        """The newest backfills, of one deployment or of all."""
        where, parameters = ("", []) if deployment is None else ("WHERE deployment = ? ", [deployment])
        sql = f"SELECT {_COLUMNS} FROM backfills {where}ORDER BY id DESC LIMIT ?"
        return [_row(row) for row in self._execute(sql, (*parameters, limit))]

    def in_state(self, state: str, limit: int) -> list[bytes]:
        """Ids of backfills in a state, the oldest first."""
        rows = self._execute("SELECT id FROM backfills WHERE state = ? ORDER BY id LIMIT ?", (state, limit))
        return [bytes(row[0]) for row in rows]

    def insert(self, row: BackfillRow) -> None:
        """Add a backfill."""
        self._execute(f"INSERT INTO backfills ({_COLUMNS}) VALUES ({marks(row)})", row)

    def update(self, row: BackfillRow) -> None:
        """Replace a backfill's state and body."""
        self._execute(
            "UPDATE backfills SET state = ?, updated = ?, body = ? WHERE id = ?",
            (row.state, row.updated, row.body, row.id),
        )

    # Times

    def plan(self, backfill: bytes, times: Iterable[int]) -> None:
        """Write times down that nobody has made runs for."""
        iterator = iter(times)
        while chunk := list(islice(iterator, _AT_ONCE)):
            values = ", ".join([f"(?, ?, {PLANNED})"] * len(chunk))
            parameters = [value for nominal in chunk for value in (backfill, nominal)]
            self._execute(f"INSERT INTO occurrences (schedule, nominal, outcome) VALUES {values}", parameters)

    def planned(self, backfill: bytes, limit: int, *, newest_first: bool) -> list[int]:
        """The next times to make runs for."""
        down = " DESC" if newest_first else ""
        sql = (
            f"SELECT nominal FROM occurrences WHERE schedule = ? AND outcome = {PLANNED} ORDER BY nominal{down} LIMIT ?"
        )
        return [row[0] for row in self._execute(sql, (backfill, limit))]

    def decide(self, backfill: bytes, decided: Sequence[tuple[int, int, bytes | None]]) -> None:
        """Say what became of times that were planned: (nominal time, outcome, run)."""
        for first in range(0, len(decided), _AT_ONCE):
            chunk = decided[first : first + _AT_ONCE]
            sql = (
                "INSERT INTO occurrences (schedule, nominal, outcome, run) "
                f"VALUES {', '.join(['(?, ?, ?, ?)'] * len(chunk))} "
                "ON CONFLICT (schedule, nominal) DO UPDATE SET outcome = excluded.outcome, run = excluded.run"
            )
            self._execute(sql, [value for one in chunk for value in (backfill, *one)])

    def give_up(self, backfill: bytes) -> None:
        """Forget the times for which no run was made."""
        self._execute(f"DELETE FROM occurrences WHERE schedule = ? AND outcome = {PLANNED}", (backfill,))

    def open_runs(self, backfill: bytes, flow: str) -> list[tuple[bytes, int]]:
        """Id and state of each run of it that has not ended."""
        return list(open_among(self._execute, backfill, flow, since=backfill))

    def progress(self, backfill: bytes, completed: int) -> Progress:
        """What became of all its times.

        Args:
            backfill: its id.
            completed: the code of the state Completed; codes from 5 on are of states in which runs have ended.
        """
        sql = (
            "SELECT o.outcome, r.state, count(*) FROM occurrences AS o LEFT JOIN flow_runs AS r ON r.id = o.run "
            "WHERE o.schedule = ? GROUP BY o.outcome, r.state"
        )
        planned = made = done = failed = 0
        for outcome, state, count in self._execute(sql, (backfill,)):
            planned += count if outcome == PLANNED else 0
            made += count if outcome == MADE else 0
            done += count if outcome == MADE and state == completed else 0
            ended_otherwise = outcome == MADE and state is not None and state >= 5 and state != completed
            failed += count if outcome == SKIPPED or ended_otherwise else 0
        return Progress(planned, made, done, failed)

    def known(self, sources: Sequence[bytes], low: int, high: int) -> dict[int, int | None]:
        """What became of times in [low, high): the state of the newest run of each, None when it is only planned.

        Args:
            sources: ids of schedules and backfills.
            low, high: microseconds since 1970.
        """
        sql = (
            "SELECT o.nominal, o.run, r.state FROM occurrences AS o LEFT JOIN flow_runs AS r ON r.id = o.run "
            f"WHERE o.schedule = ? AND o.nominal >= ? AND o.nominal < ? AND o.outcome IN ({PLANNED}, {MADE})"
        )
        newest: dict[int, tuple[bytes, int | None]] = {}
        for source in sources:
            for nominal, run, state in self._execute(sql, (source, low, high)):
                run = b"\xff" if run is None else bytes(run)
                if nominal not in newest or newest[nominal][0] < run:
                    newest[nominal] = (run, state)
        return {nominal: state for nominal, (_, state) in newest.items()}


def _row(row: Sequence[Any]) -> BackfillRow:
    identifier, deployment, state, created, updated, body = row
    return BackfillRow(bytes(identifier), bytes(deployment), state, created, updated, bytes(body))
