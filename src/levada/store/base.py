"""The seam between the control plane and a database: rows, tables and transactions.

A `Store` hands out transactions; a transaction has one small table object per kind of row. Rows are what ingest
writes, exactly; what people see is made from them in `levada.control.queries`. Times are microseconds since 1970, UTC;
ids are 16 raw bytes. Another database is another implementation of these protocols, held to the same contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from levada.wire.events import EventQuery
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import TableSize

T = TypeVar("T")

MESSAGE_LENGTH = 500
"""Characters of a state's message that stand in a column of their own."""

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
    expected: int | None
    """When it should start; of a run that nobody scheduled, when it was made."""
    deployment: bytes | None
    deployed: int | None
    """Which version of its deployment it executes."""
    pool: str | None
    """Where it is to be executed; None: by whoever made it."""
    queue: str | None
    version: str | None
    """Of its flow."""
    created_by: str | None
    message: str | None
    """Of the present state, cut at `MESSAGE_LENGTH`."""
    changed: int
    """When the row last changed, by the store's clock; see `Transaction.now`."""
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
    message: str | None
    """Of the present state when it says something went wrong, cut at `MESSAGE_LENGTH`; most task runs have none."""
    changed: int
    """When the row last changed, by the store's clock."""
    body: bytes
    duration: int | None = None
    """Milliseconds from its first start to its end; None while it goes on, and when it never started."""


class EventRow(NamedTuple):
    """An event. `position` is None until the outbox has dispatched it."""

    id: bytes
    position: int | None
    occurred: int
    event: str
    resource: str
    run: bytes | None
    body: bytes
    """`levada.wire.events.Event`, as MessagePack."""


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
    renewed: int | None = None
    """When a writer that ships last said something; None for the journals of the store's own home."""
    expires: int | None = None
    """When it counts as gone unless it says something; None for local journals, and once it was given up."""
    host: str = ""
    pid: int = 0


class RowPage(NamedTuple):
    """Rows of one page and the cursor of the next, None on the last."""

    rows: list[Any]
    next: str | None


class FlowRunTable(Protocol):
    """Flow runs."""

    def load(self, ids: Iterable[bytes]) -> dict[bytes, FlowRunRow]:
        """The rows there are of these ids."""
        ...

    def save(
        self, rows: Sequence[FlowRunRow], facts: Mapping[bytes, Sequence[str]], new: Collection[bytes] = ()
    ) -> None:
        """Insert or replace rows.

        Args:
            rows: each once.
            facts: what they are found by from now on (`levada.store.facts`), by id; those of other rows stay.
            new: ids of rows of which `load` found nothing.
        """
        ...

    def page(self, query: FlowRunQuery) -> RowPage:
        """A page by id, which is by time of making, or in the order of `query.sort`."""
        ...

    def count_by_state(self, query: FlowRunQuery) -> dict[int, int]:
        """How many rows the query finds, by state code."""
        ...

    def count_up_to(self, query: FlowRunQuery, bound: int) -> int:
        """How many rows the query finds; `bound` when there are as many or more."""
        ...

    def histogram(
        self, query: FlowRunQuery, start: int, end: int, step: int
    ) -> list[tuple[tuple[int, int, str | None], tuple[int, int, int]]]:
        """Rows that were expected to start in a range, summed up by part of it and state.

        Returns:
            `(part, state, state_name)`, parts counted from 0, each with the number of rows, and the microseconds that
            they ran and that they are or were late, together.
        """
        ...

    def changed_since(self, since: int, limit: int, cursor: str | None = None) -> RowPage:
        """A page of rows that changed after a moment, in the order in which they did."""
        ...

    def due(self, before: int, limit: int) -> list[FlowRunRow]:
        """Scheduled rows that were expected to start by a moment, the longest due first."""
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
        """Remove a row, its facts, its inputs and its idempotency keys."""
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

    def changed_since(self, run: bytes, since: int, limit: int, cursor: str | None = None) -> RowPage:
        """A page of rows of a flow run that changed after a moment, in the order in which they did."""
        ...

    def count_by_state(self, query: TaskRunQuery) -> dict[int, int]:
        """How many rows the query finds, by state code."""
        ...

    def count_up_to(self, query: TaskRunQuery, bound: int) -> int:
        """How many rows the query finds; `bound` when there are as many or more."""
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


