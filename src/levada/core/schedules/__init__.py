"""When things run: cron, intervals and recurrence rules as pure law.

A rule names times without end; a `Plan` bounds them, leaves days out and spreads them; `reckon` says what to do about
those that have come. Nothing here reads a clock. Beside the standard library this room, alone in core, stands on
`cronsim` and `python-dateutil`, which find readings of clocks that are never set anew; how readings become moments is
law of our own (see ``docs/explanation/schedules.md`` and decision 18).
"""

from __future__ import annotations

from levada.core.schedules.cron import CronRule
from levada.core.schedules.errors import ScheduleProblem
from levada.core.schedules.interval import IntervalRule
from levada.core.schedules.law import (
    GRACE,
    MOST_CAUGHT,
    MOST_COUNTED,
    Plan,
    Reckoning,
    Rule,
    Tick,
    between,
    next_after,
    occurrences,
    reckon,
    tick_after,
    tick_at,
)
from levada.core.schedules.rrule import RecurrenceRule
from levada.core.schedules.walls import SECOND

__all__ = [
    "GRACE",
    "MOST_CAUGHT",
    "MOST_COUNTED",
    "SECOND",
    "CronRule",
    "IntervalRule",
    "Plan",
    "Reckoning",
    "RecurrenceRule",
    "Rule",
    "ScheduleProblem",
    "Tick",
    "between",
    "next_after",
    "occurrences",
    "reckon",
    "tick_after",
    "tick_at",
]
