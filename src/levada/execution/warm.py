"""A process that has a flow's module loaded and forks itself for each run: ``python -m levada.execution.warm SOCKET``.

Its worker talks to it over a socket (`levada.worker.launchers.warm`). It has one thread and no session, so that a fork
takes nothing along that would not work in the child; a module that starts threads when it is imported cannot be kept
warm, and its runs get fresh processes. For each run it forks a supervisor, which forks the run; both live on without
it.

It ends by itself when its worker is gone, when a file of the code has changed, when it has forked often enough, and
when it has grown.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import resource
import select
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from msgspec import json

from levada.core.errors import LevadaError, ScriptError
from levada.engine import session as sessions
from levada.execution.orders import enter, execute, read_order
from levada.flows import Flow
from levada.loading import load
from levada.settings import refresh_settings
from levada.worker.supervisor import supervise

MOST_RUNS = 1000
"""How often a process forks before another one takes its place."""

MOST_GROWTH = 256 * 1024 * 1024
"""Bytes by which its own memory may grow."""

_PRELOADED = (
    "asyncio",
    "ctypes",
    "encodings.idna",
    "levada.client.http",
    "levada.client.limits",
    "levada.client.places",
    "levada.engine.logs",
    "levada.engine.store_of",
    "levada.engine.submission",
    "levada.engine.tracebacks",
    "levada.journal.ear",
    "levada.journal.leftovers",
    "levada.journal.shipper",
    "levada.journal.writer",
    "levada.results.automatic",
    "levada.results.preview",
    "levada.results.work",
    "levada.serializers",
    "levada.serializers.pickles",
    "levada.session",
    "levada.task_runners",
    "levada.task_runners.loops",
    "levada.task_runners.threads",
    "levada.validation",
    "multiprocessing.util",
    "urllib.request",
)
"""What runs load on the way, so that each need not."""


class WarmProcess:
    """Holds a flow and forks runs of it.

    Args:
        control: the socket to the worker.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._flow: Flow[Any, Any] | None = None
        self._code = ""
        self._stamps: dict[str, int] = {}
        self._served = 0
        self._memory = 0

    def load(self, order_file: str) -> str | None:
        """Load the flow of an order; gives why it cannot be kept warm, if it cannot."""
        order = read_order(Path(order_file))
        try:
            enter(order)
            self._flow = load(order.code.entrypoint)
        except ScriptError as error:
            return f"its module cannot be loaded: {error.user_exc!r}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the run itself fails by it, and says so
            return f"it cannot be loaded: {error!r}"
        for name in _PRELOADED:
            importlib.import_module(name)
        if threading.active_count() > 1:
            names = ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
            return f"its module starts threads when it is imported ({names})"
        self._code = os.getcwd()
        self._stamps = _stamps(self._code)
        gc.collect()
        gc.freeze()  # nothing that is shared is touched by the collector of a child
        self._memory = _memory()
        return None

    def serve(self) -> None:
        """Fork a run for each message, until the socket is closed or it is time to end."""
        while self._served < MOST_RUNS and _memory() - self._memory < MOST_GROWTH:
            while not select.select([self._control], [], [], 1.0)[0]:
                _reap()
            _reap()
            text, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
            if not text:
                return
            folder, alive = json.decode(text)["folder"], descriptors[0]
            if _stamps_of(self._stamps) != self._stamps:
                os.close(alive)
                self._answer({"stale": "a file of the code has changed"})
                return
            pid = self._fork(folder, alive)
            os.close(alive)
            self._served += 1
            self._answer({"pid": pid})

    def _fork(self, folder: str, alive: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.setsid()
            self._control.close()
            supervise(folder, alive, lambda _: self._execute(folder))
            code = 0
        except BaseException:  # noqa: BLE001 - this process has no other way to say what happened
            with open(os.path.join(folder, "supervisor.log"), "a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
        finally:
            os._exit(code)

    def _execute(self, folder: str) -> int:
        """Be the run; gives the exit code."""
        try:
            refresh_settings()
            os.chdir(self._code)
            place = Path(folder)
            code = execute(read_order(place / "order"), place, self._flow)
        except LevadaError as error:
            sys.stderr.write(f"levada: {error}\n")
            code = 70
        except BaseException:  # noqa: BLE001 - as an interpreter does at its end
            traceback.print_exc()
            code = 1
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.main_thread():
                thread.join()
        session = sessions.existing()
        if session is not None:
            session.close()
        atexit._run_exitfuncs()  # noqa: SLF001 - the process ends here, not by way of the stack that it was forked with
        sys.stdout.flush()
        sys.stderr.flush()
        return code

    def _answer(self, answer: dict[str, Any]) -> None:
        self._control.sendall(json.encode(answer) + b"\n")


def _reap() -> None:
    """Take note of supervisors that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _stamps(folder: str) -> dict[str, int]:
    """When the files of the code were changed from which modules were loaded."""
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    return _stamps_of({file: 0 for file in files if file.startswith(folder + os.sep) and "site-packages" not in file})


def _stamps_of(files: dict[str, int]) -> dict[str, int]:
    found = {}
    for file in files:
        try:
            found[file] = os.stat(file).st_mtime_ns
        except OSError:
            found[file] = -1
    return found


def main(arguments: list[str]) -> int:
    """Serve on the socket whose descriptor is the only argument; the first message names an order."""
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    process = WarmProcess(control)
    text = control.recv(4096)
    if not text:
        return 0
    refused = process.load(json.decode(text)["order"])
    control.sendall(json.encode({"refused": refused}) + b"\n")
    if refused is None:
        process.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
