"""What every task runner keeps to, with real flows and tasks on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from levada import allow_failure, flow, task, unmapped
from levada.core.errors import UpstreamTaskError
from levada.futures import Future, FutureList, as_completed, wait
from levada.task_runners import AsyncTaskRunner, ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

LONG = 60.0

RUNNERS: dict[str, Callable[[], TaskRunner]] = {
    "threads": ThreadPoolTaskRunner,
    "one thread": lambda: ThreadPoolTaskRunner(max_workers=1),
    "loop": AsyncTaskRunner,
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
    "one process": lambda: ProcessPoolTaskRunner(max_workers=1),
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> TaskRunner:
    return RUNNERS[request.param]()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    before = set(threading.enumerate())
    yield
    left = {thread for thread in set(threading.enumerate()) - before if "levada-" in thread.name}
    assert not {thread for thread in left if "mailbox" not in thread.name and "body" not in thread.name}


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def fails(x: int) -> int:
    raise ValueError(f"bad {x}")


@task
def total(values: list[int]) -> int:
    return sum(values)


def run(runner: TaskRunner, body: Callable[[], Any], **options: Any) -> Any:
    return flow(body, task_runner=runner, **options)()


def test_sync_and_async_tasks_give_their_results(runner: TaskRunner) -> None:
    def body() -> list[int]:
        return [double.submit(2).result(LONG), adouble.submit(3).result(LONG)]

    assert run(runner, body) == [4, 6]


def test_futures_in_parameters_become_results_at_any_depth(runner: TaskRunner) -> None:
    def body() -> int:
        return total.submit([double.submit(1), adouble.submit(2), 3]).result(LONG)

    assert run(runner, body) == 9


def test_map_gives_results_in_order(runner: TaskRunner) -> None:
    def body() -> list[int]:
        return double.map(adouble.map(range(5))).result(LONG)

    assert run(runner, body) == [0, 4, 8, 12, 16]


def test_batches_give_the_same_results(runner: TaskRunner) -> None:
    def body() -> list[int]:
        return double.map(range(7), batch=3).result(LONG)

    assert run(runner, body) == [0, 2, 4, 6, 8, 10, 12]


def test_a_failure_is_raised_where_the_result_is_asked_for(runner: TaskRunner) -> None:
    def body() -> str:
        future = fails.submit(7)
        wait([future], LONG)
        assert future.state.is_failed()
        with pytest.raises(ValueError, match="bad 7"):
            future.result()
        return "handled"

    assert run(runner, body) == "handled"


def test_what_depends_on_a_failure_does_not_run_and_names_it(runner: TaskRunner) -> None:
    def body() -> str:
        future = double.submit(fails.submit(1))
        future.wait(LONG)
        assert future.state.name == "NotReady"
        with pytest.raises(UpstreamTaskError, match="fails"):
            future.result()
        return total.with_options(name="looks")(
            [1 if isinstance(error_of.submit(allow_failure(fails.submit(2))).result(LONG), str) else 0]
        )

    assert run(runner, body) == 1


@task
def error_of(value: Any) -> str:
    return repr(value)


def test_wait_for_orders_without_passing_a_value(runner: TaskRunner, tmp_path: Any) -> None:
    path = str(tmp_path / "order")

    def body() -> str:
        first = writes.submit(path, "first ")
        writes.submit(path, "second", wait_for=[first]).wait(LONG)
        with open(path) as file:
            return file.read()

    assert run(runner, body) == "first second"


@task
def writes(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


def test_what_nobody_waits_for_is_waited_for_when_the_flow_ends(runner: TaskRunner, tmp_path: Any) -> None:
    path = str(tmp_path / "written")

    def body() -> None:
        for number in range(5):
            writes.submit(path, str(number))

    run(runner, body)
    with open(path) as file:
        assert sorted(file.read()) == list("01234")


def test_what_a_task_submits_after_the_function_returned_still_belongs_to_the_flow(
    runner: TaskRunner, tmp_path: Any
) -> None:
    path = str(tmp_path / "written")

    def body() -> None:
        late_parent.submit(path)

    run(runner, body)
    with open(path) as file:
        assert file.read() == "child"


@task
def writes_slowly(path: str, text: str) -> None:
    with open(path, "a") as file:
        time.sleep(0.3)
        file.write(text)


@task
def late_parent(path: str) -> None:
    time.sleep(0.05)
    writes_slowly.submit(path, "child")


def test_as_completed_gives_all_of_them(runner: TaskRunner) -> None:
    def body() -> list[int]:
        return sorted(future.result() for future in as_completed(double.map([1, 2, 3]), timeout=LONG))

    assert run(runner, body) == [2, 4, 6]


def test_retries_happen_where_the_task_runs(runner: TaskRunner, tmp_path: Any) -> None:
    path = str(tmp_path / "attempts")

    def body() -> int:
        return third_time_lucky.submit(path).result(LONG)

    assert run(runner, body) == 3


@task(retries=3)
def third_time_lucky(path: str) -> int:
    with open(path, "a+") as file:
        file.write("x")
        file.seek(0)
        attempts = len(file.read())
    if attempts < 3:
        raise ValueError("not yet")
    return attempts


def test_an_attempt_ends_within_a_second_of_its_deadline(runner: TaskRunner) -> None:
    def body() -> str:
        future = loops_for_ever.submit()
        future.wait(LONG)
        return future.state.name

    begin = time.monotonic()
    assert run(runner, body) == "TimedOut"
    assert time.monotonic() - begin < 5  # a process has to be started first


@task(timeout_seconds=0.1)
def loops_for_ever() -> None:
    while True:
        pass


def test_a_running_task_can_be_cancelled(runner: TaskRunner, tmp_path: Any) -> None:
    path = tmp_path / "started"

    def body() -> str:
        future = says_so_and_loops.submit(str(path))
        end = time.monotonic() + LONG
        while not path.exists() and time.monotonic() < end:
            future.wait(0.01)
        assert future.cancel()
        future.wait(LONG)
        return future.state.name

    assert run(runner, body) == "Cancelled"


@task
def says_so_and_loops(path: str) -> None:
    with open(path, "w") as file:
        file.write("started")
    while True:
        time.sleep(0.01)


def test_a_task_may_submit_and_wait_for_tasks_itself(runner: TaskRunner) -> None:
    def body() -> int:
        return nests.submit(4).result(LONG)

    assert run(runner, body) == 4


@task
def nests(depth: int) -> int:
    return 0 if depth == 0 else 1 + nests.submit(depth - 1).result(LONG)


def test_system_exit_in_a_task_ends_that_task_only(runner: TaskRunner) -> None:
    def body() -> int:
        future = exits.submit()
        future.wait(LONG)
        assert future.state.is_crashed()
        return double.submit(1).result(LONG)

    assert run(runner, body) == 2


@task
def exits() -> None:
    raise SystemExit(3)


def test_the_public_submit_and_map_of_a_runner_work(runner: TaskRunner) -> None:
    from levada.context import FlowRunContext  # lazy: only this test looks at it

    def body() -> list[Any]:
        context = FlowRunContext.get()
        assert double.submit(1).result(LONG) == 2  # makes the flow's runner
        inner = context.task_runner
        assert isinstance(inner.submit(double, {"x": 4}), Future)
        mapped = inner.map(double, {"x": unmapped([1, 2]).value})
        assert isinstance(mapped, FutureList)
        return mapped.result(LONG)

    assert run(runner, body) == [2, 4]


async def test_an_async_flow_awaits_futures(runner: TaskRunner) -> None:
    @flow(task_runner=runner)
    async def body() -> list[int]:
        several = [double.submit(1), adouble.submit(2)]
        return [await future for future in several]

    assert await body() == [2, 4]


async def test_old_async_code_may_block_on_results(runner: TaskRunner) -> None:
    @flow(task_runner=runner)
    async def body() -> list[int]:
        return [double.submit(1).result(LONG), adouble.submit(2).result(LONG), *adouble.map([3, 4]).result(LONG)]

    assert await body() == [2, 4, 6, 8]


def test_a_copy_is_equal_and_apart(runner: TaskRunner) -> None:
    copied = runner.duplicate()
    assert copied == runner
    assert copied is not runner
