"""Event loops for async tasks: the flow's own, and one beside it for code that blocks.

All async tasks of a flow run share one loop, so they can share clients and pools. When the flow itself runs on a loop,
it is that one. Old code then writes ``future = task.submit(); future.result()`` in an async flow, which blocks the very
loop the task would run on; so while a loop's own thread blocks, tasks that have not started yet go to a loop in a
thread beside it, and blocking on one that has started is an error that says what to write instead.

A flow without a loop uses the one beside it from the beginning.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from weakref import WeakKeyDictionary, ref

from levada.core.errors import RunCancelled
from levada.core.states import State
from levada.engine.signals import cancel_as
from levada.futures import Blockable, awaiting, this_thread
from levada.task_runners.base import Job, state_after


class LoopThread:
    """A thread on which a loop runs, seen as something that may block."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inner: Blockable | None = None) -> None:
        self._loop = ref(loop)
        self.inner = inner
        self.blocked = 0
        self.on_block: list[Callable[[], None]] = []

    @property
    def usable_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop, unless it was closed or its thread blocks."""
        loop = self._loop()
        return None if loop is None or self.blocked or loop.is_closed() else loop

    def before_block(self) -> None:
        """Part of `Blockable`."""
        self.blocked += 1
        slot = awaiting.get()
        if slot is not None:
            slot.lend()
        for action in tuple(self.on_block):
            action()
        if self.inner is not None:
            self.inner.before_block()

    def after_block(self) -> None:
        """Part of `Blockable`."""
        self.blocked -= 1
        slot = awaiting.get()
        if slot is not None:
            slot.take_back_at_once()
        if self.inner is not None:
            self.inner.after_block()


_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopThread] = WeakKeyDictionary()


def this_loop_thread() -> LoopThread | None:
    """The current thread as that of the loop that runs on it; None when none does."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    thread = _threads.get(loop)
    if thread is None:
        inner = this_thread.worker
        # A loop that ran on this thread before has left its own wrapper behind.
        thread = _threads[loop] = LoopThread(loop, inner.inner if isinstance(inner, LoopThread) else inner)
    this_thread.worker = thread
    return thread


class Place:
    """Where an async job runs, and the right to run it, which it lends to others while it waits for a future."""

    __slots__ = ("_depth", "_lanes", "loop", "task")

    def __init__(self, lanes: Lanes, loop: asyncio.AbstractEventLoop) -> None:
        self._lanes = lanes
        self._depth = 0
        self.loop = loop
        self.task: asyncio.Task[State] | None = None

    def lend(self) -> None:
        """The job waits from now on."""
        self._depth += 1
        if self._depth == 1:
            self._lanes.give_back()

    async def take_back(self) -> None:
        """The job goes on when there is room."""
        self._depth -= 1
        if self._depth == 0:
            await self._lanes.take()

    def take_back_at_once(self) -> None:
        """The job goes on now: its thread is the loop's, so it cannot wait for room."""
        self._depth -= 1
        if self._depth == 0:
            self._lanes.take_at_once()


