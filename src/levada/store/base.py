"""The seam between the control plane and a database: rows, tables and transactions.

A `Store` hands out transactions; a transaction has one small table object per kind of row. Rows are what ingest
writes, exactly; what people see is made from them in `levada.control.queries`. Times are microseconds since 1970, UTC;
ids are 16 raw bytes. Another database is another implementation of these protocols, held to the same contract tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery

UNKNOWN_STATE = 15
"""State code of a row whose subject was renamed or logged about, but of which no state arrived yet."""

FIRST_FINAL_STATE = 5
"""State codes from here on (see `levada.wire.records.STATE_CODES`) are final, but for `UNKNOWN_STATE`."""


class FlowRunRow(NamedTuple):
    """A flow run. The columns are what lists filter by; `body` holds everything (`levada.store.bodies.RunBody`)."""

    id: bytes
    flow: str
    name: str
    epoch: int
    state: int
    state_name: str | None
    """None when it is the default name of the state."""
    writer: bytes | None
    """Who opened the newest epoch."""
    parent_run: bytes | None
    parent_task: bytes | None
    created: int
    started: int | None
    ended: int | None
    body: bytes


class TaskRunRow(NamedTuple):
    """A task run; `body` is `levada.store.bodies.TaskBody`."""

    id: bytes
    run: bytes | None
    call: int
    """Which of `TaskRunTable.calls`; 0 when its opening has not arrived."""
    state: int
    state_name: str | None
    name: str | None
    tags: str | None
    """Tags between unit separators, so that one can be looked for; None when there are none."""
    holder: bytes | None
    """Writer of the current state while that is not final: when it dies, the task run crashes."""
    body: bytes


class LogRow(NamedTuple):
    """A line of log; `id` is made of its writer's number and its sequence, so that it is the same on every delivery."""

    id: int
    run: bytes | None
    task: bytes | None
    at: int
    level: int
    logger: str
    message: str
    attempt: int
    fields: bytes | None


class ArtifactRow(NamedTuple):
    """An artifact as last written."""

    id: bytes
    run: bytes | None
    task: bytes | None
    kind: str
    key: str | None
    created: int
    updated: int
    data: bytes
    description: str | None


class FlowRow(NamedTuple):
    """A flow with what its runs say about it."""

    name: str
    created: int
    runs: int
    last_run: bytes | None
    last_at: int | None
    last_state: int | None
    last_state_name: str | None


class WriterRow(NamedTuple):
    """How far the journal of one writer has been taken in."""

    number: int
    segment: int
    offset: int
    sequence: int


class RowPage(NamedTuple):
    """Rows of one page and the cursor of the next, None on the last."""

    rows: list[Any]
    next: str | None


class FlowRunTable(Protocol):
    """Flow runs."""

    def load(self, ids: Iterable[bytes]) -> dict[bytes, FlowRunRow]:
        """The rows there are of these ids."""
        ...

    def save(self, rows: Sequence[FlowRunRow], tags: Mapping[bytes, Sequence[str]]) -> None:
        """Insert or replace rows; `tags` holds the tags of every one of them."""
        ...

    def page(self, query: FlowRunQuery) -> RowPage:
        """A page by id, which is by time of making."""
        ...

    def count_by_state(self, query: FlowRunQuery) -> dict[int, int]:
        """How many rows the query finds, by state code."""
        ...

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """Ids between two, both included."""
        ...

    def open_of_writer(self, writer: bytes) -> list[FlowRunRow]:
        """Rows whose newest epoch this writer opened and that are not final."""
        ...

    def children(self, run: bytes) -> list[bytes]:
        """Ids of the subflow runs called by a run."""
        ...

    def delete(self, run: bytes) -> None:
        """Remove a row and its tags."""
        ...


