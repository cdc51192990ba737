from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from levada.core.errors import ConfigurationError, SerializationError
from levada.filesystems import MemoryFileSystem
from levada.locking import MemoryLockManager
from levada.results import ResultStore
from levada.results.steps import Call, adrive, drive
from levada.transactions import (
    AsyncTransaction,
    CommitMode,
    IsolationLevel,
    TransactionState,
    activate,
    atransaction,
    begin,
    deactivate,
    get_transaction,
    set_opener,
    transaction,
)

COMMITTED, ROLLED_BACK, ACTIVE = TransactionState.COMMITTED, TransactionState.ROLLED_BACK, TransactionState.ACTIVE


@pytest.fixture
def store() -> ResultStore:
    return ResultStore(MemoryFileSystem(), home_storage=MemoryFileSystem())


class Diary:
    """Hooks that write down that they ran."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def writes(self, line: str, error: BaseException | None = None) -> Any:
        def hook(txn: Any) -> None:
            self.lines.append(line)
            if error is not None:
                raise error

        return hook

    def stage(self, txn: Any, name: str, value: Any = None) -> None:
        txn.stage(value, [self.writes(f"undo {name}")], [self.writes(f"commit {name}")])


@pytest.fixture
def diary() -> Diary:
    return Diary()


def part(diary: Diary, name: str, **options: Any) -> Any:
    """A block that stages one value, as a task run does."""
    with transaction(**options) as txn:
        diary.stage(txn, name)
    return txn


# One block


def test_a_block_that_ends_well_commits(diary):
    with transaction() as txn:
        assert txn.is_active()
        diary.stage(txn, "a")
        assert txn.is_staged()
    assert txn.is_committed()
    assert diary.lines == ["commit a"]


def test_a_block_that_raises_is_rolled_back(diary):
    with pytest.raises(ValueError, match="no"), transaction() as txn:
        diary.stage(txn, "a")
        raise ValueError("no")
    assert txn.is_rolled_back()
    assert diary.lines == ["undo a"]


def test_a_block_that_staged_nothing_has_nothing_to_undo(diary):
    with pytest.raises(ValueError, match="no"), transaction() as txn:
        txn.on_rollback_hooks.append(diary.writes("undo"))
        raise ValueError("no")
    assert diary.lines == []


def test_rollback_hooks_run_in_reverse_order_of_registration(diary):
    with pytest.raises(ValueError, match="no"), transaction() as txn:
        txn.stage(1, [diary.writes("first"), diary.writes("second")])
        raise ValueError("no")
    assert diary.lines == ["second", "first"]


def test_hooks_see_the_transaction_staged_with_its_key_and_value(store):
    seen = []
    with transaction(key="k", store=store) as txn:
        txn.stage({"a": 1}, on_commit_hooks=[lambda t: seen.append((t.key, t.state, t.staged_value))])
    assert seen == [("k", TransactionState.STAGED, {"a": 1})]


def test_an_author_may_commit_or_roll_back_early(diary):
    with transaction() as txn:
        diary.stage(txn, "a")
        assert txn.commit()
        assert not txn.commit()
        assert not txn.rollback()
    assert diary.lines == ["commit a"]
    with transaction() as txn:
        diary.stage(txn, "b")
        assert txn.rollback()
        assert not txn.rollback()
        assert not txn.commit()
    assert txn.is_rolled_back()
    assert diary.lines == ["commit a", "undo b"]


def test_a_transaction_is_new_before_it_is_entered_and_entered_once():
    txn = begin()
    assert txn.is_pending()
    drive(txn.enter())
    with pytest.raises(RuntimeError, match="once"):
        drive(txn.enter())


def test_staging_after_the_end_does_nothing():
    with transaction() as txn:
        txn.commit()
        txn.stage(1)
    assert txn.is_committed()


# Values


def test_values_are_copied_and_found_in_outer_transactions():
    with transaction() as outer:
        outer.set("list", [1])
        with transaction() as inner:
            inner.get("list").append(2)
            assert inner.get("list") == [1]
            inner.set("own", 2)
        with pytest.raises(ValueError, match="Could not retrieve value for unknown key: own"):
            outer.get("own")
        assert outer.get("own", None) is None
        assert outer.get("own", default=7) == 7


def test_the_current_transaction_is_the_innermost():
    assert get_transaction() is None
    with transaction() as outer:
        assert get_transaction() is outer
        with transaction() as inner:
            assert get_transaction() is inner
            assert inner.get_parent() is outer
        assert get_transaction() is outer
    assert get_transaction() is None


def test_the_engine_may_open_one_when_it_is_asked_for():
    made = begin()
    set_opener(lambda: made)
    try:
        assert get_transaction() is made
    finally:
        set_opener(None)


# Nesting


def test_inner_transactions_commit_with_the_outermost(diary):
    with transaction() as outer:
        inner = part(diary, "a")
        assert not inner.is_committed()
        part(diary, "b")
        diary.stage(outer, "outer")
    assert inner.state is outer.state is COMMITTED
    assert diary.lines == ["commit a", "commit b", "commit outer"]


def test_a_failure_undoes_everything_newest_first(diary):
    with pytest.raises(ValueError, match="no"), transaction() as outer:
        diary.stage(outer, "outer")
        part(diary, "a")
        with transaction():
            part(diary, "b1")
            part(diary, "b2")
        raise ValueError("no")
    assert diary.lines == ["undo outer", "undo b2", "undo b1", "undo a"]


def test_a_failed_part_rolls_the_whole_back_at_once_even_when_its_error_is_caught(diary):
    with transaction() as outer:
        part(diary, "a")
        with pytest.raises(ValueError, match="no"), transaction() as inner:
            diary.stage(inner, "b")
            raise ValueError("no")
        assert diary.lines == ["undo b", "undo a"]
        assert outer.is_rolled_back()
        late = part(diary, "late")
    assert late.is_rolled_back()
    assert diary.lines == ["undo b", "undo a", "undo late"]


def test_an_eager_part_commits_at_its_own_end_and_stays(diary):
    with pytest.raises(ValueError, match="no"), transaction():
        eager = part(diary, "a", commit_mode=CommitMode.EAGER)
        assert eager.is_committed()
        raise ValueError("no")
    assert diary.lines == ["commit a"]


def test_parts_of_an_eager_block_are_eager(diary):
    with transaction(commit_mode=CommitMode.EAGER):
        assert part(diary, "a").is_committed()


def test_off_rolls_back_unless_the_author_commits(diary):
    with transaction(commit_mode=CommitMode.OFF) as txn:
        part(diary, "a")
    assert txn.is_rolled_back()
    with transaction(commit_mode=CommitMode.OFF) as txn:
        part(diary, "b")
        txn.commit()
    assert txn.is_committed()
    assert diary.lines == ["undo a", "commit b"]


def test_a_part_that_is_off_is_decided_by_the_block_around_it(diary):
    with transaction():
        off = part(diary, "a", commit_mode=CommitMode.OFF)
    assert off.is_committed()


def test_parts_inherit_store_and_isolation(store):
    locking = store.model_copy(update={"lock_manager": MemoryLockManager()})
    with transaction(store=locking, isolation_level=IsolationLevel.SERIALIZABLE), transaction() as inner:
        assert inner.store is locking
        assert inner.isolation_level is IsolationLevel.SERIALIZABLE


# Results


def test_a_staged_value_is_written_when_it_commits(store):
    with transaction(key="k", store=store) as txn:
        txn.stage({"a": 1})
        assert not store.exists("k")
    assert store.read("k").result == {"a": 1}
    assert txn.payload == store.lookup("k")


def test_a_result_that_is_there_commits_at_once(store):
    store.persist("k", 1)
    with transaction(key="k", store=store) as txn:
        assert txn.is_committed()
        assert store.load(txn.found) == 1
        assert txn.read().result == 1
        txn.stage(2)
    assert store.read("k").result == 1


def test_reading_without_a_result_gives_none(store):
    with transaction(key="k", store=store) as txn:
        assert txn.read() is None
    with transaction() as txn:
        assert txn.read() is None


def test_overwrite_ignores_what_is_there(store):
    store.persist("k", 1)
    with transaction(key="k", store=store, overwrite=True) as txn:
        assert not txn.is_committed()
        txn.stage(2)
    assert store.read("k").result == 2


def test_write_on_commit_false_keeps_the_result_out_of_the_store(store, diary):
    with transaction(key="k", store=store, write_on_commit=False) as txn:
        diary.stage(txn, "a", 1)
    assert diary.lines == ["commit a"]
    assert not store.exists("k")


def test_nothing_is_written_when_nothing_was_staged(store):
    with transaction(key="k", store=store) as txn:
        pass
    assert txn.is_committed()
    assert not store.exists("k")


def test_nothing_is_written_by_a_rollback(store):
    with pytest.raises(ValueError, match="no"), transaction(key="k", store=store) as txn:
        txn.stage(1)
        raise ValueError("no")
    assert not store.exists("k")


def test_a_key_without_a_store_uses_the_one_of_the_run(levada_home):
    with transaction(key="k") as txn:
        txn.stage(1)
    assert (levada_home / "storage" / "k").is_file()


def test_a_prepared_record_is_written_as_it_is(store):
    record = store.prepare("k", [1, 2], expiration=2**60)
    with transaction(key="k", store=store) as txn:
        txn.stage(record)
        assert txn.staged_value == [1, 2]
    assert store.lookup("k").expiration == 2**60


def test_a_key_is_text():
    with pytest.raises(TypeError, match="string, not 5"):
        begin(key=5)


# Failures while committing: decided differently from what authors know


def test_a_commit_hook_that_fails_undoes_everything_and_raises(store, diary):
    with pytest.raises(RuntimeError, match="bad hook"), transaction() as outer:
        part(diary, "a", key="a", store=store)
        with transaction() as bad:
            bad.stage(1, [diary.writes("undo bad")], [diary.writes("commit bad", RuntimeError("bad hook"))])
        part(diary, "c", key="c", store=store)
    assert outer.state is bad.state is ROLLED_BACK
    assert diary.lines == ["commit a", "commit bad", "undo c", "undo bad", "undo a"]
    assert not store.exists("a")
    assert not store.exists("c")


def test_a_result_that_cannot_be_written_undoes_everything_and_raises(store, diary):
    """Prefect announces Completed and then rolls back silently; here the author is told, and no half is kept."""
    with pytest.raises(SerializationError, match=r"result\['x'\]"), transaction() as outer:
        part(diary, "a", key="a", store=store)
        with transaction(key="b", store=store) as inner:
            diary.stage(inner, "b", {"x": threading.Lock()})
    assert outer.is_rolled_back()
    assert diary.lines == ["commit a", "commit b", "undo b", "undo a"]
    assert not store.exists("a")


def test_a_rollback_hook_that_fails_stops_no_other_hook_and_is_noted_on_the_error(diary):
    with pytest.raises(ValueError, match="no") as caught, transaction() as txn:
        txn.stage(1, [diary.writes("first"), diary.writes("second", OSError("disk"))])
        raise ValueError("no")
    assert diary.lines == ["second", "first"]
    assert txn.is_rolled_back()
    assert caught.value.__notes__ == ["While rolling back: OSError: disk"]


def test_a_rollback_hook_that_fails_is_raised_when_no_other_error_is_under_way(diary):
    with transaction() as txn:
        txn.stage(1, [diary.writes("first"), diary.writes("second", OSError("disk"))])
        with pytest.raises(OSError, match="disk"):
            txn.rollback()
    assert diary.lines == ["second", "first"]


def test_several_failing_rollback_hooks_are_raised_together(diary):
    with transaction() as txn:
        txn.stage(1, [diary.writes("1", OSError("one")), diary.writes("2", OSError("two"))])
        with pytest.raises(ExceptionGroup, match="Several rollback hooks failed") as caught:
            txn.rollback()
    assert [str(error) for error in caught.value.exceptions] == ["two", "one"]


def test_an_interrupt_in_a_rollback_hook_is_raised_after_all_hooks(diary):
    with pytest.raises(KeyboardInterrupt), transaction() as txn:
        txn.stage(1, [diary.writes("first"), diary.writes("second", KeyboardInterrupt())])
        raise ValueError("no")
    assert diary.lines == ["second", "first"]
    assert txn.is_rolled_back()


def test_hooks_are_logged(caplog, diary):
    with caplog.at_level("INFO", "levada.transactions"):
        part(diary, "a")
    assert caplog.messages == ["Running commit hook 'hook'", "Commit hook 'hook' finished running successfully"]


# Isolation


def test_serializable_needs_a_lock_manager(store):
    with (
        pytest.raises(ConfigurationError, match="Isolation level SERIALIZABLE is not supported"),
        transaction(key="k", store=store, isolation_level=IsolationLevel.SERIALIZABLE),
    ):
        pass


@pytest.fixture
def locking(store: ResultStore) -> ResultStore:
    return store.model_copy(update={"lock_manager": MemoryLockManager()})


def serializable(store: ResultStore, key: str) -> Any:
    return transaction(key=key, store=store, isolation_level=IsolationLevel.SERIALIZABLE)


def test_the_lock_is_held_until_the_transaction_ends(locking):
    with serializable(locking, "lock 1") as txn:
        assert locking.is_lock_holder("lock 1", txn.holder)
        txn.stage(1)
    assert not locking.is_locked("lock 1")
    with pytest.raises(ValueError, match="no"), serializable(locking, "lock 2"):
        raise ValueError("no")
    assert not locking.is_locked("lock 2")


def test_the_lock_of_a_lazy_part_is_held_until_the_outermost_ends(locking):
    with transaction():
        with serializable(locking, "lock 3") as txn:
            txn.stage(1)
        assert locking.is_locked("lock 3")
    assert not locking.is_locked("lock 3")


def test_a_part_with_the_key_of_the_outer_one_shares_its_lock(locking):
    with serializable(locking, "lock 4"):
        with serializable(locking, "lock 4") as inner:
            inner.stage(1)
        assert locking.is_locked("lock 4")
    assert not locking.is_locked("lock 4")


def test_a_result_that_is_there_gives_the_lock_back_at_once(locking):
    locking.persist("lock 5", 1)
    with serializable(locking, "lock 5") as txn:
        assert txn.is_committed()
        assert not locking.is_locked("lock 5")


def test_the_second_waits_and_finds_the_result_of_the_first(locking):
    entered, computed = threading.Event(), []

    def second() -> None:
        entered.set()
        with serializable(locking, "lock 6") as txn:
            computed.append(txn.is_committed())

    with serializable(locking, "lock 6") as txn:
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        txn.stage(1)
    thread.join()
    assert computed == [True]


# Colours


async def test_async_blocks_have_async_verbs_and_hooks(store):
    seen = []

    async def hook(txn: Any) -> None:
        await asyncio.sleep(0)
        seen.append(txn.key)

    async with atransaction(key="k", store=store) as txn:
        assert isinstance(txn, AsyncTransaction)
        txn.stage(1, on_commit_hooks=[hook])
    assert seen == ["k"]
    assert (await txn.read()).result == 1
    with pytest.raises(ValueError, match="no"):
        async with atransaction() as txn:
            txn.stage(1, [hook])
            raise ValueError("no")
    assert seen == ["k", None]
    async with atransaction() as txn:
        assert await txn.commit()
        assert not await txn.rollback()


def test_async_hooks_run_in_sync_blocks():
    seen = []

    async def hook(txn: Any) -> None:
        await asyncio.sleep(0)
        seen.append(txn.state)

    with transaction() as txn:
        txn.stage(1, on_commit_hooks=[hook])
    assert seen == [TransactionState.STAGED]


async def test_async_hooks_run_in_sync_blocks_inside_a_running_loop():
    seen = []

    async def hook(txn: Any) -> None:
        await asyncio.sleep(0)
        seen.append(1)

    with transaction() as txn:
        txn.stage(1, on_commit_hooks=[hook])
    assert seen == [1]


async def test_colours_may_be_nested(store, diary):
    async with atransaction() as outer:
        part(diary, "a", key="a", store=store)
        async with atransaction(key="b", store=store) as inner:
            diary.stage(inner, "b", 2)
    assert outer.is_committed()
    assert store.read("b").result == 2
    assert diary.lines == ["commit a", "commit b"]


async def test_cancelling_rolls_back(diary):
    started = asyncio.Event()

    async def work() -> None:
        async with atransaction() as txn:
            diary.stage(txn, "a")
            started.set()
            await asyncio.sleep(60)

    running = asyncio.create_task(work())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert diary.lines == ["undo a"]


# Threads


def in_thread(work: Any) -> threading.Thread:
    import contextvars  # lazy: the one place that starts work in another thread

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
    thread.start()
    return thread


def test_work_in_threads_is_part_of_the_block_that_started_it(diary):
    with pytest.raises(ValueError, match="no"), transaction():
        for name in "abc":
            in_thread(lambda name=name: part(diary, name)).join()
        raise ValueError("no")
    assert diary.lines == ["undo c", "undo b", "undo a"]


def test_work_that_nobody_waited_for_commits_by_itself_after_the_block(diary):
    go, made = threading.Event(), []

    def work() -> None:
        with transaction() as txn:
            made.append(txn)
            go.wait()
            diary.stage(txn, "late")

    with transaction() as outer:
        thread = in_thread(work)
        while not made:
            thread.join(0.001)
    assert outer.is_committed()
    assert made[0].state is ACTIVE
    go.set()
    thread.join()
    assert made[0].is_committed()
    assert diary.lines == ["commit late"]


def test_work_that_nobody_waited_for_is_undone_when_the_block_was(diary):
    go, made = threading.Event(), []

    def work() -> None:
        with transaction() as txn:
            made.append(txn)
            go.wait()
            diary.stage(txn, "late")

    with transaction() as outer:
        thread = in_thread(work)
        while not made:
            thread.join(0.001)
        outer.rollback()
    go.set()
    thread.join()
    assert made[0].is_rolled_back()
    assert diary.lines == ["undo late"]


# What the engine does


def test_the_engine_drives_the_steps_itself(store):
    """The documented order: enter, look, call, prepare, stage, leave; every step runs or is awaited."""
    ended = []
    txn = begin(key="k", store=store, on_end=ended.append)
    done = []
    for steps in (txn.enter(), None, txn.leave()):
        if steps is None:
            token = activate(txn)
            txn.stage(store.prepare("k", 1), on_commit_hooks=[lambda _: done.append("hook")])
            deactivate(token)
            continue
        reply = None
        try:
            while True:
                step = steps.send(reply)
                assert isinstance(step, Call)
                reply = step.run()
        except StopIteration:
            pass  # the work is done
    assert txn.is_committed()
    assert ended == [txn]
    assert done == ["hook"]
    assert txn.payload == store.lookup("k")


async def test_the_engine_drives_async_steps_itself(store):
    txn = begin(asynchronous=True, key="k", store=store)
    await adrive(txn.enter())
    txn.stage(1)
    await adrive(txn.leave())
    assert store.exists("k")


def test_who_listens_hears_of_a_rollback_long_after_the_block_of_the_part():
    ended = []
    with pytest.raises(ValueError, match="no"), transaction():
        inner = begin(on_end=lambda txn: ended.append(txn.state))
        drive(inner.enter())
        inner.stage(1)
        drive(inner.leave())
        assert ended == []
        raise ValueError("no")
    assert ended == [ROLLED_BACK]


def test_an_error_given_to_leave_rolls_back_the_parent_too(diary):
    with transaction() as outer:
        part(diary, "a")
        inner = begin()
        drive(inner.enter())
        drive(inner.leave(ValueError("no")))
        assert outer.is_rolled_back()
    assert diary.lines == ["undo a"]


def test_enums_print_as_their_names():
    assert str(CommitMode.LAZY) == "LAZY"
    assert str(TransactionState.ROLLED_BACK) == "ROLLED_BACK"
    assert str(IsolationLevel.SERIALIZABLE) == "SERIALIZABLE"
    assert repr(begin(key="k")) == "Transaction(key='k', state=PENDING)"
