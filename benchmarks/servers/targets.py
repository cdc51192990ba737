"""The servers: how each is started on an empty database, and what is asked of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from benchmarks.environments import UnavailableError
from benchmarks.prefect_server import START, free_port, session_cpu
from benchmarks.servers.load import Request, ask
from benchmarks.systems import FOREIGN, PREFECT, QUIET
from tests.postgres import PostgresServer

PAGE = 200


class Target(ABC):
    """A server in a temporary home. `database` is `sqlite` or `postgresql`."""

    name = ""

    def __init__(self, database: str) -> None:
        self.database = database
        self.port = 0
        self.healthy_after = 0.0
        self._home = tempfile.TemporaryDirectory(prefix="bench-server-", ignore_cleanup_errors=True)
        self._postgres: PostgresServer | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def title(self) -> str:
        """For the tables."""
        return f"{self.name}, {'SQLite' if self.database == 'sqlite' else 'PostgreSQL'}"

    @property
    def home(self) -> Path:
        """Where its files lie."""
        return Path(self._home.name)

    @property
    def url(self) -> str:
        """Where its API answers."""
        return f"http://127.0.0.1:{self.port}/api"

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    @abstractmethod
    def settings(self, postgres: str | None) -> dict[str, str]:
        """Its environment variables; `postgres` is the URL of an empty database, None for SQLite."""

    def variables(self) -> dict[str, str]:
        """The whole environment of the server."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {**inherited, **QUIET, **self.settings(self.postgres_url)}

    @property
    def postgres_url(self) -> str | None:
        """Its database, when that is PostgreSQL."""
        return self._postgres.url() if self._postgres else None

    def start(self) -> None:
        """Start it and wait until it answers; raises `UnavailableError` when it does not."""
        if self.database == "postgresql" and self._postgres is None:
            self._postgres = PostgresServer()
        self.port = self.port or free_port()
        log = self.home / "server.log"
        started = time.perf_counter()
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                self.command(), env=self.variables(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        while not self._healthy():
            if time.perf_counter() - started > START or self._process.poll() is not None:
                tail = " ".join(log.read_text(errors="replace").split()[-40:])
                self.stop()
                raise UnavailableError(f"{self.title} did not start: {tail}")
            time.sleep(0.01)
        self.healthy_after = time.perf_counter() - started

    def halt(self) -> None:
        """End the server; its database and its home stay, and `start` goes on with them."""
        if self._process:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the server and its database, and remove its home."""
        self.halt()
        if self._postgres:
            self._postgres.close()
            self._postgres = None
        self._home.cleanup()

    def cpu(self) -> float:
        """Processor seconds of its processes so far; PostgreSQL's own are not counted."""
        return session_cpu(self._process.pid) if self._process else 0.0

    def rss(self) -> float:
        """Bytes of memory of its processes; what they share is counted in each."""
        if not self._process:
            return 0.0
        total = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended while we looked
            if int(fields[3]) == self._process.pid:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        return float(total)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @abstractmethod
    def prepare(self) -> None:
        """Make what the requests need to be there."""

    @abstractmethod
    def create(self, number: int) -> Request:
        """Make a flow run."""

    @abstractmethod
    def set_state(self, run: str, number: int) -> Request:
        """Move a run on: Pending the first time, Running the second."""

    @abstractmethod
    def page(self, number: int) -> Request:
        """A page of the newest flow runs of some state."""

    @abstractmethod
    def count(self, number: int) -> Request:
        """How many flow runs are in some state."""

    @abstractmethod
    def graph(self, run: str) -> Request:
        """The graph of a flow run."""


class Levada(Target):
    """This Levada."""

    name = "Levada"

    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("levada")), "server", "start", "--port", str(self.port)]

    def settings(self, postgres: str | None) -> dict[str, str]:
        database = {"LEVADA_DATABASE_URL": postgres} if postgres else {}
        return {"LEVADA_HOME": str(self.home), **database}

    def prepare(self) -> None:
        pass

    def create(self, number: int) -> Request:
        return Request("POST", "/flow_runs", {"flow_name": "bench", "parameters": {"number": number}})

    def set_state(self, run: str, number: int) -> Request:
        return Request("POST", f"/flow_runs/{run}/set_state", {"type": ("PENDING", "RUNNING")[number % 2]})

    def page(self, number: int) -> Request:
        return Request("POST", "/flow_runs/filter", {"state_types": ["COMPLETED"], "limit": PAGE})

    def count(self, number: int) -> Request:
        return Request("POST", "/flow_runs/count", {"state_types": ["COMPLETED"]})

    def graph(self, run: str) -> Request:
        return Request("GET", f"/flow_runs/{run}/graph")


class Prefect(Target):
    """Prefect 3.9."""

    name = "Prefect 3.9"
    _flow = ""

    def command(self) -> list[str]:
        PREFECT.ensure()
        return [str(PREFECT.bin / "prefect"), "server", "start", "--port", str(self.port)]

    def settings(self, postgres: str | None) -> dict[str, str]:
        url = postgres.replace("postgresql://", "postgresql+asyncpg://") if postgres else None
        database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url} if url else {}
        return {"PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url, **database}

    def prepare(self) -> None:
        self._flow = ask(self.url, Request("POST", "/flows/", {"name": f"bench-{uuid4().hex[:6]}"}))["id"]

    def create(self, number: int) -> Request:
        body = {"flow_id": self._flow, "parameters": {"number": number}, "state": {"type": "SCHEDULED"}}
        return Request("POST", "/flow_runs/", body)

    def set_state(self, run: str, number: int) -> Request:
        kind = ("PENDING", "RUNNING")[number % 2]
        return Request("POST", f"/flow_runs/{run}/set_state", {"state": {"type": kind}})

    def page(self, number: int) -> Request:
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": PAGE, "sort": "ID_DESC"}
        return Request("POST", "/flow_runs/filter", body)

    def count(self, number: int) -> Request:
        return Request("POST", "/flow_runs/count", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}})

    def graph(self, run: str) -> Request:
        return Request("GET", f"/flow_runs/{run}/graph-v2")


def targets(peers: bool) -> list[Target]:
    """Every server, in the order of the tables."""
    chosen: list[Target] = [Levada("sqlite"), Levada("postgresql")]
    return [*chosen, Prefect("sqlite"), Prefect("postgresql")] if peers else chosen