class Lanes:
    """Where the async jobs of one runner go, at most `limit` of them at the same time."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._takers: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        """Jobs that lent their place and want it back."""
        self._running = 0
        self._called: set[asyncio.AbstractEventLoop] = set()
        """Loops that were told to look at the waiting jobs, and have not looked yet."""
        self._home: LoopThread | None = None
        self._sides: list[tuple[LoopThread, threading.Thread]] = []

    def settle(self) -> None:
        """Make the loop that runs on this thread the home of the jobs; without one they go to the side."""
        self._home = this_loop_thread()
        if self._home is not None:
            self._home.on_block.append(self._pump)

    def put(self, job: Job) -> None:
        """Run a job on the right loop when there is room."""
        self._waiting.append(job)
        # Always a step later, so that a flow that blocks right after submitting finds the job not started.
        self._pump()

    def check_can_block(self, jobs: Iterable[Job]) -> None:
        """See to it that blocking this thread until these jobs end is no deadlock.

        Raises:
            RuntimeError: one of them, or of what they wait for, has started on the loop of this thread.
        """
        thread = this_loop_thread()  # also makes it known that a loop runs here, if we did not know
        loop = None if thread is None else asyncio.get_running_loop()
        todo, seen = list(jobs), set[int]()
        while loop is not None and todo:
            job = todo.pop()
            if id(job) in seen or job.submission.future.done():
                continue
            seen.add(id(job))
            if isinstance(job.place, Place) and job.place.loop is loop:
                raise RuntimeError(
                    f"{job.submission.name!r} has started on this event loop, and blocking the loop would keep it from "
                    "ending; write `await future`, `await future.wait_async()` or `await gather(…)` instead of "
                    "`future.result()` or `future.wait()`"
                )
            todo += [f.keeper for f in job.submission.upstream if isinstance(f.keeper, Job)]

    def close(self, hasty: bool = False) -> None:
        """Every job has ended: leave the home, end the side loops and what was left running on them.

        Hasty does not wait for loops that are blocked by a job that was given up.
        """
        if self._home is not None:
            self._home.on_block.remove(self._pump)
            self._home = None
        for side, thread in self._sides:
            loop = side.usable_loop
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join(0.01 if hasty else None)

    # Room.

    def give_back(self) -> None:
        """A job ended or waits: another may run."""
        with self._lock:
            while self._takers:
                loop, gate = self._takers.popleft()
                try:
                    loop.call_soon_threadsafe(_open_gate, gate)
                except RuntimeError:  # its loop was closed, and the job with it
                    continue
                return
            self._running -= 1
            more = bool(self._waiting)
        if more:
            self._pump()

    def take_at_once(self) -> None:
        """A job goes on, room or not."""
        with self._lock:
            self._running += 1

    async def take(self) -> None:
        """Wait until there is room for a job that goes on."""
        with self._lock:
            if self._running < self._limit:
                self._running += 1
                return
            loop = asyncio.get_running_loop()
            gate: asyncio.Future[None] = loop.create_future()
            self._takers.append((loop, gate))
        try:
            await gate
        except asyncio.CancelledError:
            with self._lock:
                if (loop, gate) in self._takers:
                    self._takers.remove((loop, gate))
                    self._running += 1  # it is given back when the job ends
            raise

    # Starting jobs.

    def _pump(self) -> None:
        """See to it that waiting jobs are started, on the loop that suits."""
        while self._waiting:
            loop = self._loop()
            if loop in self._called:
                return  # it is about to look
            self._called.add(loop)
            try:
                loop.call_soon_threadsafe(self._start_on, loop)
            except RuntimeError:  # closed in this moment
                self._called.discard(loop)
                continue
            return

    def _loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            home = None if self._home is None else self._home.usable_loop
            if home is not None:
                return home
            for side, _ in self._sides:
                loop = side.usable_loop
                if loop is not None:
                    return loop
            loop = asyncio.new_event_loop()
            side = _threads[loop] = LoopThread(loop)
            side.on_block.append(self._pump)
            thread = threading.Thread(
                target=_run_loop, args=(loop, side), name=f"{self._name}-loop-{len(self._sides) + 1}", daemon=True
            )
            self._sides.append((side, thread))
            thread.start()
            return loop

    def _start_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start jobs on this loop, whose thread this is, as far as there is room."""
        self._called.discard(loop)
        while True:
            with self._lock:
                if not self._waiting or self._running >= self._limit:
                    return
                job = self._waiting.popleft()
                if not job.claim():
                    continue
                self._running += 1
            place = job.place = Place(self, loop)
            task = place.task = loop.create_task(_outcome(job, place), name=job.submission.name)
            task.add_done_callback(partial(self._ended, job))

    def _ended(self, job: Job, task: asyncio.Task[State]) -> None:
        state = state_after(job, asyncio.CancelledError()) if task.cancelled() else task.result()
        self.give_back()
        job.end(state)


def interrupt(place: Place) -> bool:
    """Cancel a job that runs on a loop; False when it has ended."""
    if place.task is None or place.task.done():
        return False
    try:
        place.loop.call_soon_threadsafe(cancel_as, place.task, RunCancelled("The task run was cancelled while it ran."))
    except RuntimeError:  # the loop was closed, so the job has ended
        return False
    return True


def _open_gate(gate: asyncio.Future[None]) -> None:
    if not gate.done():
        gate.set_result(None)


async def _outcome(job: Job, place: Place) -> State:
    awaiting.set(place)
    try:
        return await job.submission.arun()
    except BaseException as error:  # noqa: BLE001 - not even SystemExit may end the loop that others share
        return state_after(job, error)


def _run_loop(loop: asyncio.AbstractEventLoop, thread: LoopThread) -> None:
    asyncio.set_event_loop(loop)
    this_thread.worker = thread
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
