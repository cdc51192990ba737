"""Processes for tasks that compute, or that must be stoppable whatever they do.

A pool has one thread of this process for each child process. The thread sends a packed task call, and waits for the
state it ended in. A child that dies ends its own task only, as Crashed with the reason, and is replaced. An attempt
that its own process could not end by its deadline is ended by killing the process.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import cloudpickle

from levada.core.errors import RunCancelled
from levada.core.states import State, StateType
from levada.engine import session as sessions
from levada.engine.outcome import state_of_end, state_of_error, state_of_timeout
from levada.engine.packing import unpack_state
from levada.engine.timeouts import AttemptTimedOut
from levada.settings import get_current_settings
from levada.task_runners.base import Job, TaskRunner, checked_limit
from levada.task_runners.frames import BROKEN, CANCEL, FAULT, JOB, LIMIT, QUIT, READY, START, STATE, Channel
from levada.task_runners.threads import Threads

CANCEL_AFTER = 2.0
"""Seconds that a cancelled task has to clean up in its process, before the process is killed."""

KILL_AFTER = 0.5
"""Seconds after the deadline of an attempt at which its process is killed."""
QUIT_WITHIN = 5.0
"""Seconds that a child has to end in good order."""


class ProcessPoolTaskRunner(TaskRunner):
    """Runs each task in a process of its own pool: for work that computes, and for code that nothing else can stop.

    Processes are started fresh when they are first needed and used again. Tasks, their parameters and results cross by
    cloudpickle.

    Args:
        max_workers: how many processes. None: the setting ``tasks.runner.process_pool_max_workers``, else one for each
            processor this process may use.
        initializer: called in each process before its first task.
        initargs: its arguments.
        max_tasks_per_child: after so many tasks a process is replaced by a fresh one; None: never.
    """

    options: ClassVar[tuple[str, ...]] = ("max_workers", "initializer", "initargs", "max_tasks_per_child")
    entry: ClassVar[str] = "levada.engine.packing:run_packed"
    """What a child calls with the bytes of a job; gives the bytes of a state."""

    def __init__(
        self,
        max_workers: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
    ) -> None:
        super().__init__()
        self.max_workers = checked_limit("max_workers", max_workers)
        self.initializer = initializer
        self.initargs = tuple(initargs)
        self.max_tasks_per_child = checked_limit("max_tasks_per_child", max_tasks_per_child)
        self._lock = threading.Lock()
        self._threads: Threads | None = None
        self._idle: list[Child] = []
        self._working: dict[Job, Child] = {}
        self._broken: str | None = None

    def _open(self) -> None:
        chosen = self.max_workers or get_current_settings().tasks.runner.process_pool_max_workers
        self._threads = Threads(chosen or len(os.sched_getaffinity(0)), f"levada-{self.name}")

    def _start(self, job: Job) -> None:
        assert self._threads is not None
        self._threads.put(job)

    def _start_batch(self, jobs: list[Job]) -> None:
        assert self._threads is not None
        self._threads.put(jobs)

    def _interrupt(self, job: Job) -> bool:
        child = self._working.get(job)
        return child is not None and child.cancel(job)

    def _release(self, hasty: bool) -> None:
        if self._threads is not None:
            self._threads.close(hasty)
        children, self._idle = self._idle, []
        for child in children:
            child.ask_to_quit()
        for child in children:
            child.wait()

    def _carry_out(self, job: Job) -> State:
        submission = job.submission
        try:
            packed = submission.pack()
        except Exception as error:  # noqa: BLE001 - pickling runs authors' code
            state = state_of_error(error, "Task")
            state.message = f"The task call could not be sent to another process: {type(error).__name__}: {error}"
            return submission.end(state)
        if self._broken is not None:
            return submission.end(State(StateType.CRASHED, message=self._broken))
        child = self._take_child()
        self._working[job] = child
        try:
            answer = child.carry_out(job, packed)
        finally:
            del self._working[job]
            self._put_back(child)
        if isinstance(answer, bytes):
            return submission.ended_elsewhere(unpack_state(answer))
        if child.broken is not None:
            self._broken = child.broken
        return submission.end(answer)

    def _take_child(self) -> Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Child(self.entry, self.initializer, self.initargs)

    def _put_back(self, child: Child) -> None:
        if not child.alive:
            child.wait()
        elif self.max_tasks_per_child is not None and child.jobs >= self.max_tasks_per_child:
            child.ask_to_quit()
            child.wait()
        else:
            with self._lock:
                self._idle.append(child)


class Child:
    """One child process, talked to by one thread at a time; any thread may cancel.

    Attributes:
        jobs: how many it has carried out.
        alive: it can take another job.
        broken: why no child of this pool can ever work.
    """

    def __init__(self, entry: str, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            code = f"from levada.task_runners.child import main; main({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._channel = Channel(ours)
        self._job: Job | None = None
        self._verdict: State | None = None
        self._turn = threading.Lock()
        self._is_ready = False
        self.jobs = 0
        self.alive = True
        self.broken: str | None = None
        start = {
            "path": [os.path.abspath(entry) for entry in sys.path],
            "python_path": os.environ.get("PYTHONPATH"),
            "entry": entry,
            "initializer": None if initializer is None else cloudpickle.dumps((initializer, initargs)),
        }
        self._send(START, cloudpickle.dumps(start))

    def carry_out(self, job: Job, packed: bytes) -> bytes | State:
        """Have a job carried out; gives the packed state, or a state to be recorded when the child could not."""
        with self._turn:
            self._job, self._verdict = job, None
        self.jobs += 1
        self._send(JOB, packed)
        until: float | None = None
        seconds = 0.0
        while True:
            try:
                kind, content = self._channel.receive(until)
            except TimeoutError:
                self._kill(state_of_timeout(AttemptTimedOut(_could_not_stop(seconds)), "Task", seconds))
                until = None
            except EOFError:
                return self._obituary()
            else:
                if kind == STATE:
                    with self._turn:
                        self._job = None
                    return content
                if kind == LIMIT:
                    (left,) = struct.unpack("<d", content)
                    until = None if math.isnan(left) else time.monotonic() + left + KILL_AFTER
                    seconds = job.submission.timeout or round(left, 3)
                elif kind == FAULT:
                    with self._turn:
                        self._job = None
                    message = f"The task call could not be made in another process: {content.decode()}"
                    return State(StateType.CRASHED, message=message)
                elif kind == BROKEN:
                    self.broken = f"The initializer of the process pool failed: {content.decode()}"
                elif kind == READY:
                    self._is_ready = True

    def cancel(self, job: Job) -> bool:
        """Ask a job to stop; a moment later its process is killed if it has not. False when it is not running here."""
        with self._turn:
            if self._job is not job:
                return False
        self._send(CANCEL)
        verdict = state_of_end(RunCancelled("The task run was cancelled, and its process killed."))
        killer = threading.Timer(CANCEL_AFTER, self._kill, args=(verdict, job))
        killer.daemon = True
        killer.start()
        return True

    def ask_to_quit(self) -> None:
        """Ask the process to end in good order."""
        self.alive = False
        self._send(QUIT)

    def wait(self) -> None:
        """Wait until the process has ended; it is killed if that takes too long."""
        try:
            self._process.wait(QUIT_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._channel.close()

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        try:
            self._channel.send(kind, content)
        except OSError:
            pass  # the process is gone, which the next `receive` tells

    def _kill(self, verdict: State, job: Job | None = None) -> None:
        with self._turn:
            if job is not None and self._job is not job:
                return  # it ended in time
            self._verdict = self._verdict or verdict
            self._process.kill()

    def _obituary(self) -> State:
        """The process is gone: the state of the job that it was working on."""
        self.alive = False
        code = self._process.wait()
        with self._turn:
            self._job = None
            if self._verdict is not None:
                return self._verdict
        if self.broken is not None:
            return State(StateType.CRASHED, message=self.broken)
        if not self._is_ready:
            told = f"The process for the task could not start: it {_how_it_ended(code)}; its error output says why."
            return State(StateType.CRASHED, message=told)
        return State(StateType.CRASHED, message=f"The process that ran the task {_how_it_ended(code)}.")


def _environment() -> dict[str, str]:
    session = sessions.existing()
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    home = {} if session is None else {"LEVADA_HOME": str(session.home)}
    return {**os.environ, "PYTHONPATH": path, **home}


def _could_not_stop(seconds: float) -> str:
    return f"The attempt did not end within {seconds} second(s), and could only be stopped by killing its process"


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "an unnamed signal"
    hint = "; running out of memory is a common cause" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}){hint}"
