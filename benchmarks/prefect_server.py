"""A Prefect server for the time of the measurements: started once, frozen while others are measured."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import Environment, UnavailableError

START = 120.0  # seconds to its first healthy answer
SETTLE = 150.0  # seconds that it may need to work off its backlog
IDLE = 0.15  # cores it uses at most when it counts as idle
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class PrefectServer:
    """`prefect server start` on SQLite in a temporary home."""

    environment: Environment
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _home: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where its API answers."""
        return f"http://127.0.0.1:{self.port}/api"

    def variables(self) -> dict[str, str]:
        """What a client must know of it: the API, and for our own curiosity the database."""
        home = self._home.name if self._home else ""
        return {"PREFECT_API_URL": self.url, "BENCH_DATABASE": f"{home}/prefect.db"}

    def start(self) -> None:
        """Start it and wait until it answers; raises `UnavailableError` when it does not."""
        if self._process:
            return
        self.port = free_port()
        self._home = tempfile.TemporaryDirectory(prefix="bench-prefect-", ignore_cleanup_errors=True)
        log = Path(self._home.name) / "server.log"
        variables = {**os.environ, "PREFECT_HOME": self._home.name, "DO_NOT_TRACK": "1"}
        variables["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
        command = [str(self.environment.bin / "prefect"), "server", "start", "--port", str(self.port)]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, env=variables, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + START
        while not self._healthy():
            if time.monotonic() > deadline or self._process.poll() is not None:
                tail = log.read_text(errors="replace").strip().splitlines()[-1:]
                self.stop()
                raise UnavailableError(f"its server did not start: {' '.join(tail)}")
            time.sleep(0.2)
        self.settle()

    def stop(self) -> None:
        """End it and everything that it started."""
        process, self._process = self._process, None
        if process:
            self._signal(process, signal.SIGCONT)
            self._signal(process, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                self._signal(process, signal.SIGKILL)
                process.wait()
        if self._home:
            self._home.cleanup()
            self._home = None

    def freeze(self) -> None:
        """Take the processor from it, so that its idle work does not disturb the others."""
        if self._process:
            self._signal(self._process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`, and wait until it has caught up."""
        if self._process:
            self._signal(self._process, signal.SIGCONT)
            self.settle()

    def settle(self) -> float:
        """Wait until it has worked off its backlog; the seconds that took."""
        started = time.monotonic()
        calm = 0
        while calm < 2 and time.monotonic() - started < SETTLE:
            before = self.cpu()
            time.sleep(0.5)
            calm = calm + 1 if (self.cpu() - before) / 0.5 < IDLE else 0
        return time.monotonic() - started

    def cpu(self) -> float:
        """Processor seconds used so far by every process of its session."""
        return session_cpu(self._process.pid) if self._process else 0.0

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass  # it has ended by itself, which is what was wanted or will be noticed by the next sample


def session_cpu(session: int) -> float:
    """Processor seconds used by all living processes of a session, their ended children included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked; its parent has its time
        if int(fields[3]) == session:
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICKS


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
