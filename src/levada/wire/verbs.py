"""The verbs of a control plane, as one protocol with two implementations.

`levada.control.plane.ControlPlane` carries them out in this process, on a store; `levada.client.http.RemotePlane`
asks a server, whose handlers call the first. Every verb says which request it is, under ``/api``;
`levada.wire.requests` says how arguments and answers travel. One conformance suite (``tests/contract/test_planes.py``)
is held over both, so that a program cannot tell them apart.

A run is named by its UUID, its 16 bytes, text of it, or the beginning of that text when only one run begins so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self
from uuid import UUID

from levada.core.limits import Asker, Grant, Verdict
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
from levada.wire.deployments import (
    Backfill,
    Deployment,
    DeploymentChange,
    DeploymentQuery,
    DeploymentVersion,
    NewBackfill,
    NewDeployment,
    NewDeploymentRun,
    Schedule,
    ScheduleChange,
    SchedulePreview,
    ScheduleSpec,
    Upcoming,
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
    LimitView,
    Page,
    StateView,
    TableSize,
    TaskRun,
    VariableView,
    Why,
)
from levada.wire.pools import (
    ClaimAnswer,
    ClaimRequest,
    PoolChange,
    PoolSpec,
    QueueChange,
    QueueSpec,
    RunExit,
    Worker,
    WorkPool,
    WorkQueue,
)
from levada.wire.recorded import RecordedRun
from levada.wire.reruns import RerunChoice, RerunPlan

Run = UUID | bytes | str


class Runs(Protocol):
    """Flow runs and task runs: reading, making, changing."""

    def read_flow_run(self, run: Run) -> FlowRun:
        """GET /flow_runs/{id}."""
        ...

    def read_flow_runs(self, query: FlowRunQuery) -> Page:
        """POST /flow_runs/filter: a page of `FlowRun`."""
        ...

    def count_flow_runs(self, query: FlowRunQuery) -> int:
        """POST /flow_runs/count?bound=10000000, its `count`."""
        ...

    def count_flow_runs_up_to(self, query: FlowRunQuery, bound: int = 10_000) -> Count:
        """POST /flow_runs/count: counted up to a bound."""
        ...

    def flow_run_state_counts(self, query: FlowRunQuery) -> dict[StateType, int]:
        """POST /flow_runs/state_counts."""
        ...

    def flow_run_history(
        self, query: FlowRunQuery, start: datetime, end: datetime, buckets: int = 50
    ) -> list[HistoryBucket]:
        """POST /flow_runs/history?start=…&end=…&buckets=…, an array."""
        ...

    def flow_run_lateness(self, query: FlowRunQuery) -> Lateness:
        """POST /flow_runs/lateness."""
        ...

    def await_flow_runs(self, runs: Sequence[UUID], wait: float = 0.0) -> EndedRuns:
        """POST /flow_runs/await, an `AwaitedRuns`: held back for up to `wait` seconds while none of them has ended."""
        ...

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
        """GET /flow_runs/{id}/graph?since=…&limit=…&cursor=…&fold=maps&map_id=…."""
        ...

    def flow_run_states(self, run: Run) -> list[StateView]:
        """GET /flow_runs/{id}/states."""
        ...

    def task_run_states(self, task: Run) -> list[StateView]:
        """GET /task_runs/{id}/states."""
        ...

    def read_task_run(self, task: Run) -> TaskRun:
        """GET /task_runs/{id}."""
        ...

    def read_task_runs(self, query: TaskRunQuery) -> Page:
        """POST /task_runs/filter: a page of `TaskRun`."""
        ...

    def count_task_runs(self, query: TaskRunQuery) -> int:
        """POST /task_runs/count?bound=10000000, its `count`."""
        ...

    def count_task_runs_up_to(self, query: TaskRunQuery, bound: int = 10_000) -> Count:
        """POST /task_runs/count: counted up to a bound."""
        ...

    def task_run_state_counts(self, run: Run) -> dict[StateType, int]:
        """GET /flow_runs/{id}/task_state_counts."""
        ...

    def recorded_calls(self, run: Run) -> RecordedRun:
        """GET /flow_runs/{id}/recorded_calls, as MessagePack: what the engine needs to resume or fork it."""
        ...

    def why(self, run: Run) -> Why:
        """GET /flow_runs/{id}/why, which takes task runs too; GET /task_runs/{id}/why is the same."""
        ...

    def create_flow_run(self, new: NewFlowRun, created_by: str = "") -> FlowRun:
        """POST /flow_runs."""
        ...

    def change_flow_run(self, run: Run, change: FlowRunChange) -> FlowRun:
        """PATCH /flow_runs/{id}."""
        ...

    def delete_flow_run(self, run: Run, by: str = "") -> dict[str, int]:
        """DELETE /flow_runs/{id}."""
        ...

    def set_flow_run_state(self, run: Run, proposed: ProposedState, by: str = "") -> Decision:
        """POST /flow_runs/{id}/set_state."""
        ...

    def set_task_run_state(self, task: Run, proposed: ProposedState, by: str = "") -> Decision:
        """POST /task_runs/{id}/set_state: a correction by a person; the engine's own states come by ingest."""
        ...

    def cancel_flow_run(self, run: Run, by: str = "") -> Decision:
        """POST /flow_runs/{id}/cancel."""
        ...

    def suspend_flow_run(self, run: Run, by: str = "") -> Decision:
        """POST /flow_runs/{id}/suspend."""
        ...

    def resume_flow_run(self, run: Run, inputs: dict[str, Any] | None = None, by: str = "") -> Decision:
        """POST /flow_runs/{id}/resume: a paused or suspended run goes on."""
        ...

    def retry_flow_run(self, run: Run, by: str = "", *, latest: bool = False) -> Decision:
        """POST /flow_runs/{id}/retry: an ended run is scheduled again; what it completed is reused.

        With ``latest`` it goes on with the version of its deployment that is live now.
        """
        ...

    def fork_flow_run(self, run: Run, task_keys: Sequence[str] = (), by: str = "", *, latest: bool = False) -> FlowRun:
        """POST /flow_runs/{id}/fork: a new scheduled run that reuses what the old one completed, but these tasks.

        With ``latest`` it executes the version of its deployment that is live now.
        """
        ...

    def plan_rerun(self, run: Run, choice: RerunChoice) -> RerunPlan:
        """POST /flow_runs/{id}/rerun_plan: what a retry or a fork would reuse, and what it would execute again."""
        ...

    def read_inputs(self, run: Run, prefix: str = "") -> list[RunInput]:
        """GET /flow_runs/{id}/inputs."""
        ...

    def read_input(self, run: Run, key: str) -> RunInput:
        """GET /flow_runs/{id}/inputs/{key}."""
        ...

    def write_input(self, run: Run, given: RunInput) -> RunInput:
        """PUT /flow_runs/{id}/inputs/{key}."""
        ...

    def delete_input(self, run: Run, key: str) -> bool:
        """DELETE /flow_runs/{id}/inputs/{key}."""
        ...

    def start_bulk(self, action: BulkAction, by: str = "") -> BulkJob:
        """POST /bulk_jobs: a preview, or a job that the server works off."""
        ...

    def read_bulk(self, job: UUID) -> BulkJob:
        """GET /bulk_jobs/{id}."""
        ...

    def cancel_bulk(self, job: UUID) -> BulkJob:
        """POST /bulk_jobs/{id}/cancel."""
        ...


