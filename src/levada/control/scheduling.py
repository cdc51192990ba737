"""Schedules as rows: matched with those that were, and set to the time that comes next.

A schedule keeps only its next nominal time and when that is due; nothing exists of later ones. One that stands still,
because it or its deployment is paused, has neither, so that nobody looks at it until somebody sets it going; what fell
into the pause is never caught up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from levada.control.plans import looked_over, plan_of
from levada.core.errors import ObjectAlreadyExists, RequestInvalid
from levada.core.ids import uuid7_bytes
from levada.core.schedules import tick_after
from levada.core.states import datetime_of
from levada.store.base import Transaction
from levada.store.sql.deployments import DeploymentTable
from levada.store.sql.schedules import ScheduleRow, ScheduleTable, packed_schedule
from levada.wire.deployments import Schedule, ScheduleChange, ScheduleSpec

MOST_SCHEDULES: Final = 200
"""Of one deployment."""

TOPIC: Final = "schedules"
"""Announced when a schedule may be due sooner than was known."""

_RULE: Final = ("timing", "start", "end", "blackout", "jitter")
"""What decides when a schedule is due."""


def lock_of(schedule: bytes) -> str:
    """The key under which a schedule is locked."""
    return f"schedule:{schedule.hex()}"


# Read --------------------------------------------------------------------------------------------------------------


def schedules_of(transaction: Transaction, deployments: Iterable[bytes]) -> dict[bytes, list[Schedule]]:
    """The schedules of deployments, by deployment, in the order of their slugs."""
    found: dict[bytes, list[Schedule]] = {}
    for row in ScheduleTable(transaction).of_deployments(deployments):
        found.setdefault(row.deployment, []).append(schedule_view(row))
    return found


def schedule_view(row: ScheduleRow) -> Schedule:
    """A schedule as people read it."""
    return Schedule(
        id=UUID(bytes=row.id),
        deployment_id=UUID(bytes=row.deployment),
        spec=row.spec,
        next=None if row.next is None else datetime_of(row.next),
        created=datetime_of(row.created),
        updated=datetime_of(row.updated),
    )


# Changed -----------------------------------------------------------------------------------------------------------


def replace_schedules(transaction: Transaction, deployment: bytes, specs: Sequence[ScheduleSpec]) -> None:
    """Give a deployment these schedules, and no others.

    One that was there under the same slug, or under the slug that a new one `replaces`, is changed in place: it keeps
    its id, and its next time when its rule is the same.

    Args:
        transaction: a writing one, in which the deployment is locked.
        deployment: its id.
        specs: all of its schedules.

    Raises:
        RequestInvalid: one cannot be used, two have the same slug, or there are more than 200.
        RequestTooLarge: the parameters of one are larger than 512 KiB.
    """
    wanted = _looked_over(specs)
    table = ScheduleTable(transaction)
    before = {row.slug: row for row in table.of_deployments([deployment])}
    if before:
        transaction.lock(*[lock_of(row.id) for row in before.values()])
        before = {row.slug: row for row in table.of_deployments([deployment])}
    matched: list[tuple[ScheduleSpec, ScheduleRow | None]] = []
    for spec in wanted:
        row = before.pop(spec.slug, None)
        if row is None and spec.replaces is not None:
            row = before.pop(spec.replaces, None)
        matched.append((spec, row))
    table.delete([row.id for row in before.values()])
    table.free_slugs([row.id for spec, row in matched if row is not None and row.slug != spec.slug])
    paused = _is_paused(transaction, deployment)
    table.save([_row(transaction, deployment, spec, row, paused=paused) for spec, row in matched])
    transaction.announce(TOPIC)


def add_schedule(transaction: Transaction, deployment: bytes, spec: ScheduleSpec) -> ScheduleRow:
    """Give a deployment one more schedule.

    Args:
        transaction: a writing one, in which the deployment is locked.
        deployment: its id.
        spec: as `looked_over` gives it.

    Raises:
        ObjectAlreadyExists: it has one of this slug.
        RequestInvalid: it has 200.
    """
    table = ScheduleTable(transaction)
    rows = table.of_deployments([deployment])
    if any(row.slug == spec.slug for row in rows):
        raise ObjectAlreadyExists(f"The deployment has a schedule {spec.slug!r} already; give this one another slug.")
    if len(rows) >= MOST_SCHEDULES:
        raise RequestInvalid(f"A deployment has at most {MOST_SCHEDULES} schedules.", (("$", "is one too many"),))
    row = _row(transaction, deployment, spec, None, paused=_is_paused(transaction, deployment))
    table.save([row])
    transaction.announce(TOPIC)
    return row


def change_row(transaction: Transaction, row: ScheduleRow, change: ScheduleChange) -> ScheduleRow:
    """Change a schedule.

    Args:
        transaction: a writing one, in which the schedule is locked.
        row: its row as it is in this transaction.
        change: what to change; its rule as `looked_over` gives it.

    Raises:
        ObjectAlreadyExists: another schedule of the deployment has the slug.
    """
    table = ScheduleTable(transaction)
    spec = row.spec if change.spec is None else change.spec
    if change.active is not None:
        spec = replace(spec, active=change.active)
    if spec.slug != row.slug and any(
        other.slug == spec.slug and other.id != row.id for other in table.of_deployments([row.deployment])
    ):
        raise ObjectAlreadyExists(f"The deployment has a schedule {spec.slug!r} already.")
    changed = _row(transaction, row.deployment, spec, row, paused=_is_paused(transaction, row.deployment))
    table.save([changed])
    transaction.announce(TOPIC)
    return changed


def pause_schedules(transaction: Transaction, deployment: bytes, *, paused: bool) -> None:
    """Let the schedules of a deployment stand still, or go on from now.

    Args:
        transaction: a writing one, in which the deployment is locked.
        deployment: its id.
        paused: whether it is paused now.
    """
    table = ScheduleTable(transaction)
    rows = table.of_deployments([deployment])
    if rows:
        transaction.lock(*[lock_of(row.id) for row in rows])
        for row in table.of_deployments([deployment]):
            table.move(row.id, *_coming(row.id, row.spec, transaction.now, still=paused or not row.active))
    transaction.announce(TOPIC)


def _looked_over(specs: Sequence[ScheduleSpec]) -> list[ScheduleSpec]:
    if len(specs) > MOST_SCHEDULES:
        message = f"A deployment has at most {MOST_SCHEDULES} schedules."
        raise RequestInvalid(message, (("$.schedules", "has too many values"),))
    given = {spec.slug for spec in specs if spec.slug}
    found: dict[str, ScheduleSpec] = {}
    for place, raw in enumerate(specs):
        path = f"$.schedules[{place}]"
        spec = looked_over(raw, path)
        slug, count = spec.slug, 1
        # The same rule twice, with other parameters maybe, is nothing wrong; the same name is.
        while not raw.slug and (slug in found or slug in given):
            count += 1
            slug = f"{spec.slug}-{count}"
        if slug in found:
            message = f"Two schedules of the deployment have the slug {slug!r}."
            raise RequestInvalid(message, ((f"{path}.slug", "is that of another schedule"),))
        found[slug] = replace(spec, slug=slug)
    return list(found.values())


def _row(
    transaction: Transaction, deployment: bytes, spec: ScheduleSpec, before: ScheduleRow | None, *, paused: bool
) -> ScheduleRow:
    """The row of a schedule as it is to be, from the one that it was."""
    now, still = transaction.now, paused or not spec.active
    identifier = uuid7_bytes(now, os.urandom(8)) if before is None else before.id
    following, due = None, None
    if before is not None and before.due is not None and not still and _same_times(before.spec, spec):
        following, due = before.next, before.due
    else:
        following, due = _coming(identifier, spec, now, still=still)
    created = now if before is None else before.created
    body = packed_schedule(spec)
    row = ScheduleRow(identifier, deployment, spec.slug, int(spec.active), following, due, created, now, body)
    return row if before is None or row != before._replace(updated=now) else before


def _coming(identifier: bytes, spec: ScheduleSpec, now: int, *, still: bool) -> tuple[int | None, int | None]:
    """Nominal time and due time of what comes next."""
    tick = None if still else tick_after(plan_of(spec, identifier), now)
    return (None, None) if tick is None else (tick.nominal, tick.due)


def _same_times(one: ScheduleSpec, other: ScheduleSpec) -> bool:
    return all(getattr(one, field) == getattr(other, field) for field in _RULE)


def _is_paused(transaction: Transaction, deployment: bytes) -> bool:
    row = DeploymentTable(transaction).get(deployment)
    return row is not None and bool(row.paused)
