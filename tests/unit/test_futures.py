from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from levada import futures as module
from levada.core.errors import CancelledRun, FailedRun
from levada.core.states import State, StateType
from levada.futures import (
    Future,
    FutureList,
    aas_completed,
    as_completed,
    gather,
    resolve_futures_to_results,
    resolve_futures_to_states,
    wait,
)

_ids = iter(range(1, 1 << 62))


def pending(name: str = "") -> Future[Any]:
    return Future(next(_ids).to_bytes(16, "big"), name=name)


def completed(value: Any = None) -> Future[Any]:
    future = pending()
    future.finish(State(StateType.COMPLETED, data=value))
    return future


def failed(error: BaseException) -> Future[Any]:
    future = pending()
    future.finish(State(StateType.FAILED, data=error))
    return future


def in_thread(action: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(action()))
    thread.start()
    return thread, got


# One future.


def test_a_new_future_is_pending_and_knows_its_run() -> None:
    future = Future(bytes(range(16)), name="load-0")
    assert future.task_run_id == UUID(bytes=bytes(range(16)))
    assert future.state.is_pending()
    assert not future.done()
    assert repr(future) == "Future(load-0, Pending)"


def test_a_state_on_the_way_is_shown_and_never_replaces_the_final_one() -> None:
    future = pending()
    future.update(State(StateType.RUNNING))
    assert future.state.is_running()
    future.finish(State(StateType.COMPLETED, data=1))
    future.update(State(StateType.RUNNING))
    assert future.state.is_completed()


def test_a_future_ends_once() -> None:
    future = pending()
    assert future.finish(State(StateType.COMPLETED, data=1))
    assert not future.finish(State(StateType.COMPLETED, data=2))
    assert future.result() == 1


def test_result_raises_what_the_run_raised_or_gives_it_back() -> None:
    error = ValueError("boom")
    with pytest.raises(ValueError, match="boom"):
        failed(error).result()
    assert failed(error).result(raise_on_failure=False) is error
    assert failed(error).exception() is error
    assert completed(3).exception() is None


def test_a_failed_state_without_an_exception_gives_a_failed_run() -> None:
    future = pending()
    future.finish(State(StateType.FAILED, message="no luck"))
    with pytest.raises(FailedRun, match="no luck"):
        future.result()


def test_waiting_blocks_until_the_end_and_gives_the_final_state() -> None:
    future = pending()
    thread, got = in_thread(future.wait)
    future.finish(State(StateType.COMPLETED, data="x"))
    thread.join()
    assert got[0].result() == "x"


def test_waiting_gives_up_when_the_time_is_up() -> None:
    future = pending("slow-0")
    assert future.wait(0.001) is None
    assert future.wait(0) is None
    with pytest.raises(TimeoutError, match=r"slow-0 did not complete within 0\.001 seconds"):
        future.result(timeout=0.001)
    assert len(future._mailbox) == 1, "whoever gave up leaves nothing behind"


def test_callbacks_run_in_order_with_the_future_and_at_once_when_it_has_ended() -> None:
    future = pending()
    calls: list[Any] = []
    future.add_done_callback(lambda f: calls.append((1, f)))
    future.add_done_callback(lambda f: calls.append((2, f)))
    assert calls == []
    future.finish(State(StateType.COMPLETED))
    future.add_done_callback(lambda f: calls.append((3, f)))
    assert calls == [(1, future), (2, future), (3, future)]


def test_a_callback_that_fails_is_logged_and_does_not_keep_the_others_from_running(caplog: Any) -> None:
    future = pending()
    calls: list[Any] = []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(calls.append)
    future.finish(State(StateType.COMPLETED))
    assert calls == [future]
    assert "ZeroDivisionError" in caplog.text


def test_an_interrupt_in_a_callback_goes_on_after_the_others_ran() -> None:
    future = pending()
    calls: list[Any] = []

    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    future.add_done_callback(interrupted)
    future.add_done_callback(calls.append)
    with pytest.raises(KeyboardInterrupt):
        future.finish(State(StateType.COMPLETED))
    assert calls == [future]


