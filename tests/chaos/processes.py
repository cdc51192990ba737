"""Real processes for chaos tests: programs that are started, listened to, signalled and killed.

Nothing here guesses how long something takes: a program says in lines on its standard output how far it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from levada.testing import eventually

LONG = os.environ.get("LEVADA_CHAOS") == "long"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 60.0
"""Seconds after which a process is taken to hang; only a broken test or a busy machine ever gets near."""


class Running:
    """A program that was started, and what it has said so far.

    Attributes:
        lines: what it printed on standard output.
        pid: of its process, which leads a session of its own.
    """

    def __init__(self, command: list[str], home: Path, **environment: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "LEVADA_HOME": str(home), "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self._errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, into: list[str]) -> None:
        with stream:
            into.extend(line.rstrip("\n") for line in iter(stream.readline, ""))

    @property
    def errors(self) -> str:
        """What it wrote on standard error so far."""
        return "\n".join(self._errors)

    def said(self, text: str) -> Running:
        """Wait until it has printed this line."""

        def look() -> bool:
            ended = self._process.poll() is not None and not any(reader.is_alive() for reader in self._readers)
            if ended and text not in self.lines:
                raise RuntimeError(f"it ended with {self.ended()} before it said {text!r}:\n{self}")
            return text in self.lines

        try:
            eventually(look, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"it never said {text!r}:\n{self}") from error
        return self

    def said_lines(self, number: int) -> Running:
        """Wait until it has printed so many lines, or has ended."""
        eventually(lambda: len(self.lines) >= number or self._process.poll() is not None, PATIENCE)
        return self

    def signal(self, number: signal.Signals) -> Running:
        """Send it a signal."""
        self._process.send_signal(number)
        return self

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._process.kill()
        self.ended()

    def lives_after(self, seconds: float) -> bool:
        """Let it go on for a while; whether it still lives then."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def ended(self, within: float = PATIENCE) -> int:
        """Wait until it has ended; its exit code, negative when a signal ended it."""
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # faulthandler, where it is on, shows where it stands
            self._process.wait(5)
            raise AssertionError(f"it did not end within {within} s:\n{self}") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def __str__(self) -> str:
        return "\n".join([*self.lines[-40:], "--- standard error", *self._errors[-60:]])

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        # The whole session, so that no test leaves a child of a program behind.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # all are gone
        self._process.wait()

    def others(self) -> list[int]:
        """Processes of its session, without itself, that live."""
        return [pid for pid in _session(self.pid) if pid != self.pid]


def _session(leader: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[3]) == leader and fields[0] not in {"Z", "X"}:
            yield int(folder.name)


def start(program: str, home: Path, *arguments: object, **environment: str) -> Running:
    """Start one of `programs/` on a home."""
    command = [sys.executable, "-X", "faulthandler", str(PROGRAMS / program), *map(str, arguments)]
    return Running(command, home, **environment)


def levada(home: Path, *arguments: object, code: int | None = 0, **environment: str) -> str:
    """What a command of `levada` prints; its exit code is checked unless it is None."""
    done = subprocess.run(
        [sys.executable, "-m", "levada.cli", *map(str, arguments)],
        env={**os.environ, "LEVADA_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 3,
    )
    if code is not None:
        assert done.returncode == code, f"levada {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def levada_json(home: Path, *arguments: object) -> Any:
    """The same, read as JSON."""
    return json.loads(levada(home, *arguments, "--output", "json"))
