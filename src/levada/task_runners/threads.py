"""Threads for sync tasks: few when tasks are quick, many when they wait for the world.

Workers take ready jobs from one queue. A pool starts with a handful of workers; a watch looks at the queue every two
milliseconds while jobs wait in it. When the watch itself gets to run on time, the interpreter is idle, so the workers
are waiting for something outside: their number doubles. When the watch comes late, the interpreter is busy and more
threads would only slow it down: one is added when nothing at all was started for a while.

A *slot* is the right to run a task's body. There are `max_workers` of them. A worker keeps its slot from job to job,
and lends it to others while its task blocks on a future; that is why nested submissions cannot deadlock a small pool.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue

from levada.core.errors import RunCancelled
from levada.engine.guard import Guard, undisturbed
from levada.futures import this_thread
from levada.task_runners.base import Job

FEW = 4
"""Workers that are started without asking whether more help."""
TICK = 0.002
"""Seconds between two looks of the watch."""
LATE = 0.001
"""Seconds by which the watch is late when the interpreter is busy."""
STUCK = 0.05
"""Seconds without a start after which a busy pool gets one more worker."""
PATIENCE = 25
"""Looks at an empty queue after which the watch ends."""
IDLE = 10.0
"""Seconds after which a worker without work ends."""


Work = Job | list[Job]


class Threads:
    """A pool of daemon threads with a number of slots.

    `free`, `idle`, `lending`, `workers` and `takers` change under `lock` only. The queue is not under the lock:
    whoever puts a job looks at `idle` afterwards, and whoever stops being idle looks at the queue afterwards, so a job
    is never left to a worker that is busy with another.
    """

    def __init__(self, slots: int, name: str) -> None:
        self.name = name
        self.free = slots
        self.workers: set[Worker] = set()
        self.idle = 0
        self.lending = 0
        self.takers: deque[threading.Lock] = deque()
        """Gates of the workers that want a slot back, in the order in which they get one."""
        self.lock = threading.Lock()
        self.starts = 0
        """Jobs started, counted without a lock: only used to see that it changes."""
        self._ready: SimpleQueue[Work | None] = SimpleQueue()
        self._watch: threading.Thread | None = None
        self._closing = threading.Event()
        self._hired = 0

    def put(self, work: Work) -> None:
        """Run a job, or several one after the other, as soon as a worker is free."""
        self._ready.put(work)
        if self._watch is None and self._ready.qsize() > self.idle:
            self._help()

    def close(self, hasty: bool = False) -> None:
        """End all workers, once every job has ended; hasty does not wait for workers whose job was given up."""
        self._closing.set()
        with self.lock:  # from here on nobody is hired
            workers, watch = tuple(self.workers), self._watch
        for _ in workers:
            self._ready.put(None)
        for thread in [worker.thread for worker in workers] + ([] if watch is None else [watch]):
            if thread is not threading.current_thread():
                thread.join(0.01 if hasty else None)

    # How many workers.

    def _help(self) -> None:
        """More jobs are ready than workers idle: hire one at once, or start the watch."""
        with self.lock:
            if self._closing.is_set() or self._room() <= 0 or self._ready.qsize() <= self.idle:
                return  # nobody can be hired; whoever gives a slot back later looks at the queue
            few = len(self.workers) - self.lending < FEW
            if few:
                self.free -= 1
            elif self._watch is None:
                self._watch = threading.Thread(target=self._look_after, name=f"{self.name}-watch", daemon=True)
                self._watch.start()
        if few:
            self._hire(1)

    def _room(self) -> int:
        """How many workers can be hired: slots that no idle worker is about to take, so that order is kept."""
        return self.free - self.idle

    def _hire(self, number: int) -> None:
        """Start workers; their slots are taken already."""
        for missing in range(number, 0, -1):
            with self.lock:
                hired = False
                try:
                    hired = not self._closing.is_set() and self._hire_one()
                except BaseException:
                    self.free += missing - 1  # the first was given back, or is held by a worker that runs after all
                    raise
                if not hired:
                    self.free += missing
                    return

    def _hire_one(self) -> bool:
        self._hired += 1
        worker = Worker(self, f"{self.name}-{self._hired}")
        self.workers.add(worker)
        try:
            worker.thread.start()
        except BaseException as error:
            if worker.thread.ident is not None:
                raise  # an interrupt of this thread: the worker runs all the same
            self.workers.discard(worker)
            if not isinstance(error, RuntimeError) or not self.workers:
                self.free += 1
                raise
            return False  # the machine gives no more threads: those we have must do
        return True

    def _look_after(self) -> None:
        """The watch: hire as long as jobs wait and more workers help."""
        starts, since, calm = self.starts, time.monotonic(), 0
        while True:
            before = time.monotonic()
            self._closing.wait(TICK)
            now = time.monotonic()
            with self.lock:
                waiting = self._ready.qsize() - self.idle
                if waiting <= 0 or self._room() <= 0:
                    calm += 1
                    if calm < PATIENCE and not self._closing.is_set():
                        continue
                    self._watch = None
                    if self._closing.is_set() or self._ready.qsize() <= self.idle or self._room() <= 0:
                        return
                    self._watch = threading.current_thread()
                calm = 0
                wanted = 0
                if now - before - TICK < LATE:
                    wanted = min(waiting, self._room(), max(1, len(self.workers) - self.lending))
                elif starts != self.starts:
                    starts, since = self.starts, now
                elif now - since >= STUCK:
                    wanted, since = 1, now
                self.free -= wanted
            self._hire(wanted)

    # What workers do with their slots.

    def next_work(self) -> Work | None:
        """The next job for a worker that has a slot; None when it is to end. Its slot is then given back."""
        try:
            job = self._ready.get_nowait()
        except Empty:
            return self._idle_until_next()
        if job is None:
            with self.lock:
                self._give_back()
        return job

    def _idle_until_next(self) -> Work | None:
        with self.lock:
            self._give_back()
            self.idle += 1
        work = self._get(IDLE)
        with self.lock:
            self.idle -= 1
            if work is None and not self._closing.is_set():
                work = self._get(0)  # some may have come for this worker while it gave up
            gate = None if work is None else self._ask_for_slot()
        if gate is not None:
            gate.acquire()
        if work is not None and self._watch is None and self._ready.qsize() > self.idle:
            self._help()
        return work

    def _get(self, timeout: float) -> Work | None:
        try:
            return self._ready.get(timeout=timeout) if timeout else self._ready.get_nowait()
        except Empty:
            return None

    def _give_back(self) -> None:
        if self.takers:
            self.takers.popleft().release()
        else:
            self.free += 1

    def take_slot(self) -> None:
        """Wait for a slot."""
        with self.lock:
            gate = self._ask_for_slot()
        if gate is not None:
            gate.acquire()

    def _ask_for_slot(self) -> threading.Lock | None:
        """Take a free slot, or get in line; the gate in front of the line opens when there is one."""
        if self.free > 0:
            self.free -= 1
            return None
        gate = threading.Lock()
        gate.acquire()
        self.takers.append(gate)
        return gate

    def hand_over(self) -> bool:
        """Give a worker's slot to one that wants its own back; False when there is none any more."""
        with self.lock:
            if not self.takers:
                return False
            self._give_back()
            return True

    def lend(self) -> None:
        """A task blocks: others may use its worker's slot."""
        with self.lock:
            self.lending += 1
            self._give_back()
        if self._watch is None and self._ready.qsize() > self.idle:
            self._help()

    def take_back(self) -> None:
        """The task goes on, when there is a slot."""
        with self.lock:
            self.lending -= 1
        self.take_slot()

    def leave(self, worker: Worker) -> None:
        """A worker ends."""
        with self.lock:
            self.workers.discard(worker)


