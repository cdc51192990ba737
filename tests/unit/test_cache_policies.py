from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
import textwrap
import threading
from datetime import date
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    Inputs,
    RunId,
    TaskSource,
    hash_objects,
    task_input_hash,
)
from levada.core.errors import HashError
from levada.locking import IsolationLevel, MemoryLockManager


def load() -> int:
    return 1


def store() -> int:
    return 1


def context(fn: Any = load, run: Any = "run 1") -> Any:
    return SimpleNamespace(
        task=SimpleNamespace(fn=fn, name=fn.__name__), task_run=SimpleNamespace(flow_run_id=run, id="t")
    )


def key(policy: CachePolicy, inputs: Any = None, parameters: Any = None, ctx: Any = None) -> str | None:
    return policy.compute_key(ctx or context(), inputs, parameters)


# What makes a key


def test_inputs_are_hashed_by_name_in_any_order():
    assert key(INPUTS, {"a": 1, "b": 2}) == key(INPUTS, {"b": 2, "a": 1})
    assert key(INPUTS, {"a": 1, "b": 2}) != key(INPUTS, {"a": 2, "b": 1})
    assert key(INPUTS, {}) is None
    assert key(INPUTS, None) is None


def test_excluded_inputs_do_not_count():
    assert key(INPUTS - "debug", {"a": 1, "debug": True}) == key(Inputs(exclude=["debug"]), {"a": 1, "debug": False})
    assert key(INPUTS - "debug", {"a": 1, "debug": True}) != key(INPUTS - "debug", {"a": 2, "debug": True})
    assert key(Inputs(exclude=["x"]) - "y", {"x": 1, "y": 2, "z": 3}) == key(
        INPUTS - "x" - "y", {"x": 5, "y": 5, "z": 3}
    )


def test_two_tasks_never_share_a_key():
    """Prefect's INPUTS gives f(1) and g(1) one key, so that g is answered with the result of f."""
    for policy in (INPUTS, RUN_ID, FLOW_PARAMETERS, TASK_SOURCE, DEFAULT):
        one = key(policy, {"a": 1}, {"p": 1}, context(load))
        assert one is not None
        assert one != key(policy, {"a": 1}, {"p": 1}, context(store))


def test_flow_parameters_and_run_count_when_they_are_there():
    assert key(FLOW_PARAMETERS, parameters={"a": 1}) != key(FLOW_PARAMETERS, parameters={"a": 2})
    assert key(FLOW_PARAMETERS, parameters={}) is None
    assert key(FLOW_PARAMETERS, parameters=None) is None
    assert key(RUN_ID) != key(RUN_ID, ctx=context(run="run 2"))
    assert "run 1" in key(RUN_ID)


def test_outside_of_flows_the_run_is_the_task_run():
    raw = UUID(int=7).bytes
    engine = SimpleNamespace(
        task=None, run=None, task_id=raw, task_run=SimpleNamespace(flow_run_id=None, id=UUID(int=7))
    )
    assert RUN_ID.compute_key(engine, {}, {}) == str(UUID(int=7))
    engine.run = UUID(int=8).bytes
    assert RUN_ID.compute_key(engine, {}, {}) == str(UUID(int=8))
    assert RUN_ID.compute_key(None, {}, {}) is None


def test_without_a_context_there_is_no_source_and_no_key():
    assert DEFAULT.compute_key(None, None, None) is None
    assert TASK_SOURCE.compute_key(None, {"a": 1}, None) is None


def test_no_cache_gives_no_key():
    assert key(NO_CACHE, {"a": 1}) is None
    assert NO_CACHE == NONE


def test_a_key_function_makes_the_key_alone():
    seen = []
    policy = CachePolicy.from_cache_key_fn(lambda ctx, inputs: seen.append((ctx.task.fn, inputs)) or "mine")
    assert key(policy, {"a": 1}) == "mine"
    assert seen == [(load, {"a": 1})]
    assert key(CacheKeyFnPolicy(), {"a": 1}) is None
    assert key(CachePolicy.from_cache_key_fn(lambda *_: None)) is None
    with pytest.raises(TypeError, match="string or None, not 5"):
        key(CachePolicy.from_cache_key_fn(lambda *_: 5))


def test_the_base_gives_no_key():
    with pytest.raises(NotImplementedError):
        key(CachePolicy())