class Records(Protocol):
    """Flows, logs, artifacts, events."""

    def read_flows(self, *, name_like: str | None = None, limit: int = 200, cursor: str | None = None) -> Page:
        """GET /flows: a page of `FlowView`."""
        ...

    def read_flow(self, name: str) -> FlowView:
        """GET /flows/{name}."""
        ...

    def read_logs(self, query: LogQuery) -> Page:
        """POST /logs/filter: a page of `Log`."""
        ...

    def read_artifacts(self, query: ArtifactQuery) -> Page:
        """POST /artifacts/filter: a page of `ArtifactView`."""
        ...

    def read_artifact(self, artifact: Run) -> ArtifactView:
        """GET /artifacts/{id}."""
        ...

    def delete_artifact(self, artifact: Run) -> None:
        """DELETE /artifacts/{id}."""
        ...

    def read_events(self, query: EventQuery) -> Page:
        """POST /events/filter: a page of `Event`."""
        ...

    def count_events(self, query: EventQuery, by: str = "time", buckets: int = 50) -> list[EventCount]:
        """POST /events/count_by/{time|event|resource}."""
        ...

    def emit_events(self, events: Sequence[Event]) -> int:
        """POST /events, an array; how many were new."""
        ...


class VariableVerbs(Protocol):
    """Small named values; see `levada.control.variables.Variables`."""

    def set(self, name: str, value: Any, tags: list[str] | None = None, *, overwrite: bool = False) -> VariableView:
        """PUT /variables/{name}."""
        ...

    def get(self, name: str) -> VariableView | None:
        """GET /variables/{name}; None when there is none."""
        ...

    def page(self, limit: int = 200, cursor: str | None = None) -> Page:
        """GET /variables."""
        ...

    def count(self) -> int:
        """GET /variables/count."""
        ...

    def change(
        self, name: str, *, value: Any = ..., tags: list[str] | None = None, new_name: str | None = None
    ) -> VariableView:
        """PATCH /variables/{name}."""
        ...

    def unset(self, name: str) -> bool:
        """DELETE /variables/{name}; False when there was none."""
        ...


