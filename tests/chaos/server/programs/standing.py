"""A flow that waits, told how by its first argument, and that says how it went on.

`wait`: until it is killed or cancelled. `resumable`: a step, then the same; when it is resumed, a step and the end.
"""

from __future__ import annotations

import os
import sys
import time

from levada import flow, get_run_logger, task


def say(text: str) -> None:
    """One write."""
    os.write(1, f"{text}\n".encode())


@task
def step(number: int) -> int:
    """Log, and give the number back."""
    get_run_logger().info("step %d", number)
    return number


@flow
def standing(marker: str = "") -> int:
    """Wait, or go on when there is a file that says so."""
    done = step(1)
    say("stands")
    while not (marker and os.path.exists(marker)):
        time.sleep(0.05)
    return done + step(2)


if __name__ == "__main__":
    standing(*sys.argv[1:])
    say("ended")
