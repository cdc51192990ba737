"""Times of schedules against a slow reference: a walk over every minute around each change of clocks.

Short: some time zones, and those with the strangest clocks. Long (``LEVADA_CHAOS=long``): every zone of IANA, every
change of ten years.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada.core.schedules import (
    SECOND,
    CronRule,
    IntervalRule,
    Plan,
    RecurrenceRule,
    Rule,
    between,
    next_after,
    occurrences,
    reckon,
    tick_at,
)

LONG = os.environ.get("LEVADA_CHAOS") == "long"
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE
STRANGE = [
    "Europe/Zurich",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
    "Africa/Casablanca",  # back for a month in the middle of the year
    "America/Havana",  # at midnight
    "America/Nuuk",  # an hour before midnight
    "Asia/Beirut",
    "America/Asuncion",
    "Antarctica/Troll",  # two hours
    "Asia/Gaza",
    "Antarctica/Casey",  # a minute after midnight
    "UTC",
]
ALL = sorted(name for name in available_timezones() if not name.startswith(("posix", "right", "localtime", "Factory")))
ZONES = ALL if LONG else list(dict.fromkeys([*STRANGE, *random.Random(4).sample(ALL, 8)]))
FIRST, LAST = datetime(2017, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
RULES: dict[str, tuple[Callable[[datetime], bool], bool]] = {
    "30 2 * * *": (lambda t: (t.hour, t.minute) == (2, 30), False),
    "0 0 * * *": (lambda t: (t.hour, t.minute) == (0, 0), False),
    "*/15 1-3 * * *": (lambda t: t.hour in (1, 2, 3) and t.minute % 15 == 0, False),
    "0 */2 * * *": (lambda t: t.hour % 2 == 0 and t.minute == 0, False),
    "30 0,23 * * 0": (lambda t: t.hour in (0, 23) and t.minute == 30 and t.isoweekday() == 7, False),
    "*/10 * * * *": (lambda t: t.minute % 10 == 0, True),
    "5 * * * *": (lambda t: t.minute == 5, True),
}
"""Cron expressions; whether a reading fits; whether they are of every hour."""


def us(moment: datetime) -> int:
    return round(moment.timestamp()) * SECOND


def at(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment // SECOND, zone).replace(tzinfo=None, fold=0)


@lru_cache
def changes(name: str) -> list[int]:
    """The moments of ten years at which clocks of a zone are set anew."""
    zone = ZoneInfo(name)
    found = []
    day = us(FIRST)
    while day < us(LAST):
        low, high = day, day + DAY
        if at(low, zone) - at(high, zone) != timedelta(days=-1):
            offset = at(low, zone) - at(low, ZoneInfo("UTC"))
            while high - low > MINUTE:
                middle = (low + high) // 2 // MINUTE * MINUTE
                if at(middle, zone) - at(middle, ZoneInfo("UTC")) == offset:
                    low = middle
                else:
                    high = middle
            found.append(high)
        day += DAY
    return found


def windows(name: str) -> list[tuple[int, int]]:
    """Three days around each change; some days of zones whose clocks are never set."""
    found = changes(name) or [us(FIRST), us(datetime(2024, 2, 29, tzinfo=UTC))]
    chosen = found if LONG else random.Random(name).sample(found, min(3, len(found)))
    return [(moment // DAY * DAY - DAY, moment // DAY * DAY + 2 * DAY) for moment in chosen]


def reference(cron: str, name: str, start: int, end: int) -> list[int]:
    """The times in [start, end), found by walking: first over moments, then over readings."""
    fits, every_hour = RULES[cron]
    zone = ZoneInfo(name)
    # The times above are all at multiples of five minutes; changes of clocks are not, in Antarctica.
    step = 5 if LONG and all(moment % (5 * MINUTE) == 0 for moment in changes(name)) else 1
    shown = [(moment, at(moment, zone)) for moment in range(start - DAY, end + DAY, step * MINUTE)]
    if every_hour:
        return [moment for moment, reading in shown if fits(reading) and start <= moment < end]
    first: dict[datetime, int] = {}
    for moment, reading in shown:
        first.setdefault(reading, moment)
    found = set()
    reading, last = shown[0][1], shown[-1][1]
    place = 0
    while reading <= last:
        if fits(reading):
            if reading in first:
                found.add(first[reading])
            else:  # shown never: the first moment that shows something later
                while shown[place][1] < reading:
                    place += 1
                found.add(shown[place][0])
        reading += timedelta(minutes=step)
    return sorted(moment for moment in found if start <= moment < end)


@pytest.mark.parametrize("name", ZONES)
def test_cron_fires_when_a_walk_over_all_minutes_says(name: str) -> None:
    for start, end in windows(name):
        for cron in RULES:
            found = list(between(Plan(CronRule(cron, name)), start, end))
            assert found == reference(cron, name, start, end), (cron, at(start, ZoneInfo(name)))


def day_of(moment: int, reading: time, zone: ZoneInfo) -> date:
    """Whose day's job runs at a moment: at the end of a gap in which its reading lay perhaps that of the day before."""
    before, shown = at(moment - SECOND, zone) + timedelta(seconds=1), at(moment, zone)
    skipped = datetime.combine(before.date(), reading)
    return skipped.date() if before <= skipped < shown else shown.date()


