"""Which servers run in a home: a file and a lock for each port, under ``<home>/server``.

The lock is held as long as the process lives, however it ends, so a number of a process is never believed without it.
Light: commands that only ask load nothing of the server.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from msgspec import DecodeError, Struct, ValidationError, json

from levada.core.errors import ConfigurationError

FOLDER = "server"
_PROBES_LAST = 0.5
"""Seconds; a command that looks holds the lock for a moment."""


class Presence(Struct, frozen=True, kw_only=True):
    """A server as it describes itself.

    Attributes:
        pid: its process; of several, the one that looks after the others.
        host: the address it listens on.
        port: the port it listens on.
        started: seconds since 1970.
        version: of Levada.
        database: `sqlite` or `postgresql`.
        workers: processes that answer.
        services: whether it runs the services.
        log: where it writes to when it runs in the background.
    """

    pid: int
    host: str
    port: int
    started: float
    version: str
    database: str
    workers: int = 1
    services: bool = True
    log: str | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104 - no bind
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class Held:
    """The lock of a running server; given up when the process ends, or by `release`.

    Args:
        path: of its description.
        descriptor: of the locked file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def describe(self, presence: Presence) -> None:
        """Write down what runs, all at once."""
        temporary = self._path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(json.format(json.encode(presence), indent=2))
        temporary.replace(self._path)

    def release(self) -> None:
        """Say that the server is gone."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def forget(self) -> None:
        """Let go without saying so: a child of the server does not hold its lock."""
        os.close(self._descriptor)


def occupy(home: Path, port: int) -> Held:
    """Take the place of the server of this home on a port.

    Raises:
        ConfigurationError: it is taken, or the home cannot be written.
    """
    folder = home / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / f"{port}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written: {error.strerror}. LEVADA_HOME names the home."
        ) from error
    deadline = time.monotonic() + _PROBES_LAST
    while not _locked(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise ConfigurationError(
                f"A Levada server of this home runs on port {port} already; `levada server status` shows it, "
                "`levada server stop` ends it."
            )
        time.sleep(0.02)
    return Held(folder / f"{port}.json", descriptor)


def running(home: Path) -> list[Presence]:
    """The servers of a home that live, by port."""
    found = []
    for path in sorted((home / FOLDER).glob("*.json")):
        if _is_held(path.with_suffix(".lock")):
            presence = _read(path)
            if presence is not None:
                found.append(presence)
    return sorted(found, key=lambda one: one.port)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def _read(path: Path) -> Presence | None:
    try:
        return json.decode(path.read_bytes(), type=Presence)
    except (OSError, DecodeError, ValidationError):
        return None  # it ended between two looks
