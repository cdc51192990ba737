"""Rows in a store, made from records as a journal would bring them, and read back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from levada.control.ingest import ingest
from levada.core.states import StateType
from levada.store.base import EventRow, Store
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.records import Record
from tests.unit.control import records as make


def take_in(store: Store, *records: Record, writer: bytes | None = None) -> None:
    with store.write() as transaction:
        ingest(transaction, writer or make.new_id(), enumerate(records, 1))


def flow_run(store: Store, kind: StateType = StateType.COMPLETED, **fields: Any) -> UUID:
    """A flow run that ended so."""
    run, writer = make.new_id(), make.new_id()
    take_in(store, make.run_opened(run, writer, **fields), make.run_state(run, kind, 2), writer=writer)
    return UUID(bytes=run)


def task_run(store: Store, run: UUID | None, kind: StateType = StateType.COMPLETED, **fields: Any) -> UUID:
    """A task run that ended so."""
    task = make.new_id()
    raw = None if run is None else run.bytes
    take_in(store, make.task_opened(task, raw, started=True, **fields), make.task_state(task, raw, kind, 2))
    return UUID(bytes=task)


def flow_run_ids(store: Store, **query: Any) -> list[UUID]:
    with store.read() as transaction:
        return [UUID(bytes=row.id) for row in transaction.flow_runs.page(FlowRunQuery(**query)).rows]


def task_run_ids(store: Store, **query: Any) -> list[UUID]:
    with store.read() as transaction:
        return [UUID(bytes=row.id) for row in transaction.task_runs.page(TaskRunQuery(**query)).rows]


def messages(store: Store, **query: Any) -> list[str]:
    with store.read() as transaction:
        return [row.message for row in transaction.logs.page(LogQuery(**query)).rows]


def event(name: str, run: bytes | None = None, at: int = make.START, resource: str = "r") -> EventRow:
    return EventRow(make.new_id(), None, at, name, resource, run, b"\x80")


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Do a work in so many threads; what goes wrong in one is raised."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, number) for number in range(count)]:
            done.result(timeout=60)
