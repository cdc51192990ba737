"""Flow runs over time: how many fell into each part of a range, and how late they were."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from levada.control.views import name_of_state, state_of
from levada.core.errors import RequestInvalid
from levada.core.states import datetime_of, us_of
from levada.wire.objects import HistoryBucket, Lateness, StateCount

if TYPE_CHECKING:
    from datetime import datetime

    from levada.store.base import Transaction
    from levada.wire.filters import FlowRunQuery

MOST_BUCKETS = 500

_SECOND = timedelta(seconds=1) // timedelta(microseconds=1)

_FAR_AWAY = 1 << 62
"""Microseconds that no range of runs is as long as."""


def flow_run_history(
    transaction: Transaction, query: FlowRunQuery, start: datetime, end: datetime, buckets: int
) -> list[HistoryBucket]:
    """The parts of a range, each with the runs that were expected to start in it, by state.

    Raises:
        RequestInvalid: the range is empty, or is to be cut into too many parts.
    """
    problems = []
    if not 1 <= buckets <= MOST_BUCKETS:
        problems.append(("$.buckets", f"must be between 1 and {MOST_BUCKETS}"))
    begin, finish = us_of(start), us_of(end)
    if begin >= finish:
        problems.append(("$.start", "must be before `end`"))
    if problems:
        raise RequestInvalid("A history of these runs cannot be made.", tuple(problems))
    step = -(-(finish - begin) // buckets)
    parts = [HistoryBucket(datetime_of(at), datetime_of(min(finish, at + step))) for at in range(begin, finish, step)]
    for (number, code, name), (count, total, late) in transaction.flow_runs.histogram(query, begin, finish, step):
        kind = state_of(code)
        if kind is not None:
            shown = name_of_state(code, name) or kind.value
            parts[number].states.append(StateCount(kind, shown, count, total / _SECOND, late / _SECOND))
    return parts


def flow_run_lateness(transaction: Transaction, query: FlowRunQuery) -> Lateness:
    """How long after their time the runs started; of those that should have and did not, how long ago that was."""
    found = transaction.flow_runs.histogram(query, 0, _FAR_AWAY, _FAR_AWAY)
    runs = sum(count for _, (count, _, _) in found)
    late = sum(late for _, (_, _, late) in found)
    return Lateness(late / runs / _SECOND if runs else 0.0, runs)
