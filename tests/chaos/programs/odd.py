"""Flows that do to their own process what one should not: python odd.py SHAPE."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading

from levada import flow, get_run_logger, task


def say(text: str) -> None:
    """One write."""
    os.write(1, f"{text}\n".encode())


@task
def add(value: int) -> int:
    """One step, with a log line."""
    get_run_logger().info("adding %d", value)
    return value + 1


@task
def leave(code: int) -> None:
    """Exits from inside a task."""
    sys.exit(code)


def child(queue: multiprocessing.SimpleQueue[int]) -> None:
    """What a child of the author's own does: a task of its own too."""
    queue.put(add(10))


@flow
def forks() -> int:
    """Forks by hand; the child ends without cleaning up, as forked children do."""
    first = add(1)
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    return add(first)


@flow
def multiprocesses() -> int:
    """Uses multiprocessing inside; its children run tasks."""
    total = 0
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        total += queue.get()
        process.join()
        assert process.exitcode == 0
    return add(total)


@flow
def daemons() -> int:
    """Leaves a daemon thread that logs for ever."""
    begun = threading.Event()
    logger = get_run_logger()

    def chatter() -> None:
        while True:
            logger.debug("chatter")
            begun.set()

    threading.Thread(target=chatter, daemon=True).start()
    begun.wait()
    return add(1)


@flow
def broken_threads() -> int:
    """Has a thread that raises."""
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return add(1)


@flow
def vanishes() -> None:
    """Ends its process without a word."""
    add(1)
    os._exit(5)


@flow
def leaves() -> None:
    """Exits from the flow."""
    add(1)
    sys.exit(3)


@flow
def leaves_in_task() -> None:
    """Exits from a task."""
    leave(4)


@flow
def leaves_in_submitted() -> None:
    """Exits from a submitted task, whose flow asks for its result."""
    leave.submit(4).result()


@flow
def no_room() -> int:
    """Has no room for its files from the middle on."""
    value = add(0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for _ in range(100):
        value = add(value)
    return value


@flow
def steps() -> int:
    """Nothing odd."""
    value = 0
    for _ in range(50):
        value = add(value)
    return value


if __name__ == "__main__":
    say(f"gave {globals()[sys.argv[1]]()}")