class TaskRunTable(Protocol):
    """Task runs."""

    def load(self, ids: Sequence[bytes]) -> dict[bytes, TaskRunRow]:
        """The rows there are of these ids."""
        ...

    def insert(self, rows: Sequence[TaskRunRow]) -> None:
        """Add rows of which `load` found nothing."""
        ...

    def replace(self, rows: Sequence[TaskRunRow]) -> None:
        """Replace rows that `load` found."""
        ...

    def page(self, query: TaskRunQuery) -> RowPage:
        """A page by id, which is by time of making."""
        ...

    def count_by_state(self, query: TaskRunQuery) -> dict[int, int]:
        """How many rows the query finds, by state code."""
        ...

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """Ids between two, both included."""
        ...

    def of_run(self, run: bytes) -> list[TaskRunRow]:
        """All rows of a flow run, by id."""
        ...

    def open_of_run(self, run: bytes) -> list[TaskRunRow]:
        """The rows of a flow run that are not final."""
        ...

    def open_of_holder(self, writer: bytes) -> list[TaskRunRow]:
        """The rows that are not final and whose current state this writer recorded."""
        ...

    def call_number(self, key: str, code: str | None) -> int:
        """The number under which what was called is known; given when first asked for."""
        ...

    def calls(self, numbers: Iterable[int]) -> dict[int, tuple[str, str | None]]:
        """Key and code digest of what was called, by number."""
        ...

    def delete_of_run(self, run: bytes, limit: int) -> int:
        """Remove up to so many rows of a flow run; how many went."""
        ...


class LogTable(Protocol):
    """Lines of log."""

    def add(self, rows: Sequence[LogRow]) -> None:
        """Add rows; those that are there already stay as they are."""
        ...

    def page(self, query: LogQuery) -> RowPage:
        """A page by time and id."""
        ...

    def delete_of_run(self, run: bytes, limit: int) -> int:
        """Remove up to so many rows of a flow run; how many went."""
        ...


class ArtifactTable(Protocol):
    """Artifacts, and the latest of each key."""

    def load(self, ids: Iterable[bytes]) -> dict[bytes, ArtifactRow]:
        """The rows there are of these ids."""
        ...

    def save(self, rows: Sequence[ArtifactRow]) -> None:
        """Insert or replace rows; the newest of a key becomes its latest."""
        ...

    def page(self, query: ArtifactQuery) -> RowPage:
        """A page by id, newest first."""
        ...

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """Ids between two, both included."""
        ...

    def delete_of_run(self, run: bytes) -> int:
        """Remove the rows of a flow run; an older artifact of the same key becomes the latest again."""
        ...

    def delete(self, artifact: bytes) -> bool:
        """Remove one row; an older artifact of the same key becomes the latest again."""
        ...


class FlowTable(Protocol):
    """Flows."""

    def note(self, flows: Mapping[str, int]) -> None:
        """Note that flows exist since these moments."""
        ...

    def page(self, *, name: str | None, name_like: str | None, limit: int, cursor: str | None) -> RowPage:
        """A page of `FlowRow` by name."""
        ...


class WriterTable(Protocol):
    """The writers of journals, and how far each has been taken in."""

    def find(self, writer: bytes) -> WriterRow | None:
        """Where a writer's journal is to be read on; None when nothing of it was ever taken in."""
        ...

    def get(self, writer: bytes) -> WriterRow:
        """Where a writer's journal is to be read on; a number is given when it is first asked for."""
        ...

    def advance(self, writer: bytes, segment: int, offset: int, sequence: int) -> None:
        """Note that a writer's journal has been taken in up to here."""
        ...

    def keep_unread(self, writer: bytes, sequence: int, payload: bytes) -> None:
        """Keep a record that only a newer Levada understands, for the day it is installed."""
        ...


class MetaTable(Protocol):
    """Small values by name."""

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        ...

    def set(self, key: str, value: bytes | None) -> None:
        """Keep a value; None removes it."""
        ...


class Transaction(Protocol):
    """One view of all tables; in a writing transaction also one change to all of them or to none."""

    flow_runs: FlowRunTable
    task_runs: TaskRunTable
    logs: LogTable
    artifacts: ArtifactTable
    flows: FlowTable
    writers: WriterTable
    meta: MetaTable

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give all its rows.

        For tables that have no object here (variables, limits, leases, rate_buckets): plain SQL with `?`.
        """
        ...


class Store(Protocol):
    """A database of rows. Safe to use from many threads; a forked child opens its own connections."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one moment and changes nothing."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """The one writing transaction; others wait. Commits at the end, rolls back when an exception passes."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
