"""Which call is which."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import importlib
import os
import pathlib
import subprocess
import sys
import threading
import types
import uuid

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada import flow, recovery, task
from levada.core.identity import call_identity, code_digest, digest_inputs, mapped_scope, nested_scope
from levada.testing import Harness


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Model(pydantic.BaseModel):
    a: int
    b: list[str] = []


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


def digest(value):
    return digest_inputs({"x": value}).data


def same(a, b):
    return digest(a) == digest(b)


DIFFERENT = [
    1, 1.0, True, "1", b"1", None, 0, False, 0.0, "", b"", [], (), {}, set(), [1], (1,), {1}, frozenset({1}), {1: 1},
    {"1": 1}, [1, 2],
    [2, 1], [[1], 2], [1, [2]], ["ab", "c"], ["a", "bc"], Color.RED, Color.BLUE, Point(1, 2),
    Point(2, 1), {"x": 1, "y": 2}, Model(a=1), Model(a=2), Model(a=1, b=["q"]), 2**64, -(2**64), 2**200,
    decimal.Decimal(1),
    datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1), datetime.timedelta(1),
    uuid.UUID(int=1), pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), int, str, len, max,
    Slotted(1), Slotted(2),
    complex(1, 2), range(3), range(4), "\ud800", lambda: 1, lambda: 2, types.SimpleNamespace(a=1),
]  # fmt: skip


def test_different_values_have_different_digests():
    found = {}
    for value in DIFFERENT:
        found.setdefault(digest(value), []).append(value)
    assert [group for group in found.values() if len(group) > 1] in (
        [],
        [[set(), frozenset()]],
        [[{1}, frozenset({1})]],
    )
    assert len(found) >= len(DIFFERENT) - 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2, 3}, {3, 2, 1}),
        ({"a": {1: {2, 3}}}, {"a": {1: {3, 2}}}),
        (Point(1, 2), Point(1, 2)),
        (Model(a=1), Model(a=1)),
        (Slotted([1]), Slotted([1])),
        (float("nan"), float("nan")),
        (2**100, 2**100),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=1)),
        (OSError(1, "x"), OSError(1, "x")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_values_have_equal_digests(one, other):
    assert same(one, other)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.decimals(allow_nan=False)
    | st.uuids(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


def exactly_equal(a, b):
    """Equal, and of equal types at any depth."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(exactly_equal, a, b))
    if isinstance(a, dict):
        if len(a) != len(b):
            return False
        kinds = {(type(key), key): value for key, value in b.items()}
        return all((type(k), k) in kinds and exactly_equal(v, kinds[type(k), k]) for k, v in a.items())
    return repr(a) == repr(b)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_two_values_share_a_digest_exactly_when_they_are_equal(one, other):
    assert same(one, other) == exactly_equal(one, other)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert same(value, {key: value[key] for key in keys})


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, max_size=3))
def test_digests_do_not_depend_on_sharing(values):
    assert same([values, values], [values, copy.deepcopy(values)])


PROGRAM = """
import dataclasses, enum, decimal, datetime
from levada.core.identity import digest_inputs, code_digest
import hashlib
class C(enum.Enum):
    A = 1
@dataclasses.dataclass
class P:
    x: object
class O:
    def __init__(self, a): self.a = a
def work(x): return x in {"a", "b", "c"} or x
values = {"s": {"a", "b", "c", ("d", 1)}, "f": frozenset("xyz"), "d": {"k": {"z", "y"}}, "e": C.A, "p": P({"q", "r"}),
          "o": O({"m", "n"}), "t": (1, 1.5, "x", None), "g": decimal.Decimal("1.5"), "w": work, "l": lambda: {"u", "v"},
          "m": {1: 2, "1": 3, None: 4}}
print(hashlib.sha1(digest_inputs(values).data).hexdigest(), code_digest(work))
"""


def test_digests_are_the_same_in_every_process():
    found = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1, found


def test_collections_that_hold_themselves_end():
    circle: list = [1]
    circle.append(circle)
    other: list = [1]
    other.append(other)
    assert same(circle, other)
    holder = {"a": 1}
    holder["self"] = holder
    assert isinstance(digest(holder), bytes)


def test_very_deep_values_end():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert digest_inputs({"x": deep}).opaque


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), (n for n in range(3)), sys.stdout, threading.Thread()],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_content_is_opaque(value):
    found = digest_inputs({"x": [1, {"y": value}]})
    assert found.opaque
    assert not digest_inputs({"x": [1]}).opaque


def test_names_of_parameters_count():
    assert digest_inputs({"a": 1}).data != digest_inputs({"b": 1}).data
    assert digest_inputs({"a": [], "b": 1}).data != digest_inputs({"a": [1], "b": 1}).data


def test_futures_are_known_by_their_call_not_by_their_value():
    class Stand:
        def __init__(self, identity, value):
            self.call_identity = identity
            self.value = value

    assert same(Stand(b"a", 1), Stand(b"a", 2))
    assert not same(Stand(b"a", 1), Stand(b"b", 1))


def test_scopes_keys_and_inputs_are_kept_apart():
    found = {
        call_identity(scope, key, inputs)
        for scope in (b"", b"a", b"ab")
        for key in ("", "a", "ab", "b")
        for inputs in (b"", b"a", b"b")
    }
    assert len(found) == 36
    identity = call_identity(b"", "a", b"")
    assert len({nested_scope(identity, n) for n in range(5)} | {mapped_scope(identity, n) for n in range(5)}) == 10


def test_the_digest_of_code_changes_with_the_code_only():
    def first(x):
        return x + 1

    def moved(x):
        # a comment

        return x + 1

    def other(x):
        return x + 2

    assert code_digest(first) == code_digest(moved)
    assert code_digest(first) != code_digest(other)


@pytest.fixture
def two_modules(tmp_path, monkeypatch):
    """Two modules, each with a task of its own that is called the same."""
    for name, value in (("north_of_here", "north"), ("south_of_here", "south")):
        (tmp_path / f"{name}.py").write_text(
            f"from levada import task\nran = []\n"
            f"@task\ndef load(x):\n    ran.append('{value}')\n    return '{value}', x\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("north_of_here"), importlib.import_module("south_of_here")
    for name in ("north_of_here", "south_of_here"):
        sys.modules.pop(name)


def test_tasks_of_one_name_in_two_modules_never_answer_for_each_other(two_modules, test_home: Harness):
    """Their calls with equal inputs used to be told apart only by their order, which another branch changes."""
    north, south = two_modules
    turned = [False]

    @flow
    def run():
        if not turned[0]:
            north.load(1)
            south.load(1)
            raise ValueError("now the other way round")
        return south.load(1), north.load(1)

    run(return_state=True)
    assert [found.name for found in test_home.task_runs()] == ["load-0", "load-1"]
    turned[0] = True
    resumed = recovery.resume(test_home.flow_runs()[0].id, flow=run)
    assert resumed.state.result() == (("south", 1), ("north", 1))
    assert (north.ran, south.ran) == (["north"], ["south"])


def test_identical_calls_are_told_apart_by_their_order(test_home: Harness):
    @task
    def work(x):
        return x

    flow(lambda: {"all": [work(1), work(1), work(2)]})()
    runs = test_home.task_runs()
    assert [run.occurrence for run in runs] == [0, 1, 0]
    assert runs[0].identity == runs[1].identity != runs[2].identity
