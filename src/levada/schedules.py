"""Schedules as authors write them: `Cron`, `Interval`, `RRule`, for `serve`, `deploy` and project files.

::

    flow.deploy(..., schedules=[Cron("0 6 * * MON-FRI", timezone="Europe/Zurich"), Interval(timedelta(hours=1))])

`CronSchedule`, `IntervalSchedule` and `RRuleSchedule` are the same under the names of older programs. Everything comes
to the control plane as `levada.wire.deployments.ScheduleSpec`, which `levada.deployments.timing` makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.wire.deployments import ScheduleSpec

__all__ = [
    "Cron",
    "CronSchedule",
    "Interval",
    "IntervalSchedule",
    "NoSchedule",
    "RRule",
    "RRuleSchedule",
    "Schedule",
    "construct_schedule",
]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a deployment runs by itself. `Cron`, `Interval` and `RRule` make one; exactly one of the three is given.

    Attributes:
        cron: five fields, or six with seconds first, or a nickname such as ``@daily``.
        interval: between two runs; a number is seconds.
        rrule: a recurrence rule of RFC 5545.
        timezone: IANA name of the zone whose clocks count; UTC unless given.
        day_or: with both a day of the month and a day of the week, either is enough; otherwise both must hold.
        anchor_date: one of the times of an interval.
        active: False: it stands still.
        parameters: of its runs, over those of the deployment.
        slug: its name among the schedules of the deployment; made from the rule unless given.
        start: no run before.
        end: none after.
        jitter: each run is due up to so long after its time; a number is seconds.
        blackout: days on which nothing runs.
        catchup: what becomes of times at which no server was there: ``none``, the ``last`` of them, or ``all``.
        catchup_most: of all, how many at most; the newest.
        max_active_runs: a time at which so many of its runs have not ended is skipped.
        priority: of its runs; that of the deployment unless given.
        job_variables: over those of the deployment.
        replaces: the slug that it had before.

    Raises:
        ConfigurationError: not exactly one of cron, interval and rrule is given, or a value cannot be used.
    """

    cron: str | None = None
    interval: timedelta | float | None = None
    rrule: str | None = None
    timezone: str | None = None
    day_or: bool = True
    anchor_date: datetime | None = None
    active: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    slug: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    jitter: timedelta | float = 0.0
    blackout: Sequence[str | date] = ()
    catchup: str = "last"
    catchup_most: int = 1000
    max_active_runs: int | None = None
    priority: int | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    replaces: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("cron", "interval", "rrule") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigurationError(
                f"A schedule has exactly one of cron, interval and rrule; got {' and '.join(given) or 'none'}."
            )

    @property
    def spec(self) -> ScheduleSpec:
        """It as the control plane takes it.

        Raises:
            ConfigurationError: a value cannot be used.
        """
        from levada.deployments.timing import as_spec  # lazy: it stands on all that deploys

        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if self.cron is None:
            del given["day_or"]
        if self.interval is None:
            del given["anchor_date"]
        return as_spec({**given, "blackout": list(self.blackout)})


def Cron(  # noqa: N802 - the name authors know
    cron: str,
    /,
    timezone: str | None = None,
    day_or: bool = True,
    active: bool = True,
    parameters: Mapping[str, Any] | None = None,
    slug: str | None = None,
    **more: Any,
) -> Schedule:
    """A schedule of the times that a cron expression names.

    Args:
        cron: five fields, or six with seconds first, or a nickname such as ``@daily``.
        timezone: IANA name; UTC unless given.
        day_or: with both a day of the month and a day of the week, either is enough; otherwise both must hold.
        active: False: it stands still.
        parameters: of its runs, over those of the deployment.
        slug: its name among the schedules of the deployment.
        more: other fields of `Schedule`, e.g. ``catchup="all"``, ``jitter=30``.
    """
    return Schedule(
        cron=cron,
        timezone=timezone,
        day_or=day_or,
        active=active,
        parameters=dict(parameters or {}),
        slug=slug,
        **more,
    )


def Interval(  # noqa: N802 - the name authors know
    interval: timedelta | float,
    /,
    anchor_date: datetime | None = None,
    timezone: str | None = None,
    active: bool = True,
    parameters: Mapping[str, Any] | None = None,
    slug: str | None = None,
    **more: Any,
) -> Schedule:
    """A schedule of every so often; intervals of whole days keep their time of day when clocks are set anew.

    Args:
        interval: a timedelta, or seconds; 1 second at least.
        anchor_date: one of its times; 1970-01-01 00:00 in its time zone unless given.
        timezone: IANA name; UTC unless given.
        active: False: it stands still.
        parameters: of its runs, over those of the deployment.
        slug: its name among the schedules of the deployment.
        more: other fields of `Schedule`.
    """
    return Schedule(
        interval=interval,
        anchor_date=anchor_date,
        timezone=timezone,
        active=active,
        parameters=dict(parameters or {}),
        slug=slug,
        **more,
    )


def RRule(  # noqa: N802 - the name authors know
    rrule: str,
    /,
    timezone: str | None = None,
    active: bool = True,
    parameters: Mapping[str, Any] | None = None,
    slug: str | None = None,
    **more: Any,
) -> Schedule:
    """A schedule of the times that a recurrence rule of RFC 5545 names.

    Args:
        rrule: one rule or a set of lines, at most 6,500 characters; begins 2020-01-01 unless it has a DTSTART.
        timezone: IANA name; UTC unless given. A TZID of the DTSTART counts for more.
        active: False: it stands still.
        parameters: of its runs, over those of the deployment.
        slug: its name among the schedules of the deployment.
        more: other fields of `Schedule`.
    """
    return Schedule(rrule=rrule, timezone=timezone, active=active, parameters=dict(parameters or {}), slug=slug, **more)


class CronSchedule(Schedule):
    """`Cron` under its older name: ``CronSchedule(cron="0 0 * * *", timezone="America/Chicago")``."""

    def __init__(self, cron: str, timezone: str | None = None, day_or: bool = True) -> None:
        super().__init__(cron=cron, timezone=timezone, day_or=day_or)


class IntervalSchedule(Schedule):
    """`Interval` under its older name."""

    def __init__(
        self, interval: timedelta | float, anchor_date: datetime | None = None, timezone: str | None = None
    ) -> None:
        super().__init__(interval=interval, anchor_date=anchor_date, timezone=timezone)


class RRuleSchedule(Schedule):
    """`RRule` under its older name."""

    def __init__(self, rrule: str, timezone: str | None = "UTC") -> None:
        super().__init__(rrule=rrule, timezone=timezone)

    @classmethod
    def from_rrule(cls, rrule: Any) -> RRuleSchedule:
        """The schedule of an object of ``dateutil.rrule``; its time zone is that of its start."""
        start = getattr(rrule, "_dtstart", None)
        zone = None if start is None or start.tzinfo is None else str(getattr(start.tzinfo, "key", "UTC"))
        return cls(str(rrule), zone or "UTC")


class NoSchedule:
    """No schedule, for programs that say so."""


def construct_schedule(
    interval: timedelta | float | None = None,
    anchor_date: datetime | None = None,
    cron: str | None = None,
    rrule: str | None = None,
    timezone: str | None = None,
) -> Schedule:
    """A schedule from whichever of its kinds is given.

    Raises:
        ConfigurationError: not exactly one is.
    """
    return Schedule(interval=interval, anchor_date=anchor_date, cron=cron, rrule=rrule, timezone=timezone)
