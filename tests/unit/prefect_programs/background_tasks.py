import asyncio
import threading

from prefect import flow, task
from prefect.futures import PrefectDistributedFuture, PrefectFuture, wait
from prefect.task_worker import TaskWorker, aserve, serve


@task(retries=1, persist_result=True)
def add(x, y=1):
    return x + y


@task
async def shout(text):
    return text.upper()


@flow
def caller():
    future = add.delay(40, y=2)
    return add.submit(future.result(timeout=60), y=0).result()


async def served_for_a_while():
    serving = asyncio.create_task(aserve(shout, limit=2))
    future = await asyncio.to_thread(shout.delay, "ho")
    done = await asyncio.to_thread(future.result, 60)
    serving.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        return done


if __name__ == "__main__":
    worker = TaskWorker(add, limit=4)
    thread = threading.Thread(target=worker.run)
    thread.start()
    future = add.delay(1)
    assert isinstance(future, PrefectFuture)
    assert isinstance(future, PrefectDistributedFuture)
    future.wait(timeout=60)
    assert future.state.is_completed()
    assert future.result() == 2
    futures = add.map([1, 2, 3], deferred=True)
    done, not_done = wait(futures, timeout=60)
    assert sorted(f.result() for f in done) == [2, 3, 4]
    assert not not_done
    assert add.apply_async((5,), {"y": 5}).result(timeout=60) == 10
    assert caller() == 42
    worker.stop()
    thread.join()
    assert asyncio.run(served_for_a_while()) == "HO"
    serve(add, limit=1, timeout=0.1)
    print("done")
