from __future__ import annotations

import asyncio
import threading

import pytest

from levada.core.states import State, StateType
from levada.futures import Future, FutureList, aas_completed, gather, wait
from levada.task_runners import AsyncTaskRunner, ThreadPoolTaskRunner
from tests.unit.task_submissions import LONG, Meter, asubmit, submit


async def where() -> tuple[int, int]:
    return id(asyncio.get_running_loop()), threading.get_ident()


def test_a_flow_without_a_loop_gets_one_beside_it_that_all_its_async_tasks_share() -> None:
    with ThreadPoolTaskRunner() as runner:
        places = FutureList([asubmit(runner, where) for _ in range(10)]).result(timeout=LONG)
    assert len(set(places)) == 1
    assert places[0][1] != threading.get_ident()


async def test_a_flow_on_a_loop_shares_it_with_its_async_tasks() -> None:
    async with ThreadPoolTaskRunner() as runner:
        assert await asubmit(runner, where) == await where()


def test_async_tasks_run_concurrently() -> None:
    async def meet() -> int:
        return await asyncio.wait_for(barrier.wait(), LONG)

    barrier = asyncio.Barrier(50)
    with ThreadPoolTaskRunner() as runner:
        assert sorted(FutureList([asubmit(runner, meet) for _ in range(50)]).result(timeout=LONG)) == list(range(50))


async def test_old_code_that_blocks_the_loop_on_a_task_just_submitted_works() -> None:
    async with ThreadPoolTaskRunner() as runner:
        # The task cannot run on the blocked loop, so it runs beside it.
        loop, ident = asubmit(runner, where).result(timeout=LONG)
        assert (loop, ident) != await where()
        # And so does everything that it submits and waits for in turn.
        inner = asubmit(runner, lambda: asubmit(runner, where))

        assert (await inner) is not None
        assert wait([asubmit(runner, where) for _ in range(5)], timeout=LONG).not_done == set()
        # When the loop does not block, the loop is home again.
        assert await asubmit(runner, where) == await where()


async def test_blocking_on_a_thread_that_waits_for_an_async_task_works() -> None:
    async with ThreadPoolTaskRunner() as runner:

        def parent() -> int:
            return asubmit(runner, child).result(timeout=LONG)

        async def child() -> int:
            return 7

        assert submit(runner, parent).result(timeout=LONG) == 7


async def test_blocking_the_loop_on_a_task_that_has_started_there_says_what_to_write_instead() -> None:
    go = asyncio.Event()
    started = asyncio.Event()

    async def body() -> int:
        started.set()
        await go.wait()
        return 1

    async with ThreadPoolTaskRunner() as runner:
        future = asubmit(runner, body)
        dependent = submit(runner, lambda: 2, future)
        await started.wait()
        for blocking in (future.result, future.wait, dependent.result, lambda: wait([future]), runner.close):
            with pytest.raises(RuntimeError, match=r"has started on this event loop.*await future"):
                blocking()
        go.set()
        assert await gather(future, dependent) == [1, 2]


def test_an_async_task_may_block_on_another_one() -> None:
    # Old code again: the loop beside the flow is blocked by a task, so another loop takes over.
    async def parent(depth: int) -> int:
        if depth == 0:
            return 0
        return 1 + asubmit(runner, lambda: parent(depth - 1)).result(timeout=LONG)

    before = set(threading.enumerate())
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        assert asubmit(runner, lambda: parent(5)).result(timeout=LONG) == 5
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("runner_type", [ThreadPoolTaskRunner, AsyncTaskRunner])
def test_no_more_async_bodies_run_at_once_than_the_runner_has_workers(runner_type) -> None:
    meter, barrier = Meter(), asyncio.Barrier(3)

    async def body() -> None:
        with meter:
            await barrier.wait()  # so three do run at once

    with runner_type(max_workers=3) as runner:
        FutureList([asubmit(runner, body) for _ in range(60)]).result(LONG)
    assert meter.most == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_nested_async_submissions_never_deadlock_and_keep_to_the_limit(workers: int) -> None:
    meter = Meter()
    with ThreadPoolTaskRunner(max_workers=workers) as runner:

        async def leaf() -> int:
            with meter:
                await asyncio.sleep(0)
            return 1

        async def parent(depth: int) -> int:
            if depth == 0:
                return await leaf()
            several = [asubmit(runner, lambda: parent(depth - 1)) for _ in range(2)]
            seen = 0
            async for future in aas_completed(several, timeout=LONG):
                seen += await future
            return seen + sum(await FutureList([asubmit(runner, leaf)]))

        assert asubmit(runner, lambda: parent(4)).result(timeout=LONG) == 31
    assert meter.most <= workers


