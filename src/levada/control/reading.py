"""The verbs that only look: runs, logs, artifacts, flows, reasons."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from levada.control import event_queries, folding, graph, history, queries
from levada.control.base import PlanePart
from levada.control.drain import DrainReport, drain
from levada.control.picture import Pictures
from levada.control.why import why_flow_run, why_task_run
from levada.core.errors import ObjectNotFound
from levada.wire.filters import TaskRunQuery
from levada.wire.objects import Count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from levada.core.states import StateType
    from levada.wire.events import Event, EventCount, EventQuery
    from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery
    from levada.wire.objects import (
        ArtifactView,
        FlowRun,
        FlowView,
        Graph,
        HistoryBucket,
        Lateness,
        Page,
        StateView,
        TaskRun,
        Why,
    )
    from levada.wire.recorded import RecordedRun


class Reading(PlanePart):
    """What is recorded; see `levada.wire.verbs.Runs` and `Records`."""

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

    def count_flow_runs_up_to(self, query: FlowRunQuery, bound: int = 10_000) -> Count:
        """How many flow runs the query finds, counted no further than a bound, which bounds the work as well."""
        with self.store.read() as transaction:
            found = transaction.flow_runs.count_up_to(query, bound + 1)
        return Count(min(found, bound), found <= bound)

    def flow_run_history(
        self, query: FlowRunQuery, start: datetime, end: datetime, buckets: int = 50
    ) -> list[HistoryBucket]:
        """A range of time cut into parts, each with the runs that were expected to start in it, by state.

        Raises:
            RequestInvalid: the range is empty, or is to be cut into more than 500 parts.
        """
        with self.store.read() as transaction:
            return history.flow_run_history(transaction, query, start, end, buckets)

    def flow_run_lateness(self, query: FlowRunQuery) -> Lateness:
        """How late the runs started, or are, on average."""
        with self.store.read() as transaction:
            return history.flow_run_lateness(transaction, query)

    def flow_run_graph(
        self,
        run: UUID | bytes | str,
        since: datetime | None = None,
        limit: int = 10_000,
        cursor: str | None = None,
        *,
        fold: str | None = None,
        map_id: str | None = None,
    ) -> Graph:
        """Task runs and subflow runs of a flow run with what each waited for, a page at a time.

        Args:
            run: the flow run.
            since: only nodes that changed after this moment: `changed` of an answer before. A node may come again.
            limit: most nodes of the page, at most 10,000.
            cursor: `next` of the page before.
            fold: "maps" makes one node of each map of eight items and more, with how many are in which state.
            map_id: only the items of this map, and what they called; maps called in them are folded.

        Raises:
            ObjectNotFound: there is no such run, or no such map in it.
            RequestInvalid: the limit, the cursor or `fold` cannot be used.
        """
        folding.check_fold(fold)
        with self.store.read() as transaction:
            if fold is None and map_id is None:
                return graph.flow_run_graph(transaction, run, since, limit, cursor)
            identifier = queries.flow_run_id(transaction, run)
        picture = self._pictures.of(identifier)
        # Whoever has the lock reads newer rows than all who had it before.
        with picture.lock, self.store.read() as transaction:
            row = queries.flow_run_row(transaction, identifier)
            return folding.folded_graph(transaction, picture, row, since, limit, cursor, map_id)

    @cached_property
    def _pictures(self) -> Pictures:
        return Pictures()

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

    def count_task_runs_up_to(self, query: TaskRunQuery, bound: int = 10_000) -> Count:
        """How many task runs the query finds, counted no further than a bound, which bounds the work as well."""
        with self.store.read() as transaction:
            found = transaction.task_runs.count_up_to(query, bound + 1)
        return Count(min(found, bound), found <= bound)

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

    def read_events(self, query: EventQuery) -> Page:
        """A page of `Event`, newest first unless asked otherwise; also those that were not dispatched yet."""
        with self.store.read() as transaction:
            return event_queries.events(transaction, query)

    def count_events(self, query: EventQuery, by: str = "time", buckets: int = 50) -> list[EventCount]:
        """How many events the query finds, by part of its time range (`time`), by name (`event`), or by `resource`.

        Without `after` and `before` the range is the last day.

        Raises:
            RequestInvalid: `by` is something else, or there are to be more than 1,000 parts.
        """
        with self.store.read() as transaction:
            return event_queries.count_events(transaction, query, by, buckets)

    def emit_events(self, events: Sequence[Event]) -> int:
        """Add events; how many were new. One whose id is there already stays as it is.

        Raises:
            RequestInvalid: an event does not say what happened, or to what.
        """
        return self.store.transact(lambda transaction: event_queries.emit(transaction, events))

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
                return why_flow_run(transaction, queries.flow_run_row(transaction, run), self.is_live, self.lives_here)
            except ObjectNotFound as not_a_flow_run:
                try:
                    return why_task_run(
                        transaction, queries.task_run_row(transaction, run), self.is_live, self.lives_here
                    )
                except ObjectNotFound:
                    raise not_a_flow_run from None
