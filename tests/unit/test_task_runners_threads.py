from __future__ import annotations

import signal
import threading
import time

import pytest

from levada.core.errors import ConfigurationError
from levada.core.states import State, StateType
from levada.futures import Future, FutureList, as_completed, wait
from levada.task_runners import ConcurrentTaskRunner, ThreadPoolTaskRunner, threads
from tests.unit.task_submissions import LONG, Call, Meter, submit


def test_options_make_runners_equal_and_are_copied() -> None:
    runner = ThreadPoolTaskRunner(max_workers=3)
    assert runner == ThreadPoolTaskRunner(max_workers=3)
    assert hash(runner) == hash(ThreadPoolTaskRunner(max_workers=3))
    assert runner != ThreadPoolTaskRunner()
    copied = runner.duplicate()
    assert copied == runner
    assert copied is not runner
    assert repr(runner) == "ThreadPoolTaskRunner(max_workers=3)"
    assert runner.name == "threadpool"
    assert ConcurrentTaskRunner is ThreadPoolTaskRunner


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "4", True])
def test_a_number_of_workers_that_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(ConfigurationError, match="max_workers must be a whole number"):
        ThreadPoolTaskRunner(max_workers=wrong)


def test_what_is_submitted_runs_and_gives_its_result() -> None:
    with ThreadPoolTaskRunner() as runner:
        futures = FutureList([submit(runner, lambda number=number: number * 2) for number in range(100)])
        assert futures.result(timeout=LONG) == [number * 2 for number in range(100)]


def test_nothing_is_started_before_it_is_needed() -> None:
    before = threading.active_count()
    with ThreadPoolTaskRunner() as runner:
        assert threading.active_count() == before
        submit(runner, int)
        assert threading.active_count() == before + 1


def test_closing_waits_for_what_nobody_waited_for() -> None:
    go = threading.Event()
    done = []
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        for number in range(3):
            submit(runner, lambda number=number: (go.wait(LONG), done.append(number)))
        go.set()
    assert done == [0, 1, 2]


def test_closing_waits_for_what_is_submitted_meanwhile_by_what_runs() -> None:
    done = []
    with ThreadPoolTaskRunner() as runner:

        def parent() -> None:
            submit(runner, lambda: submit(runner, lambda: done.append("grandchild")))

        submit(runner, parent)
    assert done == ["grandchild"]


def test_closing_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with ThreadPoolTaskRunner() as runner:
        FutureList([submit(runner, lambda: time.monotonic()) for _ in range(200)]).wait(LONG)
    assert set(threading.enumerate()) <= before


def test_a_closed_runner_takes_nothing() -> None:
    runner = ThreadPoolTaskRunner()
    runner.close()
    with pytest.raises(RuntimeError, match="was closed"):
        submit(runner, int)


def test_closing_with_cancel_takes_back_what_has_not_started_and_waits_for_the_rest() -> None:
    started, go = threading.Event(), threading.Event()
    runner = ThreadPoolTaskRunner(max_workers=1)
    running = submit(runner, lambda: (started.set(), go.wait(LONG)))
    assert started.wait(LONG)
    calls = [Call(int) for _ in range(3)]
    waiting = [runner.submit_prepared(call) for call in calls]
    closing = threading.Thread(target=runner.close, kwargs={"cancel": True})
    closing.start()
    wait(waiting, timeout=LONG)
    assert [future.state.type for future in waiting] == [StateType.CANCELLED] * 3
    assert [call.abandoned for call in calls] == ["The flow run ended before the task run started."] * 3
    assert not running.done()
    go.set()
    closing.join(LONG)
    assert running.state.is_completed()


def test_leaving_with_an_error_cancels_what_has_not_started() -> None:
    go = threading.Event()
    with pytest.raises(ValueError, match="flow"), ThreadPoolTaskRunner(max_workers=1) as runner:
        submit(runner, lambda: go.wait(LONG))
        second = submit(runner, int)
        threading.Timer(0.01, go.set).start()
        raise ValueError("flow")
    assert second.state.is_cancelled()


def test_a_submission_waits_for_its_upstream_without_a_thread() -> None:
    upstream: Future[None] = Future(b"u" * 16)
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        later = submit(runner, lambda: "later", upstream)
        assert submit(runner, lambda: "now").result(timeout=LONG) == "now"
        assert not later.done()
        upstream.finish(State(StateType.COMPLETED))
        assert later.result(timeout=LONG) == "later"


def test_a_deep_chain_of_dependencies_needs_one_thread_and_no_recursion() -> None:
    order = []
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        last = submit(runner, lambda: order.append(0))
        for number in range(1, 3000):
            last = submit(runner, lambda number=number: order.append(number), last)
        last.result(timeout=LONG)
    assert order == list(range(3000))