def test_callbacks_run_exactly_once_and_one_finisher_wins_whatever_the_threads_do() -> None:
    for _ in range(200):
        future = pending()
        barrier = threading.Barrier(4)
        calls: list[int] = []
        wins: list[bool] = []

        def add(numbers: range, future=future, barrier=barrier, calls=calls) -> None:
            barrier.wait()
            for number in numbers:
                future.add_done_callback(lambda _, number=number: calls.append(number))

        def end(future=future, barrier=barrier, wins=wins) -> None:
            barrier.wait()
            wins.append(future.finish(State(StateType.COMPLETED)))

        threads = [threading.Thread(target=add, args=(range(i * 20, i * 20 + 20),)) for i in range(2)]
        threads += [threading.Thread(target=end) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(calls) == list(range(40))
        assert sorted(wins) == [False, True]


class RecordingKeeper:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def before_block(self) -> None:
        self.calls.append("before_block")

    def cancel(self) -> bool:
        self.calls.append("cancel")
        return True


def test_the_keeper_is_told_before_a_thread_blocks_and_asked_to_cancel() -> None:
    future = pending()
    keeper = RecordingKeeper()
    future.keeper = keeper
    future.wait(0.001)
    wait([future], timeout=0.001)
    assert future.cancel()
    assert keeper.calls == ["before_block", "before_block", "cancel"]
    future.finish(State(StateType.CANCELLED))
    assert not future.cancel()
    assert future.cancelled()
    with pytest.raises(CancelledRun):
        future.result()
    assert future.keeper is None


def test_a_future_that_nobody_keeps_cannot_be_cancelled() -> None:
    assert not pending().cancel()


def test_a_worker_is_told_when_its_task_blocks_and_when_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Worker:
        def before_block(self) -> None:
            calls.append("blocks")

        def after_block(self) -> None:
            calls.append("goes on")

    monkeypatch.setattr(module.this_thread, "worker", Worker())
    completed(1).result()
    assert calls == [], "a future that has ended blocks nobody"
    pending().wait(0.001)
    assert calls == ["blocks", "goes on"]
    wait([pending()], timeout=0.001)
    with pytest.raises(TimeoutError):
        list(as_completed([pending()], timeout=0.001))
    assert calls == ["blocks", "goes on"] * 3


def test_an_ended_future_can_be_pickled_and_a_running_one_says_why_not() -> None:
    future = completed([1, 2])
    again = pickle.loads(pickle.dumps(future))
    assert (again.task_run_id, again.result()) == (future.task_run_id, [1, 2])
    with pytest.raises(TypeError, match="has not ended"):
        pickle.dumps(pending())


def test_copying_a_future_gives_the_same_future() -> None:
    future = pending()
    assert copy.copy(future) is future
    assert copy.deepcopy([future])[0] is future


# In coroutines.


async def test_a_future_can_be_awaited() -> None:
    future = pending()
    thread, _ = in_thread(lambda: future.finish(State(StateType.COMPLETED, data=5)))
    assert await future == 5
    assert await future == 5
    assert await future.aresult() == 5
    thread.join()
    with pytest.raises(ValueError, match="bad"):
        await failed(ValueError("bad"))


async def test_awaiting_with_a_timeout_gives_up_and_leaves_nothing_behind() -> None:
    future = pending()
    assert await future.wait_async(0.001) is None
    with pytest.raises(TimeoutError):
        await future.result_async(timeout=0.001)
    assert len(future._mailbox) == 1


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    future = pending()
    waiter = asyncio.ensure_future(future.result_async())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert len(future._mailbox) == 1


def test_a_future_that_ends_after_its_waiters_loop_was_closed_troubles_nobody() -> None:
    future = pending()

    async def give_up() -> None:
        task = asyncio.ensure_future(future.wait_async())
        await asyncio.sleep(0)
        future.add_done_callback(future._mailbox[-1])  # as if the end came in the middle of giving up
        task.cancel()

    asyncio.run(give_up())
    assert future.finish(State(StateType.COMPLETED))


async def test_gather_gives_results_in_order_and_takes_lists_apart() -> None:
    first, second = pending(), pending()
    waiting = asyncio.ensure_future(gather(first, [second, completed(3)]))
    await asyncio.sleep(0)
    second.finish(State(StateType.COMPLETED, data=2))
    first.finish(State(StateType.COMPLETED, data=1))
    assert await waiting == [1, 2, 3]


async def test_gather_raises_the_first_failure_or_returns_failures_in_place() -> None:
    error = ValueError("second")
    with pytest.raises(ValueError, match="second"):
        await gather(completed(1), failed(error))
    assert await gather(completed(1), failed(error), return_exceptions=True) == [1, error]


async def test_aas_completed_yields_the_earliest_first() -> None:
    slow, quick = pending(), pending()
    quick.finish(State(StateType.COMPLETED))
    seen = []
    async for future in aas_completed([slow, quick, slow], timeout=30):
        seen.append(future)
        slow.finish(State(StateType.COMPLETED))
    assert seen == [quick, slow]


async def test_aas_completed_says_how_many_are_unfinished_when_the_time_is_up() -> None:
    with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        async for _ in aas_completed([completed(), pending()], timeout=0.001):
            pass


async def test_a_list_of_futures_can_be_awaited() -> None:
    assert await FutureList([completed(1), completed(2)]) == [1, 2]
    slow = FutureList([completed(1), pending()])
    await slow.wait_async(0.001)
    with pytest.raises(TimeoutError, match=r"1 \(of 2\)"):
        await slow.result_async(timeout=0.001)


# Many futures.


def test_a_list_of_futures_gives_results_in_order() -> None:
    one, two = pending(), pending()
    several = FutureList([one, two, completed(3)])
    thread, got = in_thread(several.result)
    two.finish(State(StateType.COMPLETED, data=2))
    one.finish(State(StateType.COMPLETED, data=1))
    thread.join()
    assert got == [[1, 2, 3]]


def test_a_list_of_futures_raises_the_first_failure_or_keeps_failures_in_place() -> None:
    error = ValueError("x")
    several = FutureList([completed(1), failed(error)])
    several.wait()
    with pytest.raises(ValueError, match="x"):
        several.result()
    assert several.result(raise_on_failure=False) == [1, error]


def test_a_list_of_futures_says_how_many_did_not_end_in_time() -> None:
    several = FutureList([completed(1), pending()])
    several.wait(timeout=0.001)
    with pytest.raises(TimeoutError, match=r"1 \(of 2\) task runs did not complete within 0\.001 seconds"):
        several.result(timeout=0.001)


def test_wait_tells_which_have_ended_and_which_have_not() -> None:
    ended, open_ = completed(), pending()
    found = wait([ended, open_], timeout=0.001)
    assert found.done == {ended}
    assert found.not_done == {open_}
    assert wait([ended]).not_done == set()
    assert wait([]) == (set(), set())


def test_as_completed_yields_each_once_the_earliest_first() -> None:
    slow, quick = pending(), completed()
    seen = []
    for future in as_completed([slow, quick, quick]):
        seen.append(future)
        slow.finish(State(StateType.COMPLETED))
    assert seen == [quick, slow]
    assert list(as_completed([])) == []


def test_as_completed_says_how_many_are_unfinished_when_the_time_is_up() -> None:
    with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        list(as_completed([completed(), pending()], timeout=0.001))


def test_as_completed_wakes_for_each_end_in_another_thread() -> None:
    several = [pending() for _ in range(50)]
    thread, got = in_thread(lambda: list(as_completed(several)))
    for future in reversed(several):
        future.finish(State(StateType.COMPLETED))
    thread.join()
    assert set(got[0]) == set(several)


# Inside other values.


def test_futures_resolve_to_states_or_results_and_are_waited_for() -> None:
    future = pending()
    thread, got = in_thread(lambda: resolve_futures_to_states({"a": [future]}))
    thread2, results = in_thread(lambda: resolve_futures_to_results((future, 7)))
    state = State(StateType.COMPLETED, data=1)
    future.finish(state)
    thread.join()
    thread2.join()
    assert got[0]["a"][0] is state
    assert results == [(1, 7)]
    with pytest.raises(ValueError, match="bad"):
        resolve_futures_to_results([failed(ValueError("bad"))])
