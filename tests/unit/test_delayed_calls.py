"""Delayed calls: handing them over, waiting for them, and executing them in a process that serves the task."""

from __future__ import annotations

import asyncio
import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from levada import flow, task
from levada.core.errors import (
    ConfigurationError,
    DefinitionError,
    InvalidNameError,
    ParameterBindError,
    SerializationError,
    UpstreamTaskError,
)
from levada.core.states import StateType
from levada.futures import as_completed, gather
from levada.recovery import resume
from levada.task_runs import DelayedFuture, queue_of
from levada.testing import Harness, eventually
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import WorkerCommand
from tests.unit.delayed import calls_of, execute, order_of


@task
def add(a: int, b: int = 2) -> int:
    return a + b


@task(name="a-slow one", version="3")
def slow() -> None:
    return None


@task(retries=3)
def flaky() -> int:
    attempts.append(1)
    if len(attempts) < 3:
        raise OSError("not yet")
    return len(attempts)


attempts: list[int] = []


@task
async def shout(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


@task
def collect(*values: Any, sep: str = ",", **more: Any) -> tuple[Any, ...]:
    return values, sep, more


@task
def fails() -> None:
    raise ValueError("no")


@task
def numbers(count: int) -> Any:
    yield from range(count)


def test_a_delayed_call_waits_in_the_queue_of_its_task(test_home: Harness):
    future = add.delay(1)
    [run] = test_home.flow_runs()
    assert isinstance(future, DelayedFuture)
    assert (run.id, run.state_name, run.flow_name) == (future.flow_run_id, "Scheduled", "add")
    assert (run.work_pool_name, run.work_queue_name) == ("background-tasks", "test_delayed_calls.add")
    assert run.parameters == {"a": "1", "b": "2"}
    assert run.labels["levada.kind"] == "background-task"
    assert run.labels["levada.task"] == add.task_key
    assert not future.done()
    assert future.state.is_scheduled()


def test_the_queue_of_a_task_is_named_by_module_name_and_version():
    assert queue_of(add) == "test_delayed_calls.add"
    assert queue_of(slow) == "test_delayed_calls.a-slow one@3"


def test_a_task_bound_to_an_object_cannot_be_delayed():
    class Sender:
        @task
        def send(self) -> None: ...

    with pytest.raises(DefinitionError, match="bound to an object"):
        Sender().send.delay()


def test_a_name_that_no_queue_can_have_is_refused(test_home: Harness):
    with pytest.raises(InvalidNameError):
        add.with_options(name="a/b").delay(1)
    assert test_home.flow_runs() == []


def test_arguments_that_do_not_fit_are_refused_where_the_call_is_made(test_home: Harness):
    with pytest.raises(ParameterBindError):
        add.delay()  # type: ignore[call-arg]
    assert test_home.flow_runs() == []


def test_arguments_that_cannot_be_pickled_are_refused_and_nothing_is_made(test_home: Harness):
    with pytest.raises(SerializationError, match="cannot be delayed with these arguments"):
        collect.delay(threading.Lock())
    assert test_home.flow_runs() == []


def test_a_served_call_gives_its_result_to_the_future(test_home: Harness):
    future = add.delay(40)
    execute(test_home, add)
    assert future.result(timeout=10) == 42
    assert future.done()
    [run] = test_home.flow_runs()
    assert [state.name for state in run.states] == ["Scheduled", "Pending", "Running", "Completed"]


def test_the_task_run_inside_has_the_id_that_the_future_has_said_since_the_beginning(test_home: Harness):
    future = add.delay(1)
    execute(test_home, add)
    [inner] = test_home.task_runs()
    assert inner.id == future.task_run_id
    assert (inner.flow_run_id, inner.state_name) == (future.flow_run_id, "Completed")


async def test_a_future_can_be_awaited(test_home: Harness):
    first, second = await shout.adelay("ho"), await add.adelay(1)
    await asyncio.to_thread(execute, test_home, shout, add)
    assert await first == "HO"
    assert await gather(first, second) == ["HO", 3]


def test_retries_happen_inside_the_call(test_home: Harness):
    attempts.clear()
    future = flaky.delay()
    execute(test_home, flaky)
    assert future.result(timeout=10) == 3
    assert test_home.task_runs()[0].run_count == 3


def test_a_failed_call_raises_what_the_task_raised(test_home: Harness):
    future = fails.delay()
    execute(test_home, fails)
    with pytest.raises(ValueError, match="no"):
        future.result(timeout=10)
    assert isinstance(future.result(raise_on_failure=False), ValueError)
    assert [run.state_name for run in [*test_home.flow_runs(), *test_home.task_runs()]] == ["Failed", "Failed"]


def test_arguments_of_every_kind_arrive_as_they_were_given(test_home: Harness):
    future = collect.delay(1, {"x": {2}}, sep=";", y=datetime(2026, 1, 1, tzinfo=UTC))
    execute(test_home, collect)
    assert future.result(timeout=10) == ((1, {"x": {2}}), ";", {"y": datetime(2026, 1, 1, tzinfo=UTC)})


def test_large_arguments_and_results_go_by_way_of_the_result_storage(test_home: Harness):
    future = collect.delay("x" * 1_000_000)
    [run] = test_home.flow_runs()
    assert run.parameters_payload is not None
    assert run.parameters_payload.data is None
    execute(test_home, collect)
    assert len(future.result(timeout=10)[0][0]) == 1_000_000


def test_a_generator_task_gives_the_list_of_its_items(test_home: Harness):
    future = numbers.delay(3)
    execute(test_home, numbers)
    assert future.result(timeout=10) == [0, 1, 2]


def test_a_deferred_map_delays_a_call_for_each_item(test_home: Harness):
    futures = add.map([1, 2, 3, 4], b=10, deferred=True)
    execute(test_home, add)
    assert futures.result(timeout=10) == [11, 12, 13, 14]
    assert {future.result() for future in as_completed(futures, timeout=10)} == {11, 12, 13, 14}


def test_a_deferred_map_gives_states_when_asked(test_home: Harness):
    def served() -> None:
        eventually(lambda: test_home.control.count_flow_runs(FlowRunQuery()) == 2)
        execute(test_home, add)

    thread = threading.Thread(target=served)
    thread.start()
    states = add.map([1, 2], deferred=True, return_state=True)
    thread.join()
    assert [state.result() for state in states] == [3, 4]


def test_a_call_is_due_when_its_options_say(test_home: Harness):
    later = datetime.now(UTC) + timedelta(hours=1)
    add.delay_options(scheduled_time=later, priority=5, name="later", tags=["night"]).delay(1)
    add.delay_options(delay_seconds=3600).delay(2)
    one, two = sorted(test_home.flow_runs(), key=lambda run: run.name != "later")
    assert one.expected_start_time == later
    assert (one.name, one.priority, one.tags) == ("later", 5, ["night"])
    assert two.expected_start_time is not None
    assert two.expected_start_time > datetime.now(UTC) + timedelta(minutes=59)


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigurationError, match="not both"):
        add.delay_options(scheduled_time=datetime.now(UTC), delay_seconds=1)
    with pytest.raises(ConfigurationError, match="no time zone"):
        add.delay_options(scheduled_time=datetime(2030, 1, 1))


