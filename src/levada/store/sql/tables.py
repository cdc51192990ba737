"""All tables through one connection: what the transactions of every database have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada.store.base import (
    ArtifactTable,
    EventTable,
    FlowRunTable,
    FlowTable,
    LogTable,
    MetaTable,
    TaskRunTable,
    WriterTable,
)
from levada.store.sql.artifacts import Artifacts
from levada.store.sql.connection import Connection
from levada.store.sql.events import Events
from levada.store.sql.flow_runs import FlowRuns
from levada.store.sql.flows import Flows
from levada.store.sql.journals import Meta, Writers
from levada.store.sql.logs import Logs
from levada.store.sql.task_runs import TaskRuns


class Tables:
    """The tables of `levada.store.base.Transaction`."""

    def __init__(self, tables: Connection, now: int) -> None:
        self._tables = tables
        self.flow_runs: FlowRunTable = FlowRuns(tables, now)
        self.task_runs: TaskRunTable = TaskRuns(tables)
        self.logs: LogTable = Logs(tables)
        self.artifacts: ArtifactTable = Artifacts(tables)
        self.flows: FlowTable = Flows(tables)
        self.writers: WriterTable = Writers(tables)
        self.events: EventTable = Events(tables)
        self.meta: MetaTable = Meta(tables)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give all its rows."""
        return self._tables.rows(sql, parameters)
