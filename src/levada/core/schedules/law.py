"""The law of schedules: which times, when a run is made for each, and what becomes of those that nobody attended.

All times are microseconds since 1970.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from levada.core.schedules.cron import CronRule
from levada.core.schedules.errors import ScheduleProblem
from levada.core.schedules.interval import IntervalRule
from levada.core.schedules.rrule import RecurrenceRule
from levada.core.schedules.walls import FIRST_MOMENT, LAST_MOMENT, SECOND, day_after, reading_of

Rule = CronRule | IntervalRule | RecurrenceRule

GRACE: Final = 30 * SECOND
"""A time whose run was not made so long after it was due is missed: nobody was there."""

MOST_COUNTED: Final = 10_000
"""Missed times are counted up to here."""

MOST_CAUGHT: Final = 10_000
MOST_BLACKOUT: Final = 1_000
LONGEST_JITTER: Final = 7 * 86_400 * SECOND


class Plan(NamedTuple):
    """When something is to run.

    Attributes:
        rule: names the times.
        key: of whose jitter it is; the same key and time always have the same.
        start: no time before.
        end: none after.
        jitter: each run is due up to so much after its time.
        blackout: days of the rule's zone on which nothing runs, in order.
    """

    rule: Rule
    key: bytes = b""
    start: int | None = None
    end: int | None = None
    jitter: int = 0
    blackout: tuple[date, ...] = ()

    def check(self) -> None:
        """Do nothing when the plan can be used.

        Raises:
            ScheduleProblem: it cannot.
        """
        self.rule.check()
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and not FIRST_MOMENT <= moment <= LAST_MOMENT:
                raise ScheduleProblem(name, "must lie between the years 1900 and 2200")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ScheduleProblem("end", "lies before the start")
        if not 0 <= self.jitter <= LONGEST_JITTER:
            raise ScheduleProblem("jitter", "must be 0 seconds to 7 days")
        if len(self.blackout) > MOST_BLACKOUT:
            raise ScheduleProblem("blackout", f"has more than {MOST_BLACKOUT:,} dates")


class Tick(NamedTuple):
    """One time of a plan.

    Attributes:
        nominal: the time that the rule names.
        due: when its run is made.
        following: the next time of the rule; None: none will come.
    """

    nominal: int
    due: int
    following: int | None


class Reckoning(NamedTuple):
    """What is to be done about the times that have come.

    Attributes:
        run: times to make runs for, in order; the caught-up ones first.
        caught: how many of them are caught up.
        missed: how many times nobody attended, those caught up included; counted up to `MOST_COUNTED`.
        first_missed: the earliest of them.
        last_missed: the latest.
        next: the time to come.
    """

    run: list[Tick]
    caught: int = 0
    missed: int = 0
    first_missed: int | None = None
    last_missed: int | None = None
    next: Tick | None = None


def occurrences(plan: Plan, after: int) -> Iterator[int]:
    """The times of a plan after a moment, in order, without end unless the plan has one."""
    moment = after if plan.start is None else max(after, plan.start - 1)
    zone = plan.rule.zone if plan.blackout else None
    while moment < LAST_MOMENT:
        for nominal in plan.rule.after(moment):
            if plan.end is not None and nominal > plan.end:
                return
            if zone is not None and (over := _blacked_out_until(plan.blackout, nominal, zone)) is not None:
                moment = max(over - 1, nominal)
                break
            yield nominal
        else:
            return


def next_after(plan: Plan, after: int) -> int | None:
    """The first time of a plan after a moment, or None."""
    return next(occurrences(plan, after), None)


def between(plan: Plan, start: int, end: int) -> Iterator[int]:
    """The times of a plan from `start` on and before `end`."""
    for nominal in occurrences(plan, start - 1):
        if nominal >= end:
            return
        yield nominal


def tick_at(plan: Plan, nominal: int) -> Tick:
    """One of the times of a plan, with when it is due and what follows; its end cuts no interval short."""
    following = next_after(plan._replace(end=None), nominal)
    return Tick(nominal, _due(plan, nominal, following), following)


def tick_after(plan: Plan, after: int) -> Tick | None:
    """The first time of a plan after a moment, or None."""
    nominal = next_after(plan, after)
    return None if nominal is None else tick_at(plan, nominal)


def _tick_behind(plan: Plan, tick: Tick) -> Tick | None:
    ended = tick.following is None or (plan.end is not None and tick.following > plan.end)
    return None if ended or tick.following is None else tick_at(plan, tick.following)


def reckon(
    plan: Plan, first: int, now: int, catchup: Literal["none", "last", "all"], most: int, grace: int = GRACE
) -> Reckoning:
    """What to do about the times from `first` on that are due.

    Args:
        plan: whose times.
        first: the earliest that nothing was done about.
        now: the present.
        catchup: of those that nobody attended: run none, the last, or all.
        most: of all, how many at most; the newest.
        grace: how long after it is due a time still counts as attended.
    """
    attended = _first_due_after(plan, first, now - grace)
    on_time: list[Tick] = []
    upcoming = None if attended is None else tick_at(plan, attended)
    while upcoming is not None and upcoming.due <= now:
        on_time.append(upcoming)
        upcoming = _tick_behind(plan, upcoming)
    high = LAST_MOMENT + 1 if attended is None else attended
    missed = [] if attended == first else list(islice(between(plan, first, high), MOST_COUNTED))
    if not missed:
        return Reckoning(on_time, next=upcoming)
    wanted = {"none": 0, "last": 1, "all": most}[catchup]
    if len(missed) < MOST_COUNTED:
        latest, chosen = missed[-1], missed[-wanted:] if wanted else []
    else:
        newest = _newest(plan, first, min(high, now), max(1, wanted))
        latest, chosen = newest[-1], newest if wanted else []
    caught = [tick_at(plan, nominal) for nominal in chosen]
    return Reckoning([*caught, *on_time], len(caught), len(missed), missed[0], latest, upcoming)


def _first_due_after(plan: Plan, first: int, moment: int) -> int | None:
    """The earliest time from `first` on that is due at or after a moment."""
    # No time is due after the next one, so that only the last one before the moment may still be.
    low = max(first, moment - plan.jitter)
    for nominal in _newest(plan, low, moment, 1) if plan.jitter and low < moment else ():
        if tick_at(plan, nominal).due >= moment:
            return nominal
    return next_after(plan, max(first, moment) - 1)


def _newest(plan: Plan, low: int, high: int, count: int) -> list[int]:
    """The last so many times in [low, high), found from the end: it may be far away."""
    width = (count + 1) * SECOND
    while True:
        begin = max(low, high - width)
        found = deque(between(plan, begin, high), maxlen=count)
        if len(found) == count or begin == low:
            return list(found)
        width *= 4


def _due(plan: Plan, nominal: int, following: int | None) -> int:
    if not plan.jitter:
        return nominal
    span = plan.jitter if following is None else min(plan.jitter, following - nominal)
    digest = blake2b(plan.key + nominal.to_bytes(8, "big", signed=True), digest_size=8).digest()
    return nominal + int.from_bytes(digest, "big") * span // (1 << 64)


def _blacked_out_until(blackout: tuple[date, ...], nominal: int, zone: ZoneInfo) -> int | None:
    """When the days without runs are over in which a time lies; None: it lies in none."""
    day = reading_of(nominal, zone).date()
    place = bisect_left(blackout, day)
    if place == len(blackout) or blackout[place] != day:
        return None
    while place + 1 < len(blackout) and blackout[place + 1] == blackout[place] + timedelta(days=1):
        place += 1
    return day_after(blackout[place], zone)