class LimitVerbs(Protocol):
    """Concurrency and rate limits; see `levada.control.limits.Limits`."""

    def create(self, name: str, slots: int, *, active: bool = True, decay: float = 0.0) -> LimitView:
        """POST /concurrency_limits."""
        ...

    def upsert(self, name: str, slots: int, *, active: bool | None = None, decay: float | None = None) -> LimitView:
        """PUT /concurrency_limits/{name}."""
        ...

    def change(
        self, name: str, *, slots: int | None = None, active: bool | None = None, decay: float | None = None
    ) -> LimitView:
        """PATCH /concurrency_limits/{name}."""
        ...

    def read(self, name: str) -> LimitView:
        """GET /concurrency_limits/{name}."""
        ...

    def read_all(self) -> Sequence[LimitView]:
        """GET /concurrency_limits, an array."""
        ...

    def delete(self, name: str) -> bool:
        """DELETE /concurrency_limits/{name}; False when there was none."""
        ...

    def reset(self, name: str) -> int:
        """POST /concurrency_limits/{name}/reset; how many slots were held."""
        ...

    def known(self, names: Sequence[str]) -> set[str]:
        """POST /concurrency_limits/known."""
        ...

    def look(self, names: Sequence[str], slots: int, lease: bytes | None = None) -> Verdict:
        """POST /concurrency_limits/look: a `SlotsAnswer`, its `verdict`."""
        ...

    def acquire(
        self,
        names: Iterable[str],
        slots: int,
        asker: Asker,
        *,
        strict: bool = True,
        lease: bytes | None = None,
        lease_seconds: float = 300.0,
        wait: float = 0.0,
    ) -> Grant | Verdict:
        """POST /concurrency_limits/acquire: a `SlotsAnswer`, its `grant` or its `verdict`.

        A server holds the answer to a refused asker back for up to `wait` seconds, until a slot came free; without a
        server the answer comes at once.
        """
        ...

    def pour(
        self, names: Iterable[str], slots: int, *, strict: bool = True, now_us: int | None = None
    ) -> Grant | Verdict:
        """POST /concurrency_limits/pour: a `SlotsAnswer`; a server goes by its own clock."""
        ...

    def renew(self, grant: Grant, asker: Asker, *, lease_seconds: float = 300.0) -> tuple[str, ...]:
        """POST /concurrency_limits/leases/{lease}/renew: a `SlotsRenewed`, answered with the names that are lost."""
        ...

    def release(self, lease: bytes) -> None:
        """DELETE /concurrency_limits/leases/{lease}; 204 also when there was none."""
        ...

    def waits_of(self, subject: bytes) -> Mapping[str, datetime]:
        """GET /concurrency_limits/waits/{id}: an object of names and times."""
        ...


