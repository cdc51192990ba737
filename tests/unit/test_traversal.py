from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import BaseModel

from levada.annotations import allow_failure, opaque, quote, unmapped
from levada.core.states import State, StateType
from levada.futures import Future, FutureList, find_futures, resolve_futures_to_results
from levada.traversal import replace


def completed(value: Any = None) -> Future[Any]:
    future: Future[Any] = Future(b"f" * 16)
    future.finish(State(StateType.COMPLETED, data=value))
    return future


def replaced(value: Any) -> Any:
    return replace(value, lambda found: found.result(), Future)


@dataclass(frozen=True)
class Frozen:
    inner: Any
    derived: Any = field(init=False, default=0)


class Model(BaseModel, arbitrary_types_allowed=True, extra="allow"):
    inner: Any


Point = namedtuple("Point", "x y")


class Rows(list[Any]):
    pass


def holders(item: Any) -> list[Any]:
    return [
        item,
        [item],
        (1, item),
        {item},
        frozenset([item]),
        {"k": item},
        {item: 1},
        Point(1, item),
        Rows([item]),
        OrderedDict(a=item),
        Frozen(item),
        Model(inner=item),
        Model(inner=1, more=[item]),
        [{"deep": ([Frozen({"x": Model(inner=[item])})],)}],
        allow_failure(item),
        unmapped([item]),
    ]


@pytest.mark.parametrize("number", range(len(holders(None))))
def test_futures_are_found_and_replaced_in_every_kind_of_collection(number: int) -> None:
    future = completed("value")
    before = holders(future)[number]
    assert find_futures(before) == [future]
    after = replaced(before)
    assert after == holders("value")[number]
    assert type(after) is type(holders("value")[number])
    assert find_futures(before) == [future], "the original is untouched"


def test_a_value_without_futures_is_given_back_as_it_is() -> None:
    value = [{"a": (1, 2), "b": Frozen([3])}, "text", None, 4.5]
    assert replace(value, lambda _: None, Future) is value
    assert find_futures(value) == []


def test_only_what_changed_is_copied() -> None:
    untouched = {"a": [1, object()]}
    value = [untouched, completed(2)]
    after = replaced(value)
    assert after == [untouched, 2]
    assert after[0] is untouched


def test_what_is_shared_stays_shared() -> None:
    shared = [completed(1)]
    after = replaced([shared, shared])
    assert after == [[1], [1]]
    assert after[0] is after[1]


def test_a_defaultdict_keeps_its_factory() -> None:
    value = defaultdict(list, a=completed(1))
    after = replaced(value)
    assert after["a"] == 1
    assert after["missing"] == []


def test_a_list_of_futures_becomes_a_plain_list() -> None:
    after = resolve_futures_to_results(FutureList([completed(1)]))
    assert type(after) is list


def test_quoted_values_are_hidden_and_opaque_ones_are_not_looked_into() -> None:
    future = completed(1)
    assert find_futures([quote(future), quote([future])]) == []
    assert find_futures(opaque(future)) == [future]
    assert find_futures(opaque([future])) == []


def test_generators_and_mocks_are_left_alone() -> None:
    ran = []

    def generator():
        ran.append(1)
        yield completed(1)

    mock = MagicMock()
    assert find_futures([generator(), mock, map(str, [1])]) == []
    assert ran == []
    assert mock.mock_calls == []


def test_cycles_end() -> None:
    value: list[Any] = [completed(1)]
    value.append(value)
    assert len(find_futures(value)) == 1
    after = replaced(value)
    assert after[0] == 1
    assert after[1] is value


def test_depth_has_no_limit() -> None:
    value: Any = completed("bottom")
    for _ in range(20_000):
        value = [value]
    assert len(find_futures(value)) == 1
    after = replaced(value)
    for _ in range(20_000):
        (after,) = after
    assert after == "bottom"


def test_futures_are_found_once_and_in_order() -> None:
    first, second = completed(1), completed(2)
    assert find_futures([first, {"a": second, "b": first}, second]) == [first, second]
