"""Deployments: what runs without anybody at hand, when, and which code.

A `Deployment` is what people read; `NewDeployment` is what they deploy. Times are aware datetimes, durations seconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, field

from levada.core.states import StateType

CollisionStrategy = Literal["queue", "cancel_new", "cancel_running", "coalesce_latest"]
"""What becomes of a run that finds its deployment's concurrency limit full: it waits, it is cancelled, it takes the
place of the one that has run longest, or only the newest of those that wait stays."""

Catchup = Literal["none", "last", "all"]


class CronTiming(Struct, tag="cron", tag_field="kind", omit_defaults=True, forbid_unknown_fields=True):
    """Times that a cron expression names.

    Attributes:
        cron: five fields, or six with seconds first, or a nickname such as ``@daily``.
        timezone: IANA name; nominal times are wall-clock times there.
        day_or: with both a day of the month and a day of the week, either is enough; otherwise both must hold.
    """

    cron: str
    timezone: str = "UTC"
    day_or: bool = True


class IntervalTiming(Struct, tag="interval", tag_field="kind", omit_defaults=True, forbid_unknown_fields=True):
    """Every so many seconds, counted from an anchor.

    Attributes:
        seconds: between two times; intervals of whole days keep their wall-clock time across daylight saving.
        anchor: one of the times; 1970-01-01 in the time zone unless given.
    """

    seconds: float
    anchor: datetime | None = None
    timezone: str = "UTC"


class RRuleTiming(Struct, tag="rrule", tag_field="kind", omit_defaults=True, forbid_unknown_fields=True):
    """Times that a recurrence rule of RFC 5545 names; EXDATE, RDATE and BYSETPOS included.

    Attributes:
        rrule: one rule or a set of lines, at most 6,500 characters.
    """

    rrule: str
    timezone: str = "UTC"


Timing = CronTiming | IntervalTiming | RRuleTiming


class ScheduleSpec(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """When a deployment runs by itself.

    Attributes:
        timing: the rule.
        slug: names it among the schedules of its deployment, so that deploying again changes it in place; made from
            the rule unless given.
        active: False: it stands still.
        parameters: over those of the deployment.
        job_variables: over those of the deployment.
        start: no occurrence before.
        end: none after.
        jitter: each run is due up to so many seconds after its nominal time; how many follows from that time.
        blackout: dates (``2026-12-25``), in the time zone of the rule, on which nothing runs.
        catchup: what becomes of times at which no server was there: nothing, the last of them, or all.
        catchup_most: of ``all``, how many at most; the newest are kept.
        max_active_runs: a time at which so many of its runs have not ended is skipped.
        priority: of its runs; None: that of the deployment.
        replaces: the slug that this schedule had before.
    """

    timing: Timing
    slug: str = ""
    active: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)
    job_variables: dict[str, Any] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    jitter: float = 0.0
    blackout: list[str] = field(default_factory=list)
    catchup: Catchup = "last"
    catchup_most: int = 1000
    max_active_runs: int | None = None
    priority: int | None = None
    replaces: str | None = None


class Schedule(Struct, omit_defaults=True, kw_only=True):
    """A schedule of a deployment as it is."""

    id: UUID
    deployment_id: UUID
    spec: ScheduleSpec
    next: datetime | None = None
    """The nominal time of its next run; None: none will come, or it stands still."""
    created: datetime | None = None
    updated: datetime | None = None


class ScheduleChange(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a schedule; what is None stays."""

    active: bool | None = None
    spec: ScheduleSpec | None = None


