"""Lines of log."""

from __future__ import annotations

from collections.abc import Sequence

from levada.core.states import us_of
from levada.store.base import LogRow, RowPage
from levada.store.sql.connection import Connection, Dialect
from levada.store.sql.log_text import Term, match_expression, parse
from levada.store.sql.selection import Arm, Filters, Selection, pattern, raw, read_page
from levada.wire.filters import LogQuery

MOST_MATCHES = 2_000
"""So many lines that an index of text finds are sorted; of more, the walk by time soon has a page full."""


class Logs:
    """See `levada.store.base.LogTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[LogRow]) -> None:
        if rows:
            self._connection.insert_missing("logs", LogRow._fields, rows)

    def select(self, query: LogQuery) -> Selection:
        """Which rows a query wants, and along which index they are found."""
        selection = select(query, self._connection.dialect)
        if query.text is not None and query.flow_run_ids is None and query.task_run_ids is None:
            arm = self._few_matches(query.text)
            selection.arms = selection.arms if arm is None else [arm]
        return selection

    def page(self, query: LogQuery) -> RowPage:
        selection = self.select(query)
        rows, following = read_page(
            self._connection, selection, LogRow._fields, query.limit, query.cursor, query.newest_first
        )
        return RowPage([LogRow(*row) for row in rows], following)

    def unindexed(self) -> bool:
        if not self._connection.dialect.has_text_index:
            return False
        return bool(self._connection.rows("SELECT id FROM logs_unindexed LIMIT 1"))

    def index_text(self, limit: int) -> int:
        if not self._connection.dialect.has_text_index:
            return 0
        waiting = "SELECT id FROM logs_unindexed ORDER BY id LIMIT ?"
        sql = f"INSERT INTO logs_text (rowid, message) SELECT id, message FROM logs WHERE id IN ({waiting})"
        self._connection.run(sql, (limit,))
        return self._connection.run(f"DELETE FROM logs_unindexed WHERE id IN ({waiting})", (limit,))

    def delete_of_run(self, run: bytes, limit: int) -> int:
        source = self._connection.dialect.along("logs AS r", "logs_by_run")
        # With the time in the condition only the partitions of these lines are looked into.
        sql = f"DELETE FROM logs WHERE (at, id) IN (SELECT r.at, r.id FROM {source} WHERE r.run = ? LIMIT ?)"
        return self._connection.run(sql, (run, limit))

    def _few_matches(self, text: str) -> Arm | None:
        """The lines that the index of text finds, when there is one and they are few."""
        terms = parse(text)
        expression = match_expression(terms) if self._connection.dialect.has_text_index else None
        if expression is None:
            return None
        sql = "SELECT rowid FROM logs_text WHERE logs_text MATCH ? LIMIT ?"
        found = [row[0] for row in self._connection.rows(sql, (expression, MOST_MATCHES + 1))]
        if len(found) > MOST_MATCHES:
            return None
        # What no index holds yet is looked through.
        filters = Filters(self._connection.dialect)
        _filter_text(filters, terms)
        waiting = "logs_unindexed AS u CROSS JOIN logs AS r ON r.id = u.id"
        sql = f"SELECT r.id FROM {waiting} WHERE {' AND '.join(filters.conditions)} LIMIT ?"
        found += [row[0] for row in self._connection.rows(sql, [*filters.parameters, MOST_MATCHES + 1])]
        if len(found) > MOST_MATCHES:
            return None
        condition, parameters = self._connection.dialect.one_of("r.id", found)
        return Arm("logs AS r", condition, tuple(parameters))


def select(query: LogQuery, dialect: Dialect) -> Selection:
    """Which lines a query wants, and along which index they are found: one walk for each task run or flow run."""
    filters = Filters(dialect)
    if query.task_run_ids is not None:
        arms = [
            Arm(dialect.along("logs AS r", "logs_by_task"), "r.task = ?", (task,)) for task in raw(query.task_run_ids)
        ]
        if query.flow_run_ids is not None:
            filters.one_of("r.run", raw(query.flow_run_ids))
    elif query.flow_run_ids is not None:
        arms = [Arm(dialect.along("logs AS r", "logs_by_run"), "r.run = ?", (run,)) for run in raw(query.flow_run_ids)]
    else:
        arms = [Arm(dialect.along("logs AS r", "logs_by_time"))]
    low, high = (None if moment is None else us_of(moment) for moment in (query.after, query.before))
    filters.between("r.at", low, high)
    if query.min_level is not None:
        filters.add("r.level >= ?", query.min_level)
    if query.loggers is not None:
        filters.one_of("r.logger", query.loggers)
    if query.text is not None:
        _filter_text(filters, parse(query.text))
    return Selection(arms, filters, "r.id", sort="r.at", order="at")


def _filter_text(filters: Filters, terms: list[Term]) -> None:
    has = filters.dialect.contains("r.message")
    for term in terms:
        any_of = " OR ".join([has] * len(term.texts))
        filters.add(f"NOT ({any_of})" if term.absent else f"({any_of})", *map(pattern, term.texts))
