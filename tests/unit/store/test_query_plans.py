"""Every list is served by an index: no plan reads a whole table, and none sorts more than a filter left.

On SQLite the rows are few: which index a statement names is our decision (`levada.store.sql.selection`), not a guess
that SQLite makes from the number of rows. PostgreSQL does guess, so it gets some thousand rows and their statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from levada.control.event_queries import event_row
from levada.control.ingest import ingest
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType, datetime_of
from levada.store.base import Store, Transaction
from levada.store.opening import open_store
from levada.store.sql.selection import Selection
from levada.wire.events import Event, EventQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.records import Record
from tests.postgres import database
from tests.unit.control import records as make

NOW = datetime_of(make.START)
LATER = NOW + timedelta(seconds=3)
ID = UUID(bytes=make.new_id())
KEY = bytes(16)

Statement = tuple[str, Sequence[Any]]


def story(number: int) -> list[Record]:
    """A run with a few task runs, one of which went wrong, and lines of log."""
    run = make.new_id()
    made: list[Record] = [
        make.run_opened(run, make.new_id(), tags=["a", f"n{number}"], name=f"run-{number}", flow=f"flow-{number % 7}")
    ]
    if number % 10:
        kind = [StateType.COMPLETED, StateType.FAILED, StateType.RUNNING][number % 3]
        made += [make.run_state(run, StateType.RUNNING, 2), make.run_state(run, kind, 3, message=f"trouble {number}")]
    for step in range(4):
        task = make.new_id()
        end = make.task_state(task, run, StateType.FAILED if step == 3 else StateType.COMPLETED, 2, message="no page")
        made += [make.task_opened(task, run, started=True, key=f"extract-{step}"), end]
        made += [make.log_line(run, f"line {number} of the night {step}", task=task) for _ in range(2)]
    made.append(make.artifact(run, f"report-{number % 5}"))
    return made


def event(number: int) -> Event:
    run = UUID(bytes=make.new_id())
    resource = {"id": f"levada.flow-run.{run}"}
    moment = NOW + timedelta(milliseconds=number)
    return Event(
        id=UUID(bytes=make.new_id()), occurred=moment, event=f"levada.flow-run.S{number % 9}", resource=resource
    )


def seed(store: Store, runs: int) -> None:
    """So many runs, and as many events."""
    writer = make.new_id()
    batch = [record for number in range(runs) for record in story(number)]
    store.transact(lambda transaction: ingest(transaction, writer, enumerate(batch, 1)))
    rows = [event_row(event(number)) for number in range(runs)]
    store.transact(lambda transaction: transaction.events.add(rows))
    store.transact(lambda transaction: transaction.events.dispatch(runs - 3))


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a few rows in every table."""
    made = open_store(tmp_path_factory.mktemp("plans"), DatabaseSettings())
    seed(made, 20)
    yield made
    made.close()


@pytest.fixture(scope="module")
def postgres(postgres_server_url: str) -> Iterator[Store]:
    """A store with so many rows that reading a whole table is never the best plan."""
    with database(postgres_server_url) as url:
        made = open_store(Path(), DatabaseSettings(url=url))
        seed(made, 3_000)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # without its pending part, an index of text looks dear
        yield made
        made.close()


def statements_of(
    select: Callable[[Transaction], Selection], transaction: Transaction, down: bool, *, counted: bool = True
) -> list[Statement]:
    """Those of the first page, of a later one, and of a bounded count."""
    selection = select(transaction)
    place = [KEY] if selection.sort is None else [1 if selection.order != "name" else "x", KEY]
    if selection.order == "at":
        place = [1, 1]
    first = selection.page_statements("r.*", 200, None, down)
    counts = selection.bounded_statements(100) if counted else []
    return [*first, *selection.page_statements("r.*", 200, place, down), *counts]


