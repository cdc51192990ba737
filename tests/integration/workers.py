"""Real workers in processes of their own, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WorkerProcess:
    """A worker in the foreground of a process; what it says is in a file."""

    def __init__(self, log: Path, *args: str, pool: str = "p", env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "levada.cli", "worker", "start", "--pool", pool, *args],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 30) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout)

    def close(self) -> None:
        """End it and its runs, whatever it does."""
        for _ in range(3):
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(3)
                except subprocess.TimeoutExpired:
                    continue  # the next signal means more
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def working(log: Path, *args: str, pool: str = "p", env: dict[str, str] | None = None) -> Iterator[WorkerProcess]:
    """A worker that works; it is ended with the block."""
    worker = WorkerProcess(log, *args, pool=pool, env=env)
    try:
        yield worker
    finally:
        worker.close()


def is_alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def processes_in(folder: Path) -> list[int]:
    """The living processes whose current folder is this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.readlink(f"/proc/{name}/cwd") == str(folder) and is_alive(int(name)):
                    found.append(int(name))
            except OSError:
                continue  # it ended meanwhile
    return found
