"""Work pools, queues, workers, and the orders that workers get.

A worker asks its pool for work in one long request (`ClaimRequest`); the answer is a list of `WorkOrder`, each with all
that it takes to start the run, and `WorkerCommand`s about runs that it has. Asking is its sign of life.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, field

from levada.wire.deployments import Code, EnvironmentSpec, Needs
from levada.wire.records import Payload

DEFAULT_QUEUE = "default"
DEFAULT_AGENT_POOL = "default-agent-pool"

SERVE_KIND = "serve"
"""The type of the pool whose workers are programs that serve their own deployments, with `flow.serve`."""

BACKGROUND_POOL = "background-tasks"
"""The pool of delayed task calls; processes that serve tasks are its workers."""

BACKGROUND_KIND = "tasks"


class PoolSpec(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A work pool as it is to be.

    Attributes:
        kind: which launchers its workers have: ``process``, later ``docker``, ``kubernetes``, …
        slots: runs that may execute in it at once; None: as many as its workers take.
        launcher: how process workers start runs: ``process``, a fresh interpreter for each, or ``warm``, a fork of one
            that has the flow's module loaded.
        base_job_template: ``{"variables": JSON Schema, "job_configuration": {…"{{ variable }}"…}}``; the kind's own
            unless given.
        default_queue: where runs go that name no queue.
        cancel_grace: seconds between asking a run's process to stop and killing it.
    """

    name: str
    kind: str = "process"
    description: str | None = None
    slots: int | None = None
    paused: bool = False
    launcher: str = "process"
    base_job_template: dict[str, Any] | None = None
    default_queue: str = DEFAULT_QUEUE
    cancel_grace: float = 30.0


class WorkPool(Struct, omit_defaults=True, kw_only=True):
    """A work pool as it is."""

    spec: PoolSpec
    status: str = "not_ready"
    """`ready`: a worker of it is online; `not_ready`: none is; `paused`."""
    queues: list[WorkQueue] = field(default_factory=list)
    workers_online: int = 0
    waiting: int = 0
    """Runs that are due and wait to be taken, counted up to 1,000."""
    active: int = 0
    """Runs that were taken and have not ended."""
    created: datetime | None = None
    updated: datetime | None = None


