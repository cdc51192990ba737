"""From what a function did to the state its run ends in."""

from __future__ import annotations

from levada import flow, task
from levada.states import State


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


def test_an_exception_that_cannot_be_shown_still_fails_its_run(test_home) -> None:
    """The error of its __str__ once took its place, and the runs were Crashed."""

    @task
    def fails() -> None:
        raise Unspeakable

    @flow
    def goes_wrong() -> None:
        fails()

    state = goes_wrong(return_state=True)
    assert state.is_failed()
    assert isinstance(state.data, Unspeakable)
    assert [run.state_name for run in test_home.task_runs()] == ["Failed"]


def test_a_state_passed_through_a_task_stays_the_state_of_its_own_run(test_home) -> None:
    """The second task once wrote its own identity into the first one's state."""

    @task
    def first() -> int:
        return 1

    @flow
    def passes() -> tuple[object, object]:
        state = first(return_state=True)
        owner = state.state_details.task_run_id

        @task
        def second() -> State:
            return state

        other = second(return_state=True)
        assert other is not state
        assert other.result() == 1
        return owner, state.state_details.task_run_id

    before, after = passes()
    assert before == after
