"""Every list is served by an index: no plan reads a whole table, and no plan sorts what it found.

The rows are few: which index a statement names is our decision (`levada.store.sqlite.selection`), not a guess that
SQLite makes from the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from levada.control.ingest import ingest
from levada.core.states import StateType
from levada.store.sqlite import SqliteStore, artifacts, flow_runs, flows, logs, task_runs
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from tests.unit.control import records as make

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(bytes=make.new_id())
KEY = bytes(16)

Statement = tuple[str, Sequence[Any]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """A store with a few rows in every table."""
    made = SqliteStore(tmp_path_factory.mktemp("plans") / "levada.db")
    with made.write() as transaction:
        for _ in range(20):
            run, task, writer = make.new_id(), make.new_id(), make.new_id()
            batch = [
                make.run_opened(run, writer, tags=["a"]),
                make.run_state(run, StateType.RUNNING, 2),
                make.task_opened(task, run, started=True),
                make.task_state(task, run, StateType.FAILED, 2),
                make.log_line(run, task=task),
                make.artifact(run, "report"),
            ]
            ingest(transaction, writer, enumerate(batch, 1))
    yield made
    made.close()


def plan(store: SqliteStore, statements: Sequence[Statement]) -> list[str]:
    """The lines of the plans of all statements."""
    assert statements
    with store.read() as transaction:
        return [
            line[-1]
            for sql, parameters in statements
            for line in transaction.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]


def assert_served_by_an_index(lines: list[str]) -> None:
    for line in lines:
        assert not line.startswith("SCAN") or line == "SCAN CONSTANT ROW", lines
        assert "TEMP B-TREE" not in line, lines


FLOW_RUN_QUERIES = [
    FlowRunQuery(),
    FlowRunQuery(oldest_first=True),
    FlowRunQuery(ids=[ID]),
    FlowRunQuery(id_prefix="0199"),
    FlowRunQuery(names=["brave-otter", "calm-newt"]),
    FlowRunQuery(name_like="otter"),
    FlowRunQuery(flow_names=["etl"]),
    FlowRunQuery(flow_names=["etl", "train"], state_types=[StateType.FAILED, StateType.CRASHED]),
    FlowRunQuery(state_types=[StateType.COMPLETED]),
    FlowRunQuery(state_names=["TimedOut"]),
    FlowRunQuery(state_names=["MyOwn"]),
    FlowRunQuery(tags_all=["a"]),
    FlowRunQuery(tags_all=["a", "b"], flow_names=["etl"], state_types=[StateType.FAILED]),
    FlowRunQuery(parent_task_run_ids=[ID]),
    FlowRunQuery(parent_flow_run_ids=[ID]),
    FlowRunQuery(top_level=True),
    FlowRunQuery(top_level=False),
    FlowRunQuery(top_level=True, state_types=[StateType.RUNNING]),
    FlowRunQuery(started_after=NOW, started_before=NOW),
]


@pytest.mark.parametrize("query", FLOW_RUN_QUERIES, ids=str)
def test_flow_runs_are_found_by_an_index(store: SqliteStore, query: FlowRunQuery) -> None:
    selection = flow_runs.select(query)
    for after in (None, KEY):
        statements = selection.page_statements("r.id", 200, after, not query.oldest_first)
        assert_served_by_an_index(plan(store, statements))
    counting = plan(store, selection.count_statements("r.state"))
    assert not [line for line in counting if line.startswith("SCAN")]


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
    TaskRunQuery(task_keys=["extract"]),
    TaskRunQuery(state_types=[StateType.FAILED, StateType.RUNNING]),
    TaskRunQuery(state_types=[StateType.COMPLETED]),
    TaskRunQuery(state_names=["Cached", "MyOwn"]),
    TaskRunQuery(tags_all=["a"]),
]


@pytest.mark.parametrize("query", TASK_RUN_QUERIES, ids=str)
def test_task_runs_are_found_by_an_index(store: SqliteStore, query: TaskRunQuery) -> None:
    selection = task_runs.select(query, None if query.task_keys is None else [1, 2])
    for after in (None, KEY):
        statements = selection.page_statements("r.id", 200, after, query.newest_first)
        assert_served_by_an_index(plan(store, statements))
    counting = plan(store, selection.count_statements("r.state"))
    assert not [line for line in counting if line.startswith("SCAN")]


def test_the_task_runs_of_a_flow_run_are_counted_from_the_index_alone(store: SqliteStore) -> None:
    statements = task_runs.select(TaskRunQuery(flow_run_ids=[ID]), None).count_statements("r.state")
    assert {line.split("USING ")[1].split()[0] for line in plan(store, statements)} == {"COVERING"}


LOG_QUERIES = [
    LogQuery(),
    LogQuery(newest_first=True),
    LogQuery(flow_run_ids=[ID]),
    LogQuery(task_run_ids=[ID], flow_run_ids=[ID]),
    LogQuery(flow_run_ids=[ID], min_level=30, text="error", after=NOW, before=NOW),
    LogQuery(after=NOW),
]


@pytest.mark.parametrize("query", LOG_QUERIES, ids=str)
def test_logs_are_found_by_an_index(store: SqliteStore, query: LogQuery) -> None:
    for after in (None, (0, 0)):
        assert_served_by_an_index(plan(store, logs.page_statements(query, 200, after)))


ARTIFACT_QUERIES = [
    ArtifactQuery(),
    ArtifactQuery(ids=[ID]),
    ArtifactQuery(keys=["report"]),
    ArtifactQuery(types=["markdown", "table"]),
    ArtifactQuery(flow_run_ids=[ID]),
    ArtifactQuery(latest_of_key=True),
    ArtifactQuery(keys=["report"], latest_of_key=True),
]


@pytest.mark.parametrize("query", ARTIFACT_QUERIES, ids=str)
def test_artifacts_are_found_by_an_index(store: SqliteStore, query: ArtifactQuery) -> None:
    for after in (None, KEY):
        assert_served_by_an_index(plan(store, artifacts.select(query).page_statements("r.id", 200, after, True)))


@pytest.mark.parametrize(("name", "name_like"), [(None, None), ("etl", None), (None, "e")])
def test_flows_are_found_by_an_index(store: SqliteStore, name: str | None, name_like: str | None) -> None:
    lines = plan(store, [flows.page_statement(name, name_like, 200, None)])
    assert_served_by_an_index([line for line in lines if not line.startswith("CORRELATED")])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM flow_runs INDEXED BY flow_runs_open WHERE writer = ? AND state < 5",
        "SELECT id FROM task_runs INDEXED BY task_runs_by_run WHERE run = ? AND state < 5",
        "SELECT id FROM task_runs INDEXED BY task_runs_by_holder WHERE holder = ?",
        "SELECT id FROM flow_runs INDEXED BY flow_runs_by_parent_run WHERE parent_run = ?",
        "DELETE FROM flow_run_facts WHERE run = ?",
        "DELETE FROM artifacts INDEXED BY artifacts_by_run WHERE run = ?",
        "SELECT number FROM writers WHERE id = ?",
    ],
)
def test_what_a_drain_looks_for_is_found_by_an_index(store: SqliteStore, sql: str) -> None:
    assert_served_by_an_index(plan(store, [(sql, [KEY])]))
