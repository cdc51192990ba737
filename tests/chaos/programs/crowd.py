"""A flow of many tasks, on a home that many processes share: arguments are how many tasks, and a name."""

from __future__ import annotations

import sys

from levada import flow, get_run_logger, task


@task
def add(value: int) -> int:
    """One of many."""
    if value % 10 == 0:
        get_run_logger().info("at %d", value)
    return value + 1


@flow
def crowd(tasks: int, name: str) -> int:
    """Half of the tasks one after the other, half of them mapped."""
    total = sum(add(value) for value in range(tasks // 2))
    return total + sum(add.map(range(tasks // 2, tasks)).result())


if __name__ == "__main__":
    print(crowd(int(sys.argv[1]), sys.argv[2]))
