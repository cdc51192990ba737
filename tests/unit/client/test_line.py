"""The line of those who wait for the same slots."""

from __future__ import annotations

from levada.client.line import STALE_SECONDS, Lines


def test_who_came_first_has_the_turn() -> None:
    lines = Lines()
    first, second = lines.enter("db"), lines.enter("db")
    assert lines.is_turn(first)
    assert not lines.is_turn(second)
    lines.leave(first)
    assert lines.is_turn(second)


def test_lines_do_not_wait_for_each_other() -> None:
    lines = Lines()
    lines.enter("db")
    assert lines.is_turn(lines.enter("api"))


def test_a_head_that_sleeps_is_passed_over_until_it_asks_again() -> None:
    """The head's event loop is blocked by somebody who waits for the very slot that the head would not take."""
    lines = Lines()
    first, second = lines.enter("db"), lines.enter("db")
    first.asked -= 2 * STALE_SECONDS
    assert lines.is_turn(second)
    assert lines.is_turn(first)
    assert not lines.is_turn(second)


def test_leaving_wakes_who_is_next() -> None:
    lines = Lines()
    woken = []
    first, second, other = lines.enter("db"), lines.enter("db"), lines.enter("api")
    second.wake = lambda: woken.append("second")
    other.wake = lambda: woken.append("other")
    lines.leave(first)
    assert woken == ["second", "other"]


def test_leaving_twice_or_from_the_middle_does_no_harm() -> None:
    lines = Lines()
    places = [lines.enter("db") for _ in range(3)]
    lines.leave(places[1])
    lines.leave(places[1])
    lines.leave(places[0])
    assert lines.is_turn(places[2])
    lines.leave(places[2])
    lines.leave(places[2])
