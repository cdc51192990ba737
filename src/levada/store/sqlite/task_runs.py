"""Task runs in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import product

from levada.store.base import UNKNOWN_STATE, RowPage, TaskRunRow
from levada.store.sqlite.selection import (
    Arm,
    Filters,
    Selection,
    chunks,
    count_rows,
    filter_state_names,
    marks,
    prefix_range,
    raw,
    read_page,
    state_codes,
)
from levada.wire.filters import TaskRunQuery
from levada.wire.records import STATE_CODES

TAG_SEPARATOR = "\x1f"
COMPLETED = 5
ALL_STATES = (*STATE_CODES.values(), UNKNOWN_STATE)

_COLUMNS = ", ".join(f"r.{name}" for name in TaskRunRow._fields)
_INSERT = f"INSERT INTO task_runs ({', '.join(TaskRunRow._fields)}) VALUES ({marks(TaskRunRow._fields)})"
_REPLACE = (
    f"{_INSERT} ON CONFLICT (id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in TaskRunRow._fields[1:])}"
)


class SqliteTaskRuns:
    """See `levada.store.base.TaskRunTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._calls: dict[tuple[str, str | None], int] = {}

    def load(self, ids: Sequence[bytes]) -> dict[bytes, TaskRunRow]:
        found = {}
        for chunk in chunks(ids):
            for row in self._rows(f"WHERE id IN ({marks(chunk)})", chunk):
                found[row.id] = row
        return found

    def insert(self, rows: Sequence[TaskRunRow]) -> None:
        self._connection.executemany(_INSERT, rows)

    def replace(self, rows: Sequence[TaskRunRow]) -> None:
        self._connection.executemany(_REPLACE, rows)

    def page(self, query: TaskRunQuery) -> RowPage:
        rows, following = read_page(
            self._connection, self._selection(query), _COLUMNS, query.limit, query.cursor, query.newest_first
        )
        return RowPage([TaskRunRow(*row) for row in rows], following)

    def count_by_state(self, query: TaskRunQuery) -> dict[int, int]:
        return count_rows(self._connection, self._selection(query), "r.state")

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        sql = "SELECT id FROM task_runs WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._connection.execute(sql, (low, high, limit))]

    def of_run(self, run: bytes) -> list[TaskRunRow]:
        rows = self._rows("INDEXED BY task_runs_by_run WHERE run = ?", [run])
        return sorted(rows, key=lambda row: row.id)

    def open_of_run(self, run: bytes) -> list[TaskRunRow]:
        return self._rows("INDEXED BY task_runs_by_run WHERE run = ? AND state < 5", [run])

    def open_of_holder(self, writer: bytes) -> list[TaskRunRow]:
        return self._rows("INDEXED BY task_runs_by_holder WHERE holder = ?", [writer])

    def call_number(self, key: str, code: str | None) -> int:
        number = self._calls.get((key, code))
        if number is None:
            named = (key, code or "")
            found = self._connection.execute("SELECT number FROM calls WHERE key = ? AND code = ?", named).fetchone()
            if found is None:
                sql = "INSERT INTO calls (key, code) VALUES (?, ?) RETURNING number"
                found = self._connection.execute(sql, named).fetchone()
            number = self._calls[key, code] = int(found[0])
        return number

    def calls(self, numbers: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        found: dict[int, tuple[str, str | None]] = {}
        for chunk in chunks(dict.fromkeys(numbers)):
            sql = f"SELECT number, key, code FROM calls WHERE number IN ({marks(chunk)})"
            for number, key, code in self._connection.execute(sql, chunk):
                found[number] = (key, code or None)
        return found

    def delete_of_run(self, run: bytes, limit: int) -> int:
        sql = (
            "DELETE FROM task_runs WHERE id IN "
            "(SELECT id FROM task_runs INDEXED BY task_runs_by_run WHERE run = ? LIMIT ?)"
        )
        return self._connection.execute(sql, (run, limit)).rowcount

    def _selection(self, query: TaskRunQuery) -> Selection:
        if query.task_keys is None:
            return select(query, None)
        sql = f"SELECT number FROM calls WHERE key IN ({marks(query.task_keys)})"
        return select(query, [row[0] for row in self._connection.execute(sql, query.task_keys)])

    def _rows(self, rest: str, parameters: Sequence[object]) -> list[TaskRunRow]:
        sql = f"SELECT {_COLUMNS} FROM task_runs AS r {rest}"
        return [TaskRunRow(*row) for row in self._connection.execute(sql, parameters)]


def select(query: TaskRunQuery, calls: Sequence[int] | None) -> Selection:
    """Which rows a query wants, and along which index they are found.

    Args:
        query: what is wanted.
        calls: the numbers of `query.task_keys`, None when any key will do.
    """
    filters = Filters()
    codes = state_codes(query.state_types, query.state_names)
    selection = Selection(_arms(query, codes, calls, filters), filters, "r.id")
    if query.id_prefix is not None:
        selection.low, selection.high = prefix_range(query.id_prefix)
    filter_state_names(filters, query.state_names)
    if query.names is not None:
        filters.one_of("r.name", query.names)
    if query.name_like is not None:
        filters.contains("r.name", query.name_like)
    for tag in query.tags_all or ():
        filters.add("instr(r.tags, ?) > 0", f"{TAG_SEPARATOR}{tag}{TAG_SEPARATOR}")
    return selection


def _arms(query: TaskRunQuery, codes: list[int] | None, calls: Sequence[int] | None, filters: Filters) -> list[Arm]:
    """The walks of the most selective filter given; the others go to `filters`."""
    runs = None if query.flow_run_ids is None else raw(query.flow_run_ids)
    if query.ids is not None:
        _drop(filters, run=runs, call=calls, state=codes)
        return [Arm("task_runs AS r INDEXED BY task_runs_by_id", "r.id = ?", (task,)) for task in raw(query.ids)]
    if runs is not None:
        _drop(filters, call=calls)
        pairs = product(runs, ALL_STATES if codes is None else codes)
        return [Arm("task_runs AS r INDEXED BY task_runs_by_run", "r.run = ? AND r.state = ?", pair) for pair in pairs]
    if calls is not None:
        _drop(filters, state=codes)
        return [Arm("task_runs AS r INDEXED BY task_runs_by_call", "r.call = ?", (call,)) for call in calls]
    if codes is not None and COMPLETED not in codes:
        source = "task_runs AS r INDEXED BY task_runs_by_state"
        return [Arm(source, f"r.state = ? AND r.state <> {COMPLETED}", (code,)) for code in codes]
    _drop(filters, state=codes)
    return [Arm("task_runs AS r INDEXED BY task_runs_by_id")]


def _drop(filters: Filters, **columns: Sequence[object] | None) -> None:
    """Drop the rows that have none of the values wanted of a column."""
    for column, values in columns.items():
        if values is not None:
            filters.one_of(f"r.{column}", values)
