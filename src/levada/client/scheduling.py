"""The verbs of `SyncLevadaClient` about schedules and backfills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from msgspec.structs import replace

from levada.client.schemas.translate import fields_of
from levada.core.errors import ParameterError
from levada.wire.deployments import (
    Backfill,
    CronTiming,
    DeploymentQuery,
    IntervalTiming,
    NewBackfill,
    RRuleTiming,
    Schedule,
    ScheduleChange,
    SchedulePreview,
    ScheduleSpec,
    Timing,
    Upcoming,
)
from levada.wire.verbs import Plane


class Specified(Protocol):
    """What `levada.schedules` makes."""

    @property
    def spec(self) -> ScheduleSpec:
        """It as the control plane takes it."""
        ...


AnySchedule = ScheduleSpec | Timing | Specified
"""A schedule: a value of `levada.schedules`, of `levada.wire.deployments`, or the rule alone."""


class SchedulingVerbs:
    """Verbs about schedules and backfills; the same on a home and on a server."""

    def _look(self) -> Plane:
        raise NotImplementedError

    def create_deployment_schedules(
        self, deployment_id: UUID | str, schedules: Sequence[AnySchedule | tuple[AnySchedule, bool]]
    ) -> list[Schedule]:
        """Give a deployment more schedules.

        Args:
            deployment_id: id or name.
            schedules: each alone, or with whether it is active.

        Raises:
            ObjectNotFound: there is no such deployment.
            ObjectAlreadyExists: it has a schedule of such a slug.
            RequestInvalid: a schedule cannot be used.
        """
        plane = self._look()
        return [plane.create_schedule(deployment_id, _spec_of(one)) for one in schedules]

    def read_deployment_schedules(self, deployment_id: UUID | str) -> list[Schedule]:
        """The schedules of a deployment, by slug."""
        return self._look().read_deployment(deployment_id).schedules

    def update_deployment_schedule(
        self,
        deployment_id: UUID | str,
        schedule_id: UUID,
        *,
        active: bool | None = None,
        schedule: AnySchedule | None = None,
    ) -> Schedule:
        """Pause, resume or rewrite a schedule.

        Args:
            deployment_id: not looked at; schedules have ids of their own.
            schedule_id: which.
            active: False pauses it.
            schedule: what it is to be; None: as it is.

        Raises:
            ObjectNotFound: there is none.
        """
        del deployment_id
        spec = None if schedule is None else _spec_of(schedule)
        return self._look().change_schedule(schedule_id, ScheduleChange(active=active, spec=spec))

    def delete_deployment_schedule(self, deployment_id: UUID | str, schedule_id: UUID) -> None:
        """Delete a schedule; the deployment's id is not looked at.

        Raises:
            ObjectNotFound: there is none.
        """
        del deployment_id
        self._look().delete_schedule(schedule_id)

    def preview_schedule(
        self, schedule: AnySchedule, *, after: datetime | None = None, count: int = 10
    ) -> list[datetime]:
        """The next times of a schedule that need not exist; from now on unless `after` is given."""
        return self._look().preview_schedule(SchedulePreview(spec=_spec_of(schedule), after=after, count=count))

    def read_upcoming_runs(self, until: datetime, /, *, limit: int = 200, **fields: Any) -> list[Upcoming]:
        """Runs that schedules will make, the earliest first.

        Args:
            until: none at or after.
            limit: how many at most, 1 to 1,000.
            fields: of `levada.wire.deployments.DeploymentQuery`: of which deployments.
        """
        query = replace(DeploymentQuery(), **fields_of(DeploymentQuery, fields))
        return self._look().upcoming_runs(query, until, limit)

    def start_backfill(self, deployment_id: UUID | str, new: NewBackfill) -> Backfill:
        """Run a deployment over a range of times gone by, a few at a time.

        Raises:
            ObjectNotFound: there is no such deployment.
            RequestInvalid: the range, the schedule or the parameters cannot be used.
        """
        return self._look().start_backfill(deployment_id, new)

    def read_backfill(self, backfill_id: UUID) -> Backfill:
        """One backfill with its progress.

        Raises:
            ObjectNotFound: there is none.
        """
        return self._look().read_backfill(backfill_id)

    def read_backfills(self, deployment_id: UUID | str | None = None, *, limit: int = 200) -> list[Backfill]:
        """Backfills, the newest first."""
        return self._look().read_backfills(deployment_id, limit)

    def pause_backfill(self, backfill_id: UUID) -> Backfill:
        """Make no new runs of a backfill; those there are go on."""
        return self._look().steer_backfill(backfill_id, "pause")

    def resume_backfill(self, backfill_id: UUID) -> Backfill:
        """Let a paused backfill go on."""
        return self._look().steer_backfill(backfill_id, "resume")

    def cancel_backfill(self, backfill_id: UUID) -> Backfill:
        """End a backfill; those of its runs that nobody has begun are cancelled."""
        return self._look().steer_backfill(backfill_id, "cancel")


def _spec_of(given: AnySchedule | tuple[AnySchedule, bool]) -> ScheduleSpec:
    if isinstance(given, tuple):
        schedule, active = given
        return replace(_spec_of(schedule), active=active)
    if isinstance(given, CronTiming | IntervalTiming | RRuleTiming):
        return ScheduleSpec(timing=given)
    spec = given if isinstance(given, ScheduleSpec) else getattr(given, "spec", None)
    if not isinstance(spec, ScheduleSpec):
        raise ParameterError(f"{given!r} is no schedule; write e.g. Cron('0 6 * * *') of levada.schedules.")
    return spec