def assert_indexed_on_sqlite(transaction: Transaction, statements: Sequence[Statement], *, sorts: bool = False) -> None:
    """No table is read whole, and nothing sorted unless the filter leaves little to sort."""
    assert statements
    for sql, parameters in statements:
        lines = [line[-1] for line in transaction.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        for line in lines:
            whole = line.startswith("SCAN") and "USING" not in line and line not in {"SCAN CONSTANT ROW", "SCAN found"}
            assert not whole, (sql, lines)
            assert sorts or "TEMP B-TREE FOR ORDER BY" not in line, (sql, lines)


BIG = ("flow_runs", "task_runs", "logs", "events", "flow_run_facts", "artifacts")


def assert_indexed_on_postgres(transaction: Transaction, statements: Sequence[Statement]) -> None:
    """No partition with rows in it is read whole."""
    assert statements
    for sql, parameters in statements:
        lines = [line[0] for line in transaction.execute(f"EXPLAIN {sql}", parameters)]
        whole = [line for line in lines if "Seq Scan on" in line]
        full = [line for line in whole if any(f"Seq Scan on {table}_default " in line for table in BIG)]
        single = [line for line in whole if any(f"Seq Scan on {table} " in line for table in BIG)]
        assert not full + single, "\n".join([sql, *lines])


FLOW_RUN_QUERIES = [
    FlowRunQuery(),
    FlowRunQuery(oldest_first=True),
    FlowRunQuery(ids=[ID]),
    FlowRunQuery(id_prefix="0199"),
    FlowRunQuery(names=["run-1", "run-2"]),
    FlowRunQuery(name_like="otter"),
    FlowRunQuery(flow_names=["flow-1"]),
    FlowRunQuery(flow_names=["flow-1", "flow-2"], state_types=[StateType.FAILED, StateType.CRASHED]),
    FlowRunQuery(state_types=[StateType.COMPLETED]),
    FlowRunQuery(state_names=["TimedOut"]),
    FlowRunQuery(state_names=["MyOwn"]),
    FlowRunQuery(tags_all=["n7"]),
    FlowRunQuery(tags_all=["n7", "b"], flow_names=["flow-1"], state_types=[StateType.FAILED]),
    FlowRunQuery(parameters={"day": "'monday'"}, labels={"team": "blue"}),
    FlowRunQuery(parent_task_run_ids=[ID]),
    FlowRunQuery(parent_flow_run_ids=[ID]),
    FlowRunQuery(deployment_ids=[ID]),
    FlowRunQuery(deployment_ids=[ID], schedule_ids=[ID]),
    FlowRunQuery(deployment_ids=[ID], deployment_versions=[2]),
    FlowRunQuery(work_pool_names=["batch"], work_queue_names=["default"]),
    FlowRunQuery(top_level=True),
    FlowRunQuery(top_level=False),
    FlowRunQuery(top_level=True, state_types=[StateType.RUNNING]),
    *(FlowRunQuery(sort=sort) for sort in ("started", "-started", "ended", "-ended", "-expected", "name", "-duration")),
    FlowRunQuery(sort="-started", started_after=NOW, started_before=LATER),
]

SORTED_FLOW_RUN_QUERIES = [
    FlowRunQuery(tags_any=["n7", "n8"]),
    FlowRunQuery(sort="name", tags_all=["n7"]),
    FlowRunQuery(sort="-started", names=["run-1"]),
    FlowRunQuery(error_like="trouble 17"),
    FlowRunQuery(created_after=NOW, created_before=NOW),
    FlowRunQuery(started_after=NOW, started_before=NOW),
    FlowRunQuery(ended_after=NOW, ended_before=NOW),
    FlowRunQuery(expected_after=NOW, expected_before=NOW, flow_names=["flow-1"]),
    FlowRunQuery(min_seconds=3600),
    FlowRunQuery(schedule_ids=[ID]),
]
"""What a filter leaves of them is sorted."""


def _down(query: FlowRunQuery) -> bool:
    return not query.oldest_first if query.sort is None else query.sort.startswith("-")


@pytest.mark.parametrize("query", FLOW_RUN_QUERIES, ids=str)
def test_flow_runs_are_found_by_an_index_of_sqlite(sqlite: Store, query: FlowRunQuery) -> None:
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.flow_runs.select(query), transaction, _down(query))
        assert_indexed_on_sqlite(transaction, statements)


@pytest.mark.parametrize("query", SORTED_FLOW_RUN_QUERIES, ids=str)
def test_few_flow_runs_are_found_by_an_index_of_sqlite_and_sorted(sqlite: Store, query: FlowRunQuery) -> None:
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.flow_runs.select(query), transaction, _down(query))
        assert_indexed_on_sqlite(transaction, statements, sorts=True)


def only_drops(query: FlowRunQuery | TaskRunQuery) -> bool:
    """Whether a query without a run or a time only drops rows on the way: a page of it follows an index to its end,
    but whoever counts must look at every row, and PostgreSQL reads them where they lie."""
    searched = query.name_like or query.state_names == ["MyOwn"] or query.state_names == ["Cached", "MyOwn"]
    return bool(
        searched or (isinstance(query, TaskRunQuery) and not query.flow_run_ids and (query.names or query.tags_all))
    )


