import asyncio
import threading
import time

from prefect import flow, task
from prefect.futures import PrefectFuture, PrefectFutureList, as_completed, resolve_futures_to_results, wait
from prefect.task_runners import ConcurrentTaskRunner, ProcessPoolTaskRunner, ThreadPoolTaskRunner


@task
def nap(seconds):
    time.sleep(seconds)
    return seconds


@task
def square(x):
    return x * x


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def threads():
    futures = [nap.submit(s) for s in (0.2, 0.01)]
    assert all(isinstance(f, PrefectFuture) for f in futures)
    assert [f.result() for f in as_completed(futures)] == [0.01, 0.2]
    done, not_done = wait(futures)
    assert (len(done), len(not_done)) == (2, 0)
    mapped = square.map([1, 2])
    assert isinstance(mapped, PrefectFutureList)
    mapped.wait()
    called = threading.Event()
    futures[0].add_done_callback(lambda f: called.set())
    assert called.wait(5)
    assert resolve_futures_to_results({"a": mapped}) == {"a": [1, 4]}
    slow = nap.submit(0.3)
    try:
        slow.result(timeout=0.01)
    except TimeoutError:
        pass  # as it has to be
    else:
        raise AssertionError
    try:
        list(as_completed([slow], timeout=0.01))
    except TimeoutError:
        pass  # as it has to be
    else:
        raise AssertionError
    assert not slow.state.is_final()
    return slow.result()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def processes():
    return square.map(range(4)).result()


@flow(task_runner=ConcurrentTaskRunner())
async def concurrent():
    futures = [square.submit(n) for n in range(3)]
    return [f.result() for f in futures]


if __name__ == "__main__":
    assert threads() == 0.3
    assert processes() == [0, 1, 4, 9]
    assert asyncio.run(concurrent()) == [0, 1, 4]
    with ThreadPoolTaskRunner(max_workers=2) as runner:
        assert runner.submit(square, {"x": 3}).result() == 9
    print("done")
