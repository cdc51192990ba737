"""What a task is, and what calling one does."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from levada import Task, flow, task
from levada.cache_policies import NO_CACHE
from levada.core.errors import MissingContextError, ReservedArgumentError
from levada.core.states import StateType
from levada.task_runners import ThreadPoolTaskRunner
from levada.tasks import exponential_backoff
from levada.testing import Harness

HOOK_KINDS = ("on_completion", "on_failure", "on_running", "on_cancellation", "on_crashed", "on_commit", "on_rollback")


@task
def add(x, y=10):
    """The sum."""
    return x + y


@task
async def add_async(x, y=10):
    await asyncio.sleep(0)
    return x + y


def test_attributes_of_a_plain_task_are_what_authors_expect():
    assert isinstance(add, Task)
    assert add.name == "add"
    assert add.fn(1, 2) == 3
    assert add.description == "The sum."
    assert add.tags == set()
    assert (add.retries, add.retry_delay_seconds) == (0, 0)
    for empty in (
        add.version, add.task_run_name, add.retry_jitter_factor, add.retry_condition_fn, add.timeout_seconds,
        add.persist_result, add.result_storage, add.result_serializer, add.result_storage_key, add.log_prints,
        add.cache_key_fn, add.cache_expiration, add.refresh_cache, add.viz_return_value,
    ):  # fmt: skip
        assert empty is None
    assert add.cache_result_in_memory is True
    for kind in HOOK_KINDS:
        assert getattr(add, f"{kind}_hooks") == []
    assert (add.isasync, add.isgenerator) == (False, False)
    assert add_async.isasync
    assert add.__name__ == "add"
    assert add.task_key.startswith("add-")
    assert len(add.task_key) == len("add-") + 8
    assert "return x + y" in add.source_code


def test_the_name_of_a_task_is_its_functions():
    @task
    def some_work():
        pass

    class Callable:
        def __call__(self):
            return 1

    assert some_work.name == "some_work"
    assert task(lambda: 1).name == "<lambda>"
    assert task(Callable()).name == "Callable"
    assert task(functools.partial(some_work.fn)).name == "partial"
    assert task(name="a/b")(lambda: 1).name == "a/b"


def test_a_callable_object_is_a_task(test_home: Harness):
    class Adder:
        def __init__(self, number):
            self.number = number

        def __call__(self, other):
            return self.number + other

    work = task(Adder(2))

    @flow
    def run():
        return work(3), work.submit(4).result()

    assert run() == (5, 6)


def test_only_callables_can_be_tasks():
    with pytest.raises(TypeError, match="'fn' must be callable"):
        task(5)


@pytest.mark.parametrize("reserved", ["return_state", "wait_for"])
def test_a_task_has_no_parameter_with_a_reserved_name(reserved):
    names: dict = {}
    exec(f"def f({reserved}): ...", names)
    with pytest.raises(ReservedArgumentError, match=f"'{reserved}' is a reserved argument name and cannot be used."):
        task(names["f"])


@pytest.mark.parametrize("kind", HOOK_KINDS)
def test_hooks_are_a_list_of_callables(kind):
    with pytest.raises(TypeError, match=f"Expected iterable for '{kind}'; got builtin_function_or_method instead"):
        task(**{kind: print})(lambda: None)
    with pytest.raises(TypeError, match=f"Expected callables in '{kind}'; got int instead"):
        task(**{kind: [5]})(lambda: None)


def test_tags_are_a_set():
    assert task(tags=["b", "a", "b"])(lambda: None).tags == {"a", "b"}


def test_delays_and_conditions_are_checked_at_decoration():
    with pytest.raises(ValueError, match="50 retry delays"):
        task(retries=60, retry_delay_seconds=[1] * 51)(lambda: None)
    with pytest.raises(ValueError, match="retry_jitter_factor"):
        task(retry_jitter_factor=-1)(lambda: None)
    with pytest.raises(TypeError, match="Expected `retry_condition_fn` to be callable, got int instead"):
        task(retry_condition_fn=5)(lambda: None)
    assert task(retries=4, retry_delay_seconds=exponential_backoff(10))(lambda: None).retry_delay_seconds == [
        10, 20, 40, 80,
    ]  # fmt: skip


def test_a_task_called_in_a_flow_gives_its_value(test_home: Harness):
    @flow
    def run():
        return add(1), add(1, 2), add(x=1, y=3), add(*[4], y=5)

    assert run() == (11, 3, 4, 9)
    runs = test_home.task_runs()
    assert [found.state_name for found in runs] == ["Completed"] * 4
    assert [found.name for found in runs] == ["add-0", "add-1", "add-2", "add-3"]
    assert runs[1].parameters == {"x": "1", "y": "2"}


def test_a_task_called_inline_runs_in_the_thread_of_its_caller(test_home: Harness):
    assert flow(lambda: task(threading.get_ident)())() == threading.get_ident()


async def test_an_async_task_called_in_an_async_flow_shares_its_loop(test_home: Harness):
    @task
    async def loop_of():
        return asyncio.get_running_loop()

    @flow
    async def run():
        inline, submitted = await loop_of(), loop_of.submit()
        return inline, await submitted.result_async()

    inline, submitted = await run()
    assert inline is asyncio.get_running_loop()
    assert submitted is inline


async def test_async_tasks_can_be_gathered(test_home: Harness):
    @flow
    async def run():
        return await asyncio.gather(*[add_async(n) for n in range(5)])

    assert await run() == [10, 11, 12, 13, 14]


def test_a_sync_flow_submits_async_tasks(test_home: Harness):
    @flow
    def run():
        return add_async.submit(1, 2).result(), [f.result() for f in add_async.map([1, 2])]

    assert run() == (3, [11, 12])


def test_a_sync_flow_that_calls_an_async_task_gets_an_honest_coroutine(test_home: Harness):
    @flow
    def run():
        coroutine = add_async(1)
        is_coroutine = asyncio.iscoroutine(coroutine)
        coroutine.close()
        return is_coroutine

    assert run() is True


def test_an_error_goes_to_the_caller_who_may_go_on(test_home: Harness):
    @task
    def wrong():
        raise ValueError("boom")

    @flow
    def run():
        try:
            wrong()
        except ValueError as error:
            return f"caught {error}"

    assert run() == "caught boom"
    test_home.assert_state("wrong-0", "Failed")


def test_return_state_gives_the_final_state(test_home: Harness):
    @task
    def wrong():
        raise ValueError("boom")

    @flow
    def run():
        good, bad = add(1, return_state=True), wrong(return_state=True)
        submitted = wrong.submit(return_state=True)
        assert good.is_completed()
        assert good.result() == 11
        assert bad.message == "Task run encountered an exception ValueError: boom"
        assert submitted.is_failed()
        assert isinstance(submitted.result(raise_on_failure=False), ValueError)
        return True

    assert run() is True


async def test_return_state_of_an_async_task(test_home: Harness):
    @flow
    async def run():
        state = await add_async(1, return_state=True)
        return state.result()

    assert await run() == 11


def test_a_task_can_be_called_outside_a_flow(test_home: Harness):
    assert add(1) == 11
    assert add(1, return_state=True).result() == 11
    runs = test_home.task_runs()
    assert [run.flow_run_id for run in runs] == [None, None]
    assert {run.name for run in runs} == {"add"}


async def test_an_async_task_can_be_called_outside_a_flow(test_home: Harness):
    assert await add_async(1) == 11


def test_a_failing_task_outside_a_flow_raises(test_home: Harness):
    with pytest.raises(TypeError):
        add(None)
    assert test_home.task_runs()[0].state_type is StateType.FAILED


@pytest.mark.parametrize("verb", ["submit", "map"])
def test_submitting_needs_a_flow(verb, test_home: Harness):
    with pytest.raises(RuntimeError, match="Unable to determine task runner.*only inside a flow") as caught:
        getattr(add, verb)([1])
    assert isinstance(caught.value, MissingContextError)


def test_a_task_calls_tasks(test_home: Harness):
    @task
    def outer(number):
        return add(number) + add.submit(number).result() + sum(add.map([number]).result())

    @flow
    def run():
        return outer(1), outer.submit(2).result()

    assert run() == (33, 36)
    outers = {found.id for found in test_home.task_runs() if found.name.startswith("outer")}
    inner = [found for found in test_home.task_runs() if found.name.startswith("add")]
    assert len(inner) == 6
    assert {found.parent_task_run_id for found in inner} == outers


def test_a_task_is_recursive(test_home: Harness):
    @task
    def factorial(number):
        return 1 if number < 2 else number * factorial(number - 1)

    assert flow(lambda: factorial(5))() == 120


def test_nested_submissions_do_not_deadlock_a_pool_of_one(test_home: Harness):
    """Quirk 21: a worker that waits for what it submitted itself gives its place away."""

    @task
    def down(depth):
        return 0 if depth == 0 else 1 + down.submit(depth - 1).result(timeout=20)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def run():
        return down.submit(5).result(timeout=30)

    assert run() == 5


def test_a_task_in_a_plain_thread_of_a_flow_runs(test_home: Harness):
    @flow
    def run():
        results = []
        thread = threading.Thread(target=lambda: results.append(add(1)))
        thread.start()
        thread.join()
        return results

    assert run() == [11]


def test_loops_and_branches_are_plain_python(test_home: Harness):
    @flow
    def run(limit):
        total = 0
        while total < limit:
            total = add(total, 3)
        if total % 2:
            return add(total, 1)
        return total

    assert run(8) == 10


def test_the_same_task_with_other_options_is_another_object():
    other = add.with_options(name="sum", retries=3)
    assert other is not add
    assert (other.name, other.retries, other.fn) == ("sum", 3, add.fn)
    assert (add.name, add.retries) == ("add", 0)


def test_a_task_named_by_text_only_for_cache_policies_has_a_policy():
    assert task(cache_policy=NO_CACHE)(lambda: 1).cache_policy == NO_CACHE


def test_sys_exit_in_a_task_crashes_it_and_goes_on(test_home: Harness):
    @task
    def leave():
        raise SystemExit(3)

    @flow
    def run():
        leave()

    with pytest.raises(SystemExit):
        run()
    test_home.assert_state("leave-0", "Crashed")
    assert test_home.flow_runs()[0].state_name == "Crashed"


def test_sys_exit_in_a_submitted_task_crashes_that_task_only(test_home: Harness):
    """Quirk 12: a worker that exits takes only its own task down."""

    @task
    def leave():
        raise SystemExit(3)

    @flow
    def run():
        future = leave.submit()
        future.wait()
        return future.state.is_crashed()

    assert run() is True


def test_stop_iteration_in_a_task_is_a_failure(test_home: Harness):
    @task
    def stop():
        raise StopIteration("s")

    state = flow(lambda: stop.submit(return_state=True).is_failed())
    assert state() is True
