"""A flow with tasks and log lines, told by its arguments how to go on; it says on standard output how far it is."""

from __future__ import annotations

import os
import signal
import sys
import time

from levada import flow, get_run_logger, task
from levada.task_runners import ProcessPoolTaskRunner

how, count = sys.argv[1], int(sys.argv[2])


@task
def step(number: int) -> int:
    """Log a line and give the number back."""
    get_run_logger().info("step %d", number)
    return number


def tell(line: str) -> None:
    """Say how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@flow(name="reporter")
def steps() -> int:
    """Call the task so many times, then do what was asked."""
    done = sum(step(number) for number in range(count))
    tell("stepped")
    if how == "wait":
        signal.sigwait([signal.SIGUSR1])
    if how == "sleep":
        while True:
            time.sleep(0.05)
    return done


@flow(name="reporter", task_runner=ProcessPoolTaskRunner(max_workers=2))
def pooled() -> int:
    """The same in processes of a pool."""
    return sum(step.map(range(count)).result())


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])  # in all threads: only who waits for it gets it
    if how == "pool":
        pooled()
    elif how == "fork":
        child = os.fork()
        steps()
        if child:
            os.waitpid(child, 0)
    else:
        steps()
    tell("ended")