def test_one_upstream_may_have_many_dependents() -> None:
    upstream: Future[None] = Future(b"u" * 16)
    with ThreadPoolTaskRunner() as runner:
        futures = [submit(runner, lambda: 1, upstream) for _ in range(5000)]
        upstream.finish(State(StateType.COMPLETED))
        assert FutureList(futures).result(timeout=LONG) == [1] * 5000


def test_no_more_bodies_run_at_once_than_the_runner_has_workers() -> None:
    meter, barrier = Meter(), threading.Barrier(3)

    def body() -> None:
        with meter:
            barrier.wait(LONG)  # so three do run at once
            time.sleep(0.001)

    with ThreadPoolTaskRunner(max_workers=3) as runner:
        FutureList([submit(runner, body) for _ in range(60)]).result(LONG)
    assert meter.most == 3


def test_one_worker_keeps_the_order_of_submission() -> None:
    # A regression: an idle worker that woke for the first call was overtaken by one hired for the second.
    for _ in range(50):
        order: list[int] = []
        with ThreadPoolTaskRunner(max_workers=1) as runner:
            submit(runner, lambda: None).wait(LONG)
            futures = FutureList(
                [submit(runner, lambda number=number, order=order: order.append(number)) for number in range(20)]
            )
            futures.result(LONG)
        assert order == list(range(20))


def test_many_tasks_that_wait_for_the_world_run_at_the_same_time() -> None:
    # A barrier that all hundred must reach: with fewer threads none would ever pass.
    barrier = threading.Barrier(100)
    with ThreadPoolTaskRunner() as runner:
        futures = FutureList([submit(runner, lambda: barrier.wait(LONG)) for _ in range(100)])
        assert sorted(futures.result(timeout=LONG)) == list(range(100))


def test_tasks_that_wait_for_each_other_get_their_threads_although_the_interpreter_is_busy() -> None:
    barrier, over = threading.Barrier(20), threading.Event()

    def spin() -> None:
        while not over.is_set():
            pass

    with ThreadPoolTaskRunner() as runner:
        submit(runner, spin)
        futures = FutureList([submit(runner, lambda: barrier.wait(LONG)) for _ in range(20)])
        try:
            assert len(futures.result(timeout=LONG)) == 20
        finally:
            over.set()


def test_many_quick_tasks_need_few_threads() -> None:
    with ThreadPoolTaskRunner() as runner:
        FutureList([submit(runner, lambda: None) for _ in range(10_000)]).wait(LONG)
        assert len(runner._threads.workers) <= 2 * threads.FEW


@pytest.mark.parametrize("workers", [1, 2, None])
def test_nested_submissions_never_deadlock(workers: int | None) -> None:
    meter = Meter()
    with ThreadPoolTaskRunner(max_workers=workers) as runner:

        def nested(depth: int) -> int:
            with meter:
                pass  # the part before the wait
            if depth == 0:
                return 0
            return 1 + submit(runner, lambda: nested(depth - 1)).result(timeout=LONG)

        assert submit(runner, lambda: nested(50)).result(timeout=LONG) == 50
    assert workers is None or meter.most <= workers


def test_a_task_that_waited_goes_on_only_when_there_is_a_slot() -> None:
    meter = Meter()
    with ThreadPoolTaskRunner(max_workers=2) as runner:

        def leaf() -> None:
            with meter:
                time.sleep(0.001)

        def parent() -> None:
            children = [submit(runner, leaf) for _ in range(5)]
            wait(children, timeout=LONG)
            for _ in as_completed([submit(runner, leaf)], timeout=LONG):
                pass
            with meter:
                time.sleep(0.001)

        FutureList([submit(runner, parent) for _ in range(10)]).result(timeout=LONG)
    assert meter.most <= 2


def test_a_failing_body_fails_its_own_future_only() -> None:
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        bad = submit(runner, lambda: 1 / 0)
        good = submit(runner, lambda: 1)
        with pytest.raises(ZeroDivisionError):
            bad.result(timeout=LONG)
        assert good.result(timeout=LONG) == 1


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_a_process_crashes_one_task(error: BaseException) -> None:
    def body() -> None:
        raise error

    with ThreadPoolTaskRunner(max_workers=1) as runner:
        bad = submit(runner, body)
        assert submit(runner, lambda: 1).result(timeout=LONG) == 1
        assert bad.state.is_crashed()
        with pytest.raises(type(error)):
            bad.result()


def test_a_call_that_waits_can_be_cancelled_and_never_starts() -> None:
    upstream: Future[None] = Future(b"u" * 16)
    ran = []
    with ThreadPoolTaskRunner() as runner:
        call = Call(lambda: ran.append(1), (upstream,))
        future = runner.submit_prepared(call)
        assert runner.cancel(future.task_id)
        assert future.state.is_cancelled()
        assert call.abandoned == "The task run was cancelled before it started."
        upstream.finish(State(StateType.COMPLETED))
    assert ran == []


