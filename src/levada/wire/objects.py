"""What queries give back: flow runs, task runs, logs, artifacts, variables, limits.

These are views: plain values, cheap to encode, the same from the embedded control plane and over HTTP. Times are
aware UTC datetimes here (people and JSON read them), unlike the integers of records.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, field

from levada.core.states import ResultHandle, State, StateDetails, StateType, us_of
from levada.wire.records import Payload


class StateView(Struct, omit_defaults=True):
    """One state of a run, as stored."""

    type: StateType
    name: str
    timestamp: datetime
    message: str | None = None
    attempt: int = 0
    epoch: int = 0
    details: dict[str, Any] | None = None
    result: Payload | None = None

    def to_state(self, decode: Callable[[Payload], Any] | None = None) -> State:
        """The author's view of this state.

        Args:
            decode: reads a recorded result when it is asked for; without it the state has no data.
        """
        known = {key: value for key, value in (self.details or {}).items() if key in StateDetails.__struct_fields__}
        data: Any = UNSET
        if self.result is not None and decode is not None and self.result.serializer != "none":
            data = StoredResult(self.result, decode)
        return State(self.type, self.name, self.message, data, us_of(self.timestamp), StateDetails(**known))


class StoredResult(ResultHandle):
    """A result that is read from its payload when it is asked for."""

    __slots__ = ("_decode", "payload")

    def __init__(self, payload: Payload, decode: Callable[[Payload], Any]) -> None:
        self.payload = payload
        self._decode = decode

    def get(self) -> Any:
        """Read the value."""
        return self._decode(self.payload)

    def __repr__(self) -> str:
        return f"StoredResult({self.payload.preview or self.payload.type})"


class FlowView(Struct):
    """A flow: every run of the same name belongs to it."""

    id: UUID
    name: str
    created: datetime
    runs: int = 0
    last_run: datetime | None = None
    last_state: str | None = None


class FlowRun(Struct, omit_defaults=True):
    """A run of a flow."""

    id: UUID
    name: str
    flow_name: str
    flow_id: UUID | None = None
    epoch: int = 1
    state_type: StateType | None = None
    state_name: str | None = None
    states: list[StateView] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    """Values while the run is live in this process; short texts when read from a store."""
    parameters_payload: Payload | None = None
    tags: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    run_count: int = 0
    created: datetime | None = None
    expected_start_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    parent_flow_run_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    root_flow_run_id: UUID | None = None
    forked_from: UUID | None = None
    deployment_id: UUID | None = None
    deployment_version: int | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    priority: int = 0
    job_variables: dict[str, Any] = field(default_factory=dict)
    data_interval: tuple[datetime, datetime] | None = None
    """The range of data that it is about, when a schedule or a backfill made it."""
    schedule_id: UUID | None = None
    """The schedule, or backfill, that made it."""
    flow_version: str | None = None
    entrypoint: str | None = None
    code: str | None = None
    host: str | None = None
    pid: int | None = None
    writer: str | None = None
    created_by: str | None = None
    levada_version: str | None = None
    live_state: State | None = None
    """The state object of a run that is live in this process."""

    @property
    def state(self) -> State | None:
        """The run's current state."""
        if self.live_state is not None:
            return self.live_state
        return self.states[-1].to_state() if self.states else None

    @property
    def total_run_time(self) -> timedelta:
        """Time between first start and end; zero when it has not ended."""
        if self.start_time is None or self.end_time is None:
            return timedelta(0)
        return self.end_time - self.start_time


class TaskRun(Struct, omit_defaults=True):
    """A run of a task."""

    id: UUID
    name: str
    task_key: str
    flow_run_id: UUID | None = None
    epoch: int = 1
    dynamic_key: str = ""
    """Identity and occurrence of the call, as text."""
    identity: str = ""
    occurrence: int = 0
    state_type: StateType | None = None
    state_name: str | None = None
    states: list[StateView] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    run_count: int = 0
    created: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    parent_task_run_id: UUID | None = None
    child_flow_run_id: UUID | None = None
    task_inputs: dict[str, list[UUID]] = field(default_factory=dict)
    cache_key: str | None = None
    code: str | None = None
    opaque: bool = False
    reused: bool = False
    live_state: State | None = None

    @property
    def state(self) -> State | None:
        """The run's current state."""
        if self.live_state is not None:
            return self.live_state
        return self.states[-1].to_state() if self.states else None

    @property
    def total_run_time(self) -> timedelta:
        """Time between first start and end; zero when it has not ended."""
        if self.start_time is None or self.end_time is None:
            return timedelta(0)
        return self.end_time - self.start_time


