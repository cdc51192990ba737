"""How what a function returns or raises decides about the final state of its run."""

from __future__ import annotations

import threading

import pytest

from levada import flow, task
from levada.core.errors import CancelledRun, FailedRun
from levada.core.states import State
from levada.engine.outcome import state_of_end
from levada.states import Cancelled, Completed, Crashed, Failed, Paused, Running
from levada.testing import Harness


@task
def good(value=1):
    return value


@task
def bad(number=0):
    raise ValueError(f"bad task {number}")


def ending(function, **options):
    """The final state of a flow made of a function."""
    return flow(function, **options)(return_state=True)


def shown(state):
    return state.type.value, state.name, state.message


COMPLETED = ("COMPLETED", "Completed", None)
ALL = ("COMPLETED", "Completed", "All states completed.")


def raising(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize("value", [1, None, "text", [], {}, (), [1, 2], ValueError("obj"), 0, False, b"x", {1}])
def test_a_plain_value_completes_the_flow(value, test_home: Harness):
    state = ending(lambda: value)
    assert shown(state) == COMPLETED
    assert state.result() is value or state.result() == value


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (ValueError(), "ValueError: "),
        (ValueError(1, 2), "ValueError: (1, 2)"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_an_exception_fails_the_flow_and_the_task(error, message, test_home: Harness):
    state = ending(raising(error))
    assert shown(state) == ("FAILED", "Failed", f"Flow run encountered an exception: {message}")
    assert state.result(raise_on_failure=False) is error
    state = task(raising(error))(return_state=True)
    assert shown(state) == ("FAILED", "Failed", f"Task run encountered an exception {message}")


def test_a_returned_state_is_the_final_state(test_home: Harness):
    state = ending(lambda: Completed(name="Nice", message="done", data=5))
    assert (*shown(state), state.result()) == ("COMPLETED", "Nice", "done", 5)
    state = ending(lambda: Failed(message="nope"))
    assert shown(state) == ("FAILED", "Failed", "nope")
    with pytest.raises(FailedRun, match="nope"):
        state.result()
    state = ending(lambda: Cancelled(message="nope"))
    assert shown(state) == ("CANCELLED", "Cancelled", "nope")
    with pytest.raises(CancelledRun, match="nope"):
        state.result()


def test_a_call_of_a_flow_that_returns_a_state(test_home: Harness):
    assert flow(lambda: Completed(data=4))() == 4
    assert flow(lambda: Completed(message="x"))() is None
    with pytest.raises(FailedRun, match="manual"):
        flow(lambda: Failed(message="manual"))()
    with pytest.raises(CancelledRun, match="c"):
        flow(lambda: Cancelled(message="c"))()


@pytest.mark.parametrize("pick", [lambda: good.submit(), lambda: good(return_state=True)], ids=["future", "state"])
def test_one_good_future_or_state_completes_the_flow(pick, test_home: Harness):
    @flow
    def run():
        return pick()

    assert shown(run(return_state=True)) == ALL
    given = run()
    assert isinstance(given, State)
    assert given.result() == 1


@pytest.mark.parametrize("pick", [lambda: bad.submit(), lambda: bad(return_state=True)], ids=["future", "state"])
def test_one_bad_future_or_state_fails_the_flow_with_its_error(pick, test_home: Harness):
    @flow
    def run():
        return pick()

    state = run(return_state=True)
    assert shown(state) == ("FAILED", "Failed", "1/1 states failed.")
    inner = state.result(raise_on_failure=False)
    assert isinstance(inner, State)
    assert inner.message == "Task run encountered an exception ValueError: bad task 0"
    with pytest.raises(ValueError, match="bad task 0"):
        run()


def test_a_collection_of_futures_stands_and_falls_with_all_of_them(test_home: Harness):
    state = ending(lambda: [good.submit(), bad.submit()])
    assert shown(state) == ("FAILED", "Failed", "1/2 states failed.")
    states = state.result(raise_on_failure=False)
    assert [inner.name for inner in states] == ["Completed", "Failed"]
    with pytest.raises(ValueError, match="bad task"):
        state.result()
    given = flow(lambda: [bad.submit(), good.submit()])()
    assert [inner.name for inner in given] == ["Failed", "Completed"]
    state = ending(lambda: (good(return_state=True), good.submit()))
    assert shown(state) == ALL
    assert isinstance(state.result(), tuple)
    assert shown(ending(lambda: {good(return_state=True)})) == ALL


def test_a_map_stands_and_falls_with_its_items(test_home: Harness):
    assert shown(ending(lambda: good.map([1, 2, 3]))) == ALL
    assert [s.result() for s in flow(lambda: good.map([1, 2]))()] == [1, 2]
    assert shown(ending(lambda: bad.map([1, 2, 3]))) == ("FAILED", "Failed", "3/3 states failed.")


def test_futures_inside_other_values_are_replaced_and_decide_nothing(test_home: Harness):
    state = ending(lambda: {"a": good.submit(), "b": bad.submit()})
    assert shown(state) == COMPLETED
    assert {key: inner.name for key, inner in state.result().items()} == {"a": "Completed", "b": "Failed"}
    state = ending(lambda: [good.submit(), 1, bad.submit()])
    assert shown(state) == COMPLETED
    first, number, last = state.result()
    assert (first.name, number, last.name) == ("Completed", 1, "Failed")
    state = ending(lambda: [[good.submit()], [bad.submit()]])
    assert shown(state) == COMPLETED


@pytest.mark.parametrize("wait", [False, True])
def test_a_failed_future_that_is_not_returned_does_not_fail_the_flow(wait, test_home: Harness):
    def run():
        future = bad.submit()
        if wait:
            future.wait()
        return 1

    assert shown(ending(run)) == COMPLETED


def test_unfinished_states_are_not_good_enough(test_home: Harness):
    state = ending(lambda: [Running(), Completed(data=1)])
    assert shown(state) == ("FAILED", "Failed", "1/2 states are not final.")


def test_cancelled_and_paused_states_weigh_more_than_failed_ones(test_home: Harness):
    state = ending(lambda: [Cancelled(), Failed(message="x"), Completed(data=1)])
    assert shown(state) == ("CANCELLED", "Cancelled", "1/3 states cancelled.")
    state = ending(lambda: [Paused(), Completed(data=1)])
    assert state.type.value == "PAUSED"


def test_a_crashed_state_counts_as_failed(test_home: Harness):
    assert shown(ending(lambda: [Crashed(message="x")])) == ("FAILED", "Failed", "1/1 states failed.")


def test_the_state_of_a_subflow_decides_like_that_of_a_task(test_home: Harness):
    @flow
    def child(fails):
        if fails:
            raise RuntimeError("sub")
        return 5

    assert shown(ending(lambda: child(True, return_state=True))) == ("FAILED", "Failed", "1/1 states failed.")
    assert shown(ending(lambda: child(False, return_state=True))) == ALL
    state = ending(lambda: child(True))
    assert state.message == "Flow run encountered an exception: RuntimeError: sub"


async def test_an_async_flow_ends_by_the_same_rules(test_home: Harness):
    @flow
    async def values():
        return 1

    @flow
    async def futures():
        return [good.submit(), bad.submit()]

    @flow
    async def wrong():
        raise ValueError("boom")

    assert shown(await values(return_state=True)) == COMPLETED
    assert shown(await futures(return_state=True)) == ("FAILED", "Failed", "1/2 states failed.")
    with pytest.raises(ValueError, match="boom"):
        await wrong()


def test_a_task_that_returns_a_state_gives_that_state(test_home: Harness):
    @task
    def returns(state):
        return state() if callable(state) else state

    @flow
    def run():
        failed = returns(lambda: Failed(message="explicit"))
        assert isinstance(failed, State)
        assert failed.is_failed()
        completed = returns(lambda: Completed(message="yay", data={"a": 1}))
        assert (completed.message, completed.result()) == ("yay", {"a": 1})
        state = returns(lambda: Completed(message="yay", data={"a": 1}), return_state=True)
        assert state.result() == {"a": 1}
        future = returns.submit(lambda: Failed(message="later"))
        with pytest.raises(FailedRun, match="later"):
            future.result()
        return 1

    assert run() == 1
    assert [found.state_name for found in test_home.task_runs()] == ["Failed", "Completed", "Completed", "Failed"]


def test_a_task_that_returns_failed_is_retried(test_home: Harness):
    tries = []

    @task(retries=2)
    def returns():
        tries.append(1)
        return Failed(message="explicit") if len(tries) < 3 else Completed(data="ok")

    assert flow(lambda: returns.submit().result())() == "ok"
    assert len(tries) == 3


def test_a_task_that_returns_several_states_stands_and_falls_with_them(test_home: Harness):
    @task
    def several():
        return [Completed(data=1), Failed(message="x")]

    assert several(return_state=True).message == "1/2 states failed."


def test_a_flow_whose_value_is_an_exception_object_is_completed(test_home: Harness):
    assert isinstance(flow(lambda: KeyError("obj"))(), KeyError)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "Execution was aborted by an interrupt signal."),
        (SystemExit(3), "Execution was aborted by Python system exit call."),
    ],
)
def test_what_is_no_exception_crashes_the_run_and_goes_on(error, message, test_home: Harness):
    @task
    def inner():
        raise error

    @flow
    def run():
        inner()

    with pytest.raises(type(error)):
        run()
    found = test_home.flow_runs()[0]
    assert found.state_name == "Crashed"
    assert found.state.message == message
    assert test_home.task_runs()[0].state_name == "Crashed"


def test_every_other_end_has_its_message():
    class Own(BaseException):
        pass

    assert state_of_end(Own("rt")).message == "Execution was interrupted by an unexpected exception: Own: rt"
    assert state_of_end(Own("rt")).is_crashed()


def test_a_result_that_cannot_be_kept_is_still_the_callers(test_home: Harness):
    lock = threading.Lock()

    @task
    def give():
        return lock

    @flow
    def run():
        return give()

    assert run() is lock
    assert run(return_state=True).result() is lock
    assert test_home.flow_runs()[0].state_name == "Completed"


def test_an_exception_that_cannot_be_kept_is_still_the_callers(test_home: Harness):
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__("odd")
            self.lock = threading.Lock()

    @flow
    def run():
        raise Odd(1, 2)

    with pytest.raises(Odd):
        run()
    assert test_home.flow_runs()[0].state.message == "Flow run encountered an exception: Odd: odd"