def test_a_running_call_can_be_cancelled_and_its_worker_lives_on() -> None:
    started = threading.Event()

    def body() -> None:
        started.set()
        while True:
            time.sleep(0.001)

    with ThreadPoolTaskRunner(max_workers=1) as runner:
        future = submit(runner, body)
        assert started.wait(LONG)
        assert future.cancel()
        assert future.wait(LONG).is_cancelled()
        assert submit(runner, lambda: 5).result(timeout=LONG) == 5


def test_a_call_that_waits_for_a_future_can_be_cancelled() -> None:
    never: Future[None] = Future(b"n" * 16)
    started = threading.Event()
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        future = submit(runner, lambda: (started.set(), never.result()))
        assert started.wait(LONG)
        assert future.cancel()
        assert future.wait(LONG).is_cancelled()
        assert submit(runner, lambda: 5).result(timeout=LONG) == 5
        assert runner._threads.lending == 0


def test_cancelling_again_and_again_never_hits_the_next_call() -> None:
    # Given calls that are cancelled in the very moment in which they end
    with ThreadPoolTaskRunner(max_workers=1) as runner:
        for _ in range(300):
            ending = threading.Event()
            first = submit(runner, ending.set)
            second = submit(runner, lambda: "untouched")
            ending.wait(LONG)
            first.cancel()
            assert second.result(timeout=LONG) == "untouched"


def test_all_can_be_cancelled() -> None:
    started = threading.Event()

    def body() -> None:
        started.set()
        while True:
            time.sleep(0.001)

    with ThreadPoolTaskRunner(max_workers=1) as runner:
        futures = FutureList([submit(runner, body), submit(runner, int)])
        assert started.wait(LONG)
        runner.cancel_all()
        futures.wait(LONG)
        assert [future.state.type for future in futures] == [StateType.CANCELLED] * 2


def test_closing_with_a_grace_stops_what_runs() -> None:
    started = threading.Event()

    def body() -> None:
        started.set()
        while True:
            time.sleep(0.001)

    runner = ThreadPoolTaskRunner(max_workers=1)
    futures = FutureList([submit(runner, body), submit(runner, int)])
    assert started.wait(LONG)
    runner.close(grace=LONG)
    assert [future.state.type for future in futures] == [StateType.CANCELLED] * 2


def test_an_interrupt_while_closing_stops_what_runs_and_is_raised() -> None:
    started = threading.Event()

    def body() -> None:
        started.set()
        while True:
            time.sleep(0.001)

    runner = ThreadPoolTaskRunner()
    future = submit(runner, body)
    assert started.wait(LONG)
    timer = threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        runner.close()
    timer.join()
    assert future.state.is_cancelled()


def test_a_batch_runs_in_one_thread_in_order() -> None:
    seen = []
    with ThreadPoolTaskRunner() as runner:
        calls = [Call(lambda number=number: seen.append((number, threading.get_ident()))) for number in range(20)]
        FutureList(runner.submit_batch(calls)).wait(LONG)
    assert [number for number, _ in seen] == list(range(20))
    assert len({ident for _, ident in seen}) == 1


def test_idle_workers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE", 0.01)
    with ThreadPoolTaskRunner() as runner:
        assert submit(runner, lambda: 1).result(timeout=LONG) == 1
        (worker,) = runner._threads.workers
        worker.thread.join(LONG)
        assert not runner._threads.workers
        assert runner._threads.free == threads_of(runner)
        assert submit(runner, lambda: 2).result(timeout=LONG) == 2


def threads_of(runner: ThreadPoolTaskRunner) -> int:
    return runner._limits()[0]


def test_the_number_of_workers_can_be_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from levada.settings import refresh_settings  # lazy: the test changes what it reads

    monkeypatch.setenv("LEVADA_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS", "2")
    refresh_settings()
    try:
        assert threads_of(ThreadPoolTaskRunner()) == 2
        assert threads_of(ThreadPoolTaskRunner(max_workers=7)) == 7
    finally:
        monkeypatch.undo()
        refresh_settings()


def test_slots_and_threads_are_all_given_back_after_a_storm() -> None:
    with ThreadPoolTaskRunner(max_workers=4) as runner:

        def body(depth: int) -> int:
            if depth == 0:
                return 1
            return sum(f.result(timeout=LONG) for f in [submit(runner, lambda: body(depth - 1)) for _ in range(3)])

        assert FutureList([submit(runner, lambda: body(4)) for _ in range(5)]).result(timeout=LONG) == [81] * 5
        pool = runner._threads
    assert (pool.free, pool.lending, pool.idle, len(pool.takers), len(pool.workers)) == (4, 0, 0, 0, 0)
