"""Schedules in any of the ways in which people write them, made into `ScheduleSpec`.

Keywords (`cron="0 0 * * *"`), objects of `levada.schedules`, dicts and the entries of a project file all come through
here, so that each of them can say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from levada.core.errors import ConfigurationError
from levada.schedules import NoSchedule
from levada.wire.deployments import CronTiming, IntervalTiming, RRuleTiming, ScheduleSpec, Timing

_TIMING_FIELDS = ("cron", "interval", "rrule", "anchor_date", "anchor", "timezone", "day_or")
_SPEC_FIELDS = tuple(name for name in ScheduleSpec.__struct_fields__ if name != "timing")
_OTHER_NAMES = {"max_scheduled_runs": None, "kind": None, "start_date": "start", "end_date": "end", "enabled": "active"}
"""Names that others have for a field of ours; None: it means nothing here."""


def schedules_from(
    *,
    interval: Any = None,
    cron: Any = None,
    rrule: Any = None,
    anchor_date: datetime | str | None = None,
    timezone: str | None = None,
    schedule: Any = None,
    schedules: Any = None,
) -> list[ScheduleSpec] | None:
    """The schedules that keywords of `serve`, `deploy` and `to_deployment` mean; None: those that it has stay.

    Args:
        interval, cron, rrule: one, or a list of them.
        anchor_date: one of the times of intervals.
        timezone: IANA name for all of them.
        schedule: one schedule of any kind.
        schedules: several; an empty list takes all away.

    Raises:
        ConfigurationError: several ways were used at once, or a value is no schedule.
    """
    ways = {"interval": interval, "cron": cron, "rrule": rrule, "schedule": schedule, "schedules": schedules}
    said = [name for name, value in ways.items() if value is not None]
    if len(said) > 1:
        raise ConfigurationError(f"Write schedules in one way; got {' and '.join(f'`{name}`' for name in said)}.")
    if not said:
        if anchor_date is not None or timezone is not None:
            raise ConfigurationError("`anchor_date` and `timezone` say something about a schedule, and there is none.")
        return None
    way = said[0]
    if way == "schedules":
        return [as_spec(one) for one in ([schedules] if isinstance(schedules, Mapping) else schedules)]
    if way == "schedule":
        return [] if isinstance(schedule, NoSchedule) else [as_spec(schedule)]
    values = ways[way] if isinstance(ways[way], (list, tuple)) else [ways[way]]
    more = {"timezone": timezone, "anchor_date": anchor_date if way == "interval" else None}
    plain = (str, int, float, timedelta)
    return [as_spec({way: value, **more} if isinstance(value, plain) else value) for value in values]


def as_spec(given: Any) -> ScheduleSpec:
    """A schedule from any way to write one: our values, those of `levada.schedules`, or a dict.

    Raises:
        ConfigurationError: it is no schedule, or a field of it cannot be used.
    """
    if isinstance(given, ScheduleSpec):
        return given
    if isinstance(given, (CronTiming, IntervalTiming, RRuleTiming)):
        return ScheduleSpec(timing=given)
    if isinstance(given, Mapping):
        return _spec_of(dict(given))
    found = getattr(given, "spec", None)
    if isinstance(found, ScheduleSpec):
        return found
    fields = {
        name: getattr(given, name)
        for name in (*_TIMING_FIELDS, *_SPEC_FIELDS, "schedule", "timing")
        if getattr(given, name, None) is not None and not callable(getattr(given, name))
    }
    if not fields.keys() & {"cron", "interval", "rrule", "schedule", "timing"}:
        raise ConfigurationError(f"{given!r} is no schedule; write e.g. Cron('0 6 * * *') of levada.schedules.")
    return _spec_of(fields)


def _spec_of(fields: dict[str, Any]) -> ScheduleSpec:
    fields = {name: value for name, value in fields.items() if value is not None}
    inner = fields.pop("schedule", None) or fields.pop("timing", None)
    for theirs, ours in _OTHER_NAMES.items():
        value = fields.pop(theirs, None)
        if ours is not None and value is not None:
            fields[ours] = value
    if inner is not None:
        base = as_spec(inner)
        given = msgspec.structs.asdict(base)
    else:
        given = {"timing": _timing(fields)}
        for name in _TIMING_FIELDS:
            fields.pop(name, None)
    unknown = set(fields) - set(_SPEC_FIELDS)
    if unknown:
        raise ConfigurationError(
            f"A schedule has no field {min(unknown)!r}; it has cron, interval or rrule, anchor_date, timezone, day_or, "
            f"{', '.join(_SPEC_FIELDS)}."
        )
    for name in ("start", "end"):
        if name in fields:
            fields[name] = _moment(fields[name], name)
    if "blackout" in fields:
        fields["blackout"] = [day.isoformat() if isinstance(day, date) else str(day) for day in fields["blackout"]]
    if isinstance(fields.get("jitter"), timedelta):
        fields["jitter"] = fields["jitter"].total_seconds()
    try:
        return msgspec.convert({**given, **fields}, ScheduleSpec, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"A schedule cannot be used: {error}") from error


def _timing(fields: dict[str, Any]) -> Timing:
    rules = [name for name in ("cron", "interval", "rrule") if name in fields]
    if len(rules) != 1:
        raise ConfigurationError(
            f"A schedule has exactly one of cron, interval and rrule; got {' and '.join(rules) or 'none'}."
        )
    zone = {"timezone": _zone_name(fields["timezone"])} if fields.get("timezone") else {}
    anchor = fields.get("anchor_date", fields.get("anchor"))
    if rules == ["cron"]:
        return CronTiming(str(fields["cron"]), day_or=bool(fields.get("day_or", True)), **zone)
    if rules == ["rrule"]:
        rule = fields["rrule"]
        return RRuleTiming(rule if isinstance(rule, str) else str(rule), **zone)
    return IntervalTiming(_seconds(fields["interval"]), None if anchor is None else _moment(anchor, "anchor"), **zone)


def _zone_name(zone: Any) -> str:
    """The IANA name of a time zone given as text or as a `zoneinfo.ZoneInfo`."""
    return str(getattr(zone, "key", zone))


def _seconds(value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"`interval` is seconds or a timedelta; got {value!r}.")
    return float(value)


def _moment(value: Any, name: str) -> datetime:
    """An aware datetime; one without a time zone is taken as UTC, so that it means the same on every machine."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ConfigurationError(f"`{name}` of a schedule is no date: {error}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ConfigurationError(f"`{name}` of a schedule is a date and time; got {value!r}.")
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
