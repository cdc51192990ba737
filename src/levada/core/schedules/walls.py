"""Moments and what clocks on walls read.

A moment is microseconds since 1970. A reading is a naive datetime: what a clock in a time zone shows. Most readings are
shown once; some twice, when clocks are set back; some never, when they are set forward.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from levada.core.schedules.errors import ScheduleProblem

SECOND = 1_000_000
"""Microseconds."""

FIRST_MOMENT = -2_208_988_800 * SECOND
LAST_MOMENT = 7_258_118_400 * SECOND
"""1900 and 2200: no time of a schedule lies outside. Calendars are guesses there, and datetimes end somewhere."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a reading
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3600 * SECOND
_STRIDE = 12 * _HOUR
"""Offsets are looked at so often when clocks that change are looked for; none changed and changed back within it."""


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """A time zone.

    Raises:
        ScheduleProblem: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as problem:
        text = f"is {name[:60]!r}, which is no time zone; IANA names such as Europe/Zurich are"
        raise ScheduleProblem("timing.timezone", text) from problem


def reading_of(moment: int, zone: ZoneInfo) -> datetime:
    """What clocks of a zone show at a moment."""
    return (_AWARE_EPOCH + timedelta(microseconds=moment)).astimezone(zone).replace(tzinfo=None, fold=0)


def offset_of(moment: int, zone: ZoneInfo) -> int:
    """How far clocks of a zone are ahead of UTC at a moment, in microseconds."""
    return plain(reading_of(moment, zone)) - moment


def plain(reading: datetime) -> int:
    """The moment at which clocks of UTC show a reading."""
    return (reading - _EPOCH) // _MICROSECOND


def plain_reading(moment: int) -> datetime:
    """What clocks of UTC show at a moment."""
    return _EPOCH + timedelta(microseconds=moment)


def moment_of(reading: datetime, zone: ZoneInfo) -> int:
    """When clocks of a zone first show a reading; the moment after the gap when they never do."""
    first = _moment(reading, zone, 0)
    other = _moment(reading, zone, 1)
    if other >= first:
        return first
    # Shown never: the clocks were set forward between the two. Changes are at whole seconds.
    low, high = other // SECOND, -(-first // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if reading_of(middle * SECOND, zone) >= reading:
            high = middle
        else:
            low = middle
    return high * SECOND


def change_between(after: int, until: int, offset: int, zone: ZoneInfo) -> int | None:
    """The first moment in (after, until] at which clocks of a zone are set anew, or None.

    Args:
        after: a moment.
        until: a later one.
        offset: of the clocks at `after`.
        zone: where they hang.
    """
    low = after
    while low < until:
        high = min(low + _STRIDE, until)
        if offset_of(high, zone) != offset:
            return _first_changed(low, high, offset, zone)
        low = high
    return None


def day_after(day: date, zone: ZoneInfo) -> int:
    """The moment at which a day is over."""
    return moment_of(datetime.combine(day + timedelta(days=1), time()), zone)


def _first_changed(low: int, high: int, offset: int, zone: ZoneInfo) -> int:
    first, last = low // SECOND, -(-high // SECOND)
    while last - first > 1:
        middle = (first + last) // 2
        if offset_of(middle * SECOND, zone) == offset:
            first = middle
        else:
            last = middle
    return last * SECOND


def _moment(reading: datetime, zone: ZoneInfo, fold: int) -> int:
    return (reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) - _AWARE_EPOCH) // _MICROSECOND
