"""What happens when schedules are due: runs are made, and their times move on.

All in one transaction: the schedules are locked, each time is written down under its key (schedule, nominal time), its
run is made, and the schedule is set to the time that comes next. Whoever comes second, on another replica, finds
nothing due; and if everything else failed, the key would refuse a second run of one time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from levada.control.deployments import Release, made_run, release
from levada.control.noting import note
from levada.control.plans import plan_of
from levada.control.saving import save_flow_runs
from levada.control.scheduling import lock_of
from levada.core.errors import LevadaError
from levada.core.schedules import MOST_COUNTED, Reckoning, Tick, reckon
from levada.core.states import datetime_of
from levada.store.base import FlowRunRow, Transaction
from levada.store.sql.deployments import DeploymentRow, DeploymentTable
from levada.store.sql.schedules import MADE, SKIPPED, OccurrenceRow, OccurrenceTable, ScheduleRow, ScheduleTable
from levada.wire.deployments import NewDeploymentRun, ScheduleSpec

RESOURCE: Final = "levada.schedule."
"""What the resource id of a schedule begins with; its UUID follows."""

MOST_RUNS: Final = 500
"""Runs that one transaction makes; what is left is made in the next."""

_CATCHING_UP: Final = 0
"""Due time of a schedule in the middle of a catch-up: at once, and what was missed is told already."""

_logger = logging.getLogger(__name__)


class Ticked(Struct):
    """What one transaction did.

    Attributes:
        made: runs.
        caught: how many of them were caught up.
        missed: times that nobody attended, those caught up included.
        skipped: times at which too many runs of the schedule had not ended.
        refused: times whose run could not be made.
        late: microseconds between due times and now, of runs that were made on time, together.
        more: something is still due.
    """

    made: int = 0
    caught: int = 0
    missed: int = 0
    skipped: int = 0
    refused: int = 0
    late: int = 0
    more: bool = False


class _Due(NamedTuple):
    """A schedule that is due."""

    row: ScheduleRow
    spec: ScheduleSpec
    deployment: DeploymentRow
    release: Release
    reckoning: Reckoning


class _Turn(NamedTuple):
    """What one transaction collects, to write all of it down together."""

    transaction: Transaction
    done: Ticked
    runs: dict[tuple[bytes, int], tuple[FlowRunRow, Sequence[str]]]
    """By schedule and nominal time."""
    occurrences: list[OccurrenceRow]
    moved: list[ScheduleRow]


def tick(transaction: Transaction, schedules: Sequence[bytes]) -> Ticked:
    """Make the runs of schedules that are due, and set them to their next times.

    Args:
        transaction: a writing one, in which nothing is locked yet.
        schedules: ids; those that are not due are left alone.
    """
    transaction.lock(*map(lock_of, schedules))
    now, table, done = transaction.now, ScheduleTable(transaction), Ticked()
    found = table.load(schedules)
    rows = [row for row in map(found.get, schedules) if row is not None and _is_due(row, now)]
    deployments = DeploymentTable(transaction).load({row.deployment for row in rows})
    turn = _Turn(transaction, done, {}, [], [])
    for row in rows:
        deployment = deployments.get(row.deployment)
        if deployment is None or deployment.paused:
            turn.moved.append(row._replace(next=None, due=None))  # whoever resumes it sets its next time
            continue
        if len(turn.runs) >= MOST_RUNS:
            done.more = True
            break
        assert row.next is not None
        spec = row.spec
        reckoning = reckon(plan_of(spec, row.id), row.next, now, spec.catchup, spec.catchup_most)
        due = _Due(row, spec, deployment, release(transaction, deployment), reckoning)
        _attend(turn, due)
    new = OccurrenceTable(transaction).add(turn.occurrences)
    runs = [run for key, run in turn.runs.items() if key in new]
    done.made = len(runs)
    save_flow_runs(transaction, {}, runs)
    table.save(turn.moved)
    return done


def _is_due(row: ScheduleRow, now: int) -> bool:
    return bool(row.active) and row.next is not None and row.due is not None and row.due <= now


def _attend(turn: _Turn, due: _Due) -> None:
    """Do what one schedule is due for, as far as the transaction has room."""
    row, reckoning, done = due.row, due.reckoning, turn.done
    if reckoning.missed and row.due != _CATCHING_UP:
        done.missed += reckoning.missed
        _tell_missed(turn.transaction, due)
    room = max(1, MOST_RUNS - len(turn.runs))
    chosen, left = reckoning.run[:room], reckoning.run[room:]
    free = _free(turn.transaction, due) if chosen else None
    for place, one in enumerate(chosen):
        if free == 0:
            turn.occurrences.append(OccurrenceRow(row.id, one.nominal, SKIPPED, None))
            done.skipped += 1
        elif _run(turn, due, one):
            free = None if free is None else free - 1
            if place < reckoning.caught:
                done.caught += 1
            else:
                done.late += max(0, turn.transaction.now - one.due)
    if left:
        done.more = True
        turn.moved.append(row._replace(next=left[0].nominal, due=_CATCHING_UP))
    elif reckoning.next is None:
        turn.moved.append(row._replace(next=None, due=None))
    else:
        turn.moved.append(row._replace(next=reckoning.next.nominal, due=reckoning.next.due))


def _free(transaction: Transaction, due: _Due) -> int | None:
    """How many more runs of a schedule may be made; None: as many as there are."""
    most = due.spec.max_active_runs
    if most is None:
        return None
    return max(0, most - OccurrenceTable(transaction).open_runs(due.row.id, due.deployment.flow, most))


def _run(turn: _Turn, due: _Due, one: Tick) -> bool:
    """Have a run made for one time; False when none can be."""
    spec, nominal, schedule = due.spec, one.nominal, due.row.id
    new = NewDeploymentRun(
        parameters=spec.parameters,
        job_variables=spec.job_variables,
        priority=spec.priority,
        scheduled_time=datetime_of(one.due) if one.due != nominal else None,
    )
    try:
        made = made_run(
            due.release,
            new,
            turn.transaction.now,
            by=f"schedule:{due.row.slug}",
            schedule=schedule,
            nominal=nominal,
            interval=(nominal, nominal if one.following is None else one.following),
        )
    except LevadaError as problem:
        turn.occurrences.append(OccurrenceRow(schedule, nominal, SKIPPED, None))
        turn.done.refused += 1
        _tell_refused(turn.transaction, due, nominal, problem)
        return False
    turn.occurrences.append(OccurrenceRow(schedule, nominal, MADE, made[0].id))
    turn.runs[schedule, nominal] = made
    return True


def _tell_missed(transaction: Transaction, due: _Due) -> None:
    reckoning = due.reckoning
    assert reckoning.first_missed is not None
    assert reckoning.last_missed is not None
    payload: dict[str, Any] = {
        "missed": reckoning.missed,
        "caught_up": reckoning.caught,
        "catchup": due.spec.catchup,
        "first": datetime_of(reckoning.first_missed).isoformat(),
        "last": datetime_of(reckoning.last_missed).isoformat(),
    }
    if reckoning.missed >= MOST_COUNTED:
        payload["at_least"] = True
    note_schedule(transaction, due.row, due.deployment, "missed", payload)


def _tell_refused(transaction: Transaction, due: _Due, nominal: int, problem: LevadaError) -> None:
    where = f"{due.deployment.flow}/{due.deployment.name}"
    _logger.warning("Schedule %s of %s could not make a run: %s", due.row.slug, where, problem)
    payload = {"nominal": datetime_of(nominal).isoformat(), "problem": str(problem)}
    note_schedule(transaction, due.row, due.deployment, "refused", payload)


def note_schedule(
    transaction: Transaction,
    row: ScheduleRow,
    deployment: DeploymentRow,
    what: str,
    payload: dict[str, Any],
    by: str = "",
) -> None:
    """Write down what happened to a schedule, as ``levada.schedule.<what>``."""
    resource = {"id": f"{RESOURCE}{UUID(bytes=row.id)}", "name": row.slug}
    related = [
        {
            "id": f"levada.deployment.{UUID(bytes=deployment.id)}",
            "role": "deployment",
            "name": f"{deployment.flow}/{deployment.name}",
        },
        {"id": f"levada.flow.{deployment.flow}", "role": "flow"},
    ]
    note(transaction, f"{RESOURCE}{what}", resource, related, payload, by)
