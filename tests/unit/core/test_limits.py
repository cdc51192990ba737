"""The law of limits, without rows or clocks."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from levada.core.errors import ConcurrencySlotAcquisitionError
from levada.core.limits import Limit, decide, level_at


def test_slots_are_granted_while_there_is_room() -> None:
    limits = [Limit("db", 3)]
    assert decide(limits, 1, {"db": 2}, {}).granted
    assert decide(limits, 1, {"db": 3}, {}).full == ("db",)


def test_room_is_needed_in_every_limit_at_once() -> None:
    limits = [Limit("db", 3), Limit("api", 1), Limit("disk", 1)]
    assert decide(limits, 1, {"api": 1, "disk": 1}, {}).full == ("api", "disk")


def test_a_limit_that_is_not_active_never_stands_in_the_way() -> None:
    assert decide([Limit("db", 1, active=False)], 5, {"db": 9}, {}).granted


def test_no_limits_bound_nothing() -> None:
    assert decide([], 100, {}, {}).granted


def test_asking_for_more_than_there_will_ever_be_is_an_error_that_says_so() -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError, match=r"3 slots .*'db'.* only 2.*never"):
        decide([Limit("db", 2)], 3, {}, {})


def test_a_limit_of_zero_is_closed_and_says_so() -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db' has 0 slots, so it is closed"):
        decide([Limit("db", 0)], 1, {}, {})


def test_a_bucket_tells_how_long_to_wait() -> None:
    verdict = decide([Limit("api", 10, decay=2.0)], 1, {}, {"api": 10.0})
    assert verdict.retry_after == pytest.approx(0.5)


def test_a_wait_that_depends_on_a_holder_has_no_known_length() -> None:
    assert decide([Limit("api", 1, decay=2.0)], 1, {"api": 1}, {}).retry_after is None
    assert decide([Limit("api", 1, decay=2.0), Limit("db", 1)], 1, {"db": 1}, {"api": 1.0}).retry_after is None


def test_the_longest_of_several_waits_counts() -> None:
    limits = [Limit("fast", 1, decay=10.0), Limit("slow", 1, decay=1.0)]
    assert decide(limits, 1, {}, {"fast": 1.0, "slow": 1.0}).retry_after == pytest.approx(1.0)


def test_a_bucket_runs_out_and_is_never_less_than_empty() -> None:
    assert level_at(5.0, 0, 2_000_000, 1.5) == pytest.approx(2.0)
    assert level_at(5.0, 0, 60_000_000, 1.5) == 0.0


def test_a_clock_that_goes_back_lets_nothing_run_out() -> None:
    assert level_at(5.0, 2_000_000, 0, 1.5) == 5.0


@given(
    limit=st.integers(1, 20),
    decay=st.floats(0.01, 100),
    slots=st.integers(1, 20),
    level=st.floats(0, 20),
    held=st.integers(0, 20),
)
def test_waiting_as_long_as_told_is_long_enough(limit: int, decay: float, slots: int, level: float, held: int) -> None:
    excess = held + level + slots - limit
    assume(slots <= limit and not 0 < excess < 1e-6)
    verdict = decide([Limit("api", limit, decay=decay)], slots, {"api": held}, {"api": level})
    assert verdict.granted == (excess <= 0)
    if verdict.retry_after is not None:
        later = level_at(level, 0, round(verdict.retry_after * 1e6) + 1, decay)
        assert decide([Limit("api", limit, decay=decay)], slots, {"api": held}, {"api": later}).granted
