"""The runs that a worker has: each from its claim until the control plane has heard how its process ended.

One thread sees one run through: prepare → launch → watch → ship what its process left → report → hooks → clean up.
Nothing stands in memory alone: a worker that is started after this one was killed takes over from the job folders.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from levada.core.errors import LevadaError, ObjectNotFound, RequestInvalid
from levada.core.states import StateType
from levada.journal.reader import WriterDirectory
from levada.wire.pools import Held, RunExit, WorkerCommand, WorkOrder
from levada.wire.verbs import Plane
from levada.worker.explaining import why_it_ended
from levada.worker.jobs import Ended, JobFolder
from levada.worker.launchers import Launched, Launcher, Refused, Surroundings
from levada.worker.launchers.base import StopKind
from levada.worker.launchers.registry import make_launcher
from levada.worker.shipping import end_journals, journals_of, send_records

HOOK_SECONDS = 60.0
"""How long the hooks of a run may take whose process was killed before it could call them."""

GOODBYE_SECONDS = 15.0
"""How long a worker that ends tries to say how its runs ended; then the next worker of the home says it."""

Tell = Callable[[str], object]


class Run:
    """A run in the hands of this worker.

    Attributes:
        id, epoch, name: of the run.
        launched: what watches its process; None before there is one.
        stop: what is to be done to it as soon as there is.
        taken_from: the workers that had it before and are gone.
    """

    def __init__(self, order: WorkOrder, folder: JobFolder | None = None) -> None:
        self.order = order
        self.id = order.run
        self.epoch = order.epoch
        self.name = order.name
        self.folder = folder
        self.launched: Launched | None = None
        self.stop: tuple[StopKind, str, float] | None = None
        self.watched: int | None = None
        self.taken_from: list[UUID] = []

    def stop_with(self, kind: StopKind, reason: str, grace: float) -> None:
        """Make it end, now or as soon as there is a process to end."""
        self.stop = (kind, reason, grace)
        if self.launched is not None:
            self.launched.stop(kind, reason, grace)


class Runs:
    """The runs of one worker.

    Args:
        plane: the control plane.
        surroundings: what all of them have around them.
        changed: called whenever one came or went.
        tell: told, in short lines for people, what happens.
        launcher: how they are started, whatever orders say.
        host: name of this machine.
    """

    def __init__(
        self,
        plane: Plane,
        surroundings: Surroundings,
        changed: Callable[[], object],
        tell: Tell,
        launcher: str | None,
        host: str,
    ) -> None:
        self.surroundings = surroundings
        self._plane = plane
        self._changed = changed
        self._tell = tell
        self._launcher = launcher
        self._host = host
        self._runs: dict[UUID, Run] = {}
        self._next: dict[UUID, Run] = {}
        """Later epochs of runs whose processes have not ended yet: suspended and resumed at once, say."""
        self._launchers: dict[str, Launcher] = {}
        self._lock = threading.Lock()
        self._none_left = threading.Condition(self._lock)
        self._hurry_since: float | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def held(self) -> list[Held]:
        """The runs, each with its epoch."""
        with self._lock:
            return [Held(run.id, run.epoch, run.taken_from) for run in (*self._runs.values(), *self._next.values())]

    def output_writers(self) -> list[bytes]:
        """Under whose names the output of runs is kept that are alive."""
        with self._lock:
            folders = [run.folder for run in self._runs.values() if run.folder is not None]
        return [writer for folder in folders if (writer := folder.output_writer) is not None]

    def begin(self, order: WorkOrder) -> bool:
        """See an order through, on a thread of its own; False when that is being done already."""
        return self._enter(Run(order))

    def give_back(self, order: WorkOrder) -> bool:
        """Have another worker see an order through."""
        run = Run(order)
        run.stop = ("interrupt", "The worker takes nothing any more.", 0.0)
        return self._enter(run)

    def adopt(self, folder: JobFolder) -> bool:
        """Take over a run from a worker that is gone; False when it is not for this one."""
        run = self._taken_over(folder)
        if run is None:
            return False
        self._tell(f"{run.name}: taken over from a worker that is gone.")
        return self._enter(run)

    def settle(self, folder: JobFolder) -> bool:
        """Say how a run ended whose worker is gone; False when it is not for us, or lives, or nobody listens."""
        if folder.is_alive():
            return False
        run = self._taken_over(folder)
        if run is None or run.launched is None:
            return False
        self._hurry_since = time.monotonic() - GOODBYE_SECONDS  # the first answer counts
        try:
            self._finish(run, run.launched.wait())
        finally:
            self._leave(run)
        return not folder.path.exists()

    def _taken_over(self, folder: JobFolder) -> Run | None:
        job = folder.job()
        if job is None or job.pool != self.surroundings.pool or job.destination != self.surroundings.destination:
            return None
        watched = folder.watch(self._worker)
        if watched is None:
            return None
        try:
            run = Run(folder.order(), folder)
        except (OSError, msgspec.MsgspecError):
            os.close(watched)
            return None
        run.watched = watched
        run.taken_from = [one for one in folder.watchers() if one != self._worker]
        run.launched = self._launcher_named(job.launcher).reconcile(folder)
        return run

    def obey(self, command: WorkerCommand, grace: float | None) -> bool:
        """Carry a command out; False when that was done before."""
        with self._lock:
            here = (self._runs.get(command.run), self._next.get(command.run))
        run = next((one for one in here if one is not None and one.epoch == command.epoch), None)
        if run is None:
            return self._disclaim(command)
        if run.stop is not None and run.stop[0] in {command.kind, "kill"}:
            return False
        seconds = run.order.grace if grace is None else min(run.order.grace, grace)
        self._tell(f"{run.name}: asked to {command.kind}{': ' + command.reason if command.reason else ''}")
        try:
            run.stop_with(command.kind, command.reason or f"asked to {command.kind}", seconds)
        except OSError as error:
            run.stop = None  # it is told again in some seconds, and tried again then
            self._tell(f"{run.name}: could not be asked to {command.kind} ({error}); that is tried again.")
        return True

    def stop_all(self, kind: StopKind) -> None:
        """Stop every run because the worker is stopped."""
        with self._lock:
            self._hurry_since = self._hurry_since or time.monotonic()
            runs = [*self._runs.values(), *self._next.values()]
        for run in runs:
            if run.stop is None or run.stop[0] != "kill":
                run.stop_with(kind, "The worker was stopped.", run.order.grace)

    def await_all(self) -> None:
        """Wait until there are none."""
        with self._none_left:
            self._none_left.wait_for(lambda: not self._runs)

    def close(self) -> None:
        """Give up what launchers keep for runs to come."""
        for launcher in self._launchers.values():
            launcher.close()

    def _disclaim(self, command: WorkerCommand) -> bool:
        """Say that nothing of a run is here, when it is asked to end and nobody knows of it."""
        if JobFolder.of(self.surroundings.home, command.run, command.epoch).path.exists():
            return False  # another worker of this home has it
        ended = RunExit(
            worker=self._worker,
            run=command.run,
            epoch=command.epoch,
            begun=True,
            cancelled=command.kind == "cancel",
            reason="No process of the run is on the worker that had it.",
        )
        try:
            self._plane.report_exit(self.surroundings.pool, ended)
        except (LevadaError, OSError):
            return False  # it is asked again, until the answer arrives
        return True

    @property
    def _worker(self) -> UUID:
        return UUID(self.surroundings.worker)

    def _enter(self, run: Run) -> bool:
        with self._lock:
            there = self._next.get(run.id) or self._runs.get(run.id)
            if there is not None and there.epoch >= run.epoch:
                return False
            if there is not None:
                self._next[run.id] = run  # it begins when the process before it has ended
                return True
            self._runs[run.id] = run
        self._start(run)
        return True

    def _start(self, run: Run) -> None:
        threading.Thread(target=self._see_through, args=(run,), name=f"levada-run-{run.name}", daemon=True).start()

    def _leave(self, run: Run) -> None:
        with self._none_left:
            self._runs.pop(run.id, None)
            following = self._next.pop(run.id, None)
            if following is not None:
                self._runs[run.id] = following
            if not self._runs:
                self._none_left.notify_all()
        if following is not None:
            self._start(following)
        if run.watched is not None:
            os.close(run.watched)
        self._changed()

    def _see_through(self, run: Run) -> None:
        try:
            if run.launched is None and not self._launch(run):
                return
            assert run.launched is not None
            run.folder = run.launched.folder
            ended = run.launched.wait()
            self._finish(run, ended)
        except Exception as error:  # noqa: BLE001 - a worker lives on; the run stays in its folder for the next one
            self._tell(f"{run.name}: the worker could not see it through: {error!r}")
        finally:
            self._leave(run)

    def _launch(self, run: Run) -> bool:
        """Start the process of a run; False when there will be none, which was said then."""
        if run.stop is not None:
            self._report(run, self._exit(run, begun=False, cancelled=run.stop[0] == "cancel", reason=run.stop[1]))
            return False
        began = time.monotonic()
        try:
            launched = self._launcher_named(self._launcher or run.order.launcher).launch(run.order)
        except Refused as error:
            self._tell(f"{run.name}: could not be started: {error}")
            self._report(run, self._exit(run, begun=True, reason=str(error)))
            return False
        run.watched = launched.folder.watch(self._worker)
        run.launched = launched
        if run.stop is not None:
            launched.stop(*run.stop)
        what = run.order.deployment_name or run.order.flow_name
        self._tell(f"{run.name} ({what}): started after {(time.monotonic() - began) * 1000:.0f} ms")
        return True

    def _finish(self, run: Run, ended: Ended) -> None:
        assert run.folder is not None
        if run.folder.is_replaced(run.watched):
            self._tell(f"{run.name}: goes on in the hands of another worker of this home.")
            return
        reason = why_it_ended(ended)
        self._tell(f"{run.name}: ended{'. ' + reason if reason else ''}{_used(ended)}")
        stopped = ended.stop.get("kind")
        done = self._exit(
            run,
            # What dies before it has loaded the flow is tried again elsewhere, as what was never started.
            begun=run.folder.has_begun or ended.exit_code == 0,
            exit_code=ended.exit_code,
            reason=reason,
            cancelled=stopped == "cancel" and ended.exit_code != 0,
            cpu_seconds=ended.cpu_seconds,
            memory_peak=ended.memory_peak,
            ended=None if ended.ended is None else datetime.fromtimestamp(ended.ended, UTC),
        )
        if not self._report(run, done, ended.pid):
            return
        if run.folder.has_hooks and ended.exit_code != 0:
            self._call_hooks(run)
        run.folder.remove()

    def _exit(self, run: Run, **what: Any) -> RunExit:
        return RunExit(worker=self._worker, run=run.id, epoch=run.epoch, taken_from=run.taken_from, **what)

    def _report(self, run: Run, done: RunExit, pid: int = 0) -> bool:
        """Say how a run ended, after all that its processes recorded has arrived; False when nobody would listen."""
        pause = 0.2
        while True:
            try:
                self._deliver(run, done, pid)
            except (ObjectNotFound, RequestInvalid):
                return True  # the run or its pool is gone: there is nobody to tell
            except (LevadaError, OSError) as error:
                if self._hurry_since is not None and time.monotonic() > self._hurry_since + GOODBYE_SECONDS:
                    self._tell(f"{run.name}: its end could not be told ({error}); the next worker here tells it.")
                    return False
                time.sleep(pause)
                pause = min(pause * 2, 4.0)
            else:
                return True

    def _deliver(self, run: Run, done: RunExit, pid: int) -> None:
        destination, home = self.surroundings.destination, self.surroundings.home
        if destination is None:
            self._plane.drain()
            self._plane.report_exit(self.surroundings.pool, done)
            return
        left = journals_of(home, pid, destination)
        writer = None if run.folder is None else run.folder.output_writer
        if writer is not None:
            left.append(WriterDirectory(home, writer))
        for directory in left:
            send_records(directory, self._plane.take_in)
        # Before they are declared ended: what they left open is explained by the exit, not by their silence.
        self._plane.report_exit(self.surroundings.pool, done)
        end_journals(left, self._plane.take_in, self._host)

    def _call_hooks(self, run: Run) -> None:
        """Call the hooks that the run's process could not, once, if it ended so that there are some."""
        assert run.folder is not None
        found = self._plane.read_flow_run(run.id)
        if found.epoch != run.epoch or found.state_type not in {StateType.CANCELLED, StateType.CRASHED}:
            return
        job = run.folder.job()
        run.folder.no_more_hooks()
        if job is None or job.command[1:3] != ["-m", "levada.execution"]:
            return
        command = [*job.command[:3], "--hooks", str(found.state_name).lower(), job.command[3]]
        try:
            subprocess.run(
                command,
                cwd=job.cwd,
                env={**os.environ, **job.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=HOOK_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._tell(f"{run.name}: its hooks could not be called: {error}")

    def _launcher_named(self, name: str) -> Launcher:
        with self._lock:
            found = self._launchers.get(name)
            if found is None:
                found = self._launchers[name] = make_launcher(name, self.surroundings, self._tell)
        return found


def _used(ended: Ended) -> str:
    if ended.cpu_seconds is None or not ended.memory_peak:
        return ""
    return f" ({ended.cpu_seconds:.1f} s of processor time, {ended.memory_peak / 2**20:.0f} MiB at most)"
