"""The folder of a run on its worker's disk: what its processes are told, and what they leave.

::

    $LEVADA_HOME/worker/runs/<run>-<epoch>/
        order       the `WorkOrder` (MessagePack), for the run's process
        job         the `Job` (JSON), for the supervisor
        watched     held with flock by the worker that watches this run; it holds the ids of all that ever did
        alive       held with flock by the supervisor as long as it lives
        supervisor  pid of the supervisor, from when it listens
        started     pid of the run's process
        output      the writer under which the supervisor keeps what the run prints
        begun       the run's process has loaded the flow, and records
        hooks       the flow has hooks that must be called when its process is killed
        stop        what is to be done to the run: ``cancel``, ``interrupt`` or ``kill``, why, and with how much grace
        exit        how the run's process ended, and what it used

Whoever reads it needs no memory of its own: a worker that is started after another was killed goes on from here. The
folder is removed when the control plane has heard how the process ended.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct, field

from levada.wire.pools import WorkOrder
from levada.worker.supervisor import EXIT, OUTPUT, STARTED, STOP, SUPERVISOR


class Job(Struct, kw_only=True):
    """What a supervisor is told.

    Attributes:
        run, epoch: which run, the first as hex digits.
        command: of the run's process.
        env: environment variables over those of the worker.
        cwd: the folder in which it begins.
        grace: seconds between asking to stop and killing, when a request does not say.
        home, destination: where lines of output are kept, and the server that they are for.
        path: where the package itself is found.
        launcher: which launcher started it.
        pool, worker: for whom; the second as hex digits.
    """

    run: str
    epoch: int
    command: list[str]
    env: dict[str, str]
    cwd: str
    grace: float
    home: str
    destination: str | None
    path: list[str]
    launcher: str
    pool: str
    worker: str


class Ended(Struct, kw_only=True):
    """How the process of a run ended.

    Attributes:
        pid: of the process; 0 when none was started.
        began, ended: seconds since 1970.
        exit_code: negative: killed by that signal; None when that is not known.
        cpu_seconds, memory_peak: of it and all that it started, in seconds and bytes.
        stop: the request after which it ended, if there was one.
        asked, killed: SIGTERM was sent, it died of our SIGKILL.
        oom: the kernel killed something for want of memory meanwhile.
        left_behind: how many processes it left that had to be ended.
        survivors: processes that could not be killed.
    """

    pid: int = 0
    began: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    cpu_seconds: float | None = None
    memory_peak: int | None = None
    stop: dict[str, Any] = field(default_factory=dict)
    asked: bool = False
    killed: bool = False
    oom: bool = False
    left_behind: int = 0
    survivors: list[int] = field(default_factory=list)


class JobFolder:
    """The folder of one run.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watched: int | None = None

    @classmethod
    def of(cls, home: Path, run: UUID, epoch: int) -> JobFolder:
        """The folder of a run in a home."""
        return cls(runs_root(home) / f"{run.hex}-{epoch}")

    def __repr__(self) -> str:
        return f"JobFolder({self.path.name})"

    def make(self, order: WorkOrder) -> None:
        """Make the folder, closed to others: parameters and the environment may be secrets. It is watched from here on.

        Raises:
            OSError: it cannot be made.
        """
        self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
        if self.path.exists():
            self._make_room()
        self.path.mkdir(0o700)
        self._watched = _flock(self.path / "watched")
        self._write("order", msgspec.msgpack.encode(order))

    def _make_room(self) -> None:
        """Remove what is left of an earlier claim: the run was given out anew, so nothing of it may live."""
        if self.is_alive():
            self.stop("kill", "The run was given out anew.", 0.0)
            self.await_supervisor()
        shutil.rmtree(self.path)

    def write_job(self, job: Job) -> None:
        """Put down what the supervisor is to do."""
        self._write("job", msgspec.json.encode(job))

    def order(self) -> WorkOrder:
        """The order; raises OSError or msgspec.MsgspecError when there is none that can be read."""
        return msgspec.msgpack.decode((self.path / "order").read_bytes(), type=WorkOrder)

    def job(self) -> Job | None:
        """What the supervisor was told; None when it did not come so far."""
        try:
            return msgspec.json.decode((self.path / "job").read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None

    def watch(self, worker: UUID) -> int | None:
        """Become the worker that watches this run; None when another one does, else the descriptor that holds it."""
        watched, self._watched = self._watched, None
        if watched is None:
            watched = _flock(self.path / "watched")
        if watched is not None:
            os.lseek(watched, 0, os.SEEK_END)
            os.write(watched, worker.bytes)
        return watched

    def watchers(self) -> list[UUID]:
        """The workers that have watched this run, the first one first."""
        text = (self.path / "watched").read_bytes()
        return [UUID(bytes=text[place : place + 16]) for place in range(0, len(text) - 15, 16)]

    def is_replaced(self, watched: int | None) -> bool:
        """Whether the run was given out anew meanwhile, and the folder is that of another process.

        Args:
            watched: what `watch` gave for the folder as it was.
        """
        try:
            there = (self.path / "watched").stat()
        except OSError:
            return False  # it was removed, and nobody took its place
        # As long as the descriptor is open, its file's number is not used again.
        return watched is not None and not os.path.samestat(there, os.fstat(watched))

    def lock_for_supervisor(self) -> int:
        """The lock that the supervisor inherits; it is held until the last process that has the descriptor ends.

        Raises:
            BlockingIOError: a supervisor lives here.
        """
        descriptor = _flock(self.path / "alive")
        if descriptor is None:
            raise BlockingIOError(f"A supervisor lives in {self.path}.")
        return descriptor

    def await_supervisor(self) -> None:
        """Wait until no supervisor lives here."""
        try:
            descriptor = os.open(self.path / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return  # the whole folder is gone
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)

    def is_alive(self) -> bool:
        """Whether a supervisor lives here."""
        descriptor = _flock(self.path / "alive")
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    @property
    def started(self) -> int:
        """Pid of the run's process; 0 before it was started."""
        return int((self._read(STARTED) or {}).get("pid", 0))

    @property
    def output_writer(self) -> bytes | None:
        """Under whose name the run's output is kept; None while it has printed nothing."""
        found = self._read(OUTPUT)
        return None if found is None else bytes.fromhex(found["writer"])

    @property
    def has_begun(self) -> bool:
        """Whether the run's process came so far that it recorded something."""
        return (self.path / "begun").exists()

    @property
    def has_hooks(self) -> bool:
        """Whether the flow has hooks that must be called when its process is killed."""
        return (self.path / "hooks").exists()

    def no_more_hooks(self) -> None:
        """Nobody calls the hooks of this run again."""
        (self.path / "hooks").unlink(missing_ok=True)

    def ended(self) -> Ended | None:
        """How the run's process ended; None when nobody has said so."""
        found = self._read(EXIT)
        return None if found is None else msgspec.convert(found, Ended)

    def stop(self, kind: Literal["cancel", "interrupt", "kill"], reason: str, grace: float) -> None:
        """Have the supervisor stop the run; a second request replaces the first. Of a run that is gone nothing is left.

        Raises:
            OSError: the request cannot be written down.
        """
        try:
            self._write(STOP, msgspec.json.encode({"kind": kind, "reason": reason, "grace": grace}))
        except FileNotFoundError:
            return  # the run has ended and was reported: the folder is removed
        pid = self._supervisor()
        if pid and self.is_alive():
            try:
                os.kill(pid, signal.SIGUSR1)
            except ProcessLookupError:
                return  # it has ended in this moment

    def _supervisor(self) -> int:
        found = self._read(SUPERVISOR)
        return 0 if found is None else int(found["pid"])

    def remove(self) -> None:
        """Remove the folder; all that it says has been told."""
        watched, self._watched = self._watched, None
        if watched is not None:
            os.close(watched)
        shutil.rmtree(self.path, ignore_errors=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = msgspec.json.decode((self.path / name).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: str, data: bytes) -> None:
        unfinished = self.path / f".{name}.{os.getpid()}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        unfinished.rename(self.path / name)


def runs_root(home: Path) -> Path:
    """Where the folders of runs are in a home."""
    return home / "worker" / "runs"


def job_folders(home: Path) -> Iterator[JobFolder]:
    """The folders that there are."""
    try:
        names = sorted(os.listdir(runs_root(home)))
    except FileNotFoundError:
        return
    for name in names:
        yield JobFolder(runs_root(home) / name)


def _flock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
