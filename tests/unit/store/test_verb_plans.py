"""Whatever a list, count, graph or history asks its database, no statement of it reads a large table as a whole.

`test_query_plans` reads the plans of selections. Here every statement counts that a verb really sends, those about
deployments, work, schedules, backfills and single runs included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from levada.control import ControlPlane
from levada.core.settings import DatabaseSettings
from levada.store.base import Store
from levada.store.opening import open_store
from levada.store.sql.connection import Row
from levada.store.sql.tables import Tables
from levada.wire.deployments import (
    Code,
    DeploymentQuery,
    IntervalTiming,
    NewBackfill,
    NewDeployment,
    NewDeploymentRun,
    ScheduleSpec,
)
from levada.wire.events import EventQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.pools import PoolSpec
from tests.postgres import database
from tests.unit.store.test_query_plans import BIG, LATER, NOW, seed

POOL = "press"
LARGE = (*BIG, "work", "occurrences")
"""Tables that grow with the number of runs."""


class Recording:
    """A connection that remembers what it was asked."""

    def __init__(self, connection: Any, asked: list[tuple[str, Sequence[Any]]]) -> None:
        self._connection = connection
        self._asked = asked

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self._asked.append((sql, list(parameters)))
        found: list[Row] = self._connection.rows(sql, parameters)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Listening:
    """A store that remembers what its readers asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[tuple[str, Sequence[Any]]] = []

    @contextmanager
    def read(self) -> Iterator[Any]:
        with self._store.read() as transaction:
            assert isinstance(transaction, Tables)
            Tables.__init__(transaction, Recording(transaction._tables, self.asked), transaction.now)
            yield transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def fill(store: Store, home: Path, runs: int) -> None:
    """Runs of all kinds, and so many of deployments, half of them waiting for workers."""
    seed(store, runs)
    with ControlPlane(home, store) as plane:
        plane.create_work_pool(PoolSpec(name=POOL))
        schedule = ScheduleSpec(timing=IntervalTiming(3600.0), slug="hourly")
        for number in range(3):
            new = NewDeployment(
                flow_name=f"flow-{number}", name="nightly", code=Code(entrypoint="etl.py:etl", digest="d"), pool=POOL,
                schedules=[schedule],
            )  # fmt: skip
            made = plane.deploy(new)
            for _ in range(max(5, runs // 40)):
                plane.run_deployment(made.id, NewDeploymentRun())
            plane.start_backfill(made.id, NewBackfill(start=NOW, end=NOW + timedelta(hours=40), every=3600.0))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    home = tmp_path_factory.mktemp("plans")
    if request.param == "sqlite":
        made = open_store(home, DatabaseSettings())
        fill(made, home, 40)
        yield Listening(made)
        made.close()
        return
    with database(request.getfixturevalue("postgres_server_url")) as url:
        made = open_store(home, DatabaseSettings(url=url))
        fill(made, home, 2_000)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield Listening(made)
        made.close()


def whole_reads(store: Store, sql: str, parameters: Sequence[Any]) -> list[str]:
    """Lines of a statement's plan that read a large table without an index."""
    if not re.match(r"\s*(SELECT|WITH)", sql):
        return []
    with store.read() as transaction:
        if type(transaction).__module__.startswith("levada.store.sqlite"):
            aliases = dict(re.findall(r"(?:FROM|JOIN) (\w+) AS (\w+)", sql))
            names = {*LARGE, *(alias for table, alias in aliases.items() if table in LARGE)}
            lines = [str(row[3]) for row in transaction.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
            scans = [re.match(r"SCAN (\w+)(?!.*USING)", line) for line in lines]
            return [scan.string for scan in scans if scan is not None and scan[1] in names]
        lines = [str(row[0]) for row in transaction.execute(f"EXPLAIN {sql}", parameters)]
    scanned = "|".join(f"{table}(_default)?" for table in LARGE)
    return [line for line in lines if re.search(rf"Seq Scan on ({scanned})\b", line)]


def ended(plane: ControlPlane) -> UUID:
    """A run with task runs and lines of log."""
    found: UUID = plane.read_flow_runs(FlowRunQuery(flow_names=["flow-1"], names=["run-1"])).items[0].id
    return found


def deployed(plane: ControlPlane) -> UUID:
    found: UUID = plane.read_deployments(DeploymentQuery()).items[0].id
    return found


VERBS: dict[str, Callable[[ControlPlane], Any]] = {
    "deployments": lambda plane: plane.read_deployments(DeploymentQuery()),
    "deployments of a name": lambda plane: plane.read_deployments(DeploymentQuery(name_like="night", pools=[POOL])),
    "count deployments": lambda plane: plane.count_deployments(DeploymentQuery(tags=["a"])),
    "a deployment": lambda plane: plane.read_deployment(deployed(plane)),
    "versions": lambda plane: plane.read_versions(deployed(plane)),
    "upcoming": lambda plane: plane.upcoming_runs(DeploymentQuery(), LATER + timedelta(days=900), 20),
    "backfills": lambda plane: plane.read_backfills(),
    "backfills of one": lambda plane: [plane.read_backfill(one.id) for one in plane.read_backfills(deployed(plane))],
    "pools": lambda plane: plane.read_work_pools(),
    "a pool": lambda plane: plane.read_work_pool(POOL),
    "a queue": lambda plane: plane.read_work_queue(POOL, "default"),
    "waiting": lambda plane: plane.queued_runs(POOL),
    "waiting in a queue": lambda plane: plane.queued_runs(POOL, "default", 10),
    "workers": lambda plane: plane.read_workers(POOL),
    "runs of a deployment": lambda plane: plane.read_flow_runs(FlowRunQuery(deployment_names=["flow-1/nightly"])),
    "runs of a pool": lambda plane: plane.count_flow_runs_up_to(FlowRunQuery(work_pool_names=[POOL])),
    "runs by state": lambda plane: plane.flow_run_state_counts(FlowRunQuery(flow_names=["flow-1"])),
    "history": lambda plane: plane.flow_run_history(FlowRunQuery(), NOW - timedelta(minutes=5), LATER),
    "lateness": lambda plane: plane.flow_run_lateness(FlowRunQuery(expected_after=NOW, expected_before=LATER)),
    "graph": lambda plane: plane.flow_run_graph(ended(plane)),
    "graph since": lambda plane: plane.flow_run_graph(ended(plane), LATER),
    "tasks by state": lambda plane: plane.task_run_state_counts(ended(plane)),
    "states": lambda plane: plane.flow_run_states(ended(plane)),
    "recorded calls": lambda plane: plane.recorded_calls(ended(plane)),
    "why": lambda plane: plane.why(ended(plane)),
    "why one waits": lambda plane: plane.why(plane.queued_runs(POOL)[-1].id),
    "await": lambda plane: plane.await_flow_runs([ended(plane), uuid4()]),
    "task runs": lambda plane: plane.read_task_runs(TaskRunQuery(flow_run_ids=[ended(plane)])),
    "count task runs": lambda plane: plane.count_task_runs_up_to(TaskRunQuery(flow_run_ids=[ended(plane)])),
    "logs": lambda plane: plane.read_logs(LogQuery(flow_run_ids=[ended(plane)])),
    "artifacts": lambda plane: plane.read_artifacts(ArtifactQuery(flow_run_ids=[ended(plane)])),
    "artifacts of a key": lambda plane: plane.read_artifacts(ArtifactQuery(keys=["report-1"])),
    "events": lambda plane: plane.read_events(EventQuery(flow_run_ids=[ended(plane)])),
    "events over time": lambda plane: plane.count_events(EventQuery(after=NOW, before=LATER)),
    "a flow": lambda plane: plane.read_flow("flow-1"),
    "inputs": lambda plane: plane.read_inputs(ended(plane)),
    "limits": lambda plane: plane.limits.read_all(),
    "slots waited for": lambda plane: plane.limits.waits_of(ended(plane).bytes),
    "variables": lambda plane: plane.variables.page(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_is_asked_reads_a_large_table_as_a_whole(store: Listening, tmp_path: Path, verb: str) -> None:
    plane = ControlPlane(tmp_path, store)  # type: ignore[arg-type]
    store.asked.clear()
    VERBS[verb](plane)
    asked = list(store.asked)
    assert asked
    found = {sql: lines for sql, parameters in asked if (lines := whole_reads(store._store, sql, parameters))}
    assert not found


BODIES = {"flow_runs AS r": "r.body", "task_runs": "body", "logs": "message", "events": "body", "work AS w": "w.body"}


@pytest.mark.parametrize("table", BODIES)
def test_a_table_that_is_read_as_a_whole_is_noticed(store: Listening, table: str) -> None:
    assert whole_reads(store._store, f"SELECT count(*) FROM {table} WHERE length({BODIES[table]}) > ?", [3])
