"""What a stream remembers of what it told: enough to tell nothing twice, and no more than its bound."""

from __future__ import annotations

from levada.control.streaming import Told


def test_the_same_version_is_told_once_and_another_one_again() -> None:
    told = Told()
    assert [told.is_new("run", version) for version in (1, 1, 2, 2, 1)] == [True, False, True, False, True]


def test_at_least_the_newer_half_of_what_fits_is_remembered() -> None:
    told = Told(most=100)
    for number in range(1000):
        assert told.is_new(number)
        assert not any(told.is_new(recent) for recent in range(max(0, number - 49), number + 1))


def test_what_is_remembered_is_bounded() -> None:
    told = Told(most=10)
    for number in range(1000):
        told.is_new(number)
    assert told.is_new(980)
    assert not told.is_new(999)


def test_what_is_old_is_forgotten_when_something_new_comes() -> None:
    told = Told(seconds=0)
    assert told.is_new("a", 1)
    assert told.is_new("b", 1)  # a is of the older generation now
    assert not told.is_new("a", 1)
    assert told.is_new("c", 1)
    assert told.is_new("a", 1)