async def test_what_nobody_awaited_is_waited_for_at_the_end() -> None:
    done = []

    async def body() -> None:
        await asyncio.sleep(0)
        done.append(1)

    async with ThreadPoolTaskRunner() as runner:
        asubmit(runner, body)
        submit(runner, lambda: done.append(2))
    assert sorted(done) == [1, 2]


async def test_leaving_with_an_error_takes_back_what_has_not_started() -> None:
    ran = []
    never: Future[None] = Future(b"n" * 16)

    async def body() -> None:
        ran.append(1)

    with pytest.raises(ValueError, match="flow"):
        async with ThreadPoolTaskRunner() as runner:
            future = asubmit(runner, body, never)
            raise ValueError("flow")
    assert future.state.is_cancelled()
    assert ran == []


def test_a_running_async_task_can_be_cancelled() -> None:
    started = threading.Event()

    async def body() -> None:
        started.set()
        await asyncio.Event().wait()

    with ThreadPoolTaskRunner() as runner:
        future = asubmit(runner, body)
        assert started.wait(LONG)
        assert future.cancel()
        assert future.wait(LONG).type in {StateType.CANCELLED, StateType.CRASHED}


def test_what_would_end_the_process_crashes_one_async_task() -> None:
    async def body() -> None:
        raise SystemExit(3)

    async def fine() -> int:
        return 1

    with ThreadPoolTaskRunner() as runner:
        bad = asubmit(runner, body)
        assert asubmit(runner, fine).result(timeout=LONG) == 1
        assert bad.state.is_crashed()


def test_an_async_task_waits_for_its_upstream_without_a_place() -> None:
    upstream: Future[None] = Future(b"u" * 16)

    async def one() -> int:
        return 1

    with AsyncTaskRunner(max_workers=1) as runner:
        later = asubmit(runner, one, upstream)
        assert asubmit(runner, one).result(timeout=LONG) == 1
        assert not later.done()
        upstream.finish(State(StateType.COMPLETED))
        assert later.result(timeout=LONG) == 1


def test_the_async_runner_runs_sync_tasks_one_at_a_time_beside_the_loop() -> None:
    meter = Meter()

    def body() -> int:
        with meter:
            return threading.get_ident()

    with AsyncTaskRunner() as runner:
        assert runner.name == "async"
        idents = FutureList([submit(runner, body) for _ in range(20)]).result(timeout=LONG)
    assert threading.get_ident() not in idents
    assert meter.most == 1


def test_what_a_task_leaves_running_on_the_loop_beside_the_flow_is_ended() -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("background")

    async def body() -> None:
        kept.append(asyncio.ensure_future(forever()))
        await asyncio.sleep(0)

    kept: list[object] = []
    with ThreadPoolTaskRunner() as runner:
        asubmit(runner, body).wait(LONG)
    assert ended == ["background"]


def test_a_worker_thread_that_ran_a_loop_is_still_a_worker() -> None:
    async def one() -> int:
        return 1

    with ThreadPoolTaskRunner(max_workers=1) as runner:

        async def flow() -> int:
            async with ThreadPoolTaskRunner() as inner:
                return await asubmit(inner, one)

        def parent() -> int:
            return asyncio.run(flow()) + asyncio.run(flow()) + submit(runner, lambda: 1).result(timeout=LONG)

        assert submit(runner, parent).result(timeout=LONG) == 3
