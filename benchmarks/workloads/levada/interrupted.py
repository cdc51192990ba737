"""A flow whose last step fails until a file appears: the run that `resume.py` resumes."""

import os
import sys
from pathlib import Path

from levada import flow, runtime, task


@task
def step(number: int) -> int:
    """Do nothing."""
    return number


@task
def last() -> str:
    """Fail unless the obstacle has been removed."""
    if not Path(os.environ["BENCH_HOME"], "removed").exists():
        raise RuntimeError("the obstacle is still there")
    return "done"


@flow
def long_run(calls: int) -> str:
    """Many steps, and one that fails."""
    print("RUN", runtime.flow_run.id, flush=True)
    for number in range(calls):
        step(number)
    return last()


if __name__ == "__main__":
    long_run(int(sys.argv[1]))
