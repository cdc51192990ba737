"""Forks runs from a process that has the flow's module loaded, one such process for each version of the code.

A run then reaches its function in some tens of milliseconds. What it pays for that: it shares with its siblings all
that the module did while it was imported. `docs/explanation/processes.md` says what that means; the default is a fresh
interpreter. Where a module cannot be kept warm, runs get one too, and nobody needs to care.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from msgspec import json

from levada.wire.pools import WorkOrder
from levada.worker.environments import Interpreters
from levada.worker.jobs import Job, JobFolder
from levada.worker.launchers.base import Launched, Surroundings, text_of
from levada.worker.launchers.process import ProcessLauncher, SupervisedRun, prepared

IDLE_SECONDS = 300.0
"""After which a process that forked nothing is ended."""

MOST_SERVERS = 16
"""How many such processes there are at most; the one that has been idle longest makes room."""

LOAD_SECONDS = 120.0
"""How long loading a flow may take."""

COLD_SECONDS = 60.0
"""After which it is tried again to keep a flow warm whose module could not be loaded, or started threads."""

_ANSWER_SECONDS = 10.0
_OF_ONE_RUN = frozenset({"_LEVADA_ORDER"})


class NotWarm(Exception):  # noqa: N818 - no mistake of anybody's
    """A warm process does not serve; the message says why."""


class WarmServer:
    """A warm process, as its worker has it.

    Args:
        job: of the first run that it will fork.
        order_file: the file of that run's order.
        interpreter: which Python.
    """

    def __init__(self, job: Job, order_file: str, interpreter: str) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self.used = time.monotonic()
        self.lock = threading.Lock()
        try:
            self._process = subprocess.Popen(
                [interpreter, "-m", "levada.execution.warm", str(theirs.fileno())],
                cwd=job.cwd,
                env={**os.environ, **{name: text for name, text in job.env.items() if name not in _OF_ONE_RUN}},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        finally:
            theirs.close()
        try:
            refused = self._ask({"order": order_file}, LOAD_SECONDS).get("refused")
        except (OSError, NotWarm) as error:
            self.close()
            raise NotWarm(f"it could not be loaded: {error}") from error
        if refused:
            self.close()
            raise NotWarm(refused)

    def fork(self, folder: JobFolder) -> None:
        """Start a run.

        Raises:
            NotWarm: the process will not serve any more.
            OSError: it is gone.
        """
        self.used = time.monotonic()
        alive = folder.lock_for_supervisor()
        try:
            answer = self._ask({"folder": str(folder.path)}, _ANSWER_SECONDS, [alive])
        finally:
            os.close(alive)
        if "pid" not in answer:
            raise NotWarm(answer.get("stale", "it gave no answer"))

    def close(self) -> None:
        """Let the process end; runs that it forked go on."""
        self._socket.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, message: dict[str, str], seconds: float, descriptors: list[int] | None = None) -> dict[str, str]:
        self._socket.settimeout(seconds)
        socket.send_fds(self._socket, [json.encode(message)], descriptors or [])
        text = b""
        while not text.endswith(b"\n"):
            more = self._socket.recv(4096)
            if not more:
                raise NotWarm("its process has ended")
            text += more
        found: dict[str, str] = json.decode(text)
        return found


class WarmLauncher:
    """Starts runs as forks; the job configuration is that of the process launcher, without `command`."""

    name = "warm"

    def __init__(
        self,
        surroundings: Surroundings,
        interpreters: Interpreters | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._surroundings = surroundings
        self._interpreters = interpreters or Interpreters()
        self._process = ProcessLauncher(surroundings, self._interpreters)
        self._tell = tell
        self._servers: dict[bytes, WarmServer] = {}
        self._cold: dict[bytes, float] = {}
        self._lock = threading.Lock()
        self._loading: dict[bytes, threading.Lock] = {}

    def launch(self, order: WorkOrder) -> Launched:
        """Start a run; documented in the protocol."""
        if text_of(order.job, "command") is not None:
            return self._process.launch(order)
        folder, job = prepared(order, self._surroundings, self._interpreters, self.name)
        key = _key(order, job)
        self._retire()
        if self._cold.get(key, 0.0) < time.monotonic() and self._forked(key, job, folder):
            return SupervisedRun(folder)
        return self._process.start(folder)

    def reconcile(self, folder: JobFolder) -> Launched:
        """Take over a run; documented in the protocol."""
        return SupervisedRun(folder)

    def close(self) -> None:
        """End the warm processes; documented in the protocol."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.close()

    def _forked(self, key: bytes, job: Job, folder: JobFolder) -> bool:
        """Whether a warm process has forked the run; it is tried again with a fresh one when the first is done."""
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        for _ in range(2):
            with loading:
                server = self._servers.get(key)
                if server is None:
                    try:
                        server = WarmServer(job, str(folder.path / "order"), job.command[0])
                    except (NotWarm, OSError) as error:
                        self._cold[key] = time.monotonic() + COLD_SECONDS
                        self._tell(f"Runs of {folder.order().flow_name!r} cannot be kept warm: {error}.")
                        return False
                    self._servers[key] = server
            try:
                with server.lock:
                    server.fork(folder)
            except (NotWarm, OSError):
                self._drop(key, server)
                if folder.is_alive():
                    return True  # it was forked, only the answer was lost
            else:
                return True
        return False

    def _drop(self, key: bytes, server: WarmServer) -> None:
        with self._lock:
            if self._servers.get(key) is server:
                del self._servers[key]
        server.close()

    def _retire(self) -> None:
        """End the processes that have forked nothing for long, and those that are too many."""
        before = time.monotonic() - IDLE_SECONDS
        with self._lock:
            newest = sorted(self._servers.items(), key=lambda known: -known[1].used)
        idle = [known for place, known in enumerate(newest) if known[1].used < before or place >= MOST_SERVERS]
        for key, server in idle:
            self._drop(key, server)


def _key(order: WorkOrder, job: Job) -> bytes:
    """What runs that are forked from one process have in common."""
    env = {name: text for name, text in job.env.items() if name not in _OF_ONE_RUN}
    cwd = job.cwd if order.code.path is not None else ""
    version = order.version_digest or order.code.digest or ""
    return json.encode([job.command[0], order.code, version, str(order.deployment_version), cwd, sorted(env.items())])
