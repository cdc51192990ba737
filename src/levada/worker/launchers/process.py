"""Starts a fresh interpreter for each run, under a supervisor of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from levada.wire.pools import WorkOrder
from levada.worker import supervisor
from levada.worker.environments import Interpreters
from levada.worker.jobs import Ended, Job, JobFolder
from levada.worker.launchers.base import Launched, StopKind, Surroundings, text_of
from levada.worker.launchers.refused import Refused

EXECUTION = "levada.execution"
"""The module that executes an order."""


class SupervisedRun:
    """A run under a supervisor on this machine, started by this worker or an earlier one."""

    def __init__(self, folder: JobFolder, reap: Callable[[], object] = lambda: None) -> None:
        self.folder = folder
        self._reap = reap

    def wait(self) -> Ended:
        """Wait until the supervisor has ended."""
        self.folder.await_supervisor()
        self._reap()
        ended = self.folder.ended()
        if ended is not None:
            return ended
        # The supervisor was killed. Linux has ended the run's process with it (see PR_SET_PDEATHSIG), not its children.
        kill_what_is_left(self.folder)
        return Ended(pid=self.folder.started)

    def stop(self, kind: StopKind, reason: str, grace: float) -> None:
        """Have the supervisor stop the run."""
        self.folder.stop(kind, reason, grace)


def kill_what_is_left(folder: JobFolder) -> int:
    """Kill the processes of a run that no supervisor looks after any more, on Linux; how many there were."""
    mark = f"_LEVADA_ORDER={folder.path / 'order'}".encode()
    killed = 0
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in place.read_bytes().split(b"\0"):
                os.kill(int(place.parent.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue  # it has ended, or is another user's, and then none of ours
    return killed


class ProcessLauncher:
    """Starts runs as processes of this machine, each a fresh interpreter.

    The job configuration may hold `command` (text; the order's file is in ``_LEVADA_ORDER`` and, for our own command,
    its argument), `env` (a table) and `working_dir`.
    """

    name = "process"

    def __init__(self, surroundings: Surroundings, interpreters: Interpreters | None = None) -> None:
        self._surroundings = surroundings
        self._interpreters = interpreters or Interpreters()

    def launch(self, order: WorkOrder) -> Launched:
        """Start a run; documented in the protocol."""
        return self.start(prepared(order, self._surroundings, self._interpreters, self.name)[0])

    def start(self, folder: JobFolder) -> Launched:
        """Start a run whose folder has been made.

        Raises:
            Refused: no process can be started.
        """
        alive = folder.lock_for_supervisor()
        try:
            log = os.open(folder.path / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                child = subprocess.Popen(
                    [sys.executable, "-I", "-S", supervisor.__file__, str(folder.path), str(alive)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(alive,),
                )
            finally:
                os.close(log)
        except OSError as error:
            raise Refused(f"No process could be started on this machine: {error}") from error
        finally:
            os.close(alive)
        return SupervisedRun(folder, child.wait)

    def reconcile(self, folder: JobFolder) -> Launched:
        """Take over a run; documented in the protocol."""
        return SupervisedRun(folder)

    def close(self) -> None:
        """There is nothing to give up."""


def prepared(
    order: WorkOrder, surroundings: Surroundings, interpreters: Interpreters, launcher: str
) -> tuple[JobFolder, Job]:
    """Make the folder of a run, with everything that its processes are told.

    Raises:
        Refused: the job configuration cannot be carried out here.
    """
    folder = JobFolder.of(surroundings.home, order.run, order.epoch)
    try:
        folder.make(order)
        job = Job(
            run=order.run.hex,
            epoch=order.epoch,
            command=_command(order, folder, interpreters),
            env=_environment(order, folder, surroundings),
            cwd=_working_dir(order, folder),
            grace=order.grace,
            home=str(surroundings.home),
            destination=surroundings.destination,
            path=[place for place in sys.path if place],
            launcher=launcher,
            pool=surroundings.pool,
            worker=surroundings.worker,
        )
        folder.write_job(job)
    except OSError as error:
        folder.remove()
        raise Refused(f"The folder of the run could not be made: {error}") from error
    except Refused:
        folder.remove()
        raise
    return folder, job


def _command(order: WorkOrder, folder: JobFolder, interpreters: Interpreters) -> list[str]:
    given = text_of(order.job, "command")
    if given is not None:
        try:
            return shlex.split(given)
        except ValueError as error:
            raise Refused(f"The command {given!r} of the job configuration cannot be read: {error}.") from error
    return [interpreters.of(order), "-m", EXECUTION, str(folder.path / "order")]


def _environment(order: WorkOrder, folder: JobFolder, surroundings: Surroundings) -> dict[str, str]:
    given = order.job.get("env") or {}
    if not isinstance(given, dict):
        raise Refused(f"'env' of the job configuration must be a table, not {type(given).__name__}.")
    env = {
        **surroundings.env,
        "LEVADA_HOME": str(surroundings.home),
        # What a run logs is recorded; on its output is only what would be lost otherwise.
        "LEVADA_LOGGING_TO_CONSOLE": "false",
        "LEVADA_CLI_PROGRESS": "false",
        "PYTHONUNBUFFERED": "1",
        "_LEVADA_ORDER": str(folder.path / "order"),
    }
    if surroundings.api_url is not None:
        env["LEVADA_API_URL"] = surroundings.api_url
    return {**env, **{str(name): str(value) for name, value in given.items() if value is not None}}


def _working_dir(order: WorkOrder, folder: JobFolder) -> str:
    given = text_of(order.job, "working_dir") or order.code.path
    if given is not None and Path(given).expanduser().is_dir():
        return str(Path(given).expanduser().absolute())
    if text_of(order.job, "working_dir") is not None:
        raise Refused(f"The working directory {given!r} of the job configuration is not on this machine.")
    code = folder.path / "code"
    code.mkdir(0o700, exist_ok=True)
    return str(code)