def test_calls_with_one_idempotency_key_are_one_call(test_home: Harness):
    keyed = add.delay_options(idempotency_key="order-7")
    first, second = keyed.delay(1), keyed.delay(1)
    assert first.flow_run_id == second.flow_run_id
    assert first.task_run_id == second.task_run_id
    with pytest.raises(ConfigurationError, match="one call"):
        keyed.map([{"a": 1}, {"a": 2}])


def test_futures_among_the_arguments_are_waited_for_and_passed_as_their_results(test_home: Harness):
    @flow
    def caller() -> Any:
        return add.delay(add.submit(1), b=add.submit(2)).flow_run_id

    caller()
    [run] = test_home.flow_runs(flow_names=["add"])
    assert run.parameters == {"a": "3", "b": "4"}


def test_an_input_that_failed_is_an_error_where_the_call_is_made(test_home: Harness):
    @flow
    def caller() -> Any:
        with pytest.raises(UpstreamTaskError):
            add.apply_async((1,), wait_for=[fails.submit()])
        return 1

    assert caller() == 1
    assert test_home.flow_runs(flow_names=["add"]) == []


async def test_an_input_that_has_not_ended_does_not_block_an_event_loop(test_home: Harness):
    future = add.delay(1)
    with pytest.raises(ConfigurationError, match="would block the event loop"):
        add.delay(future)  # type: ignore[arg-type]


