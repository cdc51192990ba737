"""Tags of runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from levada import flow, tags, task
from levada.context import with_context
from levada.runtime import flow_run, task_run
from levada.testing import Harness


@task
def plain():
    return set(task_run.tags)


@task(tags={"own"})
def tagged():
    return set(task_run.tags)


def test_tags_of_the_block_and_of_the_task_add_up(test_home: Harness):
    @flow
    def run():
        with tags("inner") as found:
            assert found == {"outer", "inner"}
            return plain(), tagged(), tagged.submit().result(), set(flow_run.tags)

    with tags("outer"):
        assert run() == ({"outer", "inner"}, {"own", "outer", "inner"}, {"own", "outer", "inner"}, {"outer"})
    assert test_home.flow_runs()[0].tags == ["outer"]
    assert sorted(test_home.task_runs()[1].tags) == ["inner", "outer", "own"]


def test_tags_end_with_their_block(test_home: Harness):
    with tags("a"), tags("b", "a") as found:
        assert found == {"a", "b"}
    assert plain() == set()


def test_no_tags_are_no_tags(test_home: Harness):
    with tags() as found:
        assert found == set()


def test_tags_end_when_the_block_raises(test_home: Harness):
    with pytest.raises(ValueError), tags("a"):
        raise ValueError
    assert plain() == set()


def test_tags_do_not_reach_other_threads_unless_told_to(test_home: Harness):
    with tags("a"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(plain).result() == set()
        assert pool.submit(with_context(plain)).result() == {"a"}


def test_subflows_inherit_tags(test_home: Harness):
    @flow
    def child():
        return set(flow_run.tags), plain()

    @flow
    def parent():
        with tags("inner"):
            return child()

    with tags("outer"):
        assert parent() == ({"outer", "inner"}, {"outer", "inner"})


def test_runs_are_found_by_their_tags(test_home: Harness):
    with tags("a"):
        flow(lambda: tagged())()
    flow(lambda: plain())()
    assert len(test_home.flow_runs(tags_all=["a"])) == 1
    assert [run.name for run in test_home.task_runs(tags_all=["a", "own"])] == ["tagged-0"]


async def test_tags_in_async_code(test_home: Harness):
    @task(tags=["own"])
    async def work():
        return set(task_run.tags)

    @flow
    async def run():
        with tags("x"):
            return await work(), await work.submit().result_async()

    assert await run() == ({"own", "x"}, {"own", "x"})


def test_options_change_tags(test_home: Harness):
    assert tagged.with_options(tags=["b"])() == {"b"}
    assert tagged.with_options(tags=[])() == set()
    assert tagged.with_options(retries=1)() == {"own"}