def test_a_policy_of_ones_own_is_added_up_like_the_others():
    @dataclasses.dataclass
    class Day(CachePolicy):
        day: date = date(2026, 1, 1)

        def compute_key(self, task_ctx: Any, inputs: Any, flow_parameters: Any, **kwargs: Any) -> str:
            return self.day.isoformat()

    class Plain(CachePolicy):
        def compute_key(self, task_ctx: Any, inputs: Any, flow_parameters: Any, **kwargs: Any) -> str | None:
            return self.compute_scoped(task_ctx, 1)

    both = INPUTS + Day()
    assert key(both, {"a": 1}) == key(both, {"a": 1})
    assert key(both, {"a": 1}) != key(INPUTS + Day(day=date(2026, 1, 2)), {"a": 1})
    assert key(Plain()) != key(Plain(), ctx=context(store))
    assert (Plain() + INPUTS).configure(key_storage="x").key_storage == "x"


# Sums and differences


def test_sums_are_flat_and_leave_out_what_never_gives_a_key():
    assert INPUTS + NO_CACHE == INPUTS
    assert NO_CACHE + INPUTS == INPUTS
    assert NO_CACHE + NO_CACHE == NO_CACHE
    total = INPUTS + (TASK_SOURCE + RUN_ID)
    assert isinstance(total, CompoundCachePolicy)
    assert total.policies == [INPUTS, TASK_SOURCE, RUN_ID]
    assert total == DEFAULT
    assert CompoundCachePolicy(policies=[NO_CACHE, total]).policies == total.policies


def test_the_parts_of_a_sum_that_give_no_key_do_not_count():
    assert key(INPUTS + RUN_ID, {}) == key(CompoundCachePolicy(policies=[RUN_ID]), {})
    assert key(INPUTS + FLOW_PARAMETERS) is None


def test_leaving_an_argument_out_of_a_sum_leaves_it_out_everywhere():
    policy = DEFAULT - "debug" - "verbose"
    assert key(policy, {"a": 1, "debug": 1, "verbose": 2}) == key(policy, {"a": 1, "debug": 3, "verbose": 4})
    assert CompoundCachePolicy(policies=[Inputs(exclude=["a", "b"])]) == (INPUTS - "a") + (INPUTS - "b")
    assert RUN_ID - "x" == RUN_ID
    assert NO_CACHE - "x" == NO_CACHE


@pytest.mark.parametrize("policy", [INPUTS, RUN_ID, DEFAULT, NO_CACHE])
@pytest.mark.parametrize("wrong", [5, ["a", "b"], None])
def test_only_names_can_be_subtracted_and_only_policies_added(policy, wrong):
    with pytest.raises(TypeError, match="Can only subtract strings from key policies"):
        policy - wrong
    with pytest.raises(TypeError):
        policy + wrong


def test_policies_are_configured_on_a_copy():
    locks = MemoryLockManager()
    configured = DEFAULT.configure(key_storage="/keys", isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=locks)
    assert (configured.key_storage, configured.lock_manager) == ("/keys", locks)
    assert configured.isolation_level is IsolationLevel.SERIALIZABLE
    assert DEFAULT.key_storage is None
    assert key(configured, {"a": 1}) == key(DEFAULT, {"a": 1})
    assert (configured - "a").key_storage == "/keys"
    assert (configured + RUN_ID).key_storage == (RUN_ID + configured).key_storage == "/keys"
    assert configured.configure().key_storage == "/keys"


def test_sums_of_policies_that_disagree_are_refused():
    with pytest.raises(ValueError, match="different storage locations"):
        _ = INPUTS.configure(key_storage="/a") + RUN_ID.configure(key_storage="/b")
    with pytest.raises(ValueError, match="different isolation levels"):
        _ = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE) + RUN_ID.configure(
            isolation_level=IsolationLevel.READ_COMMITTED
        )


def test_policies_say_what_they_are():
    assert repr(RUN_ID) == "RunId(key_storage=None, isolation_level=None, lock_manager=None)"
    assert repr(INPUTS - "x").endswith("exclude=['x'])")
    assert RunId() == RUN_ID
    assert TaskSource() != RUN_ID


# Hashes


class Model(pydantic.BaseModel):
    a: int
    b: str = "b"


@dataclasses.dataclass
class Point:
    x: int
    tags: set[str]


class Color(enum.Enum):
    RED = 1


