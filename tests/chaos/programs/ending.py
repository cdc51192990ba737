"""A flow that is about to be ended from outside: python ending.py SHAPE.

It says ``working`` when its code is where the shape's name says, what its hooks are called with, and ``cleaned`` from
every `finally`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from typing import Any

from levada import flow, get_run_logger, task
from levada.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner


def say(text: str) -> None:
    """One write."""
    os.write(1, f"{text}\n".encode())


def hook(kind: str) -> Any:
    """A hook that says that it was called."""

    def called(subject: Any, run: Any, state: Any) -> None:
        say(f"{kind} {subject.name} {state.type.value}")

    return called


flow_hooks = {
    name: [hook(name.removeprefix("on_"))] for name in ("on_cancellation", "on_crashed", "on_failure", "on_completion")
}
task_hooks = {name: hooks for name, hooks in flow_hooks.items() if name in ("on_failure", "on_completion")}


@task(**task_hooks)
def napping(number: int = 0) -> None:
    """Sleeps in short naps, as code does that waits for something."""
    try:
        say(f"napping {number}")
        for _ in range(30_000):
            time.sleep(0.01)
    finally:
        say("cleaned")


@task(**task_hooks)
async def anapping() -> None:
    """Waits on the event loop."""
    try:
        say("working")
        await asyncio.sleep(300)
    finally:
        say("cleaned")


@flow(**flow_hooks)
def busy() -> None:
    """Computes for ever."""
    try:
        say("working")
        while True:
            pass
    finally:
        say("cleaned")


@flow(**flow_hooks)
def sleeping() -> None:
    """Sleeps in one call."""
    try:
        say("working")
        time.sleep(300)
    finally:
        say("cleaned")


@flow(**flow_hooks)
def in_task() -> None:
    """Waits inside a task that it called."""
    say("working")
    napping()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), **flow_hooks)
def submitted() -> None:
    """Waits for more tasks than there are threads."""
    futures = [napping.submit(number) for number in range(4)]
    say("working")
    for future in futures:
        future.result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), **flow_hooks)
def returned() -> None:
    """Has returned while its tasks still run."""
    napping.submit()
    say("working")


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2), **flow_hooks)
def processes() -> None:
    """Waits for tasks in other processes."""
    futures = [napping.submit(number) for number in range(3)]
    say("working")
    for future in futures:
        future.result()


@flow(**flow_hooks)
async def on_loop() -> None:
    """Waits on the event loop."""
    try:
        say("working")
        await asyncio.sleep(300)
    finally:
        say("cleaned")


@flow(**flow_hooks)
async def blocking_loop() -> None:
    """Computes for ever, and lets nobody else on its loop."""
    try:
        say("working")
        while True:
            pass
    finally:
        say("cleaned")


@flow(**flow_hooks)
async def async_task() -> None:
    """Awaits an async task."""
    await anapping()


@flow(**flow_hooks)
async def async_submitted() -> None:
    """Waits for an async task that it submitted."""
    future = anapping.submit()
    await future.aresult() if hasattr(future, "aresult") else await future


@flow(**flow_hooks)
def outer() -> None:
    """Waits for a subflow."""
    sleeping()


@flow(**flow_hooks)
async def aouter() -> None:
    """Waits for a subflow on the event loop."""
    await on_loop()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), **flow_hooks)
def outer_of_submitted() -> None:
    """Waits for a subflow that waits for its tasks."""
    submitted()


@task(name="inner")
def step(number: int) -> int:
    """Nothing."""
    return number


@flow(**flow_hooks)
def stepping() -> None:
    """Calls tasks as fast as it can, so that most of the time the engine is at work."""
    say("working")
    number = 0
    while True:
        number = step(number) + 1


@flow(**flow_hooks)
def logging() -> None:
    """Logs as fast as it can."""
    say("working")
    while True:
        get_run_logger().debug("line")


@flow(name="level")
def level(depth: int) -> int:
    """A subflow of subflows."""
    return step(depth) if depth == 0 else level(depth - 1)


@flow(**flow_hooks)
def nesting() -> None:
    """Calls subflows as fast as it can."""
    say("working")
    while True:
        level(2)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), **flow_hooks)
def submitting() -> None:
    """Submits tasks as fast as it can."""
    say("working")
    while True:
        step.map(range(20)).result()


@task(name="inner")
async def astep(number: int) -> int:
    """Nothing."""
    return number


@flow(**flow_hooks)
async def astepping() -> None:
    """Awaits tasks as fast as it can."""
    say("working")
    number = 0
    while True:
        number = await astep(number) + 1


@flow(retries=3, retry_delay_seconds=300, **flow_hooks)
def between_retries() -> None:
    """Waits for its next attempt."""
    say("working")
    raise ValueError("not yet")


@task
def stubborn() -> None:
    """Does not end when it is asked to."""
    say("stubborn")
    while True:
        try:
            for _ in range(30_000):
                time.sleep(0.01)
        except BaseException:
            say("asked")


@flow
def deaf_tasks() -> None:
    """Waits for a task that ignores everything."""
    stubborn.submit().result()


@flow
def one_of_two() -> None:
    """Goes on when one of its tasks is cancelled."""
    future = napping.submit(1)
    future.wait()
    say(f"first {future.state.name}")


def in_thread(entry: Any) -> None:
    """Run a flow in a thread of its own, as a web application would."""
    ended: list[BaseException] = []

    def body() -> None:
        try:
            entry()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if ended:
        raise ended[0]


if __name__ == "__main__":
    shape, _, where = sys.argv[1].partition("@")
    chosen: Any = globals()[shape]
    entry = (lambda: asyncio.run(chosen())) if chosen.isasync else chosen
    if where == "thread":
        in_thread(entry)
    else:
        entry()
    say("over")
