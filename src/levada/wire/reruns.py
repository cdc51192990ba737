"""What running a run again would do, said before it is done."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field

_Name = Annotated[str, Meta(min_length=1, max_length=500)]


class RerunChoice(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """How a run is to be run again.

    Attributes:
        task_keys: keys of tasks, or ids of task runs, that run again with all that depended on them, even though they
            completed.
        fork: as a new run; otherwise as the next epoch of the same one.
        latest: with the version of its deployment that is live now; otherwise with the one that it ran with.
        limit: of each fate, the most calls that the plan lists; it counts all.
    """

    task_keys: Annotated[list[_Name], Meta(max_length=1000)] = field(default_factory=list)
    fork: bool = False
    latest: bool = False
    limit: Annotated[int, Meta(ge=0, le=10_000)] = 200


class PlannedCall(Struct, omit_defaults=True):
    """What becomes of a recorded call.

    Attributes:
        task_run_id: the task run.
        name: its name.
        task_key: of which task.
        fate: `reuse`, `execute` or `unknown`.
        reason: why, for people.
    """

    task_run_id: UUID
    name: str
    task_key: str
    fate: str
    reason: str


class PlannedReason(Struct, omit_defaults=True):
    """How many recorded calls share a fate for the same reason."""

    fate: str
    reason: str
    count: int


class RerunPlan(Struct, omit_defaults=True):
    """What a rerun would do, as far as records can say; what was not recorded is executed in any case.

    Attributes:
        flow_run_id: the run whose records answer.
        fork: whether it would be a new run.
        epoch: that would begin (1 for a new run).
        version: of its deployment that would be executed; None of a run of no deployment.
        version_before: that it was executed with last.
        version_live: that is live now.
        counts: recorded calls by fate: `reuse`, `execute`, `unknown`.
        reasons: why, with how many calls each.
        calls: the calls, in the order in which they were made; of each fate only as many as were asked for.
        obstacle: why it cannot be done; None when it can.
        next_steps: what to do then.
    """

    flow_run_id: UUID
    fork: bool
    epoch: int
    version: int | None = None
    version_before: int | None = None
    version_live: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    reasons: list[PlannedReason] = field(default_factory=list)
    calls: list[PlannedCall] = field(default_factory=list)
    obstacle: str | None = None
    next_steps: list[str] = field(default_factory=list)
