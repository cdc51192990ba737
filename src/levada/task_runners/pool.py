"""The task runners of one process: threads for sync tasks, event loops for async ones."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, ClassVar

from levada.settings import get_current_settings
from levada.task_runners.base import Job, TaskRunner, checked_limit
from levada.task_runners.threads import Threads, Worker

if TYPE_CHECKING:
    from levada.task_runners.loops import Lanes

MOST_THREADS = 512
"""Threads of a runner that was not told a number."""


class _LocalTaskRunner(TaskRunner):
    """Runs sync tasks in threads and async tasks on an event loop, both as many as it is told."""

    def __init__(self, max_workers: int | None) -> None:
        super().__init__()
        self.max_workers = checked_limit("max_workers", max_workers)
        self._parts = threading.Lock()
        self._threads: Threads | None = None
        self._lanes: Lanes | None = None

    def _limits(self) -> tuple[int, int]:
        """How many threads and how many async tasks there may be."""
        raise NotImplementedError

    def _open(self) -> None:
        # A loop that runs on this thread is the flow's; asyncio has been imported if there is one.
        if "asyncio" in sys.modules:
            self._make_lanes()

    def _start(self, job: Job) -> None:
        if job.submission.is_async:
            (self._lanes or self._make_lanes()).put(job)
        else:
            (self._threads or self._make_threads()).put(job)

    def _start_batch(self, jobs: list[Job]) -> None:
        if jobs[0].submission.is_async:
            super()._start_batch(jobs)
        else:
            (self._threads or self._make_threads()).put(jobs)

    def _interrupt(self, job: Job) -> bool:
        place = job.place
        if isinstance(place, Worker):
            return place.interrupt(job)
        if place is None:
            return False
        from levada.task_runners.loops import interrupt  # lazy: as in _make_lanes

        return interrupt(place)

    def _before_block(self, job: Job) -> None:
        if self._lanes is not None:
            self._lanes.check_can_block((job,))

    def _check_can_wait(self) -> None:
        if self._lanes is not None:
            self._lanes.check_can_block(tuple(self._jobs))

    def _release(self, hasty: bool) -> None:
        if self._threads is not None:
            self._threads.close(hasty)
        if self._lanes is not None:
            self._lanes.close(hasty)

    def _make_threads(self) -> Threads:
        with self._parts:
            if self._threads is None:
                self._threads = Threads(self._limits()[0], f"levada-{self.name}")
            return self._threads

    def _make_lanes(self) -> Lanes:
        from levada.task_runners.loops import Lanes  # lazy: asyncio is loaded for async flows and tasks only

        with self._parts:
            if self._lanes is None:
                self._lanes = Lanes(self._limits()[1], f"levada-{self.name}")
                self._lanes.settle()
            return self._lanes


class ThreadPoolTaskRunner(_LocalTaskRunner):
    """Runs tasks concurrently in threads; async tasks on one event loop, the flow's own if it has one.

    Threads come as they are needed: a few for quick tasks, up to `max_workers` for tasks that wait. A task that waits
    for another task's future does not count, so nested submissions cannot deadlock a small pool.

    Args:
        max_workers: how many tasks may run at the same time, sync and async ones each. None: the setting
            ``tasks.runner.thread_pool_max_workers``; without it 512 threads at most and any number of async tasks.
    """

    options: ClassVar[tuple[str, ...]] = ("max_workers",)

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__(max_workers)

    def _limits(self) -> tuple[int, int]:
        most = self.max_workers or get_current_settings().tasks.runner.thread_pool_max_workers
        return most or MOST_THREADS, most or sys.maxsize


class AsyncTaskRunner(_LocalTaskRunner):
    """Runs tasks concurrently on one event loop, without parallel threads.

    Async tasks share the flow's loop, or one beside a flow that has none. Sync tasks run one at a time in a thread
    beside it, so that they do not stop the loop.

    Args:
        max_workers: how many async tasks may run at the same time; None: any number.
    """

    options: ClassVar[tuple[str, ...]] = ("max_workers",)

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__(max_workers)

    def _limits(self) -> tuple[int, int]:
        return 1, self.max_workers or sys.maxsize


ConcurrentTaskRunner = ThreadPoolTaskRunner