@pytest.mark.parametrize("name", ZONES)
def test_a_daily_job_runs_once_each_day_for_ten_years(name: str) -> None:
    zone = ZoneInfo(name)
    anchor = us(FIRST) + 9000 * SECOND
    for rule, reading in (
        (CronRule("30 2 * * *", name), time(2, 30)),
        (IntervalRule(86_400, anchor, name), at(anchor, zone).time()),
    ):
        days = [day_of(one, reading, zone) for one in between(Plan(rule), us(FIRST), us(LAST))]
        assert len(days) == len(set(days))
        assert all(after - before == timedelta(days=1) for before, after in pairwise(days))
        assert abs(len(days) - (LAST - FIRST).days) <= 1


@pytest.mark.parametrize("name", ZONES)
def test_intervals_of_less_than_a_day_count_time(name: str) -> None:
    for start, end in windows(name):
        found = list(between(Plan(IntervalRule(5400, None, name)), start, end))
        assert {after - before for before, after in pairwise(found)} == {5400 * SECOND}
        hourly = list(between(Plan(RecurrenceRule("DTSTART:20160101T000000\nRRULE:FREQ=HOURLY", name)), start, end))
        assert {after - before for before, after in pairwise(hourly)} == {3600 * SECOND}


zones = st.sampled_from(STRANGE)
moments = st.integers(us(FIRST) // SECOND, us(LAST) // SECOND).map(lambda seconds: seconds * SECOND)
rules: st.SearchStrategy[Rule] = st.one_of(
    st.builds(
        CronRule,
        st.sampled_from(
            ["* * * * *", "*/7 * * * * *", "0 3 * * *", "30 */6 13 * 5", "0 0 L * *", "15 1,2,3 * * MON#2", "@hourly"]
        ),
        zones,
        st.booleans(),
    ),
    st.builds(IntervalRule, st.sampled_from([1.0, 61.5, 3600.0, 86_400.0, 7 * 86_400.0]), st.none() | moments, zones),
    st.builds(
        RecurrenceRule,
        st.sampled_from(
            [
                "FREQ=MINUTELY;INTERVAL=7",
                "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
                "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
                "FREQ=HOURLY;BYDAY=SU",
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;BYHOUR=1,2,3",
                "DTSTART:20180101T000000Z\nRRULE:FREQ=DAILY;COUNT=2000\nEXDATE:20200101T000000Z",
            ]
        ),
        zones,
    ),
)
plans = st.builds(
    Plan,
    rules,
    key=st.binary(min_size=16, max_size=16),
    start=st.none(),
    end=st.none(),
    jitter=st.sampled_from([0, 0, 5 * SECOND, 7200 * SECOND]),
    blackout=st.lists(st.dates(date(2017, 1, 1), date(2026, 12, 31)), max_size=5).map(
        lambda days: tuple(sorted(set(days)))
    ),
)
spans = st.integers(0, 90 * 60).map(lambda seconds: seconds * SECOND)


@settings(max_examples=1000 if LONG else 150, deadline=None)
@given(plans, moments, spans, spans)
def test_two_ranges_side_by_side_are_the_range_of_both(plan: Plan, start: int, first: int, second: int) -> None:
    middle, end = start + first, start + first + second
    together = list(between(plan, start, end))
    assert together == [*between(plan, start, middle), *between(plan, middle, end)]
    assert all(before < after for before, after in pairwise(together))
    assert all(start <= one < end for one in together)


@settings(max_examples=600 if LONG else 100, deadline=None)
@given(plans, moments)
def test_asking_again_from_each_time_gives_the_same_walk(plan: Plan, start: int) -> None:
    walked = list(islice(occurrences(plan, start), 30))
    asked: list[int] = []
    moment: int | None = start
    while len(asked) < 30 and moment is not None and (moment := next_after(plan, moment)) is not None:
        asked.append(moment)
    assert asked == walked
    zone = plan.rule.zone
    assert not any(at(one, zone).date() in plan.blackout for one in walked)


@settings(max_examples=600 if LONG else 100, deadline=None)
@given(plans, moments)
def test_a_run_is_due_after_its_time_and_not_after_the_next(plan: Plan, start: int) -> None:
    ticks = [tick_at(plan, nominal) for nominal in islice(occurrences(plan, start), 10)]
    for tick in ticks:
        assert tick.nominal <= tick.due <= tick.nominal + plan.jitter
        assert tick.following is None or tick.due <= tick.following
        assert tick == tick_at(plan, tick.nominal), "how much follows from the time"


def slow_reckoning(plan: Plan, first: int, now: int) -> tuple[list[int], list[int]]:
    """Times that nobody attended, and those that somebody does: each looked at by itself."""
    due = [tick_at(plan, one) for one in between(plan, first, now + 1)]
    grace = 30 * SECOND
    return (
        [tick.nominal for tick in due if tick.due < now - grace],
        [tick.nominal for tick in due if now - grace <= tick.due <= now],
    )


@settings(max_examples=1000 if LONG else 150, deadline=None)
@given(plans, moments, spans, st.sampled_from(["none", "last", "all"]), st.integers(1, 5))
def test_what_is_missed_is_caught_up_as_declared(plan: Plan, start: int, away: int, catchup: str, most: int) -> None:
    first = next_after(plan, start)
    if first is None:
        return
    now = first + away
    missed, attended = slow_reckoning(plan, first, now)
    found = reckon(plan, first, now, catchup, most)  # type: ignore[arg-type]
    wanted = {"none": 0, "last": 1, "all": most}[catchup]
    caught = missed[-wanted:] if wanted else []
    assert [tick.nominal for tick in found.run] == [*caught, *attended]
    assert (found.caught, found.missed) == (len(caught), len(missed))
    handled = max([first - 1, *missed, *attended])
    assert (None if found.next is None else found.next.nominal) == next_after(plan, handled)
