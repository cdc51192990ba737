"""Flow runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from levada.store.base import FlowRunRow, RowPage
from levada.store.sql.connection import Connection, chunks, fitting
from levada.store.sql.deployments import deployments_named
from levada.store.sql.flow_run_queries import order_of, select
from levada.store.sql.selection import Selection, changed, count_rows, count_up_to, read_page, starting_with
from levada.wire.filters import FlowRunQuery

_COLUMNS = ", ".join(f"r.{name}" for name in FlowRunRow._fields)
_LATE = (
    "CASE WHEN r.started IS NOT NULL AND r.started > r.expected THEN r.started - r.expected "
    "WHEN r.started IS NULL AND r.state < 2 AND r.expected < {now} THEN {now} - r.expected ELSE 0 END"
)


class FlowRuns:
    """See `levada.store.base.FlowRunTable`."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now

    def load(self, ids: Iterable[bytes]) -> dict[bytes, FlowRunRow]:
        found = {}
        for chunk in chunks(self._connection, ids):
            condition, parameters = self._connection.dialect.one_of("r.id", chunk)
            found.update({row.id: row for row in self._rows("flow_runs_by_id", f"WHERE {condition}", parameters)})
        return found

    def save(
        self, rows: Sequence[FlowRunRow], facts: Mapping[bytes, Sequence[str]], new: Collection[bytes] = ()
    ) -> None:
        fit = [_fitting(row) for row in rows]
        added = [row for row in fit if row.id in new]
        if added:
            self._connection.insert("flow_runs", FlowRunRow._fields, added)
        if len(added) < len(fit):
            self._connection.replace("flow_runs", FlowRunRow._fields, [row for row in fit if row.id not in new])
        self._save_facts(facts, new)

    def _save_facts(self, facts: Mapping[bytes, Sequence[str]], new: Collection[bytes]) -> None:
        there: dict[bytes, set[str]] = {}
        for chunk in chunks(self._connection, [run for run in facts if run not in new]):
            condition, parameters = self._connection.dialect.one_of("run", chunk)
            sql = f"SELECT run, fact FROM flow_run_facts WHERE {condition}"
            for run, fact in self._connection.rows(sql, parameters):
                there.setdefault(run, set()).add(fact)
        wanted = {run: dict.fromkeys(known) for run, known in facts.items()}
        missing = [(fact, run) for run, known in wanted.items() for fact in known if fact not in there.get(run, ())]
        gone = [(fact, run) for run, known in there.items() for fact in known if fact not in wanted[run]]
        if gone:
            self._connection.many("DELETE FROM flow_run_facts WHERE fact = ? AND run = ?", gone)
        if missing:
            self._connection.insert("flow_run_facts", ("fact", "run"), missing)

    def select(self, query: FlowRunQuery) -> Selection:
        """Which rows a query wants, and along which index they are found."""
        return select(self._with_deployments(query), self._connection.dialect)

    def page(self, query: FlowRunQuery) -> RowPage:
        selection, (_, down) = self.select(query), order_of(query)
        rows, following = read_page(self._connection, selection, FlowRunRow._fields, query.limit, query.cursor, down)
        return RowPage(list(map(FlowRunRow._make, rows)), following)

    def count_by_state(self, query: FlowRunQuery) -> dict[int, int]:
        return count_rows(self._connection, self.select(query), "r.state")

    def count_up_to(self, query: FlowRunQuery, bound: int) -> int:
        return count_up_to(self._connection, self.select(query), bound)

    def histogram(
        self, query: FlowRunQuery, start: int, end: int, step: int
    ) -> list[tuple[tuple[int, int, str | None], tuple[int, int, int]]]:
        totals: dict[tuple[int, int, str | None], tuple[int, int, int]] = {}
        for sql, parameters in self.histogram_statements(query, start, end, step):
            for bucket, state, name, *values in self._connection.rows(sql, parameters):
                before = totals.get((bucket, state, name), (0, 0, 0))
                count, total, late = (int(one) + other for one, other in zip(values, before, strict=True))
                totals[bucket, state, name] = (count, total, late)
        return sorted(totals.items(), key=lambda item: (item[0][:2], item[0][2] or ""))

    def histogram_statements(self, query: FlowRunQuery, start: int, end: int, step: int) -> list[tuple[str, list[Any]]]:
        """The statements of `histogram`: numbers stand in them, so that groups and values are the same expression."""
        selection = self.select(replace(query, sort="expected"))
        selection.filters.between("r.expected", start, end)
        values = (
            f"count(*), coalesce(sum(coalesce(r.ended, {self._now}) - r.started), 0), "
            f"coalesce(sum({_LATE.format(now=self._now)}), 0)"
        )
        return selection.grouped_statements(f"(r.expected - {int(start)}) / {int(step)}, r.state, r.state_name", values)

    def changed_since(self, since: int, limit: int, cursor: str | None = None) -> RowPage:
        selection = changed(self._connection, "flow_runs", None, since)
        rows, following = read_page(self._connection, selection, FlowRunRow._fields, limit, cursor, False)
        return RowPage(list(map(FlowRunRow._make, rows)), following)

    def due(self, before: int, limit: int) -> list[FlowRunRow]:
        rest = "WHERE r.state = 0 AND r.expected <= ? ORDER BY r.expected, r.id LIMIT ?"
        return self._rows("flow_runs_scheduled", rest, (before, limit))

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        return starting_with(self._connection, "flow_runs", low, high, limit)

    def open_of_writer(self, writer: bytes) -> list[FlowRunRow]:
        return self._rows("flow_runs_open", "WHERE r.writer = ? AND r.state < 5", (writer,))

    def children(self, run: bytes) -> list[bytes]:
        source = self._connection.dialect.along("flow_runs AS r", "flow_runs_by_parent_run")
        return [
            row[0] for row in self._connection.rows(f"SELECT id FROM {source} WHERE parent_run = ? ORDER BY id", (run,))
        ]

    def delete(self, run: bytes) -> None:
        for table, column in (
            ("flow_run_facts", "run"),
            ("flow_run_inputs", "run"),
            ("idempotency", "run"),
            ("flow_runs", "id"),
        ):
            self._connection.run(f"DELETE FROM {table} WHERE {column} = ?", (run,))

    def _with_deployments(self, query: FlowRunQuery) -> FlowRunQuery:
        """The query with the ids of the deployments that it names; a handful, and runs are indexed by them."""
        if query.deployment_names is None:
            return query
        named = set(deployments_named(self._connection.rows, query.deployment_names))
        wanted = named if query.deployment_ids is None else named.intersection(query.deployment_ids)
        return replace(query, deployment_names=None, deployment_ids=sorted(wanted))

    def _rows(self, index: str, rest: str, parameters: Sequence[Any]) -> list[FlowRunRow]:
        source = self._connection.dialect.along("flow_runs AS r", index)
        return [
            FlowRunRow(*row) for row in self._connection.rows(f"SELECT {_COLUMNS} FROM {source} {rest}", parameters)
        ]


def _fitting(row: FlowRunRow) -> FlowRunRow:
    flow, name = fitting(row.flow), fitting(row.name)
    return row if flow is row.flow and name is row.name else row._replace(flow=flow, name=name)
