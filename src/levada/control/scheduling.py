"""Schedules, made and changed; being written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from levada.core.states import datetime_of
from levada.store.base import Transaction
from levada.store.sql.schedules import ScheduleRow, ScheduleTable
from levada.wire.deployments import Schedule, ScheduleSpec


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


def replace_schedules(transaction: Transaction, deployment: bytes, specs: Sequence[ScheduleSpec]) -> None:
    """Give a deployment these schedules, and no others."""
    if not specs:
        table = ScheduleTable(transaction)
        table.delete([row.id for row in table.of_deployments([deployment])])
        return
    raise NotImplementedError
