"""Requests to a server's API, and waiting for what follows from them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class RefusedError(OSError):
    """A server answered with an error; `status` is its status."""

    def __init__(self, asked: str, status: int, said: bytes) -> None:
        super().__init__(f"{asked} was answered with {status}: {said[:300].decode(errors='replace')}")
        self.status = status


class Api:
    """A server's API, over one connection.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its answer from JSON.

        Raises:
            RefusedError: the answer is an error.
        """
        data = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, self._path + path, data, {"content-type": "application/json"})
            answer = self._connection.getresponse()
        except (RemoteDisconnected, ConnectionError):  # it was idle for too long
            self._connection.close()
            self._connection.request(method, self._path + path, data, {"content-type": "application/json"})
            answer = self._connection.getresponse()
        raw = answer.read()
        if answer.status >= 400:
            raise RefusedError(f"{method} {path}", answer.status, raw)
        return json.loads(raw) if raw else None


def until(check: Callable[[], object], timeout: float = 120.0, pause: float = 0.02) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("what was measured did not happen in time")
        time.sleep(pause)


def lines(file: Path) -> int:
    """How many lines a file has; 0 when it is not there."""
    return file.read_text().count("\n") if file.exists() else 0
