"""Flows in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from levada.store.base import FlowRow, RowPage
from levada.store.sqlite.selection import Filters, bounded

_LAST = "SELECT {column} FROM flow_runs INDEXED BY flow_runs_by_flow WHERE flow = f.name ORDER BY id DESC LIMIT 1"
_COLUMNS = ", ".join(
    [
        "f.name",
        "f.created",
        "(SELECT count(*) FROM flow_runs INDEXED BY flow_runs_by_flow WHERE flow = f.name)",
        *(f"({_LAST.format(column=column)})" for column in ("id", "coalesce(started, created)", "state", "state_name")),
    ]
)


class SqliteFlows:
    """See `levada.store.base.FlowTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, flows: Mapping[str, int]) -> None:
        sql = (
            "INSERT INTO flows (name, created) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET created = excluded.created WHERE excluded.created < created"
        )
        self._connection.executemany(sql, flows.items())

    def page(self, *, name: str | None, name_like: str | None, limit: int, cursor: str | None) -> RowPage:
        limit = bounded(limit)
        sql, parameters = page_statement(name, name_like, limit + 1, cursor)
        rows = [FlowRow(*row) for row in self._connection.execute(sql, parameters)]
        if len(rows) <= limit:
            return RowPage(rows, None)
        return RowPage(rows[:limit], rows[limit - 1].name)


def page_statement(name: str | None, name_like: str | None, limit: int, cursor: str | None) -> tuple[str, list[object]]:
    """The statement of one page; the cursor is the last name of the page before."""
    filters = Filters()
    filters.add("f.name > ?", cursor or "")
    if name is not None:
        filters.add("f.name = ?", name)
    if name_like is not None:
        filters.contains("f.name", name_like)
    sql = f"SELECT {_COLUMNS} FROM flows AS f WHERE {' AND '.join(filters.conditions)} ORDER BY f.name LIMIT ?"
    return sql, [*filters.parameters, limit]
