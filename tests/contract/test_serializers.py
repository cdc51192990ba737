"""What every serializer promises, over all of them."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.core.errors import SerializationError
from levada.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    MsgpackSerializer,
    PickleSerializer,
    Serializer,
    resolve_serializer,
)

SERIALIZERS = {
    "pickle": PickleSerializer(),
    "pickle, standard library": PickleSerializer(picklelib="pickle"),
    "json": JSONSerializer(),
    "msgpack": MsgpackSerializer(),
    "compressed/pickle": CompressedPickleSerializer(),
    "compressed/json": CompressedJSONSerializer(),
    "compressed msgpack, zlib": CompressedSerializer(serializer="msgpack", compressionlib="zlib"),
}

# What JSON has words for: every serializer keeps it.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(params=SERIALIZERS.values(), ids=SERIALIZERS.keys())
def serializer(request: pytest.FixtureRequest) -> Serializer[Any]:
    return request.param


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down; 1 and True are not the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(value=json_values)
def test_plain_values_come_back_as_they_were(value):
    for serializer in SERIALIZERS.values():
        assert same(serializer.loads(serializer.dumps(value)), value), serializer


def test_dumps_gives_bytes(serializer):
    assert type(serializer.dumps({"a": 1})) is bytes


def test_loads_takes_what_storage_gives(serializer):
    assert serializer.loads(memoryview(serializer.dumps([1, 2])).tobytes()) == [1, 2]


def test_a_serializer_is_found_again_by_its_specification(serializer):
    again = resolve_serializer(serializer.specification())
    assert again == serializer
    assert again.loads(serializer.dumps("x")) == "x"


def test_equal_serializers_have_equal_hashes(serializer):
    assert hash(resolve_serializer(serializer.specification())) == hash(serializer)


@dataclass
class Holder:
    items: list[Any] = field(default_factory=list)


class Connection:
    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_what_cannot_be_serialized_is_named_by_its_path(serializer):
    value = {"good": 1, "bad": [1, 2, {"deep": threading.Lock()}]}
    with pytest.raises(SerializationError, match=r"result\['bad'\]\[2\]\['deep'\] \(a _thread.lock\)"):
        serializer.dumps(value)


def test_the_path_leads_through_attributes(serializer):
    value = Holder([0, 1, 2, Connection()])
    # msgpack refuses every object that is not builtin, and names the innermost.
    with pytest.raises(SerializationError, match=r"result\.items\[3\]\.lock \(a _thread.lock\)"):
        serializer.dumps(value)


def test_a_value_that_holds_itself_is_kept_by_pickle_and_refused_by_the_others(serializer):
    value: list[Any] = [1]
    value.append(value)
    if "pickle" in serializer.specification():
        copy = serializer.loads(serializer.dumps(value))
        assert copy[1] is copy
    else:
        with pytest.raises(SerializationError, match="result"):
            serializer.dumps(value)


def test_bytes_of_something_else_are_refused(serializer):
    with pytest.raises(SerializationError, match="cannot be read as"):
        serializer.loads(b"\xc1 this is nothing")
