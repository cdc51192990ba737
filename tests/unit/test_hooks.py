"""Hooks: what authors want called when a run enters a state."""

from __future__ import annotations

from functools import partial

import pytest

from levada import Flow, Task, flow, get_run_logger, task
from levada.cache_policies import INPUTS
from levada.core.states import State
from levada.runtime import flow_run, task_run
from levada.states import Cancelled
from levada.testing import Harness
from levada.wire.objects import FlowRun, TaskRun


class Seen(list):
    """Hooks that note that they were called."""

    def hook(self, name):
        def called(definition, run, state):
            self.append((name, definition.name, state.name))

        called.__name__ = name
        return called

    def all(self, kinds, prefix=""):
        return {kind: [self.hook(prefix + kind)] for kind in kinds}


FLOW = ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")
TASK = ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")


def test_hooks_are_called_in_order(test_home: Harness):
    seen = Seen()

    @task(**seen.all(TASK, "task "))
    def work():
        pass

    @flow(**seen.all(FLOW, "flow "))
    def run():
        work()

    run()
    assert [name for name, _, _ in seen] == [
        "flow on_running", "task on_running", "task on_completion", "flow on_completion",
    ]  # fmt: skip


def test_hooks_are_given_the_definition_its_run_and_the_state(test_home: Harness):
    given = {}

    def of_flow(flow, flow_run, state):
        given["flow"] = (flow, flow_run, state)

    def of_task(task, task_run, state):
        given["task"] = (task, task_run, state)

    @task(on_completion=[of_task])
    def work():
        return 3

    @flow(on_completion=[of_flow])
    def run(x=1):
        return work()

    run()
    definition, found, state = given["task"]
    assert isinstance(definition, Task)
    assert isinstance(found, TaskRun)
    assert isinstance(state, State)
    assert (definition.name, found.name, found.run_count, state.result()) == ("work", "work-0", 1, 3)
    assert found.start_time is not None
    assert found.state.is_completed()
    definition, found, state = given["flow"]
    assert isinstance(definition, Flow)
    assert isinstance(found, FlowRun)
    assert (found.parameters, found.state.name, state.result()) == ({"x": 1}, "Completed", 3)
    assert found.id == test_home.flow_runs()[0].id


def test_failure_hooks_are_called_once_after_the_last_attempt(test_home: Harness):
    seen = Seen()

    @task(retries=1, **seen.all(TASK, "task "))
    def work():
        raise ValueError("x")

    @flow(retries=1, **seen.all(FLOW, "flow "))
    def run():
        work()

    with pytest.raises(ValueError, match="x"):
        run()
    assert seen == [
        ("flow on_running", "run", "Running"),
        ("task on_running", "work", "Running"),
        ("task on_running", "work", "Retrying"),
        ("task on_failure", "work", "Failed"),
        ("flow on_running", "run", "Retrying"),
        ("task on_running", "work", "Running"),
        ("task on_running", "work", "Retrying"),
        ("task on_failure", "work", "Failed"),
        ("flow on_failure", "run", "Failed"),
    ]


def test_a_failure_hook_has_the_exception(test_home: Harness):
    """Quirk 14."""
    errors = []
    hook = lambda definition, run, state: errors.append(state.result(raise_on_failure=False))  # noqa: E731

    @task(on_failure=[hook])
    def work():
        raise ValueError("x")

    @flow(on_failure=[hook])
    def run():
        work()

    run(return_state=True)
    assert [str(error) for error in errors] == ["x", "x"]


def test_a_crash_calls_crash_hooks_of_tasks_and_flows(test_home: Harness):
    """Quirk 15: tasks have hooks for crashes too."""
    seen = Seen()

    @task(**seen.all(TASK, "task "))
    def work():
        raise KeyboardInterrupt

    @flow(**seen.all(FLOW, "flow "))
    def run():
        work()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert [name for name, _, _ in seen if "running" not in name] == ["task on_crashed", "flow on_crashed"]


def test_a_flow_whose_parameters_do_not_fit_calls_its_failure_hooks(test_home: Harness):
    seen = Seen()

    @flow(**seen.all(FLOW))
    def run(x: int):
        pass

    assert run("no", return_state=True).is_failed()
    assert seen == [("on_failure", "run", "Failed")]


def test_a_flow_that_returns_cancelled_calls_its_cancellation_hooks(test_home: Harness):
    seen = Seen()

    @flow(**seen.all(FLOW))
    def run():
        return Cancelled()

    run(return_state=True)
    assert seen[-1] == ("on_cancellation", "run", "Cancelled")


