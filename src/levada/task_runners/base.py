"""What all task runners share: the life of a submission from its hand-over to its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from levada.core.errors import ConfigurationError
from levada.core.states import State, StateType
from levada.engine.outcome import state_of_end
from levada.futures import Future, FutureList, blocked, when_all_done

if TYPE_CHECKING:
    from types import TracebackType


GRACE = 3.0
"""Seconds that running tasks have to stop when the process was interrupted while it waited for them."""


class Submission(Protocol):
    """One submitted task call, ready to be run by somebody; made by `levada.engine.submission`."""

    future: Future[Any]
    upstream: tuple[Future[Any], ...]
    is_async: bool
    name: str
    timeout: float | None

    def run(self) -> State:
        """Run the call on this thread; returns its final state."""
        ...

    async def arun(self) -> State:
        """Run the call on this event loop; returns its final state."""
        ...

    def pack(self) -> bytes:
        """The call as bytes for another process, with the results of its upstream in it."""
        ...

    def ended_elsewhere(self, state: State) -> State:
        """Tell those who watch that another process carried the call out; returns its final state."""
        ...

    def abandon(self, reason: str) -> State:
        """Record that the call never started; returns its Cancelled state."""
        ...

    def end(self, state: State) -> State:
        """Record how the call ended that could not record it itself; returns that state."""
        ...

    def crash(self, error: BaseException) -> State:
        """Record what ended the call from outside; returns its final state."""
        ...


class Job:
    """A submission in the hands of a task runner: it waits for its upstream, is ready, runs, ends.

    The keeper of the submission's future. Whoever takes the `claim` (the runner, to start it, or `cancel`, to take it
    back) decides what becomes of it; taking is atomic.
    """

    __slots__ = ("_claim", "place", "runner", "submission")

    def __init__(self, runner: TaskRunner, submission: Submission) -> None:
        self.runner = runner
        self.submission = submission
        self.place: Any = None
        """Where it runs (a worker, an asyncio task), for the runner that runs it."""
        self._claim = [True]

    @property
    def started(self) -> bool:
        """Whether it was claimed, so it runs, has ended, or was taken back."""
        return not self._claim

    def claim(self) -> bool:
        """Take the right to start it or to take it back; True for the first who asks."""
        try:
            self._claim.pop()
        except IndexError:
            return False
        return True

    def run(self) -> None:
        """Run it on this thread, unless it was taken back."""
        if self.claim():
            try:
                state = self.runner._carry_out(self)  # noqa: SLF001 - the two are one machine
            except BaseException as error:  # noqa: BLE001 - whatever ends the body, those who wait must learn of it
                state = state_after(self, error)
            self.end(state)

    def end(self, state: State) -> None:
        """Make the final state known and leave the runner's books."""
        runner = self.runner
        try:
            self.submission.future.finish(state)
        finally:
            runner._ended(self)  # noqa: SLF001

    def before_block(self) -> None:
        """Part of `Keeper`."""
        self.runner._before_block(self)  # noqa: SLF001

    def cancel(self) -> bool:
        """Part of `Keeper`."""
        if self.take_back("The task run was cancelled before it started."):
            return True
        return self.runner._interrupt(self)  # noqa: SLF001

    def take_back(self, reason: str) -> bool:
        """Cancel it if it has not started; False when it has."""
        if not self.claim():
            return False
        self.end(self.submission.abandon(reason))
        return True


def state_after(job: Job, error: BaseException) -> State:
    """The final state of a submission whose run did not give one.

    What ends a process or a run was recorded by the run it went through; an ordinary exception can only be a fault of
    the engine itself, and is recorded here.
    """
    return job.submission.crash(error) if isinstance(error, Exception) else state_of_end(error)


def checked_limit(name: str, value: int | None) -> int | None:
    """A number of workers, at least 1, or None.

    Raises:
        ConfigurationError: it is something else.
    """
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ConfigurationError(f"{name} must be a whole number of at least 1, or None; got {value!r}")
    return value


def _again(kind: type[TaskRunner], options: dict[str, Any]) -> TaskRunner:
    return kind(**options)


