"""Task runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from levada.store.base import UNKNOWN_STATE, RowPage, TaskRunRow
from levada.store.sql.connection import Connection, Dialect, chunks, fitting
from levada.store.sql.selection import (
    Arm,
    Filters,
    Selection,
    changed,
    count_rows,
    count_up_to,
    filter_state_names,
    prefix_range,
    raw_or_none,
    read_page,
    starting_with,
    state_codes,
    units,
)
from levada.wire.filters import TaskRunQuery
from levada.wire.records import STATE_CODES

TAG_SEPARATOR = "\x1f"
COMPLETED = 5
ALL_STATES = (*STATE_CODES.values(), UNKNOWN_STATE)

_COLUMNS = ", ".join(f"r.{name}" for name in TaskRunRow._fields)


class TaskRuns:
    """See `levada.store.base.TaskRunTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._calls: dict[tuple[str, str | None], int] = {}

    def load(self, ids: Sequence[bytes]) -> dict[bytes, TaskRunRow]:
        found = {}
        for chunk in chunks(self._connection, ids):
            condition, parameters = self._connection.dialect.one_of("r.id", chunk)
            found.update({row.id: row for row in self._rows("task_runs_by_id", condition, parameters)})
        return found

    def insert(self, rows: Sequence[TaskRunRow]) -> None:
        if rows:
            self._connection.insert("task_runs", TaskRunRow._fields, rows)

    def replace(self, rows: Sequence[TaskRunRow]) -> None:
        if rows:
            self._connection.replace("task_runs", TaskRunRow._fields, rows)

    def page(self, query: TaskRunQuery) -> RowPage:
        rows, following = read_page(
            self._connection, self.select(query), TaskRunRow._fields, query.limit, query.cursor, query.newest_first
        )
        return RowPage(list(map(TaskRunRow._make, rows)), following)

    def changed_since(self, run: bytes, since: int, limit: int, cursor: str | None = None) -> RowPage:
        selection = changed(self._connection, "task_runs", run, since)
        rows, following = read_page(self._connection, selection, TaskRunRow._fields, limit, cursor, False)
        return RowPage(list(map(TaskRunRow._make, rows)), following)

    def count_by_state(self, query: TaskRunQuery) -> dict[int, int]:
        return count_rows(self._connection, self.select(query), "r.state")

    def count_up_to(self, query: TaskRunQuery, bound: int) -> int:
        return count_up_to(self._connection, self.select(query), bound)

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        return starting_with(self._connection, "task_runs", low, high, limit)

    def of_run(self, run: bytes) -> list[TaskRunRow]:
        return sorted(self._rows("task_runs_by_run", "r.run = ?", [run]), key=lambda row: row.id)

    def open_of_run(self, run: bytes) -> list[TaskRunRow]:
        return self._rows("task_runs_by_run", "r.run = ? AND r.state < 5", [run])

    def open_of_holder(self, writer: bytes) -> list[TaskRunRow]:
        return self._rows("task_runs_by_holder", "r.holder = ?", [writer])

    def call_number(self, key: str, code: str | None) -> int:
        number = self._calls.get((key, code))
        if number is None:
            named = (fitting(key), fitting(code or ""))
            find = "SELECT number FROM calls WHERE key = ? AND code = ?"
            found = self._connection.rows(find, named)
            if not found:
                self._connection.insert_missing("calls", ("key", "code"), [named])
                found = self._connection.rows(find, named)
            number = self._calls[key, code] = int(found[0][0])
        return number

    def calls(self, numbers: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        found = {}
        for chunk in chunks(self._connection, dict.fromkeys(numbers)):
            condition, parameters = self._connection.dialect.one_of("number", chunk)
            sql = f"SELECT number, key, code FROM calls WHERE {condition}"
            found.update({number: (key, code or None) for number, key, code in self._connection.rows(sql, parameters)})
        return found

    def delete_of_run(self, run: bytes, limit: int) -> int:
        source = self._connection.dialect.along("task_runs AS r", "task_runs_by_run")
        sql = f"DELETE FROM task_runs WHERE id IN (SELECT r.id FROM {source} WHERE r.run = ? LIMIT ?)"
        return self._connection.run(sql, (run, limit))

    def select(self, query: TaskRunQuery) -> Selection:
        """Which rows a query wants, and along which index they are found."""
        calls = None
        if query.task_keys is not None:
            condition, parameters = self._connection.dialect.one_of("key", query.task_keys)
            calls = [row[0] for row in self._connection.rows(f"SELECT number FROM calls WHERE {condition}", parameters)]
        return select(query, calls, self._connection.dialect)

    def _rows(self, index: str, condition: str, parameters: Sequence[object]) -> list[TaskRunRow]:
        source = self._connection.dialect.along("task_runs AS r", index)
        sql = f"SELECT {_COLUMNS} FROM {source} WHERE {condition}"
        return [TaskRunRow(*row) for row in self._connection.rows(sql, parameters)]


def select(query: TaskRunQuery, calls: Sequence[int] | None, dialect: Dialect) -> Selection:
    """Which rows a query wants, and along which index they are found.

    Args:
        query: what is wanted.
        calls: the numbers of `query.task_keys`, None when any key will do.
        dialect: of the database that is asked.
    """
    filters = Filters(dialect)
    codes = state_codes(query.state_types, query.state_names)
    selection = Selection(_arms(query, codes, calls, filters), filters, "r.id")
    if query.id_prefix is not None:
        selection.low, selection.high = prefix_range(query.id_prefix)
    filter_state_names(filters, query.state_names)
    if query.names is not None:
        filters.one_of("r.name", query.names)
    if query.name_like is not None:
        filters.contains("r.name", query.name_like)
    if query.error_like is not None:
        filters.contains("r.message", query.error_like)
    if query.min_seconds is not None:
        filters.add("r.duration >= ?", units(query.min_seconds, 1_000))
    if query.max_seconds is not None:
        filters.add("r.duration <= ?", units(query.max_seconds, 1_000))
    for tag in query.tags_all or ():
        filters.add(dialect.holds("r.tags"), f"{TAG_SEPARATOR}{tag}{TAG_SEPARATOR}")
    return selection


def _arms(query: TaskRunQuery, codes: list[int] | None, calls: Sequence[int] | None, filters: Filters) -> list[Arm]:
    """The walks of the most selective filter given; the others go to `filters`."""
    dialect = filters.dialect
    runs = raw_or_none(query.flow_run_ids)

    def along(index: str) -> str:
        return dialect.along("task_runs AS r", f"task_runs_{index}")

    if query.ids is not None:
        _drop(filters, run=runs, call=calls, state=codes)
        return [Arm(along("by_id"), "r.id = ?", (task,)) for task in raw_or_none(query.ids) or ()]
    if runs is not None:
        if not dialect.walks_states:
            _drop(filters, call=calls, state=codes)
            return [Arm(along("by_run"), "r.run = ?", (run,)) for run in runs]
        _drop(filters, call=calls)
        pairs = product(runs, ALL_STATES if codes is None else codes)
        return [Arm(along("by_run"), "r.run = ? AND r.state = ?", pair) for pair in pairs]
    if query.error_like is not None:
        _drop(filters, call=calls, state=codes)
        return [Arm(along("with_message"), "r.message IS NOT NULL")]
    if calls is not None:
        _drop(filters, state=codes)
        return [Arm(along("by_call"), "r.call = ?", (call,)) for call in calls]
    if codes is not None and COMPLETED not in codes:
        condition = f"r.state = ? AND r.state <> {COMPLETED}"
        return [Arm(along("by_state"), condition, (code,)) for code in codes]
    _drop(filters, state=codes)
    return [Arm(along("by_id"))]


def _drop(filters: Filters, **columns: Sequence[object] | None) -> None:
    """Drop the rows that have none of the values wanted of a column."""
    for column, values in columns.items():
        if values is not None:
            filters.one_of(f"r.{column}", values)
