"""Every so often, counted from an anchor.

Intervals of whole days are steps of the calendar: they keep their reading when clocks are set anew. All others are
steps of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from levada.core.schedules.errors import ScheduleProblem
from levada.core.schedules.walls import FIRST_MOMENT, LAST_MOMENT, SECOND, moment_of, reading_of, zone_of

LONGEST_INTERVAL = 100 * 366 * 86_400
"""Seconds."""

_DAY = 86_400 * SECOND
_FIRST_DAY = datetime(1970, 1, 1)  # noqa: DTZ001 - a reading


class IntervalRule(NamedTuple):
    """Every so many seconds.

    Attributes:
        seconds: between two times, at least 1.
        anchor: one of the times, microseconds since 1970; the reading 1970-01-01 00:00 unless given.
        timezone: IANA name; where the readings of whole days are kept.
    """

    seconds: float
    anchor: int | None = None
    timezone: str = "UTC"

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
        if not 1 <= self.seconds <= LONGEST_INTERVAL:
            text = f"is {self.seconds:g}; an interval is 1 second to 100 years long"
            raise ScheduleProblem("timing.seconds", text)
        if self.anchor is not None and not FIRST_MOMENT <= self.anchor <= LAST_MOMENT:
            raise ScheduleProblem("timing.anchor", "must lie between the years 1900 and 2200")

    def after(self, moment: int) -> Iterator[int]:
        """Its times after a moment, in order; microseconds since 1970."""
        step = round(self.seconds * SECOND)
        moment = max(moment, FIRST_MOMENT)
        zone = self.zone
        anchor = moment_of(_FIRST_DAY, zone) if self.anchor is None else self.anchor
        if step % _DAY == 0:
            yield from _each_day(reading_of(anchor, zone), timedelta(microseconds=step), moment, zone)
            return
        found = anchor + ((moment - anchor) // step + 1) * step
        while found <= LAST_MOMENT:
            yield found
            found += step


def _each_day(anchor: datetime, step: timedelta, moment: int, zone: ZoneInfo) -> Iterator[int]:
    reading = anchor + (reading_of(moment, zone) - anchor) // step * step
    last = moment
    while True:
        found = moment_of(reading, zone)
        if found > LAST_MOMENT:
            return
        if found > last:
            last = found
            yield found
        reading += step
