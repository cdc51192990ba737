"""What becomes of a task whose upstream did not complete."""

from __future__ import annotations

import threading

import pytest

from levada import allow_failure, flow, task
from levada.core.errors import CrashedRun, UpstreamTaskError
from levada.core.states import StateType
from levada.states import Completed, Crashed, Failed
from levada.task_runners import ThreadPoolTaskRunner
from levada.testing import Harness


@task
def bad():
    raise ValueError("bad task")


@task
def good():
    return 1


@task
def down(value=None):
    return "down", value


def test_a_submitted_task_ends_and_names_its_upstream(test_home: Harness):
    """Quirk 2: the rival leaves it Pending for ever."""

    @flow
    def run():
        upstream = bad.submit()
        future = down.submit(upstream)
        future.wait()
        state = future.state
        assert state.is_final()
        assert (state.type, state.name) == (StateType.FAILED, "NotReady")
        assert state.message == "Upstream task run 'bad-0' did not reach a 'COMPLETED' state."
        with pytest.raises(UpstreamTaskError, match="Upstream task run 'bad-0'") as caught:
            future.result()
        assert isinstance(caught.value.__cause__, ValueError)
        assert isinstance(future.result(raise_on_failure=False), UpstreamTaskError)
        return "handled"

    assert run() == "handled"
    test_home.assert_state("down-0", "NotReady")
    assert test_home.task_runs()[1].run_count == 0


def test_an_inline_call_raises(test_home: Harness):
    @flow
    def run():
        return down(bad.submit())

    with pytest.raises(UpstreamTaskError, match="Upstream task run 'bad-0'"):
        run()


async def test_an_inline_call_of_an_async_task_raises(test_home: Harness):
    @task
    async def adown(value):
        return value

    @flow
    async def run():
        return await adown(bad.submit())

    with pytest.raises(UpstreamTaskError):
        await run()


def test_an_inline_call_can_give_the_state(test_home: Harness):
    @flow
    def run():
        return down(bad.submit(), return_state=True).name

    assert run() == "NotReady"


def test_wait_for_works_like_an_argument(test_home: Harness):
    @flow
    def run():
        failed = bad.submit()
        assert down.submit(wait_for=[good.submit()]).result() == ("down", None)
        assert down(wait_for=[good.submit(), Completed(data=1)]) == ("down", None)
        assert down.submit(wait_for=[failed], return_state=True).name == "NotReady"
        with pytest.raises(UpstreamTaskError):
            down(wait_for=[failed])
        assert down(wait_for=[allow_failure(failed)]) == ("down", None)
        assert down(wait_for=failed, return_state=True).name == "NotReady"
        assert down.submit(wait_for=None).result() == ("down", None)

    run()


def test_a_failure_can_be_allowed(test_home: Harness):
    @flow
    def run():
        failed = bad.submit()
        word, error = down(allow_failure(failed))
        assert (word, type(error), str(error)) == ("down", ValueError, "bad task")
        assert isinstance(down.submit(allow_failure([failed, 1])).result()[1][0], ValueError)
        assert down(allow_failure(good.submit())) == ("down", 1)

    run()


def test_failures_that_reach_through_several_tasks_can_be_allowed_at_the_end(test_home: Harness):
    @flow
    def run():
        middle = down.submit(bad.submit())
        _, error = down(allow_failure(middle))
        return type(error).__name__

    assert run() == "UpstreamTaskError"


def test_a_crash_cannot_be_allowed(test_home: Harness):
    @flow
    def run():
        down(allow_failure(Crashed(message="x")))

    with pytest.raises(UpstreamTaskError) as caught:
        run()
    assert isinstance(caught.value.__cause__, CrashedRun)


def test_a_failed_state_is_an_upstream_too(test_home: Harness):
    @flow
    def run():
        state = bad(return_state=True)
        return down.submit(state, return_state=True), str(state.state_details.task_run_id)

    state, task_run = run()
    assert state.message == f"Upstream task run '{task_run}' did not reach a 'COMPLETED' state."
    assert down(Failed(message="m"), return_state=True).name == "NotReady"


def test_a_chain_of_dependents_ends_quickly(test_home: Harness):
    @flow
    def run():
        future = bad.submit()
        for _ in range(20):
            future = down.submit(future)
        return future

    assert run(return_state=True).is_failed()
    assert [found.state_name for found in test_home.task_runs()] == ["Failed"] + ["NotReady"] * 20


def test_a_flow_that_returns_a_task_that_was_not_run_fails(test_home: Harness):
    @flow
    def run():
        return down.submit(bad.submit())

    state = run(return_state=True)
    assert state.message == "1/1 states failed."


def test_waiting_for_an_upstream_takes_no_worker(test_home: Harness):
    """Quirk 21: with one worker, the dependent may be submitted before what it depends on can run."""
    gate = threading.Event()

    @task
    def slow():
        gate.wait(20)
        return 1

    @task
    def opens():
        gate.set()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def run():
        first = slow.submit()
        waiting = [down.submit(first) for _ in range(5)]
        opens.submit().wait(20)
        return [future.result(timeout=20)[1] for future in waiting]

    assert run() == [1] * 5


def test_a_subflow_whose_upstream_failed_is_not_run(test_home: Harness):
    ran = []

    @flow
    def child(value):
        ran.append(value)

    @flow
    def run():
        with pytest.raises(UpstreamTaskError):
            child(bad.submit())
        assert child(bad.submit(), return_state=True).name == "NotReady"

    run()
    assert ran == []


def test_the_reason_is_logged(test_home: Harness):
    @flow
    def run():
        down.submit(bad.submit()).wait()

    run()
    assert any("Upstream task run 'bad-0'" in line.message for line in test_home.logs())
