from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections import namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.core.errors import SerializationError
from levada.serializers import (
    ArrowSerializer,
    CompressedSerializer,
    JSONSerializer,
    MsgpackSerializer,
    ParquetSerializer,
    PickleSerializer,
    Serializer,
    UnknownSerializer,
    find_culprit,
    resolve_serializer,
)
from levada.serializers.exact import encode, is_plain


class Model(pydantic.BaseModel):
    a: int
    when: date | None = None


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: Any = None


class Row(msgspec.Struct):
    a: int


class Color(enum.Enum):
    RED = "red"


class MyError(Exception):
    pass


Pair = namedtuple("Pair", "left right")


# Registry and construction


def test_serializers_are_found_by_name_class_and_themselves():
    assert resolve_serializer("json") == JSONSerializer()
    assert resolve_serializer(JSONSerializer) == JSONSerializer()
    made = PickleSerializer()
    assert resolve_serializer(made) is made
    assert Serializer(type="json") == JSONSerializer()
    assert resolve_serializer("compressed/pickle").type == "compressed/pickle"
    assert resolve_serializer("compressed/msgpack") == CompressedSerializer(serializer="msgpack")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"No serializer found with type 'nope'; there are: .*json.*msgpack.*pickle"):
        resolve_serializer("nope")
    with pytest.raises(TypeError, match="one of the following types"):
        resolve_serializer(5)  # type: ignore[arg-type]


def test_a_serializer_of_ones_own_is_found_by_its_type():
    class Reversed(Serializer[str]):
        type: str = "reversed"
        suffix: str = ""
        times: int

        def dumps(self, obj: str) -> bytes:
            return (obj[::-1] * self.times + self.suffix).encode()

        def loads(self, blob: bytes) -> str:
            return blob.decode()

    assert Reversed(times=2).dumps("ab") == b"baba"
    assert resolve_serializer('{"type": "reversed", "times": 1, "suffix": "!"}').dumps("ab") == b"ba!"
    assert Reversed(times=1, suffix="!").specification() == '{"type":"reversed","suffix":"!","times":1}'
    assert Reversed(times=1) == Reversed(times=1) != Reversed(times=2)
    assert repr(Reversed(times=1)) == "Reversed(times=1)"
    with pytest.raises(TypeError, match="needs the option times"):
        Reversed()
    with pytest.raises(TypeError, match="has no option tims"):
        Reversed(tims=1)
    with pytest.raises(TypeError, match="has the type 'reversed', not 'json'"):
        Reversed(type="json", times=1)


def test_the_base_says_what_is_missing():
    class Empty(Serializer[Any]):
        type: str = "empty for a test"

    with pytest.raises(NotImplementedError):
        Empty().dumps(1)
    with pytest.raises(NotImplementedError):
        Empty().loads(b"")


def test_an_unknown_serializer_refuses_to_read():
    with pytest.raises(SerializationError, match="'gone' is not known here"):
        UnknownSerializer(name="gone").loads(b"")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"picklelib": "not_a_library"}, "Failed to import"), ({"picklelib": "math"}, "does not have the function dumps")],
)
def test_a_pickle_library_is_proved_at_construction(options, message):
    with pytest.raises(ValueError, match=message):
        PickleSerializer(**options)


def test_a_compression_library_is_proved_at_construction():
    with pytest.raises(ValueError, match="does not have the function compress"):
        CompressedSerializer(serializer="json", compressionlib="math")


# Pickle


def test_pickle_is_bytes_without_base64():
    assert PickleSerializer().dumps(b"x" * 3000)[:1] == b"\x80"
    assert len(PickleSerializer().dumps(b"x" * 3000)) < 3100


def test_pickle_takes_lambdas():
    serializer = PickleSerializer()
    assert serializer.loads(serializer.dumps(lambda: 5))() == 5


# JSON


REBUILT = [Model(a=1, when=date(2026, 1, 2)), Point(1, 2), Point(1, Point(2, date(2026, 1, 2))), Row(1), Color.RED]
REBUILT += [b"\xff", {1, 2}, frozenset({"a"}), 1j, date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC), time(1, 2)]
REBUILT += [timedelta(seconds=1.5), Decimal("1.10"), UUID(int=5), Path("/a/b"), {"deep": [{"model": Model(a=1)}]}]
REBUILT += [bytearray(b"x")]


@pytest.mark.parametrize("value", REBUILT, ids=lambda value: type(value).__name__)
def test_json_rebuilds_classes(value):
    serializer = JSONSerializer()
    again = serializer.loads(serializer.dumps(value))
    assert again == value
    assert type(again) is type(value)


def test_json_rebuilds_exceptions_from_their_message():
    serializer = JSONSerializer()
    again = serializer.loads(serializer.dumps({"error": MyError("no")}))
    assert (type(again["error"]), again["error"].args) == (MyError, ("no",))


