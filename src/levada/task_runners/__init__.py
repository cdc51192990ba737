"""Task runners: where submitted task calls run, and how many at a time.

A task runner is given to a flow, as in ``@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))``; each run of the flow
makes its own copy, submits to it, and closes it when the flow's function has returned, which waits for all that was
submitted. `base` holds the life that all share: a job waits for its upstream without a thread, starts when there is
room, ends once, can be taken back until it starts and asked to stop after.

May import the engine and everything below it, and the vocabulary modules; never flows or tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.task_runners.base import Job, Submission, TaskRunner
from levada.task_runners.pool import AsyncTaskRunner, ConcurrentTaskRunner, ThreadPoolTaskRunner

if TYPE_CHECKING:
    from levada.task_runners.processes import ProcessPoolTaskRunner as ProcessPoolTaskRunner

__all__ = [
    "AsyncTaskRunner",
    "ConcurrentTaskRunner",
    "Job",
    "ProcessPoolTaskRunner",
    "Submission",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]


def __getattr__(name: str) -> Any:
    if name == "ProcessPoolTaskRunner":
        from levada.task_runners.processes import ProcessPoolTaskRunner  # lazy: multiprocessing, for those who use it

        return ProcessPoolTaskRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