class PoolChange(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a pool; what is None stays. `slots` of -1 takes the limit away."""

    description: str | None = None
    slots: int | None = None
    paused: bool | None = None
    launcher: str | None = None
    base_job_template: dict[str, Any] | None = None
    default_queue: str | None = None
    cancel_grace: float | None = None


class QueueSpec(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A queue of a pool as it is to be.

    Attributes:
        priority: 1 is served first; queues of the same priority take turns.
        slots: runs of it that may execute at once.
    """

    name: str
    priority: int = 1
    slots: int | None = None
    paused: bool = False
    description: str | None = None


class QueueChange(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a queue; what is None stays. `slots` of -1 takes the limit away."""

    priority: int | None = None
    slots: int | None = None
    paused: bool | None = None
    description: str | None = None


class WorkQueue(Struct, omit_defaults=True, kw_only=True):
    """A queue as it is."""

    pool: str
    spec: QueueSpec
    waiting: int = 0
    active: int = 0
    created: datetime | None = None
    updated: datetime | None = None


class Offer(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker has in all; what its runs need is taken from it. None: it does not count that.

    Attributes:
        cpu: cores. memory: bytes. gpu: devices.
        labels: ``name`` or ``name=value``.
    """

    cpu: float | None = None
    memory: int | None = None
    gpu: float | None = None
    labels: list[str] = field(default_factory=list)


class Held(Struct, array_like=True):
    """A run that a worker has: from its claim until it has said how the process ended.

    Attributes:
        run, epoch: which.
        taken_from: the workers of its home that had it before and are gone.
    """

    run: UUID
    epoch: int
    taken_from: list[UUID] = field(default_factory=list)


class ClaimRequest(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A worker asks for work.

    Attributes:
        worker: its id, made at its start.
        queues: only these; all unless given.
        deployments: only runs of these (for a process that serves its own deployments).
        room: how many more runs it takes now.
        held: the runs that it has; a run that was claimed for it and is not here after `hold_seconds` is given back.
        wait: seconds to wait for work when there is none, at most 60.
        draining: it takes nothing any more and ends when its runs have ended.
        limit: how many runs it takes at once; None: any number.
        answer_lost: the answer to its last request for runs never arrived: what was claimed for it and is not in
            `held` is given back at once.
    """

    worker: UUID
    name: str
    kind: str = "process"
    queues: list[str] = field(default_factory=list)
    deployments: list[UUID] = field(default_factory=list)
    room: int = 1
    held: list[Held] = field(default_factory=list)
    offer: Offer = field(default_factory=Offer)
    wait: float = 0.0
    draining: bool = False
    limit: int | None = None
    host: str = ""
    pid: int = 0
    levada: str = ""
    answer_lost: bool = False
    commands_after: int = 0
    """Number of the last command that it has carried out."""


class WorkOrder(Struct, omit_defaults=True, kw_only=True):
    """A run that a worker got, with all that it takes to start it.

    Attributes:
        epoch: the epoch that its process opens.
        code, environment, launcher, job_variables: of the version that it executes, the run's own on top.
        job: the job configuration that the pool's template and the variables make.
        parameters: as they were given; the flow makes them what its annotations say.
        recalls: it has earlier epochs, or is a fork: completed calls are answered from records.
        grace: seconds between asking to stop and killing.
        retries: of the flow, for this run; None: as the flow says.
    """

    run: UUID
    epoch: int
    name: str
    flow_name: str
    code: Code
    parameters: Payload | None = None
    tags: list[str] = field(default_factory=list)
    environment: EnvironmentSpec | None = None
    launcher: str = "process"
    job_variables: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    deployment_id: UUID | None = None
    deployment_name: str | None = None
    deployment_version: int | None = None
    version_digest: str | None = None
    due: datetime | None = None
    recalls: bool = False
    retries: int | None = None
    grace: float = 30.0
    interval: tuple[datetime, datetime] | None = None


class WorkerCommand(Struct, omit_defaults=True, kw_only=True):
    """Something that a worker must do to a run that it has.

    Attributes:
        kind: ``cancel``: ask its process to stop, kill it after the grace period, and say when it is dead;
            ``kill``: at once (its epoch is not this worker's any more).
    """

    kind: Literal["cancel", "kill"]
    run: UUID
    epoch: int
    reason: str = ""


class ClaimAnswer(Struct, omit_defaults=True, kw_only=True):
    """What a worker gets.

    Attributes:
        hold_seconds: it must ask again within so many seconds, or it counts as gone.
        pool: the pool as it is now.
    """

    orders: list[WorkOrder] = field(default_factory=list)
    commands: list[WorkerCommand] = field(default_factory=list)
    hold_seconds: float = 30.0
    pool: PoolSpec | None = None


class RunExit(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A worker says that the process of a run has ended, or that it gives the run back.

    Attributes:
        begun: user code may have run. Not begun runs are given to somebody else without using up a retry.
        exit_code: of the process; negative: killed by that signal.
        reason: one sentence for people, e.g. ``The process was killed by the kernel: out of memory.``
        cancelled: it was killed because the run was cancelled; it is dead.
        cpu_seconds, memory_peak: what it used, in seconds and bytes.
        ended: when the process ended, by the clock of its machine.
        taken_from: the workers that had it before and are gone; this one goes on in their place.
    """

    worker: UUID
    run: UUID
    epoch: int
    begun: bool
    exit_code: int | None = None
    reason: str = ""
    cancelled: bool = False
    cpu_seconds: float | None = None
    memory_peak: int | None = None
    ended: datetime | None = None
    taken_from: list[UUID] = field(default_factory=list)


class Worker(Struct, omit_defaults=True, kw_only=True):
    """A worker as the control plane knows it."""

    id: UUID
    pool: str
    name: str
    status: str
    """`online`, `draining` or `offline`."""
    kind: str = "process"
    queues: list[str] = field(default_factory=list)
    limit: int | None = None
    offer: Offer = field(default_factory=Offer)
    runs: list[UUID] = field(default_factory=list)
    host: str = ""
    pid: int = 0
    levada: str = ""
    started: datetime | None = None
    seen: datetime | None = None
