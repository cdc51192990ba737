"""Lines of log in SQLite."""

from __future__ import annotations

import heapq
import sqlite3
import struct
from collections.abc import Sequence
from itertools import islice

from levada.core.states import us_of
from levada.store.base import LogRow, RowPage
from levada.store.sqlite.selection import Arm, Filters, bounded, decode_cursor, encode_cursor, marks, raw
from levada.wire.filters import LogQuery

_COLUMNS = ", ".join(LogRow._fields)
_INSERT = f"INSERT OR IGNORE INTO logs ({_COLUMNS}) VALUES ({marks(LogRow._fields)})"
_PLACE = struct.Struct(">qq")


class SqliteLogs:
    """See `levada.store.base.LogTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[LogRow]) -> None:
        self._connection.executemany(_INSERT, rows)

    def page(self, query: LogQuery) -> RowPage:
        limit = bounded(query.limit)
        place = decode_cursor(query.cursor, _PLACE.size)
        after = None if place is None else _PLACE.unpack(place)
        arms = [
            self._connection.execute(sql, parameters).fetchall()
            for sql, parameters in page_statements(query, limit + 1, after)
        ]
        found = heapq.merge(*arms, key=lambda row: (row[3], row[0]), reverse=query.newest_first)
        rows = [LogRow(*row) for row in islice(found, limit + 1)]
        if len(rows) <= limit:
            return RowPage(rows, None)
        last = rows[limit - 1]
        return RowPage(rows[:limit], encode_cursor(_PLACE.pack(last.at, last.id)))

    def delete_of_run(self, run: bytes, limit: int) -> int:
        sql = "DELETE FROM logs WHERE id IN (SELECT id FROM logs INDEXED BY logs_by_run WHERE run = ? LIMIT ?)"
        return self._connection.execute(sql, (run, limit)).rowcount


def page_statements(query: LogQuery, limit: int, after: tuple[int, int] | None) -> list[tuple[str, list[object]]]:
    """The statements of one page, one for each task run or flow run asked for."""
    filters = Filters()
    if query.task_run_ids is not None:
        arms = [Arm("logs INDEXED BY logs_by_task", "task = ?", (task,)) for task in raw(query.task_run_ids)]
        if query.flow_run_ids is not None:
            filters.one_of("run", raw(query.flow_run_ids))
    elif query.flow_run_ids is not None:
        arms = [Arm("logs INDEXED BY logs_by_run", "run = ?", (run,)) for run in raw(query.flow_run_ids)]
    else:
        arms = [Arm("logs INDEXED BY logs_by_time")]
    low = us_of(query.after) if query.after is not None else -(1 << 62)
    high = us_of(query.before) if query.before is not None else 1 << 62
    direction, beyond = ("DESC", "<") if query.newest_first else ("ASC", ">")
    filters.add("at >= ? AND at < ?", low, high)
    if after is not None:
        # The first half is what the index seeks by, the second tells lines of the same microsecond apart.
        filters.add(f"at {beyond}= ? AND (at, id) {beyond} (?, ?)", after[0], *after)
    if query.min_level is not None:
        filters.add("level >= ?", query.min_level)
    if query.text is not None:
        filters.contains("message", query.text)
    statements: list[tuple[str, list[object]]] = []
    for arm in arms:
        where = " AND ".join([*([arm.condition] if arm.condition else []), *filters.conditions])
        sql = f"SELECT {_COLUMNS} FROM {arm.source} WHERE {where} ORDER BY at {direction}, id {direction} LIMIT ?"
        statements.append((sql, [*arm.parameters, *filters.parameters, limit]))
    return statements
