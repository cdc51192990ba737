"""Waits for the ends of flow runs, for all futures of a process, with a few long requests.

A thread asks for up to two hundred runs at once and is answered when one has ended. Runs that are added meanwhile get
a thread of their own, up to a few; those that are left over join the others at the next request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from levada.core.errors import LevadaError
from levada.core.states import State, StateType
from levada.task_runs.futures import DelayedFuture
from levada.wire.records import Payload
from levada.wire.verbs import Plane

MOST_AT_ONCE = 200
MOST_THREADS = 4
WAIT_SECONDS = 25.0
LAST_THREAD_SECONDS = 1.0
"""The last thread comes back soon, because what is added meanwhile waits for it."""

GATHER_SECONDS = 0.003
"""A new thread waits so long for more to ask about: futures are often waited for in crowds."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

_log = logging.getLogger("levada.task_runs")


class RunWatcher:
    """Ends futures when their runs have ended.

    Args:
        plane: the control plane.
        decode: reads a recorded value.
    """

    def __init__(self, plane: Callable[[], Plane], decode: Callable[[Payload], Any]) -> None:
        self._plane = plane
        self._decode = decode
        self._lock = threading.Lock()
        self._futures: dict[UUID, list[DelayedFuture[Any]]] = {}
        self._unasked: dict[UUID, None] = {}
        self._threads = 0
        self._closed = threading.Event()

    def watch(self, future: DelayedFuture[Any]) -> None:
        """End this future when its run has ended; twice does nothing."""
        with self._lock:
            known = self._futures.setdefault(future.flow_run_id, [])
            if any(each is future for each in known):
                return
            known.append(future)
            if len(known) > 1:
                return
            self._unasked[future.flow_run_id] = None
            if self._threads == MOST_THREADS or self._closed.is_set():
                return
            self._threads += 1
            last = self._threads == MOST_THREADS
        threading.Thread(target=self._work, args=(last,), name="levada-futures", daemon=True).start()

    def cancel(self, run: UUID) -> bool:
        """Ask for a run to be cancelled; False when it is too late."""
        return self._plane().cancel_flow_run(run).status == "accept"

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _work(self, last: bool) -> None:
        pause = FIRST_PAUSE
        time.sleep(GATHER_SECONDS)
        while runs := self._take():
            try:
                answer = self._plane().await_flow_runs(runs, LAST_THREAD_SECONDS if last else WAIT_SECONDS)
            except (LevadaError, OSError) as error:
                if pause == FIRST_PAUSE:
                    _log.warning("It cannot be asked whether delayed calls have ended, and is tried again: %s", error)
                self._give_back(runs)
                if self._closed.wait(pause):
                    return
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            ended = {run.id: run.states[-1].to_state(self._decode) for run in answer.ended}
            ended.update((run, _deleted()) for run in answer.unknown)
            self._give_back([run for run in runs if run not in ended])
            for run, state in ended.items():
                self._finish(run, state)

    def _take(self) -> list[UUID]:
        """Some runs to ask about; none when this thread is not needed any more."""
        with self._lock:
            runs = [] if self._closed.is_set() else list(self._unasked)[:MOST_AT_ONCE]
            for run in runs:
                del self._unasked[run]
            if not runs:
                self._threads -= 1
            return runs

    def _give_back(self, runs: list[UUID]) -> None:
        with self._lock:
            self._unasked = {**dict.fromkeys(runs), **self._unasked}

    def _finish(self, run: UUID, state: State) -> None:
        with self._lock:
            futures = self._futures.pop(run, [])
        for future in futures:
            future.finish(state)


def _deleted() -> State:
    return State(StateType.CRASHED, message="The run was deleted, so nobody knows how it ended.")
