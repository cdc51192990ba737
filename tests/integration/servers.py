"""Real servers in processes of their own, for tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levada.testing import eventually


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def levada(*args: str, env: dict[str, str] | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "levada.cli", *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(env or {})},
    )


class Server:
    """A server in the foreground of a process."""

    def __init__(self, *args: str, port: int | None = None, env: dict[str, str] | None = None) -> None:
        self.port = port or free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", "server", "start", f"--port={self.port}", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._output = self.process.stdout
        self.said = ""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        host: str = "127.0.0.1",
        timeout: float = 30,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of an answer; the body from JSON when it is some."""
        connection = http.client.HTTPConnection(host, self.port, timeout=timeout)
        try:
            content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, content, headers or {})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, said, json.loads(raw) if "json" in said.get("content-type", "") else raw

    def is_healthy(self) -> bool:
        try:
            return self.ask("GET", "/api/health", timeout=5)[0] == 200
        except OSError:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self.rest()}") from None
            return False

    def wait(self) -> Server:
        eventually(self.is_healthy, timeout=60)
        return self

    def until_said(self, text: str) -> str:
        """Read what it says until it said this; the whole of it."""
        while text not in self.said:
            line = self._output.readline()
            assert line, f"the server ended without saying {text!r}: {self.said}"
            self.said += line.decode()
        return self.said

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 30) -> int:
        """Send a signal; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout)

    def rest(self) -> str:
        """Everything it said, once it has ended."""
        self.said += self._output.read().decode()
        return self.said

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._output.close()


@contextmanager
def serving(*args: str, port: int | None = None, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server that serves."""
    server = Server(*args, port=port, env=env)
    try:
        yield server.wait()
    finally:
        server.close()


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that live."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if found.exists():
        return [int(text) for text in found.read_text().split()]
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(text) for text in listed.stdout.split()]
