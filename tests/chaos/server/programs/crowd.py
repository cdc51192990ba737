"""A flow of so many tasks, each with a line of log; it says on standard output how many it did."""

from __future__ import annotations

import os
import sys

from levada import flow, get_run_logger, task


@task
def step(number: int) -> int:
    """Log, and give the number back."""
    get_run_logger().info("step %d", number)
    return number


@flow
def one_of_many(count: int) -> int:
    """Call the task so many times."""
    return len([step(number) for number in range(count)])


if __name__ == "__main__":
    os.write(1, f"did {one_of_many(int(sys.argv[1]))}\n".encode())
