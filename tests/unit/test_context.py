"""Run contexts."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from levada import flow, task
from levada.context import (
    EngineContext,
    FlowRunContext,
    TaskRunContext,
    get_flow_run_context,
    get_run_context,
    get_task_run_context,
    with_context,
)
from levada.core.errors import MissingContextError
from levada.testing import Harness


def test_outside_runs_there_is_no_context():
    with pytest.raises(MissingContextError, match="No run context available. You are not in a flow or task run"):
        get_run_context()
    assert issubclass(MissingContextError, RuntimeError)
    assert FlowRunContext.get() is TaskRunContext.get() is None
    assert get_flow_run_context() is get_task_run_context() is None


def test_inside_a_flow_the_context_is_the_flows(test_home: Harness):
    @flow
    def run(a, b=2):
        context = get_run_context()
        assert isinstance(context, FlowRunContext)
        assert isinstance(context, EngineContext)
        assert FlowRunContext.get() is context is get_flow_run_context()
        assert TaskRunContext.get() is None
        assert (context.flow.name, context.parameters) == ("run", {"a": 1, "b": 2})
        assert isinstance(context.flow_run.id, uuid.UUID)
        assert context.flow_run.state.is_running()
        assert context.flow_run.name == test_home.flow_runs()[0].name
        return True

    assert run(1)


def test_inside_a_task_the_context_is_the_tasks(test_home: Harness):
    @task
    def work(x):
        context = get_run_context()
        assert isinstance(context, TaskRunContext)
        assert TaskRunContext.get() is context is get_task_run_context()
        assert FlowRunContext.get().flow.name == "run"
        assert (context.task.name, context.parameters, context.task_run.run_count) == ("work", {"x": 1}, 1)
        assert isinstance(context.task_run.id, uuid.UUID)
        assert context.task_run.state.is_running()
        assert context.task_run.flow_run_id == FlowRunContext.get().flow_run.id
        return True

    @flow
    def run():
        assert work(1)
        assert work.submit(1).result()
        return isinstance(get_run_context(), FlowRunContext)

    assert run()


def test_a_task_outside_a_flow_has_a_context_without_a_flow(test_home: Harness):
    @task
    def work():
        assert FlowRunContext.get() is None
        return get_run_context().task_run.flow_run_id

    assert work() is None


async def test_contexts_of_async_runs(test_home: Harness):
    @task
    async def work():
        return get_run_context().task.name, FlowRunContext.get().flow.name

    @flow
    async def run():
        return await work(), get_run_context().flow.name

    assert await run() == (("work", "run"), "run")


def test_a_failed_run_leaves_no_context(test_home: Harness):
    @flow
    def run():
        raise ValueError

    run(return_state=True)
    assert FlowRunContext.get() is None


def test_threads_have_no_context_unless_given_one(test_home: Harness):
    def name():
        found = FlowRunContext.get()
        return None if found is None else found.flow.name

    @flow
    def run():
        with ThreadPoolExecutor(2) as pool:
            return pool.submit(name).result(), pool.submit(with_context(name)).result()

    assert run() == (None, "run")


def test_a_function_with_context_can_run_many_times_at_once(test_home: Harness):
    barrier = threading.Barrier(3, timeout=20)

    @flow
    def run():
        @with_context
        def inside(n):
            barrier.wait()
            return n, get_run_context().flow.name

        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(inside, range(3)))

    assert run() == [(n, "run") for n in range(3)]