class SchedulePreview(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Which next times of a schedule to show.

    Attributes:
        after: times from here on; now unless given.
        count: 1 to 1,000.
    """

    spec: ScheduleSpec
    after: datetime | None = None
    count: int = 10


class Upcoming(Struct, omit_defaults=True, kw_only=True):
    """A run that a schedule will make."""

    deployment_id: UUID
    schedule_id: UUID
    flow_name: str
    deployment_name: str
    nominal: datetime


class Needs(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What a worker must have free to take a run.

    Attributes:
        cpu: cores.
        memory: bytes.
        gpu: devices.
        labels: ``name`` or ``name=value`` that the worker offers.
    """

    cpu: float = 0.0
    memory: int = 0
    gpu: float = 0.0
    labels: tuple[str, ...] = ()


class EnvironmentSpec(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """The Python environment in which a flow runs; built once for each content, by uv.

    Exactly one of `requirements`, `requirements_file`, `pyproject` and `lock` says what is in it.

    Attributes:
        requirements: requirement lines.
        requirements_file: a file of them, relative to the code.
        pyproject: a project folder, relative to the code.
        lock: a ``uv.lock``, ``pylock.toml`` or pinned requirements file, relative to the code.
        python: version, e.g. ``3.12``; the worker's own unless given.
    """

    requirements: list[str] = field(default_factory=list)
    requirements_file: str | None = None
    pyproject: str | None = None
    lock: str | None = None
    python: str | None = None


class Code(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Where the code of a version is, and what it was.

    Attributes:
        entrypoint: ``path/file.py:function``, relative to the code, or ``package.module:function``.
        path: folder on the worker's machine in which it lies; None: steps fetch it.
        pull: steps that fetch it into the run's folder; each ``{step name: {argument: value}}``.
        digest: of its files, when it was deployed.
        commit, branch, repository: of its git checkout.
        dirty: the checkout had changes that are in no commit.
    """

    entrypoint: str
    path: str | None = None
    pull: list[dict[str, Any]] = field(default_factory=list)
    digest: str | None = None
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    dirty: bool = False


class NewDeployment(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A deployment as it is to be. Deploying under the same flow and name replaces what is said here.

    Attributes:
        flow_name, name: together they name it: ``flow/name``.
        code: what runs.
        pool: work pool; None: the process that serves it.
        queue: its queue in the pool; the pool's default queue unless given.
        parameters: defaults for its runs.
        parameter_schema: JSON Schema of the flow's parameters.
        enforce_parameter_schema: refuse runs whose parameters do not fit.
        concurrency_limit: how many of its runs may execute at once.
        collision_strategy: what becomes of a run that finds it full.
        start_deadline: a run that could not begin so many seconds after it was due is skipped.
        crash_retries: how often a run is taken up again when its process is gone; None: as the flow says.
        retries: flow retries of its runs; None: as the flow says.
        priority: of its runs in their queue; higher ones are taken first.
        fairness_key: runs of different keys take turns in a queue; ``weight`` says how large the turns are.
        launcher: how the worker starts its runs (``process``, ``warm``); None: as the pool says.
        version: a label that people give it.
        schedules: all of its schedules; None: leave those that there are.
        paused: None leaves it as it is.
    """

    flow_name: str
    name: str
    code: Code
    description: str | None = None
    version: str | None = None
    tags: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    pool: str | None = None
    queue: str | None = None
    job_variables: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    parameter_schema: dict[str, Any] | None = None
    enforce_parameter_schema: bool = True
    concurrency_limit: int | None = None
    collision_strategy: CollisionStrategy = "queue"
    start_deadline: float | None = None
    retries: int | None = None
    crash_retries: int | None = None
    priority: int = 0
    fairness_key: str | None = None
    weight: float = 1.0
    needs: Needs = field(default_factory=Needs)
    environment: EnvironmentSpec | None = None
    launcher: str | None = None
    schedules: list[ScheduleSpec] | None = None
    paused: bool | None = None


class Deployment(Struct, omit_defaults=True, kw_only=True):
    """A deployment as it is."""

    id: UUID
    flow_name: str
    name: str
    live: int
    """Number of the version that new runs get."""
    spec: NewDeployment
    """What was deployed, as the live version has it, with `schedules` left out."""
    schedules: list[Schedule] = field(default_factory=list)
    paused: bool = False
    status: str = "not_ready"
    """`ready`: somebody takes its runs now; `not_ready`: nobody does."""
    waiting: int = 0
    """Runs that wait to be taken, counted up to 1,000."""
    active: int = 0
    """Runs that execute now."""
    last_run: UUID | None = None
    """Its newest run."""
    last_state_type: StateType | None = None
    """Of its newest run."""
    last_state_name: str | None = None
    created: datetime | None = None
    updated: datetime | None = None

    @property
    def full_name(self) -> str:
        """``flow/name``."""
        return f"{self.flow_name}/{self.name}"


class DeploymentVersion(Struct, omit_defaults=True, kw_only=True):
    """What was deployed once; never changed since."""

    deployment_id: UUID
    number: int
    digest: str
    spec: NewDeployment
    live: bool = False
    created: datetime | None = None
    created_by: str = ""


class DeploymentChange(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a deployment without deploying its code again; what is None stays.

    A `concurrency_limit` of -1 takes the limit away. Changes of what a run executes with (parameters, job variables)
    make a new version.
    """

    paused: bool | None = None
    description: str | None = None
    tags: list[str] | None = None
    parameters: dict[str, Any] | None = None
    job_variables: dict[str, Any] | None = None
    pool: str | None = None
    queue: str | None = None
    concurrency_limit: int | None = None
    collision_strategy: CollisionStrategy | None = None
    priority: int | None = None


class DeploymentQuery(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Which deployments; several conditions must all hold. Sorted by flow and name."""

    ids: list[UUID] | None = None
    flow_names: list[str] | None = None
    names: list[str] | None = None
    name_like: str | None = None
    """A piece of ``flow/name``."""
    tags: list[str] | None = None
    pools: list[str] | None = None
    paused: bool | None = None
    limit: int = 200
    cursor: str | None = None


class NewDeploymentRun(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A run of a deployment to be made.

    Attributes:
        parameters: over the deployment's.
        scheduled_time: now unless given.
        idempotency_key: asking again gives the run that the first asking made.
        parent_task_run_id: the task run that calls it, for a run that counts as a subflow run.
        version: number of the version to execute; the live one unless given.
        priority, queue, retries, job_variables: for this run alone.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    scheduled_time: datetime | None = None
    idempotency_key: str | None = None
    parent_task_run_id: UUID | None = None
    version: int | None = None
    queue: str | None = None
    priority: int | None = None
    retries: int | None = None
    job_variables: dict[str, Any] = field(default_factory=dict)


class NewBackfill(Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Runs of a deployment over a range of times gone by.

    Attributes:
        start, end: the range; the end is not in it.
        schedule: slug of the schedule whose times it takes; the only one of the deployment unless given.
        every: seconds between the times, in place of a schedule's.
        which: all times, only those of which no run exists, or only those whose last run did not complete.
        max_concurrency: runs of it that may be open at once, beside all other limits.
        newest_first: begin with the end of the range.
        dry_run: only say what would be made.
    """

    start: datetime
    end: datetime
    schedule: str | None = None
    every: float | None = None
    which: Literal["all", "missing", "failed"] = "missing"
    max_concurrency: int = 10
    newest_first: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    dry_run: bool = False


class Backfill(Struct, omit_defaults=True, kw_only=True):
    """A backfill as it goes on."""

    id: UUID
    deployment_id: UUID
    spec: NewBackfill
    state: str
    """`preview`, `running`, `paused`, `completed` or `cancelled`."""
    total: int
    """Times that it covers."""
    made: int = 0
    """Of how many a run exists."""
    completed: int = 0
    failed: int = 0
    """Ended, but not Completed."""
    created: datetime | None = None
    updated: datetime | None = None
    created_by: str = ""
    examples: list[datetime] = field(default_factory=list)
    """The first times of a preview."""
