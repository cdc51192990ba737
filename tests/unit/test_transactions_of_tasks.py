"""Transactions around tasks: commit and rollback of what they did."""

from __future__ import annotations

import pytest

from levada import flow, task
from levada.cache_policies import INPUTS
from levada.core.errors import ConfigurationError
from levada.testing import Harness
from levada.transactions import CommitMode, IsolationLevel, atransaction, get_transaction, transaction

EVENTS: list = []


@pytest.fixture(autouse=True)
def no_events():
    EVENTS.clear()


@task
def write(name):
    EVENTS.append(("write", name))
    return name


@write.on_commit
def committed(txn):
    EVENTS.append("commit")


@write.on_rollback
def first_undo(txn):
    EVENTS.append("first undo")


@write.on_rollback
def undo(txn):
    EVENTS.append("undo")


@task
def bad():
    raise ValueError("task boom")


def kinds():
    return [event if isinstance(event, str) else event[0] for event in EVENTS]


def states(home):
    return [run.state_name for run in home.task_runs()]


def test_hooks_run_when_the_block_ends(test_home: Harness):
    @flow
    def run():
        with transaction() as txn:
            write("a")
            write.submit("b").result()
            EVENTS.append("end of the block")
            assert txn.is_active()
        EVENTS.append("after")
        assert txn.is_committed()

    run()
    assert kinds() == ["write", "write", "end of the block", "commit", "commit", "after"]


def test_a_task_alone_commits_at_once_and_is_not_undone_later(test_home: Harness):
    @flow
    def run():
        write("a")
        raise ValueError("later")

    run(return_state=True)
    assert kinds() == ["write", "commit"]


def test_an_error_undoes_what_was_written_newest_first(test_home: Harness):
    @flow
    def run():
        with transaction():
            write("a")
            write("b")
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run()
    assert kinds() == ["write", "write", "undo", "first undo", "undo", "first undo"]
    assert states(test_home) == ["RolledBack", "RolledBack"]


@pytest.mark.parametrize("return_state", [False, True])
def test_a_failing_task_undoes_the_block(return_state, test_home: Harness):
    @flow
    def run():
        with transaction() as txn:
            write("a")
            bad(return_state=return_state)
        return txn.is_rolled_back()

    state = run(return_state=True)
    assert kinds() == ["write", "undo", "first undo"]
    assert state.is_failed() != return_state


def test_an_inner_block_commits_with_the_outer_one(test_home: Harness):
    @flow
    def run():
        with transaction() as outer:
            with transaction() as inner:
                write("a")
                assert get_transaction() is inner
            EVENTS.append("inner ended")
            assert not inner.is_committed()
        assert inner.is_committed()
        assert outer.is_committed()

    run()
    assert kinds() == ["write", "inner ended", "commit"]


def test_an_eager_block_commits_for_itself(test_home: Harness):
    @flow
    def run():
        with transaction():
            with transaction(commit_mode=CommitMode.EAGER) as inner:
                write("a")
            assert inner.is_committed()
            raise ValueError("outer")

    run(return_state=True)
    assert kinds() == ["write", "commit"]


def test_a_block_without_commit_is_undone(test_home: Harness):
    @flow
    def run():
        with transaction(commit_mode=CommitMode.OFF):
            write("a")

    run()
    assert kinds() == ["write", "undo", "first undo"]


def test_values_reach_the_hooks(test_home: Harness):
    seen = []

    @task
    def work():
        get_transaction().set("inner", 1)

    @work.on_rollback
    def look(txn):
        seen.append((txn.get("inner"), txn.get("outer"), txn.get("none", default=None)))

    @flow
    def run():
        with transaction() as txn:
            txn.set("outer", [2])
            work()
            with pytest.raises(ValueError, match="Could not retrieve value for unknown key"):
                txn.get("inner")
            raise ValueError

    run(return_state=True)
    assert seen == [(1, [2], None)]


def test_a_failing_commit_hook_is_not_swallowed(test_home: Harness):
    """Quirk 7: the rival says COMMITTED and goes on."""

    @task
    def work():
        pass

    @work.on_commit
    def broken(txn):
        raise RuntimeError("commit hook")

    @flow
    def run():
        with transaction() as txn:
            write("a")
            work()
        return txn

    with pytest.raises(RuntimeError, match="commit hook"):
        run()
    assert "undo" in kinds()


def test_a_serializable_block_needs_a_lock_manager(test_home: Harness):
    block = transaction(key="k", isolation_level=IsolationLevel.SERIALIZABLE)
    with pytest.raises(ConfigurationError, match="SERIALIZABLE"), block:
        pass


def test_outside_blocks_there_is_no_transaction():
    assert get_transaction() is None


async def test_async_tasks_join_the_block(test_home: Harness):
    @task
    async def awrite(name):
        EVENTS.append(("write", name))

    @awrite.on_rollback
    async def aundo(txn):
        EVENTS.append("undo")

    @flow
    async def run():
        async with atransaction():
            await awrite("a")
            raise ValueError

    await run(return_state=True)
    assert kinds() == ["write", "undo"]


def test_a_task_undone_is_not_in_the_cache(test_home: Harness):
    calls = []

    @task(cache_policy=INPUTS)
    def work(x):
        calls.append(x)
        return x

    @flow
    def run(fails):
        with transaction():
            work(1)
            if fails:
                raise ValueError

    run(True, return_state=True)
    run(False)
    run(False)
    assert calls == [1, 1]


def test_a_retried_task_commits_once(test_home: Harness):
    tries = []

    @task(retries=1, on_commit=[lambda txn: EVENTS.append("commit")], on_rollback=[lambda txn: EVENTS.append("undo")])
    def work():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    flow(lambda: work())()
    assert kinds() == ["commit"]
