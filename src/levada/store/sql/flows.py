"""Flows."""

from __future__ import annotations

from collections.abc import Mapping

from levada.store.base import FlowRow, RowPage
from levada.store.sql.connection import Connection, Dialect, chunks, fitting
from levada.store.sql.selection import Filters, bounded


class Flows:
    """See `levada.store.base.FlowTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, flows: Mapping[str, int]) -> None:
        # Rows that need no change are not touched, so that those who record runs of the same flow do not wait for
        # one another.
        flows = {fitting(name): created for name, created in flows.items()}
        there: dict[str, int] = {}
        for chunk in chunks(self._connection, flows):
            condition, parameters = self._connection.dialect.one_of("name", chunk)
            there.update(self._connection.rows(f"SELECT name, created FROM flows WHERE {condition}", parameters))
        earlier = sorted(item for item in flows.items() if item[0] not in there or item[1] < there[item[0]])
        sql = (
            "INSERT INTO flows (name, created) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET created = excluded.created WHERE excluded.created < flows.created"
        )
        self._connection.many(sql, earlier)

    def page_statement(
        self, name: str | None, name_like: str | None, limit: int, cursor: str | None
    ) -> tuple[str, list[object]]:
        """The statement of one page; the cursor is the last name of the page before."""
        return page_statement(name, name_like, limit, cursor, self._connection.dialect)

    def page(self, *, name: str | None, name_like: str | None, limit: int, cursor: str | None) -> RowPage:
        limit = bounded(limit)
        sql, parameters = self.page_statement(name, name_like, limit + 1, cursor)
        rows = [FlowRow(*row) for row in self._connection.rows(sql, parameters)]
        if len(rows) <= limit:
            return RowPage(rows, None)
        return RowPage(rows[:limit], rows[limit - 1].name)


def page_statement(
    name: str | None, name_like: str | None, limit: int, cursor: str | None, dialect: Dialect
) -> tuple[str, list[object]]:
    """The statement of one page; the cursor is the last name of the page before."""
    filters = Filters(dialect)
    filters.add("f.name > ?", cursor or "")
    if name is not None:
        filters.add("f.name = ?", name)
    if name_like is not None:
        filters.contains("f.name", name_like)
    runs = dialect.along("flow_runs AS r", "flow_runs_by_flow")
    newest = (
        f"(SELECT {{column}} FROM {runs} WHERE r.flow = f.name ORDER BY r.id DESC LIMIT 1)".format(column=column)
        for column in ("r.id", "coalesce(r.started, r.created)", "r.state", "r.state_name")
    )
    counted = f"(SELECT count(*) FROM {runs} WHERE r.flow = f.name)"
    columns = ", ".join(["f.name", "f.created", counted, *newest])
    sql = f"SELECT {columns} FROM flows AS f WHERE {' AND '.join(filters.conditions)} ORDER BY f.name LIMIT ?"
    return sql, [*filters.parameters, limit]
