"""Servers that are stopped, killed, frozen and started again at the same address, and the tables behind them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from levada.control import ControlPlane
from levada.core.settings import DatabaseSettings
from levada.store.opening import open_store
from levada.testing import eventually
from tests.integration.servers import free_port

SERVER_PATIENCE = 90.0


class Replica:
    """One server process, at one port for good. What it says is in `<home>.log`."""

    def __init__(self, home: Path, database: str | None = None, **settings: object) -> None:
        self.home, self.database = home, database
        self.port = free_port()
        self._log = home.with_suffix(".log")
        self._settings = {f"LEVADA_{name.upper()}": str(value) for name, value in settings.items()}
        if database is not None:
            self._settings["LEVADA_DATABASE_URL"] = database
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def said(self) -> str:
        return self._log.read_text()

    def start(self) -> Replica:
        """Start it; it does not answer yet."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "levada.cli", "server", "start", f"--port={self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "LEVADA_HOME": str(self.home), **self._settings},
            )  # fmt: skip
        return self

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            assert self._process is not None
            assert self._process.poll() is None, f"the server ended by itself:\n{self.said[-4000:]}"
            return False
        finally:
            connection.close()

    def ready(self) -> Replica:
        eventually(self.is_ready, SERVER_PATIENCE, 0.05)
        return self

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and wait until it is gone; the exit code."""
        self.send(how)
        assert self._process is not None
        return self._process.wait(SERVER_PATIENCE)

    def restart(self, how: signal.Signals = signal.SIGTERM) -> Replica:
        """End it and bring it back; returns when it answers."""
        self.stop(how)
        return self.start().ready()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(SERVER_PATIENCE)

    @contextmanager
    def tables(self) -> Iterator[ControlPlane]:
        """What is in its database, read past it."""
        with ControlPlane(self.home, open_store(self.home, DatabaseSettings(url=self.database))) as plane:
            yield plane


@contextmanager
def serving(home: Path, database: str | None = None, **settings: object) -> Iterator[Replica]:
    """A server that is ready; settings by their names, as `leases_seconds`."""
    home.mkdir(parents=True, exist_ok=True)
    replica = Replica(home, database, **settings)
    try:
        yield replica.start().ready()
    finally:
        replica.close()


def wait(seconds: float) -> None:
    """Let real time pass: what is tested is that it does."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, seconds + 10)


def complaints(replicas: list[Replica]) -> list[str]:
    """Lines of what servers said that no fault of their surroundings explains."""
    words = ("database is locked", "Traceback", "UniqueViolation", "deadlock", "IntegrityError")
    return [line for replica in replicas for line in replica.said.splitlines() if any(word in line for word in words)]


def show(figures: dict[str, object]) -> None:
    """Say what was measured; `pytest -rP` shows it."""
    sys.stdout.write(json.dumps(figures, default=str) + "\n")
