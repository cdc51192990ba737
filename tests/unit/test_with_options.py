"""`with_options` changes each option, and clears each option (quirk 37)."""

from __future__ import annotations

import datetime

import pytest

from levada import flow, on, task
from levada.annotations import NotSet
from levada.cache_policies import INPUTS, NO_CACHE
from levada.retries import fail
from levada.task_runners import ThreadPoolTaskRunner


def hook(definition, run, state):
    pass


def transaction_hook(transaction):
    pass


TASK_OPTIONS = {
    "name": ("base", "other", None, "work"),
    "description": ("text", "more", "", ""),
    "tags": (["a"], ["b"], [], frozenset()),
    "version": ("1", "2", None, None),
    "task_run_name": ("n-{x}", "m-{x}", None, None),
    "cache_expiration": (datetime.timedelta(1), datetime.timedelta(2), None, None),
    "retries": (3, 1, 0, 0),
    "retry_delay_seconds": (5, 7, 0, 0),
    "retry_jitter_factor": (0.5, 1, None, None),
    "retry_condition_fn": (hook, transaction_hook, None, None),
    "persist_result": (True, False, None, None),
    "result_storage_key": ("k-{parameters[x]}", "other", None, None),
    "cache_result_in_memory": (False, True, True, True),
    "timeout_seconds": (9.0, 4.0, None, None),
    "log_prints": (True, False, None, None),
    "refresh_cache": (True, False, None, None),
    "viz_return_value": (1, 2, None, None),
    "result_serializer": ("json", "pickle", None, None),
}
HOOKS = {
    "on_completion": hook, "on_failure": hook, "on_running": hook, "on_cancellation": hook, "on_crashed": hook,
    "on_commit": transaction_hook, "on_rollback": transaction_hook,
}  # fmt: skip
FLOW_OPTIONS = {
    name: values
    for name, values in TASK_OPTIONS.items()
    if name
    in ("description", "retries", "retry_delay_seconds", "retry_jitter_factor", "retry_condition_fn", "persist_result",
        "cache_result_in_memory", "timeout_seconds", "log_prints", "result_serializer")
} | {"name": ("base", "other", None, "work"), "flow_run_name": ("n-{x}", "m-{x}", None, None)}  # fmt: skip


def function():
    def work(x=1):
        return x

    return work


@pytest.mark.parametrize("option", TASK_OPTIONS)
def test_an_option_of_a_task_can_be_kept_changed_and_cleared(option):
    first, second, nothing, cleared = TASK_OPTIONS[option]
    made = task(**{option: first})(function())
    assert getattr(made.with_options(), option) == getattr(made, option)
    assert getattr(made.with_options(**{option: NotSet}), option) == getattr(made, option)
    changed = getattr(made.with_options(**{option: second}), option)
    assert changed == (frozenset(second) if option == "tags" else second)
    assert getattr(made.with_options(**{option: nothing}), option) == cleared
    assert getattr(made, option) == (frozenset(first) if option == "tags" else first)


@pytest.mark.parametrize("option", FLOW_OPTIONS)
def test_an_option_of_a_flow_can_be_kept_changed_and_cleared(option):
    first, second, nothing, cleared = FLOW_OPTIONS[option]
    made = flow(**{option: first})(function())
    assert getattr(made.with_options(), option) == first
    assert getattr(made.with_options(**{option: second}), option) == second
    assert getattr(made.with_options(**{option: nothing}), option) == cleared


@pytest.mark.parametrize("empty", [[], None])
@pytest.mark.parametrize(
    ("decorate", "kind"), [(task, kind) for kind in HOOKS] + [(flow, kind) for kind in list(HOOKS)[:5]]
)
def test_hooks_can_be_cleared(decorate, kind, empty):
    made = decorate(**{kind: [HOOKS[kind]]})(function())
    assert getattr(made.with_options(), f"{kind}_hooks") == [HOOKS[kind]]
    assert getattr(made.with_options(**{kind: empty}), f"{kind}_hooks") == []
    assert getattr(made, f"{kind}_hooks") == [HOOKS[kind]]


def test_hooks_added_by_decorators_are_kept():
    made = task(function())
    made.on_completion(hook)
    assert made.with_options(retries=1).on_completion_hooks == [hook]


def test_caching_can_be_changed_and_cleared():
    key = lambda context, parameters: "k"  # noqa: E731
    made = task(cache_policy=INPUTS)(function())
    assert made.with_options().cache_policy == INPUTS
    assert made.with_options(cache_policy=NO_CACHE).cache_policy == NO_CACHE
    keyed = made.with_options(cache_key_fn=key)
    assert keyed.cache_key_fn is key
    assert keyed.with_options(cache_policy=INPUTS).cache_policy == INPUTS
    assert keyed.with_options(cache_policy=INPUTS).cache_key_fn is None
    assert keyed.with_options(cache_key_fn=None).cache_key_fn is None


def test_retry_rules_can_be_cleared():
    made = task(retry=[on(ValueError, fail)])(function())
    assert made.retry_policy.rules
    assert made.with_options(retry=None).retry_policy.rules == ()
    assert made.with_options(name="x").retry_policy.rules == made.retry_policy.rules


def test_options_that_only_flows_have():
    made = flow(version="7", validate_parameters=False, task_runner=ThreadPoolTaskRunner(max_workers=2))(function())
    same = made.with_options()
    assert (same.version, same.should_validate_parameters, same.task_runner) == (
        "7", False, ThreadPoolTaskRunner(max_workers=2),
    )  # fmt: skip
    other = made.with_options(validate_parameters=True, task_runner=None, version=None)
    assert other.should_validate_parameters is True
    assert other.task_runner == ThreadPoolTaskRunner()
    assert other.version != "7"


@pytest.mark.parametrize("decorate", [task, flow])
def test_there_are_no_other_options(decorate):
    kind = type(decorate(function())).__name__
    with pytest.raises(TypeError, match=rf"{kind}.with_options\(\) got an unexpected keyword argument 'bogus'"):
        decorate(function()).with_options(bogus=1)
    with pytest.raises(TypeError, match="bogus"):
        decorate(bogus=1)(function())


def test_timeouts_are_cleared_by_zero_too():
    assert task(timeout_seconds=3)(function()).with_options(timeout_seconds=0).timeout_seconds is None
