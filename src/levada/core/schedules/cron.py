"""Times that a cron expression names.

The library cronsim finds the readings that fit an expression, on clocks that are never set anew; here readings become
moments. A rule that names hours fires for each of its readings once: at the first of two moments that show it, and at
the moment after the gap when none does, so that a daily job runs once a day. A rule of every hour counts on: it fires
at each moment whose reading fits, twice in an hour that comes twice, and not for an hour that is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from levada.core.schedules.errors import ScheduleProblem
from levada.core.schedules.walls import (
    FIRST_MOMENT,
    LAST_MOMENT,
    change_between,
    moment_of,
    offset_of,
    plain,
    reading_of,
    zone_of,
)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

LONGEST_CRON = 500
_EVERY_HOUR = frozenset(range(24))
_ONE_SECOND = timedelta(seconds=1)


class CronRule(NamedTuple):
    """A cron expression in a time zone.

    Attributes:
        cron: five fields, or six with seconds first, or a nickname.
        timezone: IANA name.
        day_or: with both a day of the month and a day of the week, either is enough; otherwise both must hold.
    """

    cron: str
    timezone: str = "UTC"
    day_or: bool = True

    @property
    def zone(self) -> ZoneInfo:
        """Where its clocks hang."""
        return zone_of(self.timezone)

    def check(self) -> None:
        """Do nothing when the rule can be used.

        Raises:
            ScheduleProblem: it cannot.
        """
        zone_of(self.timezone)
        _parsed(self.cron, self.day_or)
        if next(self.after(FIRST_MOMENT), None) is None:
            raise ScheduleProblem("timing.cron", f"{self.cron!r} names no day that there is")

    def after(self, moment: int) -> Iterator[int]:
        """Its times after a moment, in order; microseconds since 1970."""
        pattern = _parsed(self.cron, self.day_or)
        counting = _EVERY_HOUR.issubset(pattern.hours)
        return _each_moment(pattern, moment, self.zone) if counting else _each_reading(pattern, moment, self.zone)


def _each_reading(pattern: CronSim, moment: int, zone: ZoneInfo) -> Iterator[int]:
    """Each reading that fits, once."""
    last = max(moment, FIRST_MOMENT)
    for reading in _readings(pattern, reading_of(last, zone)):
        found = moment_of(reading, zone)
        if found > LAST_MOMENT:
            return
        if found > last:
            last = found
            yield found


def _each_moment(pattern: CronSim, moment: int, zone: ZoneInfo) -> Iterator[int]:
    """Each moment at which the reading fits."""
    since = max(moment, FIRST_MOMENT)
    start = reading_of(since, zone)
    while True:
        offset = offset_of(since, zone)
        change = None
        for reading in _readings(pattern, start):
            found = plain(reading) - offset
            if found > LAST_MOMENT:
                return
            change = change_between(since, found, offset, zone)
            if change is not None:
                break
            since = found
            yield found
        if change is None:
            return
        # From here on clocks are set otherwise; the moment at which they are may fit itself.
        since, start = change, reading_of(change, zone) - _ONE_SECOND


def _readings(pattern: CronSim, start: datetime) -> Iterator[datetime]:
    """Readings after one that fit, on clocks that are never set anew."""
    walk = copy.copy(pattern)
    walk.dt = start.replace(microsecond=0)
    return walk


@lru_cache(maxsize=4096)
def _parsed(cron: str, day_or: bool) -> CronSim:
    """The pattern of an expression, to be copied.

    Raises:
        ScheduleProblem: it is none.
    """
    if len(cron) > LONGEST_CRON:
        raise ScheduleProblem("timing.cron", f"has more than {LONGEST_CRON} characters")
    fields = NICKNAMES.get(cron.strip().lower(), cron).upper().split()
    if len(fields) not in (5, 6):
        hint = f", or one of {', '.join(sorted(NICKNAMES))}" if cron.strip().startswith("@") else ""
        text = f"{cron!r} has {len(fields)} fields; there must be 5, or 6 with seconds first{hint}"
        raise ScheduleProblem("timing.cron", text)
    for place in (-3, -1):
        fields[place] = "*" if fields[place] == "?" else fields[place]
    fields[-1] = fields[-1].replace("-SUN", "-7")
    try:
        pattern = CronSim(" ".join(fields), reading_of(0, zone_of("UTC")))
    except (CronSimError, ValueError) as problem:
        raise ScheduleProblem("timing.cron", f"{cron!r} cannot be understood: {problem}") from problem
    # cronsim takes `*/2` for a star here; for us a star is what leaves the day open.
    pattern.day_and = not day_or or "*" in (fields[-3], fields[-1])
    return pattern
