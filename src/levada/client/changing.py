"""The verbs of `SyncLevadaClient` that change something: runs, inputs, events, slots, keys; and looks at many runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from levada.client.schemas.translate import fields_of
from levada.core.errors import ConcurrencySlotAcquisitionError
from levada.core.limits import LEASE_SECONDS, Asker, Grant, new_lease
from levada.core.states import State, StateType
from levada.wire.changes import (
    BulkAction,
    BulkJob,
    Decision,
    FlowRunChange,
    NewFlowRun,
    ProposedState,
    RunInput,
    SavedSearch,
)
from levada.wire.events import Event, EventCount, EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import ApiKeyView, FlowRun, Graph, HistoryBucket, Lateness, TableSize
from levada.wire.reruns import RerunChoice, RerunPlan
from levada.wire.verbs import Plane

Run = UUID | bytes | str
Wish = State | StateType | ProposedState
"""A state that a run is to enter: by its kind, as a state object, or with all that can be said of the wish."""


class Changing:
    """Verbs that change something; the same on a home and on a server."""

    def _look(self) -> Plane:
        raise NotImplementedError

    # Flow runs -----------------------------------------------------------------------------------------------------

    def create_flow_run(
        self,
        flow: Any,
        *,
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        labels: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        parent_task_run_id: UUID | None = None,
        scheduled_time: datetime | None = None,
    ) -> FlowRun:
        """Make a scheduled run of a flow, for whoever executes it.

        Args:
            flow: the flow, or its name; it need not have run before.
            parameters: values that JSON can hold.
            name: of the run; made up when it is not given.
            tags: of the run.
            labels: of the run.
            idempotency_key: with the same key for the same flow, the run that is there already is given.
            parent_task_run_id: the task run that stands for it in another flow run.
            scheduled_time: when it should start; now when it is not given.
        """
        version = None if isinstance(flow, str) else getattr(flow, "version", None)
        return self._look().create_flow_run(
            NewFlowRun(
                flow_name=flow if isinstance(flow, str) else flow.name,
                name=name,
                parameters=dict(parameters or {}),
                tags=list(tags),
                labels=dict(labels or {}),
                idempotency_key=idempotency_key,
                parent_task_run_id=parent_task_run_id,
                scheduled_time=scheduled_time,
                flow_version=version,
            )
        )

    def update_flow_run(
        self,
        flow_run_id: Run,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        labels: Mapping[str, Any] | None = None,
    ) -> FlowRun:
        """Rename a run, add tags, merge labels; what is None stays.

        Raises:
            ObjectNotFound: there is no such run.
        """
        change = FlowRunChange(
            name=name, tags=None if tags is None else list(tags), labels=None if labels is None else dict(labels)
        )
        return self._look().change_flow_run(flow_run_id, change)

    def update_flow_run_labels(self, flow_run_id: Run, labels: Mapping[str, Any]) -> FlowRun:
        """Merge labels with those of a run."""
        return self.update_flow_run(flow_run_id, labels=labels)

    def set_flow_run_name(self, flow_run_id: Run, name: str) -> FlowRun:
        """Rename a run."""
        return self.update_flow_run(flow_run_id, name=name)

    def set_flow_run_state(self, flow_run_id: Run, state: Wish, force: bool = False) -> Decision:
        """Wish a run into a state; the law of states says what becomes of it.

        Args:
            flow_run_id: which run.
            state: which state.
            force: pass over the rules that protect people from mistakes; those that protect data stay.

        Raises:
            ObjectNotFound: there is no such run.
        """
        return self._look().set_flow_run_state(flow_run_id, _proposed(state, force))

    def set_task_run_state(self, task_run_id: Run, state: Wish, force: bool = False) -> Decision:
        """Correct the state of a task run by hand; arguments as for `set_flow_run_state`."""
        return self._look().set_task_run_state(task_run_id, _proposed(state, force))

    def cancel_flow_run(self, flow_run_id: Run) -> Decision:
        """Ask a run to stop: at once when nobody executes it, otherwise as soon as its process hears of it."""
        return self._look().cancel_flow_run(flow_run_id)

    def suspend_flow_run(self, flow_run_id: Run) -> Decision:
        """Ask a run to let go at the next safe place; it can be resumed later."""
        return self._look().suspend_flow_run(flow_run_id)

    def resume_flow_run(self, flow_run_id: Run, run_input: Mapping[str, Any] | None = None) -> Decision:
        """Let a paused or suspended run go on, with the inputs it asked for; the decision says when it is neither."""
        return self._look().resume_flow_run(flow_run_id, None if run_input is None else dict(run_input))

    def retry_flow_run(self, flow_run_id: Run, latest: bool = False) -> Decision:
        """Schedule an ended run again; what it completed is reused.

        Args:
            flow_run_id: the run.
            latest: it goes on with the live version of its deployment, and not with its own.
        """
        return self._look().retry_flow_run(flow_run_id, latest=latest)

    def fork_flow_run(self, flow_run_id: Run, task_keys: Sequence[str] = (), latest: bool = False) -> FlowRun:
        """Make a scheduled run that reuses what another completed, but for these tasks.

        Args:
            flow_run_id: the other run.
            task_keys: keys of tasks, or ids of task runs, that run again with all that depended on them.
            latest: with the live version of its deployment, and not with that of the other run.
        """
        return self._look().fork_flow_run(flow_run_id, list(task_keys), latest=latest)

    def plan_rerun(
        self, flow_run_id: Run, task_keys: Sequence[str] = (), *, fork: bool = True, latest: bool = False
    ) -> RerunPlan:
        """What `fork_flow_run` (or, with ``fork=False``, `retry_flow_run`) would reuse, and what it would execute."""
        return self._look().plan_rerun(flow_run_id, RerunChoice(list(task_keys), fork, latest))

    def read_flow_run_history(
        self, start: datetime, end: datetime, query: FlowRunQuery | None = None, buckets: int = 50
    ) -> list[HistoryBucket]:
        """Runs by state in equal parts of a time range."""
        return self._look().flow_run_history(query or FlowRunQuery(), start, end, buckets)

    def read_flow_run_lateness(self, query: FlowRunQuery | None = None) -> Lateness:
        """How late runs started, or are, on average."""
        return self._look().flow_run_lateness(query or FlowRunQuery())

    def read_flow_run_graph(
        self,
        flow_run_id: Run,
        since: datetime | None = None,
        limit: int = 10_000,
        cursor: str | None = None,
        *,
        fold: str | None = None,
        map_id: str | None = None,
    ) -> Graph:
        """What happened inside a run, a page at a time.

        Args:
            flow_run_id: the run.
            since: only what changed after this moment: `changed` of an answer before.
            limit: most nodes of the page, at most 10,000.
            cursor: `next` of the page before.
            fold: "maps" makes one node of each map of eight items and more, with how many are in which state.
            map_id: only the items of this map, and what they called.
        """
        return self._look().flow_run_graph(flow_run_id, since, limit, cursor, fold=fold, map_id=map_id)

    # Inputs --------------------------------------------------------------------------------------------------------

    def create_flow_run_input(self, flow_run_id: Run, key: str, value: Any, sender: str | None = None) -> RunInput:
        """Give a run a value under a key, in place of the one that is there."""
        return self._look().write_input(flow_run_id, RunInput(key, value, sender=sender))

    def filter_flow_run_input(self, flow_run_id: Run, key_prefix: str = "", limit: int | None = None) -> list[RunInput]:
        """Values given to a run whose keys begin so, by key."""
        return self._look().read_inputs(flow_run_id, key_prefix)[:limit]

    def read_flow_run_input(self, flow_run_id: Run, key: str) -> Any:
        """A value given to a run.

        Raises:
            ObjectNotFound: there is none under that key.
        """
        return self._look().read_input(flow_run_id, key).value

    def delete_flow_run_input(self, flow_run_id: Run, key: str) -> bool:
        """Take a value back; False when there was none."""
        return self._look().delete_input(flow_run_id, key)

    # Many runs at once ---------------------------------------------------------------------------------------------

    def start_bulk_job(
        self, action: str, query: FlowRunQuery, *, tags: Sequence[str] = (), state: Wish | None = None, preview: bool
    ) -> BulkJob:
        """Do something with every flow run that a query finds; a server works it off in the background.

        Args:
            action: `cancel`, `retry`, `delete`, `suspend`, `add_tags` or `set_state`.
            query: which runs.
            tags: for `add_tags`.
            state: for `set_state`.
            preview: only say what would happen.
        """
        proposed = None if state is None else _proposed(state, force=False)
        return self._look().start_bulk(
            BulkAction(action=action, query=query, tags=list(tags), state=proposed, preview=preview)
        )

    def read_bulk_job(self, job: UUID) -> BulkJob:
        """How far a bulk job is."""
        return self._look().read_bulk(job)

    def cancel_bulk_job(self, job: UUID) -> BulkJob:
        """Stop a bulk job; what it did stays done."""
        return self._look().cancel_bulk(job)

    # Events and artifacts ------------------------------------------------------------------------------------------

    def read_events(
        self, query: EventQuery | None = None, /, *, limit: int | None = None, **fields: Any
    ) -> list[Event]:
        """Events, newest first; fields as in `levada.wire.events.EventQuery`, one page at most."""
        asked = query or EventQuery()
        changes = fields_of(EventQuery, fields)
        if limit is not None:
            changes["limit"] = limit
        return list(self._look().read_events(replace(asked, **changes) if changes else asked).items)

    def count_events(self, query: EventQuery | None = None, by: str = "time", buckets: int = 50) -> list[EventCount]:
        """How many events, by `time`, `event` (their names) or `resource`."""
        return self._look().count_events(query or EventQuery(), by, buckets)

    def emit_events(self, events: Sequence[Event]) -> int:
        """Add events; how many were new."""
        return self._look().emit_events(events)

    def delete_artifact(self, artifact_id: Run) -> None:
        """Remove one artifact.

        Raises:
            ObjectNotFound: there is none.
        """
        self._look().delete_artifact(artifact_id)

    # Slots ---------------------------------------------------------------------------------------------------------

    def increment_concurrency_slots_with_lease(
        self, names: Sequence[str], slots: int, lease_duration: float = LEASE_SECONDS, *, strict: bool = True
    ) -> Grant:
        """Take slots in all the limits, without waiting; `levada.concurrency` waits, renews and gives back by itself.

        Raises:
            ConcurrencySlotAcquisitionError: there is no room, or a limit does not exist (and `strict`).
        """
        limits, lease = self._look().limits, new_lease(time.time_ns() // 1000, os.urandom(8))
        answer = limits.acquire(names, slots, Asker(), strict=strict, lease=lease, lease_seconds=lease_duration)
        if isinstance(answer, Grant):
            return answer
        limits.release(lease)  # nobody comes back for it
        full = ", ".join(repr(name) for name in answer.full)
        raise ConcurrencySlotAcquisitionError(f"There is no room for {slots} slot(s) in {full} now.")

    def renew_concurrency_lease(self, grant: Grant, lease_duration: float = LEASE_SECONDS) -> tuple[str, ...]:
        """Hold slots for longer; the names of the limits in which they are lost."""
        return self._look().limits.renew(grant, Asker(), lease_seconds=lease_duration)

    def release_concurrency_slots_with_lease(self, grant: Grant) -> None:
        """Give slots back; doing so twice does nothing."""
        if grant.lease is not None:
            self._look().limits.release(grant.lease)

    # What operators ask --------------------------------------------------------------------------------------------

    def read_saved_searches(self, page: str | None = None) -> list[SavedSearch]:
        """Saved searches, of one page or of all."""
        return self._look().read_searches(page)

    def save_search(self, name: str, page: str, query: Mapping[str, Any]) -> SavedSearch:
        """Keep filters of a page under a name; one of that name is replaced."""
        return self._look().write_search(SavedSearch(name=name, page=page, query=dict(query)))

    def delete_saved_search(self, search: UUID) -> bool:
        """Forget a saved search; False when there was none."""
        return self._look().delete_search(search)

    def create_api_key(
        self, name: str, scopes: Sequence[str] = ("*",), expires: datetime | None = None
    ) -> tuple[ApiKeyView, str]:
        """Make an API key; its text is shown this once."""
        return self._look().create_api_key(name, scopes, expires)

    def read_api_keys(self) -> list[ApiKeyView]:
        """Every API key, without its text."""
        return self._look().read_api_keys()

    def revoke_api_key(self, key: UUID) -> bool:
        """Make an API key useless; False when there is none."""
        return self._look().revoke_api_key(key)

    def read_table_sizes(self) -> list[TableSize]:
        """How much room each table of the database takes."""
        return self._look().table_sizes()


def _proposed(wish: Wish, force: bool) -> ProposedState:
    if isinstance(wish, ProposedState):
        return replace(wish, force=True) if force else wish
    if isinstance(wish, StateType):
        return ProposedState(type=wish, force=force)
    details = wish.details
    return ProposedState(
        type=wish.type,
        name=wish.name,
        message=wish.message,
        scheduled_time=details.scheduled_time,
        pause_key=details.pause_key,
        details={} if details.reason is None else {"reason": details.reason},
        force=force,
    )