def test_json_is_readable():
    assert JSONSerializer().dumps({"a": 1, "d": date(2024, 1, 1)}) == (
        b'{"a": 1, "d": {"__class__": "datetime.date", "data": "2024-01-01"}}'
    )
    assert JSONSerializer(dumps_kwargs={"indent": 1}).dumps([1]) == b"[\n 1\n]"


def test_json_reads_data_that_only_looks_tagged():
    serializer = JSONSerializer()
    for value in ({"__class__": "x"}, {"__exc_type__": "x"}, {"data": 1}):
        assert serializer.loads(serializer.dumps(value)) == value


def test_json_rebuilds_nothing_but_classes():
    """A document may not call functions: only classes are looked up, and rebuilt through their fields."""
    with pytest.raises(SerializationError, match="not a class"):
        JSONSerializer().loads(b'{"__class__": "os.system", "data": "true"}')
    with pytest.raises(SerializationError, match="not an exception"):
        JSONSerializer().loads(b'{"__exc_type__": "os.system", "message": "true"}')
    with pytest.raises(SerializationError, match=r"cannot be imported; was it moved"):
        JSONSerializer().loads(b'{"__class__": "levada.nothing.Here", "data": 1}')


def test_json_refuses_classes_that_no_other_process_could_import():
    @dataclasses.dataclass
    class Local:
        a: int

    with pytest.raises(SerializationError, match="inside a function"):
        JSONSerializer().dumps(Local(1))


def test_json_names_what_it_cannot_write():
    with pytest.raises(SerializationError, match=r"result\['rows'\]\[1\]\.y \(a .*object\)"):
        JSONSerializer().dumps({"rows": [1, Point(1, object())]})


def test_json_options_that_have_other_names_are_refused():
    with pytest.raises(ValueError, match="object_encoder"):
        JSONSerializer(dumps_kwargs={"default": str})
    with pytest.raises(ValueError, match="object_decoder"):
        JSONSerializer(loads_kwargs={"object_hook": dict})


def test_json_may_do_without_classes():
    plain = JSONSerializer(object_encoder=None, object_decoder=None)
    with pytest.raises(SerializationError, match=r"datetime\.date"):
        plain.dumps(date(2026, 1, 2))
    assert plain.loads(b'{"__class__": "datetime.date", "data": "2024-01-01"}')["data"] == "2024-01-01"


# MessagePack, exact

zones = st.sampled_from([None, UTC, timezone(timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Lisbon")])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers()
    | st.decimals()
    | st.dates()
    | st.times(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]))
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.datetimes()
    | st.datetimes(timezones=zones.filter(bool))
)
hashable = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates() | st.tuples(st.integers())
exact_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3)
        | st.binary(max_size=4).map(bytearray)
    ),
    max_leaves=12,
)


def typed(value: Any) -> Any:
    """The value with the type of every part, so that 1, True and 1.0, and two spellings of a moment, differ."""
    if isinstance(value, dict):
        return "dict", [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [typed(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(map(repr, map(typed, value)))
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    fold = value.fold if isinstance(value, datetime | time) else None
    return type(value).__name__, repr(value), fold


@given(value=exact_values)
def test_msgpack_gives_back_exactly_what_was_put_in(value):
    serializer = MsgpackSerializer()
    assert typed(serializer.loads(serializer.dumps(value))) == typed(value)


ODD = [
    2**64,
    -(2**63) - 1,
    2**5000,
    "\ud800",
    {"\ud800": "\udfff"},
    -0.0,
    float("inf"),
    Decimal("sNaN12"),
    range(3),
    ...,
]
ODD += [(), range(2**70, 0, -(2**65)), datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=ZoneInfo("Europe/Lisbon"))]
ODD += [Path("/a"), PurePosixPath("b"), {(1, 2): {3: (4,)}}, {None: 1, True: 2, 1.5: 3}]
ODD += [datetime.max, datetime.min, timedelta.min, timedelta.max]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_msgpack_keeps_the_odd_ones_too(value):
    serializer = MsgpackSerializer()
    assert typed(serializer.loads(serializer.dumps(value))) == typed(value)


class Number(int):
    pass


REFUSED = [Number(1), Pair(1, 2), Color.RED, Point(1), Row(1), re.compile("a"), object(), int, print]
REFUSED += [datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "named"))]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_msgpack_refuses_what_it_could_not_rebuild(value):
    with pytest.raises(SerializationError, match=r"result\['a'\]\[0\].* cannot be serialized with msgpack"):
        MsgpackSerializer().dumps({"a": [value]})