class Administration(Protocol):
    """What operators ask of a server."""

    def table_sizes(self) -> list[TableSize]:
        """GET /admin/database, an array."""
        ...

    def read_searches(self, page: str | None = None) -> list[SavedSearch]:
        """GET /saved_searches?page=…, an array."""
        ...

    def write_search(self, search: SavedSearch) -> SavedSearch:
        """PUT /saved_searches: by page and name."""
        ...

    def delete_search(self, search: UUID) -> bool:
        """DELETE /saved_searches/{id}."""
        ...

    def create_api_key(
        self, name: str, scopes: Sequence[str] = ("*",), expires: datetime | None = None
    ) -> tuple[ApiKeyView, str]:
        """POST /api_keys: a `MadeApiKey`; the text is shown this once."""
        ...

    def read_api_keys(self) -> list[ApiKeyView]:
        """GET /api_keys, an array."""
        ...

    def revoke_api_key(self, key: UUID) -> bool:
        """DELETE /api_keys/{id}."""
        ...


class Deployments(Protocol):
    """What runs without anybody at hand. A deployment is named by its UUID or by ``flow/name``."""

    def deploy(self, new: NewDeployment, by: str = "") -> Deployment:
        """POST /deployments: made, or changed in place; a new version when what runs is not what ran."""
        ...

    def read_deployment(self, deployment: UUID | str) -> Deployment:
        """GET /deployments/{id}; a name is written as one segment."""
        ...

    def read_deployments(self, query: DeploymentQuery) -> Page:
        """POST /deployments/filter: a page of `Deployment`."""
        ...

    def count_deployments(self, query: DeploymentQuery) -> int:
        """POST /deployments/count, its `count`."""
        ...

    def change_deployment(self, deployment: UUID | str, change: DeploymentChange, by: str = "") -> Deployment:
        """PATCH /deployments/{id}."""
        ...

    def delete_deployment(self, deployment: UUID | str, by: str = "") -> None:
        """DELETE /deployments/{id}: with its schedules and versions; runs stay, those that wait are cancelled."""
        ...

    def read_versions(self, deployment: UUID | str) -> list[DeploymentVersion]:
        """GET /deployments/{id}/versions, an array, the newest first."""
        ...

    def promote_version(self, deployment: UUID | str, number: int, by: str = "") -> Deployment:
        """POST /deployments/{id}/versions/{number}/promote: new runs get it from now on; also how one rolls back."""
        ...

    def run_deployment(self, deployment: UUID | str, new: NewDeploymentRun, by: str = "") -> FlowRun:
        """POST /deployments/{id}/runs."""
        ...

    def create_schedule(self, deployment: UUID | str, spec: ScheduleSpec, by: str = "") -> Schedule:
        """POST /deployments/{id}/schedules."""
        ...

    def change_schedule(self, schedule: UUID, change: ScheduleChange, by: str = "") -> Schedule:
        """PATCH /schedules/{id}."""
        ...

    def delete_schedule(self, schedule: UUID, by: str = "") -> None:
        """DELETE /schedules/{id}."""
        ...

    def preview_schedule(self, preview: SchedulePreview) -> list[datetime]:
        """POST /schedules/preview, an array."""
        ...

    def upcoming_runs(self, query: DeploymentQuery, until: datetime, limit: int = 200) -> list[Upcoming]:
        """POST /deployments/upcoming?until=…&limit=…, an array, the earliest first."""
        ...

    def start_backfill(self, deployment: UUID | str, new: NewBackfill, by: str = "") -> Backfill:
        """POST /deployments/{id}/backfills."""
        ...

    def read_backfill(self, backfill: UUID) -> Backfill:
        """GET /backfills/{id}."""
        ...

    def read_backfills(self, deployment: UUID | str | None = None, limit: int = 200) -> list[Backfill]:
        """GET /backfills?deployment=…&limit=…, an array, the newest first."""
        ...

    def steer_backfill(self, backfill: UUID, action: str, by: str = "") -> Backfill:
        """POST /backfills/{id}/{action}: `pause`, `resume` or `cancel`."""
        ...


