"""Times that a recurrence rule of RFC 5545 names.

The library dateutil finds them, on clocks that are never set anew; all times in the text are first told as readings of
one zone. Rules of hours, minutes or seconds that name nothing else count time, so they are told in UTC. Rules without
COUNT begin near the moment that is asked for: a rule that began years ago costs no more than a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

from levada.core.schedules.errors import ScheduleProblem
from levada.core.schedules.walls import FIRST_MOMENT, LAST_MOMENT, moment_of, plain, reading_of, zone_of

LONGEST_RRULE: Final = 6_500
MOST_COUNT: Final = 100_000
"""COUNT of a rule: all times before the one that is asked for must be found to count them."""

_FIELD: Final = "timing.rrule"
_BEGIN: Final = "20200101T000000"
_YEARS: Final = timedelta(days=366 * 60)
_YEARS_OF_MOMENTS: Final = timedelta(days=366 * 9)
"""A rule that names no time for so long is taken to name none. The second is for rules of hours, minutes or seconds,
which take as much longer to search; 29 February comes at least every eight years."""

_STEPS: Final = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
    "MONTHLY": None,
    "YEARLY": None,
}
"""How far the periods of a frequency are apart; None: not always as far."""

_COUNTING: Final = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_COUNTS_ON: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"})
_TIME: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


class RecurrenceRule(NamedTuple):
    """A recurrence rule in a time zone.

    Attributes:
        rrule: one rule or a set of lines; begins 2020-01-01 00:00 unless it has a DTSTART.
        timezone: IANA name; a TZID of the DTSTART counts for more.
    """

    rrule: str
    timezone: str = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """Where its clocks hang."""
        return _parsed(self.rrule, self.timezone).home

    def check(self) -> None:
        """Do nothing when the rule can be used.

        Raises:
            ScheduleProblem: it cannot.
        """
        try:
            first = next(self.after(FIRST_MOMENT), None)
        except ValueError as problem:
            if isinstance(problem, ScheduleProblem):
                raise
            raise ScheduleProblem(_FIELD, f"cannot be understood: {problem}") from problem
        if first is None:
            raise ScheduleProblem(_FIELD, "names no time at all")

    def after(self, moment: int) -> Iterator[int]:
        """Its times after a moment, in order; microseconds since 1970."""
        parsed = _parsed(self.rrule, self.timezone)
        last = max(moment, FIRST_MOMENT)
        for reading in parsed.readings(reading_of(last, parsed.zone)):
            found = moment_of(reading, parsed.zone)
            if found > LAST_MOMENT:
                return
            if found > last:
                last = found
                yield found


class _Line(NamedTuple):
    """One RRULE or EXRULE."""

    rule: rrule
    begun: datetime
    step: timedelta | None
    counted: bool
    until: datetime | None

    def near(self, start: datetime) -> rrule:
        """The same rule, begun not long before a reading when that changes nothing, and ended when nothing comes."""
        if self.counted:
            return self.rule
        fine = self.step is not None and self.step < timedelta(days=1)
        latest = max(start, self.begun) + (_YEARS_OF_MOMENTS if fine else _YEARS)
        parts: dict[str, Any] = {"until": latest if self.until is None else min(self.until, latest)}
        if self.step is not None and self.begun < start:
            parts["dtstart"] = self.begun + (start - self.begun) // self.step * self.step
        return self.rule.replace(**parts)


class _Parsed(NamedTuple):
    """A set of rules, all told in readings of `zone`."""

    rules: tuple[_Line, ...]
    without: tuple[_Line, ...]
    dates: tuple[datetime, ...]
    dates_without: tuple[datetime, ...]
    zone: ZoneInfo
    home: ZoneInfo
    """The zone that the schedule names, whose days are its days."""

    def readings(self, start: datetime) -> Iterator[datetime]:
        """Its readings, those before `start` maybe left out."""
        if len(self.rules) == 1 and not (self.without or self.dates or self.dates_without):
            return iter(self.rules[0].near(start))
        together = rruleset()
        for line in self.rules:
            together.rrule(line.near(start))
        for line in self.without:
            together.exrule(line.near(start))
        for date in self.dates:
            together.rdate(date)
        for date in self.dates_without:
            together.exdate(date)
        return iter(together)


class _Property(NamedTuple):
    """A line of the text."""

    name: str
    tzid: str | None
    value: str


@lru_cache(maxsize=4096)
def _parsed(text: str, timezone: str) -> _Parsed:
    """The rules of a text.

    Raises:
        ScheduleProblem: they cannot be used.
    """
    if len(text) > LONGEST_RRULE:
        raise ScheduleProblem(_FIELD, f"has {len(text)} characters; {LONGEST_RRULE:,} are the most")
    properties = [_property(line) for line in re.sub(r"\r?\n[ \t]", "", text).split()]
    starts = [one for one in properties if one.name == "DTSTART"]
    if len(starts) > 1:
        raise ScheduleProblem(_FIELD, "has more than one DTSTART")
    start = starts[0] if starts else _Property("DTSTART", None, _BEGIN)
    home = zone_of(timezone if start.tzid is None else start.tzid)
    parts = [_parts(one.value) for one in properties if one.name in ("RRULE", "EXRULE")]
    counting = all(each["FREQ"] in _COUNTING and _COUNTS_ON.issuperset(each) for each in parts)
    zone = zone_of("UTC") if counting else home
    begun = _reading(start.value, None, home, zone)

    def lines(name: str) -> tuple[_Line, ...]:
        return tuple(_line(_parts(one.value), begun, home, zone) for one in properties if one.name == name)

    def dates(name: str) -> tuple[datetime, ...]:
        named = [one for one in properties if one.name == name]
        return tuple(_reading(text, one.tzid, home, zone) for one in named for text in one.value.split(","))

    parsed = _Parsed(lines("RRULE"), lines("EXRULE"), dates("RDATE"), dates("EXDATE"), zone, home)
    if not parsed.rules and not parsed.dates:
        raise ScheduleProblem(_FIELD, "has neither a rule nor a date")
    return parsed


def _property(line: str) -> _Property:
    head, colon, value = line.rpartition(":")
    if not colon:
        return _Property("RRULE", None, line.upper())
    name, *parameters = head.split(";")
    if name.upper() not in ("DTSTART", "RRULE", "EXRULE", "RDATE", "EXDATE"):
        raise ScheduleProblem(_FIELD, f"has a line {name[:40]!r}, which no rule has")
    tzid = None
    for parameter in parameters:
        key, _, setting = parameter.partition("=")
        if key.upper() == "TZID":
            tzid = setting
        elif parameter.upper() not in ("VALUE=DATE", "VALUE=DATE-TIME"):
            raise ScheduleProblem(_FIELD, f"has {parameter[:60]!r}, which is not understood")
    return _Property(name.upper(), tzid, value.upper())


def _parts(value: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for pair in value.strip(";").split(";"):
        key, equals, setting = pair.partition("=")
        if not equals or not setting or key in parts:
            raise ScheduleProblem(_FIELD, f"has {pair[:60]!r} where each name has one value")
        parts[key] = setting
    if parts.get("FREQ") not in _STEPS:
        raise ScheduleProblem(_FIELD, f"needs a FREQ, one of {', '.join(_STEPS)}")
    return parts


def _line(parts: dict[str, str], begun: datetime, home: ZoneInfo, zone: ZoneInfo) -> _Line:
    interval, count = (_number(parts, name) for name in ("INTERVAL", "COUNT"))
    if count is not None and "UNTIL" in parts:
        raise ScheduleProblem(_FIELD, "has both COUNT and UNTIL; a rule ends in one way")
    if count is not None and count > MOST_COUNT:
        raise ScheduleProblem(_FIELD, f"has COUNT={count}; {MOST_COUNT:,} is the most")
    until = _reading(parts["UNTIL"], None, home, zone) if "UNTIL" in parts else None
    if until is not None and "T" not in parts["UNTIL"]:
        until += timedelta(days=1, seconds=-1)  # a day is meant, to its end
    text = ";".join(f"{key}={value}" for key, value in parts.items() if key != "UNTIL")
    try:
        rule = rrulestr(text, dtstart=begun)
    except (ValueError, TypeError, OverflowError) as problem:
        raise ScheduleProblem(_FIELD, f"cannot be understood: {problem}") from problem
    assert isinstance(rule, rrule)
    step = _STEPS[parts["FREQ"]]
    return _Line(rule, begun, None if step is None else step * (interval or 1), count is not None, until)


def _number(parts: dict[str, str], name: str) -> int | None:
    if name not in parts:
        return None
    text = parts[name]
    if not text.isdecimal() or not 1 <= len(text) <= 9 or int(text) < 1:
        raise ScheduleProblem(_FIELD, f"has {name}={text[:40]}, which must be a number from 1 on")
    return int(text)


def _reading(text: str, tzid: str | None, home: ZoneInfo, zone: ZoneInfo) -> datetime:
    """A time of the text as clocks of `zone` show it."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ScheduleProblem(_FIELD, f"has {text[:40]!r}, which is no time; 20260131 and 20260131T090000 are")
    day, time, utc = found.groups()
    try:
        reading = datetime.strptime(f"{day}{time or '000000'}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - a reading
    except ValueError as problem:
        raise ScheduleProblem(_FIELD, f"has {text!r}, a time that does not exist") from problem
    if not FIRST_MOMENT <= plain(reading) <= LAST_MOMENT:
        raise ScheduleProblem(_FIELD, f"has {text!r}; its times must lie between the years 1900 and 2200")
    if utc:
        moment = plain(reading)
    else:
        whose = home if tzid is None else zone_of(tzid)
        if whose is zone:
            return reading
        moment = moment_of(reading, whose)
    return reading_of(moment, zone)