@pytest.mark.parametrize("decorate", [flow, task], ids=["flow", "task"])
@pytest.mark.parametrize("kind", ["on_completion", "on_running"])
def test_hooks_can_be_added_by_decorating_them(decorate, kind, test_home: Harness):
    seen = []

    @decorate(**{kind: [lambda d, r, s: seen.append("first")]})
    def work():
        pass

    @getattr(work, kind)
    def second(definition, run, state):
        seen.append("second")

    assert callable(second)
    assert second.__name__ == "second"
    work()
    assert seen == ["first", "second"]
    assert getattr(work, f"{kind}_hooks")[1] is second


def test_hooks_are_called_from_the_cache_too(test_home: Harness):
    seen = Seen()

    @task(cache_policy=INPUTS, on_completion=[seen.hook("done")])
    def work(x):
        return x

    flow(lambda: [work(1), work(1)])()
    assert [state for _, _, state in seen] == ["Completed", "Cached"]


@pytest.mark.parametrize("decorate", [flow, task], ids=["flow", "task"])
def test_what_a_hook_raises_changes_nothing(decorate, test_home: Harness):
    seen = []

    def broken(definition, run, state):
        raise ValueError("broken hook")

    @decorate(on_running=[broken], on_completion=[broken, lambda d, r, s: seen.append(1)])
    def work():
        return 5

    assert work() == 5
    assert seen == [1]
    assert any("broken" in line.message for line in test_home.logs())


async def test_hooks_may_be_async(test_home: Harness):
    seen = []

    async def hook(definition, run, state):
        seen.append(state.name)

    @task(on_completion=[hook])
    def work():
        pass

    @task(on_completion=[hook])
    async def awork():
        pass

    @flow(on_completion=[hook])
    def run():
        work()

    @flow(on_completion=[hook], on_running=[hook])
    async def arun():
        await awork()

    await arun()
    assert seen == ["Running", "Completed", "Completed"]
    seen.clear()
    run()
    assert seen == ["Completed", "Completed"]


def test_hooks_have_the_context_and_the_logger_of_their_run(test_home: Harness):
    """Quirk 15: the rival's hooks have neither."""
    seen = []

    def hook(definition, run, state):
        get_run_logger().info("from the hook of %s", definition.name)
        seen.append((flow_run.name, task_run.name))

    @task(on_completion=[hook])
    def work():
        pass

    @flow(on_completion=[hook])
    def run():
        work()

    run()
    name = test_home.flow_runs()[0].name
    assert seen == [(name, "work-0"), (name, None)]
    messages = [line.message for line in test_home.logs()]
    assert "from the hook of work" in messages
    assert "from the hook of run" in messages


def test_methods_and_objects_and_partials_can_be_hooks(test_home: Harness):
    seen = []

    class Hooks:
        def method(self, flow, flow_run, state):
            seen.append("method")

        @classmethod
        def of_class(cls, flow, flow_run, state):
            seen.append("class method")

        @staticmethod
        def static(flow, flow_run, state):
            seen.append("static")

        def __call__(self, flow, flow_run, state):
            seen.append("object")

    def with_more(flow, flow_run, state, more):
        seen.append(more)

    hooks = [Hooks().method, Hooks.of_class, Hooks.static, Hooks(), partial(with_more, more="partial")]
    flow(on_completion=hooks)(lambda: None)()
    assert seen == ["method", "class method", "static", "object", "partial"]


def test_a_hook_with_defaults_or_stars_is_fine(test_home: Harness):
    seen = []
    hooks = [lambda *given: seen.append(len(given)), lambda a, b, c, d=4: seen.append(d)]
    flow(on_completion=hooks)(lambda: None)()
    assert seen == [3, 4]


def test_hooks_of_a_bound_method_are_those_of_its_class(test_home: Harness):
    seen = Seen()

    class Shop:
        @task(on_completion=[seen.hook("done")])
        def sell(self):
            pass

    Shop().sell()
    assert seen == [("done", "sell", "Completed")]


def test_hooks_of_mapped_and_submitted_tasks(test_home: Harness):
    seen = Seen()

    @task(on_completion=[seen.hook("done")], on_failure=[seen.hook("failed")])
    def work(x):
        return 1 / x

    @flow
    def run():
        work.map([1, 2, 0]).wait()
        work.submit(1).wait()

    run()
    assert sorted(name for name, _, _ in seen) == ["done", "done", "done", "failed"]