class Work(Protocol):
    """Where runs are executed: pools, their queues, and workers."""

    def create_work_pool(self, spec: PoolSpec) -> WorkPool:
        """POST /work_pools."""
        ...

    def read_work_pool(self, name: str) -> WorkPool:
        """GET /work_pools/{name}."""
        ...

    def read_work_pools(self) -> list[WorkPool]:
        """GET /work_pools, an array by name."""
        ...

    def change_work_pool(self, name: str, change: PoolChange) -> WorkPool:
        """PATCH /work_pools/{name}."""
        ...

    def delete_work_pool(self, name: str) -> None:
        """DELETE /work_pools/{name}; refused while deployments use it."""
        ...

    def create_work_queue(self, pool: str, spec: QueueSpec) -> WorkQueue:
        """POST /work_pools/{pool}/queues."""
        ...

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        """GET /work_pools/{pool}/queues/{name}."""
        ...

    def change_work_queue(self, pool: str, name: str, change: QueueChange) -> WorkQueue:
        """PATCH /work_pools/{pool}/queues/{name}."""
        ...

    def delete_work_queue(self, pool: str, name: str) -> None:
        """DELETE /work_pools/{pool}/queues/{name}; its runs go to the default queue."""
        ...

    def read_workers(self, pool: str | None = None) -> list[Worker]:
        """GET /workers?pool=…, an array by pool and name."""
        ...

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """POST /work_pools/{pool}/claim: held back for up to `wait` seconds while there is no work."""
        ...

    def report_exit(self, pool: str, ended: RunExit) -> None:
        """POST /work_pools/{pool}/exits."""
        ...

    def forget_worker(self, pool: str, worker: UUID) -> None:
        """DELETE /work_pools/{pool}/workers/{id}: it has ended; what it had not begun is given to others."""
        ...

    def queued_runs(self, pool: str, queue: str | None = None, limit: int = 200) -> list[FlowRun]:
        """GET /work_pools/{pool}/queued?queue=…&limit=…, an array in the order in which they would be taken."""
        ...

    def move_in_queue(self, run: Run, priority: int | None = None, queue: str | None = None) -> FlowRun:
        """POST /flow_runs/{id}/move: another priority or queue for a run that waits."""
        ...


class Plane(Runs, Records, Administration, Deployments, Work, Protocol):
    """Everything a control plane does."""

    @property
    def variables(self) -> VariableVerbs:
        """Small named values."""
        ...

    @property
    def limits(self) -> LimitVerbs:
        """Concurrency and rate limits."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for people: `embedded, on HOME` or `at URL`."""
        ...

    def take_in(self, batch: IngestBatch) -> IngestAnswer:
        """POST /ingest."""
        ...

    def events_after(self, position: int, query: EventQuery, timeout: float) -> Iterator[Event]:
        """GET /events/stream: events from a position on, as they are dispatched, until `timeout` seconds are silent."""
        ...

    def drain(self) -> Any:
        """Take in what the home's journals have gained; a server does so by itself."""
        ...

    def close(self) -> None:
        """Give connections up."""
        ...

    def __enter__(self) -> Self:
        """Use it for a while."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...
