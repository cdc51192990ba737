"""A call is answered from records only by a call of the same function, on the same object, with the same inputs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from levada import flow, recovery, task, unmapped


def adder(amount: int) -> Any:
    @task
    def add(value: int) -> int:
        return value + amount

    return add


class Shop:
    def __init__(self, stock: int) -> None:
        self.stock = stock

    @task
    def left(self, sold: int) -> int:
        return self.stock - sold


CALLS: dict[str, tuple[Callable[[], int], Callable[[], int], int]] = {
    "methods of two objects": (lambda: Shop(10).left(1), lambda: Shop(20).left(1), 19),
    "submitted methods": (lambda: Shop(10).left.submit(1).result(), lambda: Shop(20).left.submit(1).result(), 19),
    "functions made by one factory": (lambda: adder(1)(5), lambda: adder(2)(5), 7),
    "two lambdas": (lambda: task(lambda x: x + 1)(5), lambda: task(lambda x: x + 2)(5), 7),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_retried_flow_never_takes_the_result_of_another_call(case: str, test_home: Any) -> None:
    """Each pair once shared an identity, so the second attempt was given what the first had asked something else."""
    first, second, expected = CALLS[case]
    found: list[int] = []

    @flow(retries=1)
    def changes_its_mind() -> None:
        if not found:
            found.append(first())
            raise OSError("try again")
        found.append(second())

    changes_its_mind()
    assert found[1] == expected


def test_calls_of_one_method_on_equal_objects_are_the_same_call(test_home: Any) -> None:
    calls: list[int] = []

    class Source:
        def __init__(self, where: str) -> None:
            self.where = where

        @task
        def read(self) -> str:
            calls.append(1)
            return self.where

    @flow(retries=1)
    def reads() -> str:
        found = Source("here").read()
        if len(calls) == 1 and not hasattr(reads, "tried"):
            reads.tried = True  # type: ignore[attr-defined]
            raise OSError("try again")
        return str(found)

    assert reads() == "here"
    assert calls == [1]


def test_what_all_items_of_a_map_share_is_digested_once(test_home: Any) -> None:
    """A map of ten items over one large table once spent ten times the time of a call on the table."""
    digested: list[int] = []

    class Table:
        def __reduce__(self) -> tuple[Any, ...]:
            digested.append(1)
            return (Table, ())

    @task
    def look_up(key: int, table: Table) -> int:
        return key

    @flow
    def joins() -> list[int]:
        found: list[int] = look_up.map(range(10), unmapped(Table())).result()
        return found

    assert joins() == list(range(10))
    assert len(digested) == 1


def test_a_resumed_map_whose_items_share_a_lock_is_answered_from_its_records(test_home: Any) -> None:
    """The resume once died of a KeyError, because only the first item of a map has occurrence 0."""
    calls: list[int] = []

    @task
    def locked(value: int, lock: Any) -> int:
        calls.append(value)
        return value

    @task
    def paired(pair: tuple[int, Any]) -> int:
        calls.append(pair[0])
        return pair[0]

    @flow
    def fails_at_first() -> None:
        lock = threading.Lock()
        locked.map([1, 2], unmapped(lock)).result()
        paired.map([(3, lock), (4, lock)]).result()
        if len(calls) == 4 and not resumed:
            raise OSError

    resumed: list[int] = []
    fails_at_first(return_state=True)
    resumed.append(1)
    assert recovery.resume(test_home.flow_runs()[0].id, flow=fails_at_first).state.is_completed()
    assert sorted(calls) == [1, 2, 3, 4]
