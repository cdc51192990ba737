"""What a schedule says, as the law of schedules takes it; and whether it can be kept."""

from __future__ import annotations

import re
from datetime import date
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace

from levada.core.errors import RequestInvalid, RequestTooLarge
from levada.core.schedules import (
    MOST_CAUGHT,
    SECOND,
    CronRule,
    IntervalRule,
    Plan,
    RecurrenceRule,
    Rule,
    ScheduleProblem,
)
from levada.core.states import us_of
from levada.wire.changes import LARGEST_PARAMETERS
from levada.wire.deployments import CronTiming, IntervalTiming, ScheduleSpec, Timing

LONGEST_SLUG: Final = 100
_SLUG = re.compile(r"[^\x00-\x1f/]+")
_PLAIN = re.compile(r"[^a-z0-9]+")


def plan_of(spec: ScheduleSpec, key: bytes = b"") -> Plan:
    """The times that a schedule names.

    Args:
        spec: a schedule.
        key: its id, on which its jitter hangs.

    Raises:
        ScheduleProblem: a date of it is none.
    """
    return Plan(
        rule=_rule_of(spec.timing),
        key=key,
        start=None if spec.start is None else us_of(spec.start),
        end=None if spec.end is None else us_of(spec.end),
        jitter=round(spec.jitter * SECOND),
        blackout=tuple(sorted({_date_of(text) for text in spec.blackout})),
    )


def looked_over(spec: ScheduleSpec, path: str = "$") -> ScheduleSpec:
    """A schedule, when it can be kept; with a slug made from its rule unless it has one.

    Args:
        spec: as somebody wants it.
        path: of the schedule in the request, for errors.

    Raises:
        RequestInvalid: something in it cannot be used; the error names the field.
        RequestTooLarge: its parameters and job variables are larger than 512 KiB.
    """
    try:
        _check(spec)
        size = len(msgspec.json.encode((spec.parameters, spec.job_variables)))
    except ScheduleProblem as problem:
        message = f"The schedule cannot be used: {problem}."
        raise RequestInvalid(message, ((f"{path}.{problem.field}", problem.problem),)) from problem
    except (TypeError, ValueError, OverflowError) as problem:
        message = f"The parameters of the schedule are no JSON: {problem}."
        raise RequestInvalid(message, ((f"{path}.parameters", str(problem)),)) from problem
    if size > LARGEST_PARAMETERS:
        raise RequestTooLarge(f"The parameters of a schedule take {size} bytes; {LARGEST_PARAMETERS} are the most.")
    return replace(spec, slug=spec.slug or slug_of(spec.timing), replaces=spec.replaces or None)


def slug_of(timing: Timing) -> str:
    """The slug of a schedule that has none of its own: the same rule always has the same."""
    if isinstance(timing, CronTiming):
        kind, text = "cron", timing.cron
    elif isinstance(timing, IntervalTiming):
        kind, text = "every", f"{timing.seconds:g}s"
    else:
        kind, text = "rrule", timing.rrule
    digest = blake2b(msgspec.json.encode(timing, order="deterministic"), digest_size=3).hexdigest()
    words = _PLAIN.sub("-", text.lower()).strip("-")[:40].strip("-")
    return "-".join(filter(None, (kind, words, digest)))


def _rule_of(timing: Timing) -> Rule:
    if isinstance(timing, CronTiming):
        return CronRule(timing.cron, timing.timezone, timing.day_or)
    if isinstance(timing, IntervalTiming):
        return IntervalRule(timing.seconds, None if timing.anchor is None else us_of(timing.anchor), timing.timezone)
    return RecurrenceRule(timing.rrule, timing.timezone)


def _check(spec: ScheduleSpec) -> None:
    anchor = spec.timing.anchor if isinstance(spec.timing, IntervalTiming) else None
    for field, moment in (("start", spec.start), ("end", spec.end), ("timing.anchor", anchor)):
        if moment is not None and moment.tzinfo is None:
            raise ScheduleProblem(field, "has no time zone")
    if not 0 <= spec.jitter < float("inf"):
        raise ScheduleProblem("jitter", "must be 0 seconds or more")
    plan_of(spec).check()
    if not 1 <= spec.catchup_most <= MOST_CAUGHT:
        raise ScheduleProblem("catchup_most", f"must be 1 to {MOST_CAUGHT:,}")
    if spec.max_active_runs is not None and not 1 <= spec.max_active_runs < 1 << 31:
        raise ScheduleProblem("max_active_runs", "must be 1 or more")
    if spec.priority is not None and not abs(spec.priority) < 1 << 31:
        raise ScheduleProblem("priority", "is too large")
    if spec.slug and (len(spec.slug) > LONGEST_SLUG or not spec.slug.strip() or not _SLUG.fullmatch(spec.slug)):
        raise ScheduleProblem("slug", f"must have 1 to {LONGEST_SLUG} characters, and no slash")


def _date_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise ScheduleProblem("blackout", f"has {text[:40]!r}, which is no date; 2026-12-25 is one") from problem