def test_equal_values_have_equal_hashes():
    assert hash_objects({"a": 1, "b": {2, 3}}) == hash_objects({"b": {3, 2}, "a": 1})
    assert hash_objects(Model(a=1)) == hash_objects(Model(a=1, b="b"))
    assert hash_objects(Point(1, {"a", "b"})) == hash_objects(Point(1, {"b", "a"}))
    assert hash_objects(a=1, b=2) == hash_objects(b=2, a=1)


def test_different_values_have_different_hashes():
    values = [
        1, True, 1.0, "1", b"1", None, [1], (1,), {1}, {1: 1}, {"1": 1}, [[1]], Model(a=1), Model(a=2),
        Point(1, set()), Color.RED, date(2026, 1, 1), Path("1"), load, store, int, 2**70, [], (), {}, "", b"",
    ]  # fmt: skip
    hashes = [hash_objects(value) for value in values]
    assert len(set(hashes)) == len(values)
    assert hash_objects("ab", "c") != hash_objects("a", "bc")
    assert hash_objects(1) != hash_objects(1, None)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(one=values, other=values)
def test_hashes_agree_exactly_when_values_and_types_do(one: Any, other: Any):
    def typed(value: Any) -> Any:
        if isinstance(value, dict):
            return "dict", sorted((name, typed(item)) for name, item in value.items()).__repr__()
        if isinstance(value, list | tuple):
            return type(value).__name__, [typed(item) for item in value]
        return type(value).__name__, repr(value)

    assert (hash_objects(one) == hash_objects(other)) == (typed(one) == typed(other))


