"""Requests to a server's API, and waiting for what follows from them."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Api:
    """A server's API.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its answer from JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            raw = answer.read()
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
