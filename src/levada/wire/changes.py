"""What people and programs ask the control plane to do: make a run, change its state, act on many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from levada.core.states import StateType
from levada.wire.filters import FlowRunQuery
from levada.wire.records import Payload

LARGEST_PARAMETERS = 512 * 1024
"""Bytes of a run's parameters, as JSON or sealed."""


class NewFlowRun(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A flow run to be made.

    Attributes:
        flow_name: the flow; it need not have run before.
        name: made up when it is not given.
        parameters: values as JSON.
        idempotency_key: asking again with the same key for the same flow gives the run that the first asking made.
        scheduled_time: when it should start; now when it is not given.
        crash_retries: how often it is scheduled again when the process that executes it is gone.
        work_pool_name: workers of this pool take it; a run without one waits for whoever executes it by hand.
        priority: of the runs of one queue, those with a higher number are taken first.
        payload: arguments of a background task in place of `parameters`, sealed by who calls and opened by who serves
            the task; the control plane only keeps them.
        shown: what is in the payload, by parameter, as short text for people.
    """

    flow_name: str
    id: UUID | None = None
    name: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    scheduled_time: datetime | None = None
    deployment_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    flow_version: str | None = None
    entrypoint: str | None = None
    retries: int = 0
    crash_retries: int = 0
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    priority: int = 0
    job_variables: dict[str, Any] = field(default_factory=dict)
    payload: Payload | None = None
    shown: dict[str, str] = field(default_factory=dict)


class FlowRunChange(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a flow run; what is None stays. Labels are merged, tags are added."""

    name: str | None = None
    tags: list[str] | None = None
    labels: dict[str, Any] | None = None


class ProposedState(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A state that somebody wants a run to enter.

    Attributes:
        transition_id: names this wish; repeating it changes nothing.
        force: pass over the rules that protect people from mistakes; those that protect data stay.
        epoch: the epoch that the asker believes to own; a wish of an older one is refused.
    """

    type: StateType
    name: str | None = None
    message: str | None = None
    scheduled_time: datetime | None = None
    pause_key: str | None = None
    pause_timeout: float | None = None
    transition_id: str | None = None
    force: bool = False
    epoch: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Decision(Struct, omit_defaults=True):
    """What became of a wish.

    Attributes:
        status: `accept`, `reject` (another state was entered, or the present one stays), `wait` (ask again after
            `retry_after` seconds) or `abort` (it makes no sense to ask again).
        rule: the rule that decided, when one stood in the way.
        reason: one sentence for people.
    """

    status: str
    state_type: StateType | None = None
    state_name: str | None = None
    rule: str | None = None
    reason: str | None = None
    retry_after: float | None = None


class RunInput(Struct, omit_defaults=True):
    """A value given to a run from outside."""

    key: str
    value: Any
    created: datetime | None = None
    sender: str | None = None


class BulkAction(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Something to do with every flow run that a query finds.

    Attributes:
        action: `cancel`, `retry`, `delete`, `suspend`, `add_tags` or `set_state`.
        query: which runs; its limit and cursor are not looked at.
        preview: only say what would happen.
    """

    action: str
    query: FlowRunQuery
    tags: list[str] = field(default_factory=list)
    state: ProposedState | None = None
    preview: bool = False


class BulkJob(Struct, omit_defaults=True, kw_only=True):
    """A bulk action as it goes on in the server."""

    id: UUID
    action: str
    state: str
    """`preview`, `running`, `completed`, `cancelled` or `failed`."""
    total: int
    """How many runs it is about, when it started."""
    done: int = 0
    skipped: int = 0
    """Runs with which nothing was to be done, or about which a rule said no."""
    created: datetime | None = None
    updated: datetime | None = None
    message: str | None = None
    examples: list[UUID] = field(default_factory=list)
    """Some of the runs."""


class SavedSearch(Struct, omit_defaults=True, kw_only=True):
    """Filters of a page under a name."""

    name: str
    page: str
    """What is searched: `flow_runs`, `logs`, …"""
    query: dict[str, Any] = field(default_factory=dict)
    id: UUID | None = None
    created: datetime | None = None
    updated: datetime | None = None
