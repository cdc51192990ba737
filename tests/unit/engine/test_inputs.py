"""What futures and states inside a call's parameters become."""

from __future__ import annotations

from typing import Any

from levada import flow, task


@task
def one() -> int:
    return 1


@task
def given(value: Any) -> Any:
    return value


def test_a_collection_that_is_in_the_parameters_twice_is_resolved_in_both_places(test_home) -> None:
    """The second place once kept its futures: the task was given a future where a number belonged."""

    @flow
    def twice() -> Any:
        shared = [one.submit()]
        return given([shared, {"again": shared}])

    assert twice() == [[1], {"again": [1]}]


def test_a_collection_that_holds_itself_and_a_future_is_resolved_once(test_home) -> None:
    seen: list[Any] = []

    @task
    def look_at(value: list[Any]) -> None:
        seen.append(value[1])

    @flow
    def holds_itself() -> None:
        ring: list[Any] = [None, one.submit()]
        ring[0] = ring
        look_at(ring)

    holds_itself()
    assert seen == [1]
