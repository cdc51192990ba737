"""Retention removes what is old and nothing else, and can be cut off anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levada.control.retention import DAY_US, Cutoffs, Removal, cutoffs, run_may_go
from levada.core.faults import armed
from levada.core.settings import RetentionSettings
from levada.store.base import UNKNOWN_STATE
from levada.store.sqlite import SqliteStore
from tests.unit.control.aged import NOW, Aged, Plan, what_is_there

KEEP = RetentionSettings(runs_days=90, failed_runs_days=180, logs_days=30, events_days=30)
LIMITS = cutoffs(KEEP, NOW)

STATES = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, UNKNOWN_STATE])
AGES = st.sampled_from([1, 29, 31, 89, 91, 179, 181, 400])
PLANS = st.lists(
    st.builds(
        Plan,
        state=STATES,
        days=AGES,
        parent=st.one_of(st.none(), st.integers(0, 7)),
        tasks=st.integers(0, 5),
        logs=st.integers(0, 3),
        artifacts=st.integers(0, 2),
    ),
    min_size=1,
    max_size=8,
)


class CutOffError(Exception):
    """The process is killed here."""


@contextmanager
def cut_off_after(commits: int) -> Iterator[None]:
    left = [commits]

    def reach() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise CutOffError

    points = ("control.retention.before_commit", "control.retention.after_commit")
    armed.update(dict.fromkeys(points, reach))
    try:
        yield
    finally:
        for point in points:
            del armed[point]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans=PLANS, rows=st.integers(1, 6), commits=st.integers(0, 12))
def test_what_is_old_goes_and_nothing_else_even_when_the_removal_is_cut_off(
    plans: list[Plan], rows: int, commits: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "levada.db")
        aged = Aged(store, plans)
        must_stay = aged.runs_that_must_stay(LIMITS)
        with cut_off_after(commits), suppress(CutOffError):
            Removal(store, LIMITS, rows=rows).run()
        there = what_is_there(store)
        assert must_stay <= there.flow_runs
        assert there.orphans == set()
        assert aged.task_runs_of(must_stay) <= there.task_runs
        assert aged.young_logs(LIMITS) <= there.logs
        assert aged.young_events(LIMITS) <= there.events

        assert Removal(store, LIMITS, rows=rows).run()
        there = what_is_there(store)
        assert there.flow_runs == must_stay
        assert there.task_runs == aged.task_runs_of(must_stay)
        assert there.artifacts == aged.artifacts_of(must_stay)
        assert there.facts <= must_stay
        assert there.logs == aged.young_logs(LIMITS) & aged.logs_of(must_stay)
        assert there.events == aged.young_events(LIMITS)
        store.close()


@given(STATES, st.one_of(st.none(), st.integers(0, NOW)), st.integers(0, NOW))
def test_nothing_open_and_nothing_younger_than_the_shortest_limit_may_go(
    state: int, ended: int | None, changed: int
) -> None:
    if run_may_go(state, ended, changed, LIMITS):
        assert state > 4
        assert (changed if ended is None else ended) < NOW - 90 * DAY_US


def test_limits_before_1970_are_1970() -> None:
    assert cutoffs(RetentionSettings(runs_days=1e9), NOW) == Cutoffs(0, LIMITS.failed_runs, LIMITS.logs, LIMITS.events)
