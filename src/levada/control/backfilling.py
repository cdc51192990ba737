"""Backfills: runs of a deployment over a range of times gone by.

All times are written down when a backfill starts, and runs are made for them as earlier ones end: never more at once
than it may have, so that what runs by itself keeps its place. The key of a time is (backfill, nominal time).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from levada.control.deployments import Release, made_run, release
from levada.control.noting import note
from levada.control.plans import plan_of
from levada.control.saving import save_flow_runs
from levada.core.errors import LevadaError, ObjectNotFound, RequestInvalid, TransitionRefused
from levada.core.ids import uuid7_bytes
from levada.core.schedules import IntervalRule, Plan, ScheduleProblem, between, tick_at
from levada.core.states import StateType, datetime_of, us_of
from levada.store.base import FlowRunRow, Transaction
from levada.store.sql.backfills import BackfillRow, BackfillTable, Progress, packed_backfill
from levada.store.sql.deployments import DeploymentRow, DeploymentTable
from levada.store.sql.schedules import MADE, SKIPPED, ScheduleRow, ScheduleTable
from levada.wire.deployments import Backfill, NewBackfill, NewDeploymentRun
from levada.wire.records import STATE_CODES

MOST_TIMES: Final = 1_000_000
"""Of one backfill."""

MOST_AT_ONCE: Final = 10_000
"""Runs of one backfill that may be open together."""

TOPIC: Final = "backfills"
"""Announced when a backfill may have something to do."""

EXAMPLES: Final = 10
"""Times that a preview names."""

_MOST_BACKFILLS: Final = 200
"""Earlier backfills of a deployment that are asked whether they ran a time."""

_MOST_RUNS: Final = 200
"""Runs that one transaction makes."""

_RESOURCE: Final = "levada.backfill."
_COMPLETED: Final = STATE_CODES[StateType.COMPLETED]
_SCHEDULED: Final = STATE_CODES[StateType.SCHEDULED]
_MOVES: Final = {"pause": ("running", "paused"), "resume": ("paused", "running")}


class Source(NamedTuple):
    """Whose times a backfill takes.

    Attributes:
        plan: names them.
        schedule: the schedule, if it is one's.
    """

    plan: Plan
    schedule: ScheduleRow | None


def lock_of(backfill: bytes) -> str:
    """The key under which a backfill is locked."""
    return f"backfill:{backfill.hex()}"


# Started -----------------------------------------------------------------------------------------------------------


def source_of(transaction: Transaction, deployment: DeploymentRow, new: NewBackfill) -> Source:
    """The times that a backfill is to take.

    Raises:
        RequestInvalid: the range, the schedule or the interval cannot be used.
    """
    _check(new)
    if new.every is not None:
        rule = IntervalRule(new.every, us_of(new.start))
        try:
            rule.check()
        except ScheduleProblem as problem:
            raise _invalid("every", problem.problem) from problem
        return Source(Plan(rule), None)
    rows = ScheduleTable(transaction).of_deployments([deployment.id])
    where = f"{deployment.flow}/{deployment.name}"
    if new.schedule is not None:
        rows = [row for row in rows if row.slug == new.schedule]
        if not rows:
            raise _invalid("schedule", f"names no schedule of {where}: {new.schedule!r}")
    if not rows:
        raise _invalid("every", f"must be given: {where} has no schedule whose times could be taken")
    if len(rows) > 1:
        raise _invalid("schedule", f"must be one of {', '.join(row.slug for row in rows)}: {where} has several")
    # The bounds of a schedule say when it runs by itself; the range of the backfill says what it covers.
    return Source(plan_of(rows[0].spec, rows[0].id)._replace(start=None, end=None, jitter=0), rows[0])


def times_of(plan: Plan, new: NewBackfill) -> list[int]:
    """The times of a range.

    Raises:
        RequestInvalid: there are none, or more than a million.
    """
    times = list(islice(between(plan, us_of(new.start), us_of(new.end)), MOST_TIMES + 1))
    if len(times) > MOST_TIMES:
        raise _invalid("end", f"is too far from the start: there are more than {MOST_TIMES:,} times between them")
    return times


def chosen(
    transaction: Transaction, deployment: DeploymentRow, source: Source, new: NewBackfill, times: Sequence[int]
) -> list[int]:
    """Those of the times that the backfill is to run."""
    if new.which == "all":
        return list(times)
    table = BackfillTable(transaction)
    sources = [row.id for row in table.page(deployment.id, _MOST_BACKFILLS)]
    if source.schedule is not None:
        sources.append(source.schedule.id)
    known = table.known(sources, us_of(new.start), us_of(new.end))
    if new.which == "missing":
        return [nominal for nominal in times if nominal not in known]
    failed = {nominal for nominal, state in known.items() if state is not None and state >= 5 and state != _COMPLETED}
    return [nominal for nominal in times if nominal in failed]


def preview(deployment: DeploymentRow, new: NewBackfill, times: Sequence[int], by: str) -> Backfill:
    """What a backfill would run."""
    first = reversed(times[-EXAMPLES:]) if new.newest_first else times[:EXAMPLES]
    return Backfill(
        id=UUID(int=0),
        deployment_id=UUID(bytes=deployment.id),
        spec=new,
        state="preview",
        total=len(times),
        created_by=by,
        examples=[datetime_of(nominal) for nominal in first],
    )


def start(
    transaction: Transaction,
    deployment: DeploymentRow,
    source: Source,
    new: NewBackfill,
    times: Sequence[int],
    by: str,
) -> BackfillRow:
    """Write a backfill down, with all its times.

    Raises:
        RequestInvalid: its runs could not be made: their parameters are not what the flow takes.
    """
    now = transaction.now
    identifier = uuid7_bytes(now, os.urandom(8))
    wanted = _wanted(new, source.schedule)
    if times:  # rather refused now than a hundred thousand times later
        made_run(release(transaction, deployment), wanted, now, nominal=times[0])
    view = Backfill(
        id=UUID(bytes=identifier),
        deployment_id=UUID(bytes=deployment.id),
        spec=new,
        state="running" if times else "completed",
        total=len(times),
        created=datetime_of(now),
        updated=datetime_of(now),
        created_by=by,
    )
    row = BackfillRow(identifier, deployment.id, view.state, now, now, packed_backfill(view))
    table = BackfillTable(transaction)
    table.insert(row)
    table.plan(identifier, times)
    _tell(transaction, row, deployment, "started", {"times": len(times), "which": new.which}, by)
    transaction.announce(TOPIC)
    return row


# Carried out -------------------------------------------------------------------------------------------------------


def top_up(transaction: Transaction, backfill: bytes) -> int:
    """Make as many runs of a backfill as it has room for; how many that were.

    Args:
        transaction: a writing one, in which nothing is locked yet.
        backfill: its id.
    """
    transaction.lock(lock_of(backfill))
    table = BackfillTable(transaction)
    row = table.get(backfill)
    if row is None or row.state != "running":
        return 0
    deployment = DeploymentTable(transaction).get(row.deployment)
    if deployment is None:
        table.give_up(row.id)
        _moved(transaction, row, "cancelled")
        return 0
    spec = row.view.spec
    still_open = len(table.open_runs(row.id, deployment.flow))
    room = min(_MOST_RUNS, spec.max_concurrency - still_open)
    times = table.planned(row.id, room, newest_first=spec.newest_first) if room > 0 else []
    if room > 0 and not times and not still_open:
        _moved(transaction, row, "completed")
        _tell(transaction, row, deployment, "completed", table.progress(row.id, _COMPLETED)._asdict())
        return 0
    runs = list(_runs(transaction, row, deployment, spec, times))
    save_flow_runs(transaction, {}, runs)
    return len(runs)


def _runs(
    transaction: Transaction, row: BackfillRow, deployment: DeploymentRow, spec: NewBackfill, times: Iterable[int]
) -> Iterable[tuple[FlowRunRow, Sequence[str]]]:
    table, now = BackfillTable(transaction), transaction.now
    plan, schedule = _plan_again(transaction, deployment, spec)
    wanted, latest = _wanted(spec, schedule), release(transaction, deployment)
    decided: list[tuple[int, int, bytes | None]] = []
    for nominal in times:
        following = tick_at(plan, nominal).following
        try:
            made = _made(latest, wanted, now, row, nominal, following)
        except LevadaError:
            decided.append((nominal, SKIPPED, None))  # counted as failed; the deployment changed since the start
            continue
        decided.append((nominal, MADE, made[0].id))
        yield made
    table.decide(row.id, decided)


def _made(
    latest: Release, wanted: NewDeploymentRun, now: int, row: BackfillRow, nominal: int, following: int | None
) -> tuple[FlowRunRow, list[str]]:
    return made_run(
        latest,
        replace(wanted, scheduled_time=datetime_of(now)),
        now,
        by=f"backfill:{UUID(bytes=row.id)}",
        schedule=row.id,
        nominal=nominal,
        interval=(nominal, nominal if following is None else following),
    )


def _plan_again(transaction: Transaction, deployment: DeploymentRow, spec: NewBackfill) -> Source:
    """The plan whose intervals the runs get; that of a schedule which is gone has none."""
    try:
        return source_of(transaction, deployment, spec)
    except RequestInvalid:
        return Source(Plan(IntervalRule(1.0, us_of(spec.start)), end=us_of(spec.start)), None)


def _wanted(new: NewBackfill, schedule: ScheduleRow | None) -> NewDeploymentRun:
    spec = None if schedule is None else schedule.spec
    return NewDeploymentRun(
        parameters={**(spec.parameters if spec else {}), **new.parameters},
        job_variables=dict(spec.job_variables) if spec else {},
        priority=spec.priority if spec else None,
        tags=["backfill"],
    )


# Steered, shown ----------------------------------------------------------------------------------------------------


def backfill_row(transaction: Transaction, backfill: UUID) -> BackfillRow:
    """The row of a backfill.

    Raises:
        ObjectNotFound: there is none.
    """
    row = BackfillTable(transaction).get(backfill.bytes)
    if row is None:
        raise ObjectNotFound(f"There is no backfill {backfill}. `levada backfill ls` lists them.")
    return row


def steer(transaction: Transaction, backfill: UUID, action: str, by: str) -> tuple[BackfillRow, list[bytes]]:
    """Pause, resume or cancel a backfill; its row, and the runs that are to be cancelled with it.

    Raises:
        ObjectNotFound: there is none.
        RequestInvalid: there is no such action.
        TransitionRefused: it has ended.
    """
    if action not in (*_MOVES, "cancel"):
        raise RequestInvalid(f"A backfill can be paused, resumed or cancelled, not {action!r}.", (("$.action", "?"),))
    transaction.lock(lock_of(backfill.bytes))
    row = backfill_row(transaction, backfill)
    deployment = DeploymentTable(transaction).get(row.deployment)
    if row.state in ("completed", "cancelled"):
        if action == "cancel" and row.state == "cancelled":
            return row, []
        raise TransitionRefused(f"Backfill {backfill} is {row.state} and cannot be changed any more.")
    waiting: list[bytes] = []
    if action == "cancel":
        table = BackfillTable(transaction)
        if deployment is not None:
            waiting = [run for run, state in table.open_runs(row.id, deployment.flow) if state == _SCHEDULED]
        table.give_up(row.id)
        changed = _moved(transaction, row, "cancelled")
    else:
        before, after = _MOVES[action]
        changed = _moved(transaction, row, after) if row.state == before else row
    if changed.state != row.state and deployment is not None:
        _tell(transaction, changed, deployment, changed.state, {}, by)
        transaction.announce(TOPIC)
    return changed, waiting


def backfill_view(transaction: Transaction, row: BackfillRow) -> Backfill:
    """A backfill as people read it, its figures counted now."""
    view = replace(row.view, state=row.state, updated=datetime_of(row.updated))
    progress: Progress = BackfillTable(transaction).progress(row.id, _COMPLETED)
    return replace(view, made=progress.made, completed=progress.completed, failed=progress.failed)


def _moved(transaction: Transaction, row: BackfillRow, state: str) -> BackfillRow:
    changed = row._replace(state=state, updated=transaction.now)
    BackfillTable(transaction).update(changed)
    return changed


def _check(new: NewBackfill) -> None:
    for field, moment in (("start", new.start), ("end", new.end)):
        if moment.tzinfo is None:
            raise _invalid(field, "has no time zone")
    if new.end <= new.start:
        raise _invalid("end", "must come after the start")
    if not 1 <= new.max_concurrency <= MOST_AT_ONCE:
        raise _invalid("max_concurrency", f"must be 1 to {MOST_AT_ONCE:,}")
    if new.every is not None and new.schedule is not None:
        raise _invalid("every", "stands in place of a schedule, and both are given")


def _invalid(field: str, problem: str) -> RequestInvalid:
    return RequestInvalid(f"The backfill cannot be started: {field} {problem}.", ((f"$.{field}", problem),))


def _tell(
    transaction: Transaction,
    row: BackfillRow,
    deployment: DeploymentRow,
    what: str,
    payload: dict[str, Any],
    by: str = "",
) -> None:
    name = f"{deployment.flow}/{deployment.name}"
    resource = {"id": f"{_RESOURCE}{UUID(bytes=row.id)}", "name": name}
    related = [{"id": f"levada.deployment.{UUID(bytes=deployment.id)}", "role": "deployment", "name": name}]
    note(transaction, f"{_RESOURCE}{what}", resource, related, payload, by)
