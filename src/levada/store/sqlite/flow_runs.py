"""Flow runs in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from levada.core.states import us_of
from levada.store.base import FlowRunRow, RowPage
from levada.store.facts import tag_fact
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
from levada.wire.filters import FlowRunQuery

_COLUMNS = ", ".join(f"r.{name}" for name in FlowRunRow._fields)
_INSERT = (
    f"INSERT INTO flow_runs ({', '.join(FlowRunRow._fields)}) VALUES ({marks(FlowRunRow._fields)}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in FlowRunRow._fields[1:])}"
)


class SqliteFlowRuns:
    """See `levada.store.base.FlowRunTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self, ids: Iterable[bytes]) -> dict[bytes, FlowRunRow]:
        found = {}
        for chunk in chunks(ids):
            sql = f"SELECT {_COLUMNS} FROM flow_runs AS r WHERE id IN ({marks(chunk)})"
            for row in self._connection.execute(sql, chunk):
                found[row[0]] = FlowRunRow(*row)
        return found

    def save(self, rows: Sequence[FlowRunRow], facts: Mapping[bytes, Sequence[str]]) -> None:
        self._connection.executemany(_INSERT, rows)
        self._connection.executemany("DELETE FROM flow_run_facts WHERE run = ?", [(row.id,) for row in rows])
        self._connection.executemany(
            "INSERT OR IGNORE INTO flow_run_facts (fact, run) VALUES (?, ?)",
            [(fact, row.id) for row in rows for fact in facts.get(row.id, ())],
        )

    def page(self, query: FlowRunQuery) -> RowPage:
        rows, following = read_page(
            self._connection, select(query), _COLUMNS, query.limit, query.cursor, not query.oldest_first
        )
        return RowPage([FlowRunRow(*row) for row in rows], following)

    def count_by_state(self, query: FlowRunQuery) -> dict[int, int]:
        return count_rows(self._connection, select(query), "r.state")

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        sql = "SELECT id FROM flow_runs WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._connection.execute(sql, (low, high, limit))]

    def open_of_writer(self, writer: bytes) -> list[FlowRunRow]:
        sql = f"SELECT {_COLUMNS} FROM flow_runs AS r INDEXED BY flow_runs_open WHERE writer = ? AND state < 5"
        return [FlowRunRow(*row) for row in self._connection.execute(sql, (writer,))]

    def children(self, run: bytes) -> list[bytes]:
        sql = "SELECT id FROM flow_runs INDEXED BY flow_runs_by_parent_run WHERE parent_run = ? ORDER BY id"
        return [row[0] for row in self._connection.execute(sql, (run,))]

    def delete(self, run: bytes) -> None:
        self._connection.execute("DELETE FROM flow_run_facts WHERE run = ?", (run,))
        self._connection.execute("DELETE FROM flow_runs WHERE id = ?", (run,))


def select(query: FlowRunQuery) -> Selection:
    """Which rows a query wants, and along which index they are found."""
    filters = Filters()
    codes = state_codes(query.state_types, query.state_names)
    arms = _arms(query, codes, filters)
    by_tag = bool(arms) and arms[0].source.startswith("flow_run_facts")
    selection = Selection(arms, filters, "g.run" if by_tag else "r.id")
    if query.id_prefix is not None:
        selection.low, selection.high = prefix_range(query.id_prefix)
    filter_state_names(filters, query.state_names)
    if query.name_like is not None:
        filters.contains("r.name", query.name_like)
    if query.top_level is not None:
        filters.add("r.parent_run IS NULL" if query.top_level else "r.parent_run IS NOT NULL")
    if query.started_after is not None:
        filters.add("r.started >= ?", us_of(query.started_after))
    if query.started_before is not None:
        filters.add("r.started < ?", us_of(query.started_before))
    return selection


def _arms(query: FlowRunQuery, codes: list[int] | None, filters: Filters) -> list[Arm]:
    """The walks of the most selective filter given; every other filter that it could have been goes to `filters`."""

    def along(index: str, column: str, values: Iterable[object]) -> list[Arm]:
        source = f"flow_runs AS r INDEXED BY {index}"
        return [Arm(source, f"r.{column} = ?", (value,)) for value in dict.fromkeys(values)]

    candidates: list[tuple[str, str, Iterable[object] | None]] = [
        ("flow_runs_by_id", "id", None if query.ids is None else raw(query.ids)),
        (
            "flow_runs_by_parent_task",
            "parent_task",
            None if query.parent_task_run_ids is None else raw(query.parent_task_run_ids),
        ),
        (
            "flow_runs_by_parent_run",
            "parent_run",
            None if query.parent_flow_run_ids is None else raw(query.parent_flow_run_ids),
        ),
        ("flow_runs_by_name", "name", query.names),
        ("flow_runs_by_flow", "flow", query.flow_names),
        ("flow_runs_by_state", "state", codes),
    ]
    given = [(index, column, list(values)) for index, column, values in candidates if values is not None]
    columns = [column for _, column, _ in given]
    tags = query.tags_all or []
    by_tag = bool(tags) and not {"id", "parent_task", "parent_run", "name"}.intersection(columns)
    if columns == ["flow", "state"] and not by_tag:
        source = "flow_runs AS r INDEXED BY flow_runs_by_flow_state"
        return [
            Arm(source, "r.flow = ? AND r.state = ?", pair)
            for pair in product(*(dict.fromkeys(v) for _, _, v in given))
        ]
    for _, column, values in given if by_tag else given[1:]:
        filters.one_of(f"r.{column}", values)
    for tag in tags[1:] if by_tag else tags:
        filters.add("EXISTS (SELECT 1 FROM flow_run_facts AS t WHERE t.fact = ? AND t.run = r.id)", tag_fact(tag))
    if by_tag:
        source = "flow_run_facts AS g CROSS JOIN flow_runs AS r INDEXED BY flow_runs_by_id ON r.id = g.run"
        return [Arm(source, "g.fact = ?", (tag_fact(tags[0]),))]
    if given:
        return along(*given[0])
    index = {True: "flow_runs_on_top", False: "flow_runs_below", None: "flow_runs_by_id"}[query.top_level]
    return [Arm(f"flow_runs AS r INDEXED BY {index}")]
