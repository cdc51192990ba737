"""The verbs of schedules; see `levada.wire.verbs.Deployments`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec.structs import replace

from levada.control.base import PlanePart
from levada.control.deployments import Named, deployment_row
from levada.control.plans import looked_over, plan_of
from levada.control.scheduling import TOPIC, add_schedule, change_row, lock_of, schedule_view
from levada.control.ticking import note_schedule
from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.core.schedules import between, occurrences
from levada.core.states import datetime_of, us_of
from levada.store.sql.deployments import DeploymentRow, DeploymentTable
from levada.store.sql.schedules import ScheduleRow, ScheduleTable
from levada.wire.deployments import DeploymentQuery, Schedule, ScheduleChange, SchedulePreview, ScheduleSpec, Upcoming

if TYPE_CHECKING:
    from levada.store.base import Transaction

MOST_SHOWN: Final = 1_000
"""Times of one preview, runs of one list of upcoming ones."""

_PAGE: Final = 200


class Scheduling(PlanePart):
    """When deployments run by themselves."""

    def create_schedule(self, deployment: Named, spec: ScheduleSpec, by: str = "") -> Schedule:
        """Give a deployment one more schedule.

        Raises:
            ObjectNotFound: there is no such deployment.
            ObjectAlreadyExists: it has a schedule of this slug.
            RequestInvalid, RequestTooLarge: the schedule cannot be used.
        """
        wanted = looked_over(spec)

        def work(transaction: Transaction) -> Schedule:
            row = deployment_row(transaction, deployment)
            transaction.lock(f"deployment:{row.flow}/{row.name}")
            row = deployment_row(transaction, UUID(bytes=row.id))
            made = add_schedule(transaction, row.id, wanted)
            note_schedule(transaction, made, row, "created", {}, by)
            return schedule_view(made)

        return self.store.transact(work)

    def change_schedule(self, schedule: UUID, change: ScheduleChange, by: str = "") -> Schedule:
        """Change a schedule; its next time is reckoned anew from now when its rule changed, or when it is set going.

        Raises:
            ObjectNotFound: there is none.
            ObjectAlreadyExists: its deployment has another of this slug.
            RequestInvalid, RequestTooLarge: it cannot be used like this.
        """
        spec = None if change.spec is None else looked_over(change.spec, "$.spec")

        def work(transaction: Transaction) -> Schedule:
            transaction.lock(lock_of(schedule.bytes))
            row, deployment = _found(transaction, schedule)
            kept = spec if spec is None or change.spec is None or change.spec.slug else replace(spec, slug=row.slug)
            changed = change_row(transaction, row, ScheduleChange(active=change.active, spec=kept))
            if changed != row:
                what = "updated" if changed.active == row.active else "resumed" if changed.active else "paused"
                note_schedule(transaction, changed, deployment, what, {}, by)
            return schedule_view(changed)

        return self.store.transact(work)

    def delete_schedule(self, schedule: UUID, by: str = "") -> None:
        """Delete a schedule; runs that it made stay.

        Raises:
            ObjectNotFound: there is none.
        """

        def work(transaction: Transaction) -> None:
            transaction.lock(lock_of(schedule.bytes))
            row, deployment = _found(transaction, schedule)
            ScheduleTable(transaction).delete([row.id])
            note_schedule(transaction, row, deployment, "deleted", {}, by)
            transaction.announce(TOPIC)

        self.store.transact(work)

    def preview_schedule(self, preview: SchedulePreview) -> list[datetime]:
        """The next times of a schedule that need not exist.

        Raises:
            RequestInvalid: the schedule cannot be used, or more than 1,000 times are asked for.
        """
        _check_count(preview.count, "$.count")
        spec = looked_over(preview.spec, "$.spec")
        after = self._now_us() if preview.after is None else us_of(preview.after)
        return [datetime_of(nominal) for nominal in islice(occurrences(plan_of(spec), after), preview.count)]

    def upcoming_runs(self, query: DeploymentQuery, until: datetime, limit: int = 200) -> list[Upcoming]:
        """Runs that schedules will make, the earliest first; those of paused deployments and schedules are none.

        Args:
            query: whose; its limit and cursor are not looked at.
            until: none at or after.
            limit: how many at most, 1 to 1,000.

        Raises:
            RequestInvalid: the limit cannot be used.
        """
        _check_count(limit, "$.limit")
        end = us_of(until)
        with self.store.read() as transaction:
            deployments = {row.id: row for row in _all_deployments(transaction, query) if not row.paused}
            rows = ScheduleTable(transaction).of_deployments(deployments)
        following = [_coming(row, deployments[row.deployment], end) for row in rows if row.next is not None]
        return [upcoming for _, _, upcoming in islice(merge(*following), limit)]


def _found(transaction: Transaction, schedule: UUID) -> tuple[ScheduleRow, DeploymentRow]:
    row = ScheduleTable(transaction).load([schedule.bytes]).get(schedule.bytes)
    deployment = None if row is None else DeploymentTable(transaction).get(row.deployment)
    if row is None or deployment is None:
        raise ObjectNotFound(f"There is no schedule {schedule}.")
    return row, deployment


def _all_deployments(transaction: Transaction, query: DeploymentQuery) -> Iterator[DeploymentRow]:
    tags = set(query.tags or ())
    wanted = (lambda row: tags.issubset(row.spec.tags)) if tags else None
    asked = replace(query, limit=_PAGE, cursor=None)
    while True:
        rows, cursor = DeploymentTable(transaction).page(asked, wanted)
        yield from rows
        if cursor is None:
            return
        asked = replace(asked, cursor=cursor)


def _coming(row: ScheduleRow, deployment: DeploymentRow, end: int) -> Iterator[tuple[int, bytes, Upcoming]]:
    assert row.next is not None
    for nominal in between(plan_of(row.spec, row.id), row.next, end):
        yield (
            nominal,
            row.id,
            Upcoming(
                deployment_id=UUID(bytes=row.deployment),
                schedule_id=UUID(bytes=row.id),
                flow_name=deployment.flow,
                deployment_name=deployment.name,
                nominal=datetime_of(nominal),
            ),
        )


def _check_count(count: int, path: str) -> None:
    if not 1 <= count <= MOST_SHOWN:
        message = f"1 to {MOST_SHOWN:,} times can be asked for, not {count}."
        raise RequestInvalid(message, ((path, f"must be between 1 and {MOST_SHOWN}"),))