def test_hashes_are_the_same_in_every_process():
    """String hashes, and with them the order of sets, differ from process to process."""
    program = (
        "import datetime, decimal, pathlib\n"
        "from levada.cache_policies import hash_objects\n"
        "print(hash_objects({'b': {'x', 'y', 'z'}, 'a': [1, (2.5, None)]}, frozenset('abc'), datetime.date(2026, 1, 2),"
        " decimal.Decimal('1.0'), pathlib.PurePosixPath('/a'), ValueError('x'), len, 2**80))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


def test_tables_are_hashed_by_their_content():
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    whole = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": pandas.to_datetime(["2026-01-01", "2026-01-02"])})
    grown = pandas.DataFrame({"a": [1, 2]})
    grown["b"] = ["x", None]
    grown["c"] = whole["c"]
    assert hash_objects(whole) == hash_objects(grown) == hash_objects({"f": whole}["f"])
    changed = [
        whole.rename(columns={"a": "z"}),
        whole.set_index(pandas.Index([5, 6])),
        whole[["b", "a", "c"]],
        whole.iloc[:1],
        whole.astype({"a": "float64"}),
        whole.assign(b=["x", "y"]),
        whole["a"],
        numpy.array([1, 2]),
        numpy.array([[1, 2]]),
        numpy.array([1, 2], dtype="int32"),
        pandas.MultiIndex.from_tuples([(1, 2)]),
        pandas.Series(["a"], dtype="category"),
    ]
    hashes = {hash_objects(value) for value in [whole, *changed]}
    assert len(hashes) == len(changed) + 1


def test_tables_of_arrow_are_hashed_by_their_content():
    arrow = pytest.importorskip("pyarrow")
    one = arrow.table({"a": [1, 2], "b": ["x", "y"]})
    chunked = arrow.concat_tables([one.slice(0, 1), one.slice(1, 1)])
    assert hash_objects(one) == hash_objects(chunked)
    assert hash_objects(one) != hash_objects(one.slice(0, 1))


@pytest.mark.parametrize("wrong", [threading.Lock(), [threading.Lock()], {"deep": (threading.Lock(),)}])
def test_what_has_no_content_is_named_and_never_hashed(wrong):
    with pytest.raises(HashError, match=r"argument 'conn' (is|holds) a _thread\.lock.*NO_CACHE"):
        key(INPUTS, {"a": 1, "conn": wrong})
    assert key(INPUTS - "conn", {"a": 1, "conn": wrong}) is not None
    assert hash_objects(wrong, raise_on_failure=False) is None
    with pytest.raises(HashError):
        hash_objects({wrong} if isinstance(wrong, threading.Lock.__class__) else [wrong])


def test_values_deeper_than_can_be_told_apart_are_refused():
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(HashError):
        hash_objects(deep)


def test_task_input_hash_depends_on_the_task_and_its_arguments():
    assert task_input_hash(context(), {"a": 1}) == task_input_hash(context(), {"a": 1})
    assert task_input_hash(context(), {"a": 1}) != task_input_hash(context(), {"a": 2})
    assert task_input_hash(context(), {"a": 1}) != task_input_hash(context(store), {"a": 1})
    assert task_input_hash(context(), {"a": threading.Lock()}) is None


# Source


@pytest.fixture
def module(tmp_path: Path):
    """Makes a module from text and gives the key that TASK_SOURCE makes for its function `work`."""
    count = 0

    def source_key(text: str) -> str | None:
        nonlocal count
        count += 1
        file = tmp_path / f"version_{count}.py"
        file.write_text(textwrap.dedent(text))
        made = ModuleType("pipeline")
        made.__file__ = str(file)
        exec(compile(file.read_text(), file, "exec"), vars(made))
        return key(TASK_SOURCE, ctx=context(made.work))

    return source_key


def test_source_is_the_code_and_not_its_comments_or_our_options(module):
    before = module(
        """
        def task(**options): return lambda fn: fn
        @task(retries=1)
        def work(x):
            return x + 1
        """
    )
    assert before == module(
        """
        def task(**options): return lambda fn: fn
        # moved down, with a comment

        @task(retries=5, tags=["new"])
        def work( x ):
            return x + 1  # the same
        """
    )
    assert before != module("def work(x):\n    return x + 2\n")


HELPERS = """
def scale(x):
    return factor(x) * {factor}

def factor(x):
    return x

class Shape:
    def area(self):
        return size() + {size}

def size():
    return 1

def unused():
    return {unused}

def noisy(times):
    def wrap(fn):
        return fn if times == {decorator} else None
    return wrap

LIMIT = {constant}

@noisy(1)
def work(x):
    return [scale(x) for x in range(3)], Shape().area(), LIMIT
"""
AS_IT_WAS = {"factor": 2, "size": 1, "unused": 0, "decorator": 1, "constant": 7}


@pytest.mark.parametrize("changed", ["factor", "size"])
def test_source_includes_the_functions_and_classes_that_it_uses(module, changed):
    """In Prefect, editing a helper leaves the key as it is, and the old helper's result is served."""
    assert module(HELPERS.format(**AS_IT_WAS)) != module(HELPERS.format(**{**AS_IT_WAS, changed: 5}))


@pytest.mark.parametrize("changed", ["unused", "constant"])
def test_source_leaves_out_what_is_not_used_and_the_values_of_globals(module, changed):
    assert module(HELPERS.format(**AS_IT_WAS)) == module(HELPERS.format(**{**AS_IT_WAS, changed: 5}))


def test_source_includes_other_decorators(module):
    text = HELPERS.format(**AS_IT_WAS)
    assert module(text) != module(text.replace("times == 1 else", "times >= 1 else"))


def test_source_includes_functions_that_call_each_other(module):
    text = "def a(n): return b(n)\ndef b(n): return n and a(n - {step})\ndef work(n): return a(n)\n"
    assert module(text.format(step=1)) == module(text.format(step=1))
    assert module(text.format(step=1)) != module(text.format(step=2))


def test_source_follows_tasks_that_it_calls(module):
    text = (
        "from types import SimpleNamespace\n"
        "def inner(x): return x + {plus}\n"
        "other = SimpleNamespace(fn=inner)\n"
        "def work(x): return other(x)\n"
    )
    assert module(text.format(plus=1)) != module(text.format(plus=2))


def test_code_without_source_is_taken_as_compiled():
    made: dict[str, Any] = {}
    exec("def work(x): return x + 1", made)
    same: dict[str, Any] = {}
    exec("def work(x): return x + 1", same)
    other: dict[str, Any] = {}
    exec("def work(x): return x + 2", other)
    keys = [key(TASK_SOURCE, ctx=context(namespace["work"])) for namespace in (made, same, other)]
    assert keys[0] == keys[1] != keys[2]


class Callable:
    __name__ = "callable"

    def method(self) -> int:
        return 1

    def __call__(self) -> int:
        return 1


def test_anything_that_can_be_called_has_a_source():
    made = partial(load)
    made.__name__ = "load"  # type: ignore[attr-defined]
    for function in (Callable().method, Callable(), made, len, lambda: 1):
        assert key(TASK_SOURCE, ctx=context(function)) is not None
    assert key(TASK_SOURCE, ctx=context(made)) == key(TASK_SOURCE)