@pytest.mark.parametrize("query", [*FLOW_RUN_QUERIES, *SORTED_FLOW_RUN_QUERIES], ids=str)
def test_flow_runs_are_found_by_an_index_of_postgres(postgres: Store, query: FlowRunQuery) -> None:
    with postgres.read() as transaction:
        counted = not only_drops(query)
        statements = statements_of(lambda it: it.flow_runs.select(query), transaction, _down(query), counted=counted)
        assert_indexed_on_postgres(transaction, statements)


TASK_RUN_QUERIES = [
    TaskRunQuery(),
    TaskRunQuery(newest_first=True),
    TaskRunQuery(ids=[ID]),
    TaskRunQuery(id_prefix="0199"),
    TaskRunQuery(flow_run_ids=[ID]),
    TaskRunQuery(flow_run_ids=[ID, UUID(bytes=make.new_id())], state_types=[StateType.FAILED]),
    TaskRunQuery(flow_run_ids=[ID], names=["extract-0"], tags_all=["a"]),
    TaskRunQuery(names=["extract-0"]),
    TaskRunQuery(name_like="extract"),
    TaskRunQuery(task_keys=["extract-2"]),
    TaskRunQuery(state_types=[StateType.FAILED, StateType.RUNNING]),
    TaskRunQuery(state_types=[StateType.COMPLETED]),
    TaskRunQuery(state_names=["Cached", "MyOwn"]),
    TaskRunQuery(tags_all=["a"]),
    TaskRunQuery(error_like="page"),
]


@pytest.mark.parametrize("query", TASK_RUN_QUERIES, ids=str)
def test_task_runs_are_found_by_an_index_of_sqlite(sqlite: Store, query: TaskRunQuery) -> None:
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.task_runs.select(query), transaction, query.newest_first)
        assert_indexed_on_sqlite(transaction, statements)


@pytest.mark.parametrize("query", TASK_RUN_QUERIES, ids=str)
def test_task_runs_are_found_by_an_index_of_postgres(postgres: Store, query: TaskRunQuery) -> None:
    with postgres.read() as transaction:
        counted, down = not only_drops(query), query.newest_first
        statements = statements_of(lambda it: it.task_runs.select(query), transaction, down, counted=counted)
        assert_indexed_on_postgres(transaction, statements)


def test_the_task_runs_of_a_flow_run_are_counted_from_the_index_alone(sqlite: Store) -> None:
    with sqlite.read() as transaction:
        selection = transaction.task_runs.select(TaskRunQuery(flow_run_ids=[ID]))
        for sql, parameters in selection.count_statements("r.state"):
            (line,) = (line[-1] for line in transaction.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
            assert "COVERING" in line


LOG_QUERIES = [
    LogQuery(),
    LogQuery(newest_first=True),
    LogQuery(flow_run_ids=[ID]),
    LogQuery(task_run_ids=[ID], flow_run_ids=[ID]),
    LogQuery(flow_run_ids=[ID], min_level=30, text="error", after=NOW, before=NOW),
    LogQuery(after=NOW),
    LogQuery(text='"line 17" -morning'),
]


@pytest.mark.parametrize("query", LOG_QUERIES, ids=str)
def test_logs_are_found_by_an_index_of_sqlite(sqlite: Store, query: LogQuery) -> None:
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.logs.select(query), transaction, query.newest_first)
        assert_indexed_on_sqlite(transaction, statements, sorts=query.text is not None)


@pytest.mark.parametrize("query", LOG_QUERIES, ids=str)
def test_logs_are_found_by_an_index_of_postgres(postgres: Store, query: LogQuery) -> None:
    with postgres.read() as transaction:
        statements = statements_of(lambda it: it.logs.select(query), transaction, query.newest_first)
        assert_indexed_on_postgres(transaction, statements)


def test_text_is_found_by_an_index_of_its_own(sqlite: Store, postgres: Store) -> None:
    query = LogQuery(text="zebra")
    with postgres.read() as transaction:
        sql, parameters = transaction.logs.select(query).page_statements("r.*", 200, None, True)[0]
        lines = [line[0] for line in transaction.execute(f"EXPLAIN {sql}", parameters)]
        assert any("logs_default_message_idx" in line for line in lines), lines
    while sqlite.transact(lambda transaction: transaction.logs.index_text(50)):
        continue
    with sqlite.read() as transaction:
        (arm,) = transaction.logs.select(LogQuery(text='"line 17 of"')).arms
        assert len(arm.parameters) == 8


