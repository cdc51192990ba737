"""The child of a process pool: carries out one packed task call after the other, on its main thread.

A second thread listens to the parent: it passes jobs on, brings a request to cancel into the running call, and ends
the process at once when the parent is gone, so that no child outlives the run it works for.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from queue import SimpleQueue
from types import FrameType
from typing import Any

from levada.core.errors import RunCancelled
from levada.engine import timeouts
from levada.engine.guard import Guard
from levada.engine.outcome import state_of_end
from levada.engine.packing import pack_state
from levada.task_runners.frames import BROKEN, CANCEL, FAULT, JOB, LIMIT, QUIT, READY, START, STATE, Channel

PARENT_GONE = 70
"""Exit code of a child whose parent died."""


def main(descriptor: int) -> None:
    """Work until the parent says QUIT.

    Args:
        descriptor: of this end of the socket.
    """
    # Ctrl-C reaches the whole group of processes; what becomes of the work is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=descriptor))
    kind, content = channel.receive()
    assert kind == START
    try:
        run = _prepare(pickle.loads(content))
    except Exception as error:  # noqa: BLE001 - whatever the initializer raised, the parent must know
        channel.send(BROKEN, f"{type(error).__name__}: {error}".encode())
        return
    guard = Guard()
    jobs: SimpleQueue[bytes | None] = SimpleQueue()
    signal.signal(signal.SIGUSR1, partial(_look_up, guard))
    threading.Thread(target=_listen, args=(channel, jobs, guard), name="levada-child-ear", daemon=True).start()
    timeouts.report = _Limits(channel)
    channel.send(READY)
    while (blob := jobs.get()) is not None:
        kind, answer = _carry_out(run, blob)
        guard.reset()
        channel.send(kind, answer)


def _carry_out(run: Callable[[bytes], bytes], blob: bytes) -> tuple[bytes, bytes]:
    try:
        return STATE, run(blob)
    except Exception as error:  # noqa: BLE001 - the call could not even be made here; the parent records why
        return FAULT, f"{type(error).__name__}: {error}".encode()
    except BaseException as error:  # noqa: BLE001 - SystemExit ends the task, which recorded it, not its process
        return STATE, pack_state(state_of_end(error))


def _prepare(start: dict[str, Any]) -> Any:
    """Make this process like its parent; gives the function that carries out a job."""
    sys.path[:] = start["path"]
    if start["python_path"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = start["python_path"]
    module, name = start["entry"].split(":")
    run = getattr(import_module(module), name)
    if start["initializer"] is not None:
        initializer, arguments = pickle.loads(start["initializer"])
        initializer(*arguments)
    return run


def _listen(channel: Channel, jobs: SimpleQueue[bytes | None], guard: Guard) -> None:
    while True:
        try:
            kind, content = channel.receive()
        except EOFError:
            os._exit(PARENT_GONE)
        if kind == JOB:
            jobs.put(content)
        elif kind == CANCEL:
            guard.request(RunCancelled)
            # A signal also wakes the main thread out of a blocking call.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        elif kind == QUIT:
            jobs.put(None)
            return


def _look_up(guard: Guard, _number: int, _frame: FrameType | None) -> None:
    if guard.open:
        guard.check()


class _Limits:
    """Tells the parent when it has to kill this process, because an attempt did not end by itself."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._deadlines: list[float] = []

    def __call__(self, seconds: float | None) -> None:
        if seconds is None:
            self._deadlines.pop()
        else:
            self._deadlines.append(time.monotonic() + seconds)
        left = min(self._deadlines) - time.monotonic() if self._deadlines else math.nan
        self._channel.send(LIMIT, struct.pack("<d", left))
