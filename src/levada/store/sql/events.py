"""Events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada.core.errors import ParameterError
from levada.core.states import us_of
from levada.store.base import EventRow, RowPage
from levada.store.sql.connection import Connection, Dialect, fitting
from levada.store.sql.selection import Arm, Filters, Selection, count_rows, raw_or_none, read_page
from levada.wire.events import EventQuery

_COLUMNS = ", ".join(f"r.{name}" for name in EventRow._fields)
_POSITION = "events.position"
"""Name in `meta` of the position given last; the events themselves are removed some day."""


MOST_NAMES = 50
"""So many names of events are looked for one by one; beyond, rows are read and dropped."""


class Events:
    """See `levada.store.base.EventTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[EventRow]) -> int:
        rows = [_fitting(row) for row in rows]
        return self._connection.insert_missing("events", EventRow._fields, rows) if rows else 0

    def append(self, rows: Sequence[EventRow]) -> None:
        if rows:
            self._connection.insert("events", EventRow._fields, [_fitting(row) for row in rows])

    def dispatch(self, limit: int) -> list[EventRow]:
        waiting = self._rows("events_waiting", "WHERE r.position IS NULL ORDER BY r.id LIMIT ?", (limit,))
        if not waiting:
            return []
        first = self.last_position() + 1
        rows = [row._replace(position=first + place) for place, row in enumerate(waiting)]
        self._connection.many("UPDATE events SET position = ? WHERE id = ?", [(row.position, row.id) for row in rows])
        self._connection.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_POSITION, str(first + len(rows) - 1).encode()),
        )
        return rows

    def after(self, position: int, limit: int) -> list[EventRow]:
        return self._rows("events_by_position", "WHERE r.position > ? ORDER BY r.position LIMIT ?", (position, limit))

    def last_position(self) -> int:
        found = self._connection.rows("SELECT value FROM meta WHERE key = ?", (_POSITION,))
        return int(found[0][0]) if found else 0

    def select(self, query: EventQuery) -> Selection:
        """Which rows a query wants, and along which index they are found."""
        return select(query, self._connection.dialect, self._names(query.event_prefixes))

    def page(self, query: EventQuery) -> RowPage:
        selection = self.select(query)
        rows, following = read_page(
            self._connection, selection, EventRow._fields, query.limit, query.cursor, not query.oldest_first
        )
        return RowPage([EventRow(*row) for row in rows], following)

    def count_by(self, query: EventQuery, by: str, start: int, step: int) -> dict[Any, int]:
        if by not in {"event", "resource", "time"}:
            raise ParameterError(f"Events are counted by event, resource or time, not by {by!r}.")
        group = f"(r.occurred - {int(start)}) / {int(step)}" if by == "time" else f"r.{by}"
        return count_rows(self._connection, self.select(query), group)

    def _names(self, beginnings: Sequence[str] | None) -> list[str] | None:
        """The names of events that begin so, found by leaps through the index; None when they are many."""
        if beginnings is None:
            return None
        names: list[str] = []
        for beginning in dict.fromkeys(text.removesuffix("*") for text in beginnings):
            name, beyond = beginning, ">="
            while True:
                sql = f"SELECT event FROM events WHERE event {beyond} ? ORDER BY event LIMIT 1"
                found = self._connection.rows(sql, (name,))
                if not found or not found[0][0].startswith(beginning):
                    break
                name, beyond = found[0][0], ">"
                names.append(name)
                if len(names) > MOST_NAMES:
                    return None
        return list(dict.fromkeys(names))

    def _rows(self, index: str, rest: str, parameters: Sequence[object]) -> list[EventRow]:
        source = self._connection.dialect.along("events AS r", index)
        return [EventRow(*row) for row in self._connection.rows(f"SELECT {_COLUMNS} FROM {source} {rest}", parameters)]


def _fitting(row: EventRow) -> EventRow:
    event, resource = fitting(row.event), fitting(row.resource)
    return row if event is row.event and resource is row.resource else row._replace(event=event, resource=resource)


def select(query: EventQuery, dialect: Dialect, names: Sequence[str] | None = None) -> Selection:
    """Which rows a query wants, and along which index they are found.

    Args:
        query: what is wanted.
        dialect: of the database that is asked.
        names: the names that `query.event_prefixes` stands for, when they are known.
    """
    filters = Filters(dialect)
    exact = _exact(query.resource_ids)
    candidates = [
        ("events_by_run", "run", raw_or_none(query.flow_run_ids)),
        ("events_by_resource", "resource", exact),
        ("events_by_event", "event", names),
    ]
    given = [(index, column, values) for index, column, values in candidates if values is not None]
    for _, column, values in given[1:]:
        filters.one_of(f"r.{column}", values)
    if given:
        index, column, values = given[0]
        arms = [Arm(dialect.along("events AS r", index), f"r.{column} = ?", (value,)) for value in values]
    elif query.after is not None or query.before is not None:
        arms = [Arm(dialect.along("events AS r", "events_by_time"))]
    else:
        arms = [Arm(dialect.along("events AS r", "events_by_id"))]
    if query.resource_ids is not None and exact is None:
        filters.begins("r.resource", [text.removesuffix("*") for text in query.resource_ids])
    if query.event_prefixes is not None and names is None:
        filters.begins("r.event", [text.removesuffix("*") for text in query.event_prefixes])
    low, high = (None if moment is None else us_of(moment) for moment in (query.after, query.before))
    filters.between("r.occurred", low, high)
    if query.text is not None:
        filters.contains("r.event || ' ' || r.resource", query.text)
    return Selection(arms, filters, "r.id")


def _exact(texts: Sequence[str] | None) -> list[str] | None:
    if texts is None or any(text.endswith("*") for text in texts):
        return None
    return list(dict.fromkeys(texts))