class EventTable(Protocol):
    """Events: at once the outbox and what is kept of it."""

    def add(self, rows: Sequence[EventRow]) -> int:
        """Add events that are not there; how many were new. They wait in the outbox, without a position."""
        ...

    def append(self, rows: Sequence[EventRow]) -> None:
        """Add events whose ids were made just now."""
        ...

    def dispatch(self, limit: int) -> list[EventRow]:
        """Give positions, without gaps, to events that have none, oldest first; one dispatcher at a time."""
        ...

    def after(self, position: int, limit: int) -> list[EventRow]:
        """Dispatched events beyond a position, in its order."""
        ...

    def last_position(self) -> int:
        """The position of the newest dispatched event; 0 when there is none."""
        ...

    def page(self, query: EventQuery) -> RowPage:
        """A page by id, newest first unless asked otherwise."""
        ...

    def count_by(self, query: EventQuery, by: str, start: int, step: int) -> dict[Any, int]:
        """How many events, by `event`, `resource`, or (`time`) by how many steps of microseconds after `start`."""
        ...


class LogTable(Protocol):
    """Lines of log."""

    def add(self, rows: Sequence[LogRow]) -> None:
        """Add rows; those that are there already stay as they are."""
        ...

    def page(self, query: LogQuery) -> RowPage:
        """A page by time and id."""
        ...

    def unindexed(self) -> bool:
        """Whether lines wait for `index_text`."""
        ...

    def index_text(self, limit: int) -> int:
        """Take up to so many lines into the index of text; how many were waiting for it.

        Lines are found before, too, only not as fast. On PostgreSQL nothing ever waits.
        """
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

    def renew(self, writer: bytes, now: int, expires: int | None, host: str, pid: int) -> None:
        """Note a sign of life of a writer, and when it counts as gone; None as `expires` gives it up."""
        ...

    def expired(self, now: int, limit: int) -> list[tuple[bytes, WriterRow]]:
        """Ids and rows of writers whose time is over, the longest silent first."""
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
    events: EventTable
    meta: MetaTable

    @property
    def now(self) -> int:
        """Microseconds since 1970 by the database's clock; the same throughout a transaction."""
        ...

    def lock(self, *keys: bytes | str) -> None:
        """Keep other writing transactions that lock one of the keys out until this one ends.

        Runs are locked by their id before their rows are changed, limits by `limit:` and their name. On SQLite there
        is only one writing transaction anyway. Lock everything in one call, so that the order is always the same.
        """
        ...

    def announce(self, topic: str, text: str = "") -> None:
        """Wake those who listen to a topic, on every replica, once this transaction is committed.

        Topics: `events`, `runs` (text: hex ids of runs that changed), `logs` (hex id of the run and `@` and the time of
        the oldest new line), `limits` (name of the limit), `commands` (hex id of the writer).
        """
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give all its rows.

        For tables that have no object here (variables, limits, leases, rate_buckets): plain SQL with `?`.
        """
        ...


class Store(Protocol):
    """A database of rows. Safe to use from many threads; a forked child opens its own connections.

    Raises:
        StoreUnavailable: (from every method) the database cannot be reached now.
    """

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a writing transaction; again from the start when the database broke it off for a conflict."""
        ...

    def listen(self, heard: Callable[[str, str], None]) -> Callable[[], None]:
        """Have `heard` called with topic and text of announcements, from a thread of the store; returns how to stop.

        On PostgreSQL those of all replicas; on SQLite those of this process. Nothing is promised: a connection may be
        lost and found again (then `heard` is called with the topic `""`), so listeners look by themselves now and then.
        """
        ...

    def table_sizes(self) -> list[TableSize]:
        """Bytes and estimated rows of every table, partitions together."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one moment and changes nothing."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """The one writing transaction; others wait. Commits at the end, rolls back when an exception passes."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
