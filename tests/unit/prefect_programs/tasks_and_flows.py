import asyncio
import time
from datetime import timedelta

from prefect import Flow, Task, allow_failure, flow, get_run_logger, tags, task, unmapped
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import exponential_backoff, task_input_hash

CALLS = []


@task(name="fetch", description="gets", tags=["io"], retries=2, retry_delay_seconds=[0.01, 0.01], log_prints=True)
def fetch(url: str) -> dict:
    CALLS.append(url)
    if len(CALLS) < 3:
        raise ConnectionError(url)
    print(f"got {url}")
    return {"url": url, "n": 3}


@task(retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=0.001), retry_jitter_factor=1)
def parse(data):
    get_run_logger().info("parsing %s", data["url"])
    return data["n"]


@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(minutes=1))
def slow(x):
    CALLS.append("slow")
    return x * 2


@task
def boom():
    raise ValueError("boom")


@task
def add(x, y):
    return x + y


@flow(name="My Flow", flow_run_name="run-{url}", log_prints=True, timeout_seconds=30, retries=0, version="1.2")
def my_flow(url: str = "http://x"):
    """Docs."""
    data = fetch(url)
    n = parse(data)
    assert slow(n) == slow(n) == 6
    assert CALLS.count("slow") == 1
    future = add.submit(n, 1)
    assert future.result() == 4
    assert future.state.is_completed()
    mapped = add.map([1, 2, 3], unmapped(10))
    assert mapped.result() == [11, 12, 13]
    bad = boom.submit()
    bad.wait()
    assert bad.state.is_failed()
    assert isinstance(bad.result(raise_on_failure=False), ValueError)
    state = boom(return_state=True)
    assert state.is_failed()
    assert state.name == "Failed"
    handled = add.submit(allow_failure(add.submit(1, 1)), 1).result()
    assert handled == 3
    after = add.submit(1, 2, wait_for=[future])
    return after.result()


@flow
def conditional(x: int):
    if x > 0:
        return Completed(message="positive", data=x)
    if x == 0:
        return Cancelled(message="zero")
    return Failed(message="negative")


@flow
async def async_flow():
    @task
    async def double(x):
        await asyncio.sleep(0)
        return x * 2

    gathered = await asyncio.gather(*[double(n) for n in range(3)])
    submitted = [double.submit(n) for n in range(3)]
    return gathered, [f.result() for f in submitted]


@flow
def parent():
    return child(2) + child(3)


@flow
def child(x):
    return add(x, 1)


if __name__ == "__main__":
    assert isinstance(my_flow, Flow)
    assert isinstance(fetch, Task)
    assert my_flow.name == "My Flow"
    assert my_flow.version == "1.2"
    assert fetch.tags == {"io"}
    with tags("outer"):
        assert my_flow("http://y") == 3
    assert conditional(5) == 5
    state = conditional(-1, return_state=True)
    assert (state.type.value, state.message) == ("FAILED", "negative")
    assert conditional(0, return_state=True).is_cancelled()
    assert conditional("7") == 7
    assert asyncio.run(async_flow()) == ([0, 2, 4], [0, 2, 4])
    assert parent() == 7
    assert add.fn(1, 2) == 3
    assert my_flow.fn.__name__ == "my_flow"
    renamed = my_flow.with_options(name="Other", retries=2, retry_delay_seconds=1)
    assert (renamed.name, renamed.retries) == ("Other", 2)
    started = time.monotonic()
    del started
    print("done")