class TaskRunner:
    """Runs submitted task calls somewhere; the base that every task runner implements.

    A runner implements `_start`, which gets a job whose upstream has ended and sees to it that `job.run()`, or
    `job.claim()` followed by `job.end(state)`, is called somewhere; and `_open` and `_release` where it has resources.

    A runner is a template until it is entered: a flow makes a `duplicate()` for each of its runs and closes it when
    the run's function has returned. Closing waits for everything that was submitted, so nothing outlives the flow.
    """

    options: ClassVar[tuple[str, ...]] = ()
    """Names of the constructor's arguments, which are also attributes."""

    def __init__(self) -> None:
        self._jobs: dict[Job, None] = {}
        self._all_ended: threading.Event | None = None
        self._is_open = False
        self._closed = False
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """The runner's name, in lower case without the ending: ``threadpool``, ``processpool``, ``async``."""
        return type(self).__name__.lower().replace("taskrunner", "")

    def duplicate(self) -> Self:
        """A new runner, not yet entered, with the same options."""
        return type(self)(**{name: getattr(self, name) for name in self.options})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.options)

    def __hash__(self) -> int:
        return hash((type(self), *(repr(getattr(self, name)) for name in self.options)))

    def __reduce__(self) -> Any:
        return _again, (type(self), {name: getattr(self, name) for name in self.options})

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.options)
        return f"{type(self).__name__}({options})"

    # What authors call.

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, Any] | None = None,
    ) -> Future[Any]:
        """Run a task with these parameters; gives its future at once."""
        from levada.engine.submission import prepare  # lazy: the engine's part, only for this rarely used door

        return self.submit_prepared(prepare(task, parameters, wait_for=wait_for, dependencies=dependencies))

    def map(self, task: Any, parameters: dict[str, Any], wait_for: Iterable[Any] | None = None) -> FutureList[Any]:
        """Run a task once for each element of its iterable parameters; gives the futures at once."""
        from levada.mapping import map_task  # lazy: as in `submit`

        futures: FutureList[Any] = map_task(
            task, self, (), parameters, return_state=False, wait_for=wait_for, max_in_flight=None, batch=1
        )
        return futures

    def submit_prepared(self, submission: Submission) -> Future[Any]:
        """Take a submission over: it starts as soon as its upstream has ended and there is room.

        Raises:
            RuntimeError: the runner was closed.
        """
        job = self._accept(submission)
        if submission.upstream:
            when_all_done(submission.upstream, lambda: self._ready(job))
            return submission.future
        try:
            self._start(job)
        except BaseException as error:
            if job.claim():
                job.end(state_after(job, error))
            raise
        return submission.future

    def submit_batch(self, submissions: Iterable[Submission]) -> list[Future[Any]]:
        """Take several submissions over that go to one worker together, one after the other.

        Those that have to wait for their upstream start on their own when it has ended.
        """
        batch, futures = [], []
        for submission in submissions:
            futures.append(submission.future)
            if submission.upstream:
                self.submit_prepared(submission)
            else:
                batch.append(self._accept(submission))
        if batch:
            self._start_batch(batch)
        return futures

    def _accept(self, submission: Submission) -> Job:
        if not self._is_open:
            self.open()
        job = Job(self, submission)
        self._jobs[job] = None
        if self._closed:
            del self._jobs[job]
            raise RuntimeError(f"{self!r} was closed, so {submission.name!r} cannot be submitted to it")
        submission.future.keeper = job
        return job

    def open(self) -> None:
        """Start what the runner needs; called when it is entered or first used."""
        with self._opening:
            if not self._is_open and not self._closed:
                self._open()
                self._is_open = True

    def close(self, cancel: bool = False, grace: float | None = None) -> None:
        """Wait for everything that was submitted, and give the runner's resources back.

        An interrupt (Ctrl-C) while it waits is raised once what runs was asked to stop and given `GRACE` seconds.

        Args:
            cancel: take back what has not started; it is recorded as Cancelled.
            grace: also ask what runs to stop, and give up on it after so many seconds; it is recorded as Cancelled
                too, although its code may go on in a thread until the process ends.
        """
        try:
            hasty = self._wait_for_all(cancel, grace)
        except BaseException as error:
            if not isinstance(error, RuntimeError):  # which says that waiting here would never end
                self._release(hasty=self._wait_for_all(True, GRACE))
            raise
        self._release(hasty)

    async def aclose(self, cancel: bool = False, grace: float | None = None) -> None:
        """`close` for coroutines: tasks that run on this event loop can go on meanwhile."""
        import asyncio  # lazy: only async flows pay for it

        deadline = None if grace is None else time.monotonic() + grace
        hasty = False
        while not self._closed:
            self._ask(cancel, grace)
            pending = FutureList([job.submission.future for job in tuple(self._jobs)])
            await pending.wait_async(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if deadline is not None and self._jobs and time.monotonic() >= deadline:
                hasty = self._give_up()
            elif self._jobs:  # futures are told first, the books are put in order a moment later
                await asyncio.sleep(0)
            self._seal()
        self._release(hasty)

    def _wait_for_all(self, cancel: bool, grace: float | None) -> bool:
        """Wait until there are no jobs any more; True when some had to be given up."""
        deadline = None if grace is None else time.monotonic() + grace
        hasty = False
        while not self._closed:
            if grace is None:
                self._check_can_wait()
            self._ask(cancel, grace)
            ended = self._all_ended = threading.Event()
            if self._jobs:
                with blocked():
                    in_time = ended.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
                if not in_time:
                    hasty = self._give_up()
            self._seal()
        return hasty

    def _ask(self, cancel: bool, grace: float | None) -> None:
        if cancel or grace is not None:
            for job in tuple(self._jobs):
                job.take_back("The flow run ended before the task run started.")
        if grace is not None:
            for job in tuple(self._jobs):
                self._interrupt(job)

    def _give_up(self) -> bool:
        for job in tuple(self._jobs):
            message = "The task run was asked to stop and did not; its code was left alone."
            job.end(job.submission.end(State(StateType.CANCELLED, message=message)))
        return True

    def cancel_all(self) -> None:
        """Take back what has not started, and ask what runs to stop."""
        for job in tuple(self._jobs):
            job.cancel()

    def cancel(self, task_id: bytes) -> bool:
        """Take back or interrupt one task run; False when it is not here, or too late."""
        return any(job.submission.future.task_id == task_id and job.cancel() for job in tuple(self._jobs))

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(cancel=kind is not None)

    # What runners implement.

    def _open(self) -> None:
        """Start what the runner needs."""

    def _start(self, job: Job) -> None:
        """Run a job whose upstream has ended, now or when there is room; must not block."""
        raise NotImplementedError

    def _carry_out(self, job: Job) -> State:
        """Run a job that was claimed, on this thread; gives its final state."""
        return job.submission.run()

    def _start_batch(self, jobs: list[Job]) -> None:
        """Run several jobs in one place, one after the other."""
        for job in jobs:
            self._start(job)

    def _interrupt(self, job: Job) -> bool:
        """Ask a running job to stop; False when that cannot be done."""
        return False

    def _before_block(self, job: Job) -> None:
        """A thread is about to block until the job ends."""

    def _check_can_wait(self) -> None:
        """Raise RuntimeError when the calling thread must not wait for the runner's jobs."""

    def _release(self, hasty: bool) -> None:
        """Everything has ended; give threads, processes and loops back, without waiting for any when hasty."""

    # The books.

    def _ready(self, job: Job) -> None:
        if job.started:  # taken back while it waited
            return
        try:
            self._start(job)
        except Exception as error:  # noqa: BLE001 - nobody above could tell those who wait
            if job.claim():
                job.end(state_after(job, error))

    def _ended(self, job: Job) -> None:
        self._jobs.pop(job, None)
        if self._all_ended is not None and not self._jobs:
            self._all_ended.set()

    def _seal(self) -> None:
        self._closed = True
        if self._jobs:  # one came in the moment before
            self._closed = False