def test_a_flow_that_is_resumed_finds_the_calls_that_it_delayed_before(test_home: Harness):
    ids = []
    broken = [True]

    @flow(name="caller")
    def caller() -> int:
        futures = [add.delay(1), add.delay(1), add.delay(2)]
        ids.append([future.flow_run_id for future in futures])
        if broken[0]:
            raise RuntimeError("down")
        return 0

    with pytest.raises(RuntimeError):
        caller()
    broken[0] = False
    [run] = test_home.flow_runs(flow_names=["caller"])
    resume(run.id, flow=caller)
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3
    assert test_home.flow_runs(flow_names=["add"])[0].labels["levada.called-by"] == str(run.id)


def test_a_flow_that_is_executed_again_calls_again_what_had_failed(test_home: Harness):
    seen = []

    @flow(name="caller", retries=1)
    def caller() -> None:
        future = fails.delay()
        seen.append(future.flow_run_id)
        execute(test_home, fails)
        future.result(timeout=10)

    with pytest.raises(ValueError, match="no"):
        caller()
    assert len(set(seen)) == 2


def test_a_future_can_be_pickled_and_waited_for_elsewhere(test_home: Harness):
    future = add.delay(1)
    again = pickle.loads(pickle.dumps(future))
    execute(test_home, add)
    assert (again.flow_run_id, again.task_run_id) == (future.flow_run_id, future.task_run_id)
    assert again.result(timeout=10) == 3


def test_a_call_that_was_not_taken_can_be_cancelled_by_its_future(test_home: Harness):
    future = add.delay(1)
    assert future.cancel()
    assert future.wait(timeout=10) is not None
    assert future.cancelled()
    assert not future.cancel()


def test_who_waits_for_a_call_that_was_deleted_is_told(test_home: Harness):
    future = add.delay(1)
    test_home.control.cancel_flow_run(future.flow_run_id)
    test_home.control.delete_flow_run(future.flow_run_id)
    state = future.wait(timeout=10)
    assert state is not None
    assert "deleted" in str(state.message)


def test_a_running_call_is_cancelled_on_its_thread(test_home: Harness):
    started = threading.Event()

    @task
    def spin() -> None:
        started.set()
        while True:
            pass

    future = spin.delay()
    calls = calls_of(test_home, spin)
    order = order_of(test_home.flow_runs()[0])
    calls.begin(order)
    assert started.wait(10)
    assert calls.obey(WorkerCommand(kind="cancel", run=order.run, epoch=1, reason="enough"), None)
    calls.await_all()
    calls.close()
    state = future.wait(timeout=10)
    assert state is not None
    assert state.is_cancelled()


def test_a_call_made_by_other_code_runs_as_the_task_is_now_and_that_is_said(test_home: Harness):
    @task(name="moving")
    def before(a: int) -> int:
        return a

    @task(name="moving")
    def after(a: int, b: int = 5) -> int:
        return a * b

    future = before.delay(2)
    told: list[str] = []
    execute(test_home, after, told=told)
    assert future.result(timeout=10) == 10
    assert any("has changed since the call was made" in line for line in told)


def test_a_call_whose_arguments_the_task_no_longer_takes_fails_and_says_so(test_home: Harness):
    @task(name="moving")
    def before(a: int, gone: int) -> int:
        return a + gone

    @task(name="moving")
    def after(a: int, needed: int) -> int:
        return a + needed

    future = before.delay(1, 2)
    execute(test_home, after)
    state = future.wait(timeout=10)
    assert state is not None
    assert state.type is StateType.FAILED
    assert "gives gone" in str(state.message)
    assert "made by other code" in str(state.message)


def test_an_order_for_a_task_that_is_not_served_here_crashes_and_says_so(test_home: Harness):
    future = add.delay(1)
    execute(test_home, fails)
    state = future.wait(timeout=10)
    assert state is not None
    assert state.type is StateType.CRASHED
    assert "not served here" in str(state.message)
