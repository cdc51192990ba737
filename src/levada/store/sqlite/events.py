"""Events in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from levada.core.errors import ParameterError
from levada.core.states import us_of
from levada.store.base import EventRow, RowPage
from levada.store.sqlite.selection import Arm, Filters, Selection, marks, raw, read_page
from levada.wire.events import EventQuery

_COLUMNS = ", ".join(f"r.{name}" for name in EventRow._fields)
_INSERT = f"INSERT OR IGNORE INTO events ({', '.join(EventRow._fields)}) VALUES ({marks(EventRow._fields)})"
_POSITION = "events.position"
"""Name in `meta` of the position given last; the events themselves are removed some day."""


class SqliteEvents:
    """See `levada.store.base.EventTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[EventRow]) -> int:
        return self._connection.executemany(_INSERT, rows).rowcount if rows else 0

    def dispatch(self, limit: int) -> list[EventRow]:
        sql = f"SELECT {_COLUMNS} FROM events AS r INDEXED BY events_waiting WHERE position IS NULL ORDER BY id LIMIT ?"
        waiting = self._connection.execute(sql, (limit,)).fetchall()
        if not waiting:
            return []
        first = self.last_position() + 1
        rows = [EventRow(*row)._replace(position=first + place) for place, row in enumerate(waiting)]
        self._connection.executemany("UPDATE events SET position = ? WHERE id = ?", [(r.position, r.id) for r in rows])
        self._connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_POSITION, str(first + len(rows) - 1).encode()),
        )
        return rows

    def after(self, position: int, limit: int) -> list[EventRow]:
        sql = (
            f"SELECT {_COLUMNS} FROM events AS r INDEXED BY events_by_position WHERE position > ? "
            "ORDER BY position LIMIT ?"
        )
        return [EventRow(*row) for row in self._connection.execute(sql, (position, limit))]

    def last_position(self) -> int:
        found = self._connection.execute("SELECT value FROM meta WHERE key = ?", (_POSITION,)).fetchone()
        return 0 if found is None else int(found[0])

    def page(self, query: EventQuery) -> RowPage:
        rows, following = read_page(
            self._connection, select(query), _COLUMNS, query.limit, query.cursor, not query.oldest_first
        )
        return RowPage([EventRow(*row) for row in rows], following)

    def count_by(self, query: EventQuery, by: str, start: int, step: int) -> dict[Any, int]:
        if by not in {"event", "resource", "time"}:
            raise ParameterError(f"Events are counted by event, resource or time, not by {by!r}.")
        group = f"(r.occurred - {int(start)}) / {int(step)}" if by == "time" else f"r.{by}"
        totals: dict[Any, int] = {}
        for sql, parameters in select(query).count_statements(group):
            for value, count in self._connection.execute(sql, parameters):
                totals[value] = totals.get(value, 0) + count
        return totals


def select(query: EventQuery) -> Selection:
    """Which rows a query wants, and along which index they are found."""
    filters = Filters()
    candidates = [
        ("events_by_run", "run", None if query.flow_run_ids is None else raw(query.flow_run_ids)),
        ("events_by_resource", "resource", _exact(query.resource_ids)),
    ]
    given = [(index, column, values) for index, column, values in candidates if values is not None]
    for _, column, values in given[1:]:
        filters.one_of(f"r.{column}", values)
    arms = [Arm("events AS r INDEXED BY events_by_id")]
    if given:
        index, column, values = given[0]
        arms = [Arm(f"events AS r INDEXED BY {index}", f"r.{column} = ?", (value,)) for value in values]
    if query.resource_ids is not None and _exact(query.resource_ids) is None:
        _begins(filters, "r.resource", [text.removesuffix("*") for text in query.resource_ids])
    if query.event_prefixes is not None:
        _begins(filters, "r.event", [text.removesuffix("*") for text in query.event_prefixes])
    if query.after is not None:
        filters.add("r.occurred >= ?", us_of(query.after))
    if query.before is not None:
        filters.add("r.occurred < ?", us_of(query.before))
    if query.text is not None:
        filters.contains("r.event || ' ' || r.resource", query.text)
    return Selection(arms, filters, "r.id")


def _exact(texts: Sequence[str] | None) -> list[str] | None:
    if texts is None or any(text.endswith("*") for text in texts):
        return None
    return list(dict.fromkeys(texts))


def _begins(filters: Filters, column: str, beginnings: Sequence[str]) -> None:
    conditions = [f"substr({column}, 1, {len(text)}) = ?" for text in beginnings]
    filters.add(f"({' OR '.join(conditions) or 'FALSE'})", *beginnings)
