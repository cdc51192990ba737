"""`levada.wire.verbs.Plane` over HTTP: each verb is the request that its docstring there names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

from msgspec import json
from msgspec.structs import replace

from levada.client.http.deployments import RemoteDeployments
from levada.client.http.limits import RemoteLimits
from levada.client.http.schedules import RemoteSchedules
from levada.client.http.streams import messages
from levada.client.http.transport import Transport
from levada.client.http.variables import RemoteVariables
from levada.client.http.work import RemoteWork
from levada.core.errors import ObjectNotFound
from levada.core.ids import as_uuid
from levada.core.states import StateType
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
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.ingest import IngestAnswer, IngestBatch
from levada.wire.objects import (
    ApiKeyView,
    ArtifactView,
    Count,
    EndedRuns,
    FlowRun,
    FlowView,
    Graph,
    HistoryBucket,
    Lateness,
    Log,
    Page,
    StateView,
    TableSize,
    TaskRun,
    Why,
)
from levada.wire.pages import ArtifactPage, EventPage, FlowPage, FlowRunPage, LogPage, TaskRunPage
from levada.wire.paths import segment
from levada.wire.recorded import RecordedRun
from levada.wire.requests import MOST_COUNTED, AwaitedRuns, ForkChoice, GivenInputs, MadeApiKey, NewApiKey
from levada.wire.reruns import RerunChoice, RerunPlan

Run = UUID | bytes | str


def named(run: Run) -> str:
    """A run, or anything with an id, as the part of a path."""
    return segment(str(as_uuid(run)) if isinstance(run, bytes) else str(run))


class RemotePlane(RemoteDeployments, RemoteSchedules, RemoteWork):
    """A control plane that is asked over HTTP.

    Args:
        transport: to its server.
        deliver: hands the server what this process has recorded and not shipped yet.
    """

    def __init__(self, transport: Transport, deliver: Callable[[], object] | None = None) -> None:
        self.transport = transport
        self._deliver = deliver
        self._ask = transport.ask
        self._variables = RemoteVariables(transport)
        self._limits = RemoteLimits(transport)

    @property
    def variables(self) -> RemoteVariables:
        """Small named values."""
        return self._variables

    @property
    def limits(self) -> RemoteLimits:
        """Concurrency and rate limits."""
        return self._limits

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"at {self.transport.url}"

    def close(self) -> None:
        """Give connections up."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> str:
        """The version of Levada that answers."""
        return str(self._ask("GET", "/version", dict[str, Any])["version"])

    def drain(self) -> None:
        """Hand the server what this process has recorded; all other journals it takes in itself."""
        if self._deliver is not None:
            self._deliver()

    # Flow runs and task runs ---------------------------------------------------------------------------------------

    def read_flow_run(self, run: Run) -> FlowRun:
        """One flow run."""
        return self._ask("GET", f"/flow_runs/{named(run)}", FlowRun)

    def read_flow_runs(self, query: FlowRunQuery) -> Page:
        """A page of `FlowRun`."""
        return _page(self._ask("POST", "/flow_runs/filter", FlowRunPage, body=query))

    def count_flow_runs(self, query: FlowRunQuery) -> int:
        """How many flow runs the query finds."""
        return self.count_flow_runs_up_to(query, MOST_COUNTED).count

    def count_flow_runs_up_to(self, query: FlowRunQuery, bound: int = 10_000) -> Count:
        """How many flow runs the query finds, counted up to a bound."""
        return self._ask("POST", "/flow_runs/count", Count, query={"bound": bound}, body=query)

    def flow_run_state_counts(self, query: FlowRunQuery) -> dict[StateType, int]:
        """How many flow runs the query finds in each state type."""
        return self._ask("POST", "/flow_runs/state_counts", dict[StateType, int], body=query)

    def flow_run_history(
        self, query: FlowRunQuery, start: datetime, end: datetime, buckets: int = 50
    ) -> list[HistoryBucket]:
        """Flow runs by state in equal parts of a time range."""
        parts = {"start": start, "end": end, "buckets": buckets}
        return self._ask("POST", "/flow_runs/history", list[HistoryBucket], query=parts, body=query)

    def flow_run_lateness(self, query: FlowRunQuery) -> Lateness:
        """How late the runs started, or are."""
        return self._ask("POST", "/flow_runs/lateness", Lateness, body=query)

    def await_flow_runs(self, runs: Sequence[UUID], wait: float = 0.0) -> EndedRuns:
        """Which flow runs have ended; the answer is held back while none has."""
        return self._ask("POST", "/flow_runs/await", EndedRuns, body=AwaitedRuns(list(runs), wait))

    def flow_run_graph(
        self,
        run: Run,
        since: datetime | None = None,
        limit: int = 10_000,
        cursor: str | None = None,
        *,
        fold: str | None = None,
        map_id: str | None = None,
    ) -> Graph:
        """What happened inside a flow run."""
        query = {"since": since, "limit": limit, "cursor": cursor, "fold": fold, "map_id": map_id}
        return self._ask("GET", f"/flow_runs/{named(run)}/graph", Graph, query=query)

    def flow_run_states(self, run: Run) -> list[StateView]:
        """Every state a flow run was in."""
        return self._ask("GET", f"/flow_runs/{named(run)}/states", list[StateView])

    def task_run_states(self, task: Run) -> list[StateView]:
        """Every state a task run was in."""
        return self._ask("GET", f"/task_runs/{named(task)}/states", list[StateView])

    def read_task_run(self, task: Run) -> TaskRun:
        """One task run."""
        return self._ask("GET", f"/task_runs/{named(task)}", TaskRun)

    def read_task_runs(self, query: TaskRunQuery) -> Page:
        """A page of `TaskRun`."""
        return _page(self._ask("POST", "/task_runs/filter", TaskRunPage, body=query))

    def count_task_runs(self, query: TaskRunQuery) -> int:
        """How many task runs the query finds."""
        return self.count_task_runs_up_to(query, MOST_COUNTED).count

    def count_task_runs_up_to(self, query: TaskRunQuery, bound: int = 10_000) -> Count:
        """How many task runs the query finds, counted up to a bound."""
        return self._ask("POST", "/task_runs/count", Count, query={"bound": bound}, body=query)

    def task_run_state_counts(self, run: Run) -> dict[StateType, int]:
        """How many task runs of a flow run are in each state type."""
        return self._ask("GET", f"/flow_runs/{named(run)}/task_state_counts", dict[StateType, int])

    def recorded_calls(self, run: Run) -> RecordedRun:
        """Everything the engine needs to resume or fork a run."""
        return self.transport.read_packed(f"/flow_runs/{named(run)}/recorded_calls", RecordedRun)

    def why(self, run: Run) -> Why:
        """Why a flow run or a task run is where it is."""
        return self._ask("GET", f"/flow_runs/{named(run)}/why", Why)

    def create_flow_run(self, new: NewFlowRun, created_by: str = "") -> FlowRun:
        """Make a flow run; the server knows by whom."""
        del created_by
        if new.idempotency_key is None:
            new = replace(new, idempotency_key=uuid4().hex)  # asked twice because an answer was lost, it is made once
        return self._ask("POST", "/flow_runs", FlowRun, body=new)

    def change_flow_run(self, run: Run, change: FlowRunChange) -> FlowRun:
        """Rename a flow run, add tags, merge labels."""
        return self._ask("PATCH", f"/flow_runs/{named(run)}", FlowRun, body=change)

    def delete_flow_run(self, run: Run, by: str = "") -> dict[str, int]:
        """Delete a flow run with everything inside; the server knows by whom."""
        del by
        return self._ask("DELETE", f"/flow_runs/{named(run)}", dict[str, int], once=True)

    def set_flow_run_state(self, run: Run, proposed: ProposedState, by: str = "") -> Decision:
        """Wish a flow run into a state; the server knows by whom."""
        del by
        return self._ask("POST", f"/flow_runs/{named(run)}/set_state", Decision, body=_by_name(proposed))

    def set_task_run_state(self, task: Run, proposed: ProposedState, by: str = "") -> Decision:
        """Correct the state of a task run."""
        del by
        return self._ask("POST", f"/task_runs/{named(task)}/set_state", Decision, body=_by_name(proposed))

    def cancel_flow_run(self, run: Run, by: str = "") -> Decision:
        """Ask a flow run to stop."""
        del by
        return self._ask("POST", f"/flow_runs/{named(run)}/cancel", Decision)

    def suspend_flow_run(self, run: Run, by: str = "") -> Decision:
        """Ask a flow run to let go at the next safe place."""
        del by
        return self._ask("POST", f"/flow_runs/{named(run)}/suspend", Decision)

    def resume_flow_run(self, run: Run, inputs: dict[str, Any] | None = None, by: str = "") -> Decision:
        """Let a paused or suspended run go on."""
        del by
        return self._ask("POST", f"/flow_runs/{named(run)}/resume", Decision, body=GivenInputs(inputs), once=True)

    def retry_flow_run(self, run: Run, by: str = "", *, latest: bool = False) -> Decision:
        """Schedule an ended run again."""
        del by
        query = {"latest": "true"} if latest else None
        return self._ask("POST", f"/flow_runs/{named(run)}/retry", Decision, query=query, once=True)

    def fork_flow_run(self, run: Run, task_keys: Sequence[str] = (), by: str = "", *, latest: bool = False) -> FlowRun:
        """A new scheduled run that reuses what the old one completed, but these tasks."""
        del by
        choice = ForkChoice(list(task_keys), latest)
        return self._ask("POST", f"/flow_runs/{named(run)}/fork", FlowRun, body=choice, once=True)

    def plan_rerun(self, run: Run, choice: RerunChoice) -> RerunPlan:
        """What a retry or a fork would reuse, and what it would execute again."""
        return self._ask("POST", f"/flow_runs/{named(run)}/rerun_plan", RerunPlan, body=choice)

    def read_inputs(self, run: Run, prefix: str = "") -> list[RunInput]:
        """Values given to a run, by key."""
        return self._ask("GET", f"/flow_runs/{named(run)}/inputs", list[RunInput], query={"prefix": prefix or None})

    def read_input(self, run: Run, key: str) -> RunInput:
        """One value given to a run."""
        return self._ask("GET", f"/flow_runs/{named(run)}/inputs/{segment(key)}", RunInput)

    def write_input(self, run: Run, given: RunInput) -> RunInput:
        """Give a run a value."""
        return self._ask("PUT", f"/flow_runs/{named(run)}/inputs/{segment(given.key)}", RunInput, body=given)

    def delete_input(self, run: Run, key: str) -> bool:
        """Take a value away from a run; False when there was none."""
        return self._removed(f"/flow_runs/{named(run)}/inputs/{segment(key)}")

    def start_bulk(self, action: BulkAction, by: str = "") -> BulkJob:
        """Preview or start something to be done with many runs."""
        del by
        return self._ask("POST", "/bulk_jobs", BulkJob, body=action, once=not action.preview)

    def read_bulk(self, job: UUID) -> BulkJob:
        """How far a bulk action is."""
        return self._ask("GET", f"/bulk_jobs/{job}", BulkJob)

    def cancel_bulk(self, job: UUID) -> BulkJob:
        """Stop a bulk action; what is done stays done."""
        return self._ask("POST", f"/bulk_jobs/{job}/cancel", BulkJob)

    # Records -------------------------------------------------------------------------------------------------------

    def read_flows(self, *, name_like: str | None = None, limit: int = 200, cursor: str | None = None) -> Page:
        """A page of `FlowView`, by name."""
        query = {"name_like": name_like, "limit": limit, "cursor": cursor}
        return _page(self._ask("GET", "/flows", FlowPage, query=query))

    def read_flow(self, name: str) -> FlowView:
        """One flow by name."""
        return self._ask("GET", f"/flows/{segment(name)}", FlowView)

    def read_logs(self, query: LogQuery) -> Page:
        """A page of `Log`."""
        return _page(self._ask("POST", "/logs/filter", LogPage, body=query))

    def read_artifacts(self, query: ArtifactQuery) -> Page:
        """A page of `ArtifactView`."""
        return _page(self._ask("POST", "/artifacts/filter", ArtifactPage, body=query))

    def read_artifact(self, artifact: Run) -> ArtifactView:
        """One artifact by id or key."""
        return self._ask("GET", f"/artifacts/{named(artifact)}", ArtifactView)

    def delete_artifact(self, artifact: Run) -> None:
        """Remove one artifact."""
        self._ask("DELETE", f"/artifacts/{named(artifact)}")

    def read_events(self, query: EventQuery) -> Page:
        """A page of `Event`."""
        return _page(self._ask("POST", "/events/filter", EventPage, body=query))

    def count_events(self, query: EventQuery, by: str = "time", buckets: int = 50) -> list[EventCount]:
        """How many events, by time, name or resource."""
        path = f"/events/count_by/{segment(by)}"
        return self._ask("POST", path, list[EventCount], query={"buckets": buckets}, body=query)

    def emit_events(self, events: Sequence[Event]) -> int:
        """Add events; how many were new."""
        return self._ask("POST", "/events", Count, body=list(events)).count

    # Administration ------------------------------------------------------------------------------------------------

    def table_sizes(self) -> list[TableSize]:
        """How much room each table takes."""
        return self._ask("GET", "/admin/database", list[TableSize])

    def read_searches(self, page: str | None = None) -> list[SavedSearch]:
        """Saved searches, of one page or of all."""
        return self._ask("GET", "/saved_searches", list[SavedSearch], query={"page": page})

    def write_search(self, search: SavedSearch) -> SavedSearch:
        """Save a search under its page and name."""
        return self._ask("PUT", "/saved_searches", SavedSearch, body=search)

    def delete_search(self, search: UUID) -> bool:
        """Remove a saved search; False when there was none."""
        return self._removed(f"/saved_searches/{search}")

    def create_api_key(
        self, name: str, scopes: Sequence[str] = ("*",), expires: datetime | None = None
    ) -> tuple[ApiKeyView, str]:
        """Make a key; its text is shown this once."""
        made = self._ask("POST", "/api_keys", MadeApiKey, body=NewApiKey(name, list(scopes), expires), once=True)
        return made.key, made.text

    def read_api_keys(self) -> list[ApiKeyView]:
        """Every key, without its text."""
        return self._ask("GET", "/api_keys", list[ApiKeyView])

    def revoke_api_key(self, key: UUID) -> bool:
        """Make a key useless; False when there is none."""
        return self._removed(f"/api_keys/{key}")

    # What happens --------------------------------------------------------------------------------------------------

    def take_in(self, batch: IngestBatch) -> IngestAnswer:
        """Send records."""
        return self.transport.ingest(batch)

    def events_after(self, position: int, query: EventQuery, timeout: float) -> Iterator[Event]:
        """Events from a position on, as they happen, until so many seconds are silent."""
        asked = {"event": query.event_prefixes, "resource": query.resource_ids, "flow_run_id": query.flow_run_ids}
        asked["text"] = [query.text] if query.text else None
        told = messages(self.transport, "/events/stream", asked, after=str(position), timeout=timeout)
        return (json.decode(message.data, type=Event) for message in told)

    def follow_logs(
        self, flow_run_ids: Sequence[UUID] = (), *, after: str | None = None, timeout: float | None = None
    ) -> Iterator[Log]:
        """Lines of log of some flow runs, or of all, as they arrive."""
        asked = {"flow_run_id": list(flow_run_ids) or None}
        told = messages(self.transport, "/logs/stream", asked, after=after, timeout=timeout)
        return (json.decode(message.data, type=Log) for message in told)

    def _removed(self, path: str) -> bool:
        try:
            self._ask("DELETE", path)
        except ObjectNotFound:
            return False
        return True


def _by_name(proposed: ProposedState) -> ProposedState:
    """A wish that has a name, so that repeating it changes nothing."""
    return proposed if proposed.transition_id is not None else replace(proposed, transition_id=uuid4().hex)


def _page(sent: Any) -> Page:
    return Page(sent.items, sent.next)