EVENT_QUERIES = [
    EventQuery(),
    EventQuery(oldest_first=True),
    EventQuery(flow_run_ids=[ID]),
    EventQuery(resource_ids=[f"levada.flow-run.{ID}"]),
    EventQuery(event_prefixes=["levada.flow-run.S1"]),
]


@pytest.mark.parametrize("query", EVENT_QUERIES, ids=str)
def test_events_are_found_by_an_index(sqlite: Store, postgres: Store, query: EventQuery) -> None:
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.events.select(query), transaction, not query.oldest_first)
        assert_indexed_on_sqlite(transaction, statements)
    with postgres.read() as transaction:
        statements = statements_of(lambda it: it.events.select(query), transaction, not query.oldest_first)
        assert_indexed_on_postgres(transaction, statements)


def test_the_events_of_a_short_time_are_found_by_an_index_and_sorted(sqlite: Store, postgres: Store) -> None:
    query = EventQuery(after=NOW, before=NOW + timedelta(milliseconds=5))
    with sqlite.read() as transaction:
        statements = statements_of(lambda it: it.events.select(query), transaction, True)
        assert_indexed_on_sqlite(transaction, statements, sorts=True)
    with postgres.read() as transaction:
        assert_indexed_on_postgres(transaction, statements_of(lambda it: it.events.select(query), transaction, True))


ARTIFACT_QUERIES = [
    ArtifactQuery(),
    ArtifactQuery(ids=[ID]),
    ArtifactQuery(keys=["report-2"]),
    ArtifactQuery(types=["markdown", "table"]),
    ArtifactQuery(flow_run_ids=[ID]),
    ArtifactQuery(latest_of_key=True),
    ArtifactQuery(keys=["report-2"], latest_of_key=True),
]


@pytest.mark.parametrize("query", ARTIFACT_QUERIES, ids=str)
def test_artifacts_are_found_by_an_index(sqlite: Store, query: ArtifactQuery) -> None:
    with sqlite.read() as transaction:
        assert_indexed_on_sqlite(transaction, statements_of(lambda it: it.artifacts.select(query), transaction, True))


@pytest.mark.parametrize(("name", "name_like"), [(None, None), ("etl", None), (None, "e")])
def test_flows_are_found_by_an_index(sqlite: Store, name: str | None, name_like: str | None) -> None:
    with sqlite.read() as transaction:
        assert_indexed_on_sqlite(transaction, [transaction.flows.page_statement(name, name_like, 200, None)])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM flow_runs AS r WHERE r.writer = ? AND r.state < 5",
        "SELECT id FROM flow_runs AS r WHERE r.state = 0 AND r.expected <= 1 ORDER BY r.expected, r.id LIMIT 10",
        "SELECT id FROM flow_runs AS r WHERE r.changed > 9999999999999999 ORDER BY r.changed, r.id LIMIT 10",
        "SELECT id FROM task_runs WHERE run = ? AND state < 5",
        "SELECT id FROM task_runs WHERE run = ? AND changed > 1 ORDER BY changed, id LIMIT 10",
        "SELECT id FROM task_runs WHERE holder = ?",
        "SELECT id FROM flow_runs WHERE parent_run = ?",
        "DELETE FROM flow_run_facts WHERE run = ?",
        "DELETE FROM artifacts WHERE run = ?",
        "DELETE FROM logs WHERE (at, id) IN (SELECT at, id FROM logs WHERE run = ? LIMIT 10)",
        "DELETE FROM task_runs WHERE id IN (SELECT id FROM task_runs WHERE run = ? LIMIT 10)",
        "SELECT id FROM events WHERE position > 2 AND position < 9 ORDER BY position LIMIT 10",
        "SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT 10",
        "SELECT number FROM writers WHERE id = ?",
    ],
)
def test_what_ingest_and_services_look_for_is_found_by_an_index(sqlite: Store, postgres: Store, sql: str) -> None:
    given = [KEY] if "?" in sql else []
    with sqlite.read() as transaction:
        named = sql.replace("WHERE r.state = 0", "INDEXED BY flow_runs_scheduled WHERE r.state = 0")
        assert_indexed_on_sqlite(transaction, [(named, given)], sorts="changed" in sql)
    with postgres.read() as transaction:
        assert_indexed_on_postgres(transaction, [(sql, given)])