class Log(Struct, omit_defaults=True):
    """One line of log."""

    id: int
    timestamp: datetime
    level: int
    logger: str
    message: str
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    attempt: int = 0
    fields: dict[str, Any] | None = None


class ArtifactView(Struct, omit_defaults=True):
    """An artifact as stored."""

    id: UUID
    type: str
    key: str | None
    data: Any
    description: str | None
    created: datetime
    updated: datetime
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


class VariableView(Struct, omit_defaults=True):
    """A variable as stored."""

    name: str
    value: Any
    tags: list[str]
    created: datetime
    updated: datetime


class Holder(Struct, omit_defaults=True):
    """Who holds slots of a limit."""

    lease: UUID
    slots: int
    since: datetime
    expires: datetime
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    owner: str = ""
    """Host and process, for people."""


class Waiter(Struct, omit_defaults=True):
    """Who waits for slots of a limit."""

    lease: UUID
    slots: int
    since: datetime
    priority: int = 0
    """Higher ones are served first."""
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


class LimitView(Struct, omit_defaults=True):
    """A concurrency limit, with who holds it."""

    name: str
    limit: int
    active: bool = True
    slot_decay_per_second: float = 0.0
    holders: list[Holder] = field(default_factory=list)
    waiting: int = 0
    """How many wait for slots now."""
    waiters: list[Waiter] = field(default_factory=list)
    """The first 100 of them, who is served first before."""

    @property
    def active_slots(self) -> int:
        """Slots held now."""
        return sum(holder.slots for holder in self.holders)


class Why(Struct, omit_defaults=True):
    """Why a run is where it is."""

    run: UUID
    state: str
    summary: str
    reasons: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)


class Page(Struct):
    """One page of a list, by keyset: pass `next` on to get what follows."""

    items: list[Any]
    next: str | None = None


class Count(Struct):
    """How many there are, counted up to a bound."""

    count: int
    exact: bool = True
    """False: there are at least so many."""


class HistoryBucket(Struct):
    """One part of a time range, with how many runs fall into it, by state."""

    start: datetime
    end: datetime
    states: list[StateCount] = field(default_factory=list)


class StateCount(Struct, omit_defaults=True):
    """How many runs are in a state, and their lateness and durations together."""

    type: StateType
    name: str
    count: int
    total_seconds: float = 0.0
    late_seconds: float = 0.0


class GraphNode(Struct, omit_defaults=True):
    """A task run or subflow run in the picture of a flow run, or a map that stands for its items."""

    id: UUID
    kind: str
    """`task-run` or `flow-run`; `map` where maps are folded."""
    label: str
    state_type: StateType | None = None
    state_name: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    parents: list[UUID] = field(default_factory=list)
    """Task runs whose results went into it, or that it waited for."""
    encapsulating: UUID | None = None
    """The task run in which it was called."""
    child_flow_run_id: UUID | None = None
    map_id: str | None = None
    """Which call to `map` it is an item of, or stands for."""
    map_index: int | None = None
    size: int | None = None
    """How many items a folded map has."""
    states: dict[StateType, int] = field(default_factory=dict)
    """How many items of a folded map are in which state."""


class Graph(Struct, omit_defaults=True):
    """What happened inside a flow run; with `since`, only what changed after that moment."""

    flow_run_id: UUID
    start_time: datetime | None
    end_time: datetime | None
    nodes: list[GraphNode]
    changed: datetime
    """Pass it on as `since` to get only what changed from here on."""
    next: str | None = None
    """More nodes: pass it on as `cursor`."""
    state_type: StateType | None = None
    state_name: str | None = None


class EndedRuns(Struct, omit_defaults=True):
    """What became of flow runs that somebody waits for."""

    ended: list[FlowRun] = field(default_factory=list)
    """Each with its last state only."""
    unknown: list[UUID] = field(default_factory=list)
    """Those that do not exist, or were deleted."""


class Lateness(Struct):
    """How late runs started, or are, on average."""

    average_seconds: float
    runs: int


class ApiKeyView(Struct, omit_defaults=True):
    """A key as the server knows it; the key itself is shown once, when it is made."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None


class TableSize(Struct, omit_defaults=True):
    """How much room a table takes."""

    name: str
    bytes: int
    rows: int
    """Estimated."""
    oldest: datetime | None = None