def test_msgpack_of_plain_values_is_read_by_any_reader():
    value = {"a": [1, 2.5, "x", None, True, b"y"]}
    assert msgspec.msgpack.decode(MsgpackSerializer().dumps(value)) == value


def test_msgpack_refuses_extensions_it_does_not_know():
    blob = msgspec.msgpack.encode(msgspec.msgpack.Ext(99, b"x"))
    with pytest.raises(SerializationError, match="extension type 99"):
        MsgpackSerializer().loads(blob)


@given(value=exact_values)
def test_a_plain_value_needs_no_extension(value):
    if is_plain(value):
        try:
            blob = encode(value)
        except (OverflowError, UnicodeEncodeError):
            return
        assert typed(msgspec.msgpack.decode(blob)) == typed(value)


def test_subclasses_loops_and_crowds_are_not_plain():
    loop: list[Any] = []
    loop.append(loop)
    assert not is_plain(Number(1))
    assert not is_plain([Number(1)])
    assert not is_plain({Number(1): 1})
    assert not is_plain((1,))
    assert not is_plain(loop)
    assert not is_plain([0] * 10_001)
    assert is_plain([[0] * 100] * 90)


# Culprits


class Slotted:
    __slots__ = ("good", "inner")

    def __init__(self, inner: Any) -> None:
        self.good = 1
        self.inner = inner


BAD = object()


def refuse(value: Any) -> None:
    """Refuses whatever holds BAD."""
    seen: set[int] = set()

    def walk(item: Any) -> None:
        if item is BAD:
            raise ValueError("bad")
        if id(item) in seen:
            return
        seen.add(id(item))
        if isinstance(item, dict):
            for pair in item.items():
                walk(pair)
        elif isinstance(item, list | tuple | set | frozenset):
            for each in item:
                walk(each)
        else:
            for name in (*getattr(item, "__slots__", ()), *getattr(item, "__dict__", {})):
                walk(getattr(item, name))

    walk(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (BAD, "result"),
        ([0, BAD], "result[1]"),
        ({"a": {1: BAD}}, "result['a'][1]"),
        ({BAD: 1}, "result.keys()[object]"),
        ({(1, 2): BAD}, "result[tuple]"),
        ({"x" * 100: BAD}, f"result['{'x' * 56}...]"),
        (Point(1, [BAD]), "result.y[0]"),
        (Slotted(BAD), "result.inner"),
        (Pair(1, BAD), "result.right"),
        ({BAD}, "result{0}"),
    ],
)
def test_the_path_leads_to_the_innermost_culprit(value, path):
    found, culprit, error = find_culprit(refuse, value, ValueError("whole"))
    assert (found, culprit, str(error)) == (path, BAD, "whole" if value is BAD else "bad")


def test_a_value_that_fails_only_as_a_whole_is_its_own_culprit():
    path, culprit, _ = find_culprit(lambda value: 1 / (value != [1, 2]), [1, 2], ValueError("whole"))
    assert (path, culprit) == ("result", [1, 2])


def test_a_search_ends_in_values_that_hold_themselves():
    loop: list[Any] = [BAD]
    loop.insert(0, loop)
    assert find_culprit(refuse, loop, ValueError("x"))[0] == "result[1]"


def test_a_search_is_bounded():
    calls = 0

    def slow(value: Any) -> None:
        nonlocal calls
        calls += 1

    find_culprit(slow, list(range(100_000)), ValueError("x"))
    assert calls == 10_000


# Tables


@pytest.mark.parametrize("kind", [ArrowSerializer, ParquetSerializer])
def test_tables_of_pandas_come_back_as_they_were(kind):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(
        {"a": [1, 2], "b": ["x", None], "c": pandas.to_datetime(["2026-01-01", "2026-01-02"])}, index=["r1", "r2"]
    )
    serializer = kind()
    again = serializer.loads(serializer.dumps(frame))
    pandas.testing.assert_frame_equal(again, frame)
    assert resolve_serializer(serializer.type) == serializer


@pytest.mark.parametrize("kind", [ArrowSerializer, ParquetSerializer])
def test_tables_of_arrow_come_back_as_they_were(kind):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": [1, 2], "b": [["x"], []]})
    assert kind().loads(kind().dumps(table)).equals(table)


@pytest.mark.parametrize("kind", [ArrowSerializer, ParquetSerializer])
def test_what_is_no_table_is_refused(kind):
    pytest.importorskip("pyarrow")
    with pytest.raises(SerializationError, match="takes tables"):
        kind().dumps([1])
    with pytest.raises(SerializationError, match="cannot be read as"):
        kind().loads(b"nothing")


def test_a_column_that_arrow_cannot_hold_is_named():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    with pytest.raises(SerializationError, match=r"result\['bad'\]"):
        ArrowSerializer().dumps(pandas.DataFrame({"good": [1], "bad": [object()]}))