class Worker:
    """One thread of a pool, and the job it runs."""

    __slots__ = ("_guard", "_job", "_lent", "_pool", "_turn", "thread")

    def __init__(self, pool: Threads, name: str) -> None:
        self._pool = pool
        self._job: Job | None = None
        self._lent = 0
        self._turn = threading.Lock()
        self._guard: Guard | None = None
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)

    def _work(self) -> None:
        pool = self._pool
        this_thread.worker = self
        self._guard = Guard()
        try:
            while (work := pool.next_work()) is not None:
                pool.starts += 1
                if work.__class__ is list:
                    for job in work:
                        self._run(job)
                else:
                    self._run(work)  # type: ignore[arg-type]  # it is no list
                if pool.takers and pool.hand_over():
                    return
        finally:
            pool.leave(self)

    def _run(self, job: Job) -> None:
        job.place = self
        self._job = job
        try:
            job.run()
        except BaseException:
            # Only a done callback can do this. The worker lives on: others count on its slot.
            logging.getLogger("levada.task_runners").exception("A done callback of %r failed", job.submission.name)
        with self._turn:
            self._job = None
            self._guard.reset()  # type: ignore[union-attr]  # made before the first job
        if self._lent:  # an interrupt came between lending and taking back
            self._lent = 0
            self._pool.take_back()

    def interrupt(self, job: Job) -> bool:
        """Ask a job to stop, if it is the one that runs here."""
        with self._turn:
            if self._job is not job or self._guard is None:
                return False
            self._guard.request(RunCancelled)
            return True

    def before_block(self) -> None:
        """Part of `Blockable`."""
        with undisturbed():
            self._pool.lend()
            self._lent = 1

    def after_block(self) -> None:
        """Part of `Blockable`."""
        with undisturbed():
            if self._lent:
                self._lent = 0
                self._pool.take_back()
