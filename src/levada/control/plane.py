"""The verbs of the control plane, on one home."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.msgpack import decode, encode

from levada.control import queries
from levada.control.deletion import delete_flow_run
from levada.control.drain import DrainReport, drain
from levada.control.limits import Limits
from levada.control.variables import Variables
from levada.control.why import why_flow_run, why_task_run
from levada.core.errors import ObjectNotFound
from levada.journal import WriterDirectory
from levada.store.sqlite import SqliteStore
from levada.wire.filters import TaskRunQuery

if TYPE_CHECKING:
    from pathlib import Path

    from levada.core.states import StateType
    from levada.store.base import Store
    from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery
    from levada.wire.objects import ArtifactView, FlowRun, FlowView, Page, StateView, TaskRun, Why
    from levada.wire.recorded import RecordedRun

DATABASE = "levada.db"
"""The store's file in a home."""


class ControlPlane:
    """Answers for one home: journals in, rows and reasons out.

    Reading verbs show what is in the store; call `drain` first to take in what journals have gained since. A run may
    be named by its UUID, by text of it, or by the beginning of that text when only one run begins so.

    Args:
        home: the Levada home; its `journal` folder is drained, its `levada.db` is the store unless one is given.
        store: another store to use.
        now_us: microseconds since 1970; the real clock unless given.
    """

    def __init__(self, home: Path, store: Store | None = None, now_us: Callable[[], int] | None = None) -> None:
        self.home = home
        self._store = store
        self._now_us = now_us

    def is_live(self, writer: bytes) -> bool:
        """Whether the process that writes a journal lives on this machine."""
        return WriterDirectory(self.home, writer).is_live()

    def close(self) -> None:
        """Close the store's connections."""
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def store(self) -> Store:
        """The rows; opened when first asked for."""
        if self._store is None:
            self._store = SqliteStore(self.home / DATABASE)
        return self._store

    @property
    def limits(self) -> Limits:
        """Concurrency and rate limits."""
        return Limits(self.store, is_live=self.is_live, now_us=self._now_us)

    @property
    def variables(self) -> Variables:
        """Small named values."""
        return Variables(self.store, now_us=self._now_us)

    def drain(self) -> DrainReport:
        """Take in everything journals hold; runs whose process is gone become Crashed.

        Idempotent; any number of processes may drain one home at once.
        """
        return drain(self.home, self.store, self._now_us)

    def read_flow_run(self, run: UUID | bytes | str) -> FlowRun:
        """One flow run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids (the message lists them).
        """
        with self.store.read() as transaction:
            return queries.flow_run(transaction, run)

    def read_flow_runs(self, query: FlowRunQuery) -> Page:
        """A page of `FlowRun`, newest first unless asked otherwise; each with its state history."""
        with self.store.read() as transaction:
            return queries.flow_runs(transaction, query)

    def count_flow_runs(self, query: FlowRunQuery) -> int:
        """How many flow runs the query finds, its limit and cursor aside."""
        with self.store.read() as transaction:
            return sum(transaction.flow_runs.count_by_state(query).values())

    def flow_run_state_counts(self, query: FlowRunQuery) -> dict[StateType, int]:
        """How many flow runs the query finds in each state type; types with none are left out."""
        with self.store.read() as transaction:
            return queries.counts(transaction.flow_runs.count_by_state(query))

    def read_task_run(self, task: UUID | bytes | str) -> TaskRun:
        """One task run with its state history.

        Raises:
            ObjectNotFound: there is none, or the text begins several ids (the message lists them).
        """
        with self.store.read() as transaction:
            return queries.task_run(transaction, task)

    def read_task_runs(self, query: TaskRunQuery) -> Page:
        """A page of `TaskRun`, in the order they were made unless asked otherwise; each with its state history."""
        with self.store.read() as transaction:
            return queries.task_runs(transaction, query)

    def count_task_runs(self, query: TaskRunQuery) -> int:
        """How many task runs the query finds, its limit and cursor aside."""
        with self.store.read() as transaction:
            return sum(transaction.task_runs.count_by_state(query).values())

    def task_run_state_counts(self, run: UUID | bytes | str) -> dict[StateType, int]:
        """How many task runs of a flow run are in each state type; types with none are left out."""
        with self.store.read() as transaction:
            row = queries.flow_run_row(transaction, run)
            query = TaskRunQuery(flow_run_ids=[UUID(bytes=row.id)])
            return queries.counts(transaction.task_runs.count_by_state(query))

    def flow_run_states(self, run: UUID | bytes | str) -> list[StateView]:
        """Every state a flow run was ever in, oldest epoch first, late records of lost owners included."""
        return self.read_flow_run(run).states

    def task_run_states(self, task: UUID | bytes | str) -> list[StateView]:
        """Every state a task run was ever in."""
        return self.read_task_run(task).states

    def read_logs(self, query: LogQuery) -> Page:
        """A page of `Log`, in the order they were written unless asked otherwise."""
        with self.store.read() as transaction:
            return queries.logs(transaction, query)

    def read_artifacts(self, query: ArtifactQuery) -> Page:
        """A page of `ArtifactView`, newest first."""
        with self.store.read() as transaction:
            return queries.artifacts(transaction, query)

    def read_artifact(self, artifact: UUID | bytes | str) -> ArtifactView:
        """One artifact by id, beginning of its id, or key (then the latest of that key).

        Raises:
            ObjectNotFound: there is none.
        """
        with self.store.read() as transaction:
            return queries.artifact(transaction, artifact)

    def read_flows(self, *, name_like: str | None = None, limit: int = 200, cursor: str | None = None) -> Page:
        """A page of `FlowView` by name, each with its number of runs and its last one."""
        with self.store.read() as transaction:
            return queries.flows(transaction, name_like, limit, cursor)

    def read_flow(self, name: str) -> FlowView:
        """One flow by name.

        Raises:
            ObjectNotFound: no flow of that name ever ran.
        """
        with self.store.read() as transaction:
            return queries.flow(transaction, name)

    def recorded_calls(self, run: UUID | bytes | str) -> RecordedRun:
        """Everything the engine needs to resume or fork a run, read at one moment.

        Raises:
            ObjectNotFound: there is no such run.
        """
        with self.store.read() as transaction:
            return queries.recorded_calls(transaction, run)

    def why(self, run: UUID | bytes | str) -> Why:
        """Why a flow run or a task run is where it is, and what can be done about it.

        Raises:
            ObjectNotFound: there is no such run.
        """
        with self.store.read() as transaction:
            try:
                return why_flow_run(transaction, queries.flow_run_row(transaction, run), self.is_live)
            except ObjectNotFound as not_a_flow_run:
                try:
                    return why_task_run(transaction, queries.task_run_row(transaction, run), self.is_live)
                except ObjectNotFound:
                    raise not_a_flow_run from None

    def delete_flow_run(self, run: UUID | bytes | str) -> dict[str, int]:
        """Delete a flow run with its subflow runs, task runs, logs and artifacts; how many of each went.

        Raises:
            ObjectNotFound: there is no such run.
            UnfinishedRun: it, or a subflow run of it, has not ended.
        """
        return delete_flow_run(self.store, run)

    def delete_artifact(self, artifact: UUID | bytes | str) -> None:
        """Delete one artifact, named as in `read_artifact`; an older one of its key becomes the latest again.

        Raises:
            ObjectNotFound: there is none.
        """
        with self.store.write() as transaction:
            transaction.artifacts.delete(queries.artifact(transaction, artifact).id.bytes)

    def read_meta(self, key: str) -> Any:
        """A value saved under a name by `write_meta`; None when there is none."""
        with self.store.read() as transaction:
            value = transaction.meta.get(key)
        return None if value is None else decode(value)

    def write_meta(self, key: str, value: Any) -> None:
        """Save a small value (anything msgspec encodes) under a name; None removes it."""
        with self.store.write() as transaction:
            transaction.meta.set(key, None if value is None else encode(value))
