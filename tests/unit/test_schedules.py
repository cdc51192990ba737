"""Schedules as authors write them, and what the control plane gets of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.rrule import WEEKLY, rrule

from levada.control.plans import looked_over, plan_of
from levada.core.errors import ConfigurationError, RequestInvalid
from levada.core.schedules import next_after, tick_at
from levada.core.states import datetime_of, us_of
from levada.deployments.timing import as_spec, schedules_from
from levada.schedules import (
    Cron,
    CronSchedule,
    Interval,
    IntervalSchedule,
    RRule,
    RRuleSchedule,
    Schedule,
    construct_schedule,
)
from levada.wire.deployments import CronTiming, IntervalTiming, RRuleTiming, ScheduleSpec

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_kind_becomes_what_the_control_plane_takes():
    assert Cron("0 6 * * *").spec == ScheduleSpec(timing=CronTiming("0 6 * * *"))
    assert Cron("0 6 1 * 1", "Europe/Zurich", False).spec.timing == CronTiming("0 6 1 * 1", "Europe/Zurich", False)
    assert Interval(timedelta(hours=1), MARCH).spec.timing == IntervalTiming(3600, MARCH)
    assert RRule("FREQ=DAILY", timezone="Asia/Tokyo").spec.timing == RRuleTiming("FREQ=DAILY", "Asia/Tokyo")
    full = Cron(
        "@daily",
        active=False,
        parameters={"x": 1},
        slug="s",
        jitter=timedelta(seconds=5),
        blackout=[date(2026, 12, 25)],
        catchup="all",
        max_active_runs=2,
        start=MARCH,
        replaces="old",
    )
    assert full.spec == ScheduleSpec(
        timing=CronTiming("@daily"),
        slug="s",
        active=False,
        parameters={"x": 1},
        jitter=5.0,
        blackout=["2026-12-25"],
        catchup="all",
        max_active_runs=2,
        start=MARCH,
        replaces="old",
    )


def test_older_names_mean_the_same():
    assert CronSchedule(cron="0 0 * * *", timezone="America/Chicago").spec == Cron("0 0 * * *", "America/Chicago").spec
    assert IntervalSchedule(interval=60).spec == Interval(60).spec
    assert RRuleSchedule(rrule="FREQ=DAILY").spec == RRule("FREQ=DAILY").spec
    made = RRuleSchedule.from_rrule(rrule(WEEKLY, dtstart=datetime(2026, 1, 5, 9)))
    assert next_after(plan_of(made.spec), us_of(MARCH)) == us_of(datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert construct_schedule(cron="0 0 * * *").spec == Cron("0 0 * * *").spec
    assert schedules_from(schedules=[Cron("@daily"), CronSchedule("@hourly")]) == [
        as_spec(Cron("@daily")),
        as_spec(CronSchedule("@hourly")),
    ]


def test_a_schedule_is_of_exactly_one_kind():
    with pytest.raises(ConfigurationError, match="exactly one of cron, interval and rrule; got none"):
        Schedule()
    with pytest.raises(ConfigurationError, match="got cron and rrule"):
        Schedule(cron="@daily", rrule="FREQ=DAILY")


@pytest.mark.parametrize(
    ("timing", "field", "problem"),
    [
        (CronTiming("* * *"), "timing.cron", "has 3 fields"),
        (CronTiming("@sometimes"), "timing.cron", "one of @annually"),
        (CronTiming("0 25 * * *"), "timing.cron", "Bad hour"),
        (CronTiming("0 0 30 2 *"), "timing.cron", "Bad day-of-month"),
        (CronTiming("0 0 * * *", "Mars/Olympus"), "timing.timezone", "no time zone"),
        (IntervalTiming(0.5), "timing.seconds", "1 second to 100 years"),
        (RRuleTiming("FREQ=NEVER"), "timing.rrule", "needs a FREQ"),
        (RRuleTiming("FREQ=DAILY;INTERVAL=0"), "timing.rrule", "INTERVAL=0"),
        (RRuleTiming("FREQ=DAILY;COUNT=5;UNTIL=20300101"), "timing.rrule", "both COUNT and UNTIL"),
        (RRuleTiming("FREQ=DAILY;BYHOUR=25"), "timing.rrule", "cannot be understood"),
        (RRuleTiming("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "timing.rrule", "names no time at all"),
        (RRuleTiming("DTSTART:20261301T000000\nRRULE:FREQ=DAILY"), "timing.rrule", "a time that does not exist"),
        (RRuleTiming("FREQ=DAILY;" + "X" * 7000), "timing.rrule", "6,500 are the most"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_field(timing, field, problem):
    with pytest.raises(RequestInvalid) as caught:
        looked_over(ScheduleSpec(timing=timing))
    assert problem in str(caught.value)
    assert caught.value.fields[0][0] == f"$.{field}"


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 0 13 * 5", "2026-03-06"),
        ("0 0 */2 * MON", "2026-03-02"),
        ("0 0 * * MON-SUN", "2026-03-02"),
        ("0 0 ? * FRI", "2026-03-06"),
        ("0 0 L * *", "2026-03-31"),
        ("0 0 LW * *", "2026-03-31"),
        ("0 0 * * MON#2", "2026-03-09"),
        ("0 0 * * 5L", "2026-03-27"),
        ("30 0 0 * * *", "2026-03-02"),
        ("@monthly", "2026-04-01"),
    ],
)
def test_cron_expressions_mean_what_they_mean_elsewhere(cron, expected):
    moment = next_after(plan_of(Cron(cron).spec), us_of(MARCH))
    assert datetime_of(moment).date().isoformat() == expected


def test_days_may_have_to_match_both():
    assert datetime_of(next_after(plan_of(Cron("0 0 13 * 5", day_or=False).spec), us_of(MARCH))).day == 13


def test_a_time_in_utc_and_a_time_zone_of_the_rule_are_understood():
    zurich = RRule("DTSTART;TZID=Europe/Zurich:20260101T090000\nRRULE:FREQ=DAILY")
    assert datetime_of(next_after(plan_of(zurich.spec), us_of(MARCH))).hour == 8
    until = RRule("FREQ=DAILY;UNTIL=20260303T000000Z")
    found = plan_of(until.spec)
    third = us_of(datetime(2026, 3, 3, tzinfo=UTC))
    assert next_after(found, us_of(MARCH) + 86_400 * 10**6 // 2) == third
    assert next_after(found, third) is None


def test_jitter_of_two_schedules_differs_and_stays():
    spec = Cron("@daily", jitter=3600).spec
    nominal = us_of(datetime(2026, 3, 2, tzinfo=UTC))
    dues = [tick_at(plan_of(spec, bytes([number]) * 16), nominal).due for number in (1, 2, 1)]
    assert dues[0] == dues[2] != dues[1]
