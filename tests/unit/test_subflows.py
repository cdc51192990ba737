"""Flows called inside flows."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from levada import flow, tags, task
from levada.context import get_run_context, with_context
from levada.engine.context import flow_var
from levada.runtime import flow_run
from levada.testing import Harness


@task
def one():
    return 1


@flow
def child(x=5):
    return one() + x


def runs_by_flow(home):
    return {run.flow_name: run for run in home.flow_runs()}


def test_a_subflow_is_a_run_of_its_own_with_a_task_run_that_stands_for_it(test_home: Harness):
    @flow
    def parent():
        return child(1)

    assert parent() == 2
    runs = runs_by_flow(test_home)
    tracking = next(run for run in test_home.task_runs() if run.child_flow_run_id)
    assert runs["child"].parent_task_run_id == tracking.id
    assert runs["child"].parent_flow_run_id == runs["parent"].id
    assert tracking.flow_run_id == runs["parent"].id
    assert tracking.child_flow_run_id == runs["child"].id
    assert tracking.name == "child-0"
    assert tracking.state_name == runs["child"].state_name == "Completed"


def test_a_subflow_that_fails_raises_in_its_parent(test_home: Harness):
    @flow
    def wrong():
        raise RuntimeError("sub")

    @flow
    def parent(catch):
        try:
            return wrong()
        except RuntimeError:
            if catch:
                return "caught"
            raise

    assert parent(True) == "caught"
    with pytest.raises(RuntimeError, match="sub"):
        parent(False)


def test_a_subflow_can_give_its_state(test_home: Harness):
    @flow
    def parent():
        state = child(return_state=True)
        return state.result()

    assert parent() == 6


async def test_async_subflows_can_be_gathered(test_home: Harness):
    @flow
    async def achild(x):
        await asyncio.sleep(0)
        return x, flow_run.name

    @flow
    async def parent():
        return await asyncio.gather(*[achild(n) for n in range(5)])

    found = await parent()
    assert [x for x, _ in found] == list(range(5))
    assert len({name for _, name in found}) == 5
    assert len(test_home.flow_runs(top_level=False)) == 5


async def test_an_async_flow_calls_a_sync_subflow(test_home: Harness):
    @flow
    async def parent():
        return child(2)

    assert await parent() == 3


def test_context_returns_to_the_parent(test_home: Harness):
    @flow
    def parent():
        before = flow_run.id
        child()
        assert flow_run.id == before
        assert get_run_context().flow.name == "parent"

    parent()
    assert flow_var.get() is None


def test_subflows_in_threads_belong_to_their_parent(test_home: Harness):
    @flow
    def parent():
        with ThreadPoolExecutor(4) as pool:
            return sorted(pool.map(with_context(child), range(4)))

    assert parent() == [1, 2, 3, 4]
    assert len(test_home.flow_runs(top_level=False)) == 4


def test_subflows_inside_tasks(test_home: Harness):
    @task
    def work(x):
        return child(x)

    @flow
    def parent():
        return work(1), work.submit(2).result(), work.map([3, 4]).result()

    assert parent() == (2, 3, [4, 5])
    children = test_home.flow_runs(top_level=False)
    assert len(children) == 4
    assert {run.parent_flow_run_id for run in children} == {runs_by_flow(test_home)["parent"].id}


def test_tags_and_prints_are_inherited(test_home: Harness):
    @flow
    def quiet():
        print("from the child")
        return sorted(flow_run.tags)

    @flow(log_prints=True)
    def parent():
        with tags("inner"):
            return quiet()

    with tags("outer"):
        assert parent() == ["inner", "outer"]
    assert any(line.message == "from the child" for line in test_home.logs())


def test_the_root_is_known_at_any_depth(test_home: Harness):
    @flow
    def third():
        return flow_run.id, flow_run.root_flow_run_id, flow_run.parent_flow_run_id

    @flow
    def second():
        return third(), flow_run.id

    @flow
    def first():
        return second(), flow_run.id, flow_run.root_flow_run_id, flow_run.parent_flow_run_id

    ((id3, root3, parent3), id2), id1, root1, parent1 = first()
    assert root3 == root1 == id1
    assert parent3 == id2
    assert parent1 is None
    assert len({id1, id2, id3}) == 3


def test_a_subflow_has_a_task_runner_of_its_own(test_home: Harness):
    @flow
    def inner():
        return [f.result() for f in [one.submit() for _ in range(3)]]

    @flow
    def parent():
        mine = one.submit()
        return inner(), mine.result()

    assert parent() == ([1, 1, 1], 1)


def test_what_a_subflow_returns_is_linked_to_it(test_home: Harness):
    class Thing:
        pass

    @task
    def use(thing):
        return 1

    @flow
    def makes():
        return Thing()

    @flow
    def parent():
        use(makes())

    parent()
    runs = {run.name: run for run in test_home.task_runs()}
    assert runs["use-0"].task_inputs == {"thing": [runs["makes-0"].id]}


def test_a_subflow_is_retried_on_its_own(test_home: Harness):
    tries = []

    @flow(retries=1)
    def flaky():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return "ok"

    @flow
    def parent():
        return flaky()

    assert parent() == "ok"
    assert len(test_home.flow_runs()) == 2


def test_parameters_that_do_not_fit_a_subflow(test_home: Harness):
    @flow
    def typed(x: int):
        return x

    @flow
    def parent():
        return typed("no", return_state=True)

    assert parent(return_state=True).is_failed()
    assert runs_by_flow(test_home)["typed"].state_name == "Failed"
