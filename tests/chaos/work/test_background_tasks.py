"""Processes that serve tasks are killed under load: every call ends, none is executed by two at once.

Calls of tasks without retries are begun once at most, and those that were cut off say so.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from levada.core.states import StateType
from levada.futures import wait
from levada.settings import refresh_settings
from levada.testing import eventually
from tests.chaos.processes import LONG
from tests.integration.servers import serving

pytestmark = pytest.mark.chaos

ERRANDS = Path(__file__).parent / "programs" / "errands.py"
CALLS = 600 if LONG else 120
SECONDS = 120.0 if LONG else 10.0
PROCESSES = 3
PAUSE = 0.9


class Crew:
    """The processes that serve."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._members = [self._hired() for _ in range(PROCESSES)]
        self.killed = 0

    def _hired(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "levada.cli", "task", "serve", str(ERRANDS), "--limit", "6"]
            return subprocess.Popen(command, env=os.environ, stdout=log, stderr=log)

    def strike(self, which: int) -> None:
        gone = self._members[which % PROCESSES]
        gone.kill()
        gone.wait(30)
        self.killed += 1
        self._members[which % PROCESSES] = self._hired()

    def close(self) -> None:
        for member in self._members:
            member.kill()
            member.wait(30)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What calls write down; a server with short leases hears of them."""
    file = tmp_path / "notes"
    monkeypatch.setenv("LEVADA_CHAOS_NOTES", str(file))
    monkeypatch.setenv("LEVADA_LEASES_SECONDS", "3")
    monkeypatch.setenv("LEVADA_LEASES_RENEW_SECONDS", "0.5")
    with serving() as server:
        monkeypatch.setenv("LEVADA_API_URL", f"http://127.0.0.1:{server.port}/api")
        refresh_settings()
        yield file
    sys.modules.pop("errands", None)


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("errands", ERRANDS)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["errands"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lives(notes: Path) -> dict[int, list[tuple[str, int, float]]]:
    """By call: what was written down, in the order of time."""
    found: dict[int, list[tuple[str, int, float]]] = defaultdict(list)
    for line in notes.read_text().splitlines():
        word, number, pid, moment = line.split()
        found[int(number)].append((word, int(pid), float(moment)))
    return {number: sorted(told, key=lambda one: one[2]) for number, told in found.items()}


def test_calls_outlive_the_processes_that_serve_them(notes: Path, tmp_path: Path) -> None:
    errands, chance = loaded(), Random(7)
    crew = Crew(tmp_path / "crew.log")
    try:
        numbers = range(CALLS)
        again = errands.again.map(numbers, deferred=True)
        once = errands.once.map(range(CALLS, 2 * CALLS), deferred=True)
        light = errands.async_again.map(range(2 * CALLS, 3 * CALLS), deferred=True)
        eventually(notes.exists, 60)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(PAUSE)
            crew.strike(chance.randrange(PROCESSES))
        _, left = wait([*again, *once, *light], timeout=600 if LONG else 150)
        assert not left
    finally:
        crew.close()
    assert crew.killed >= SECONDS // PAUSE / 2
    told = lives(notes)
    assert [future.result() for future in [*again, *light]] == [*numbers, *range(2 * CALLS, 3 * CALLS)]
    for number, future in zip(range(CALLS, 2 * CALLS), once, strict=True):
        assert future.state.type in {StateType.COMPLETED, StateType.CRASHED}
        words = [word for word, _, _ in told.get(number, [])]
        assert words.count("begin") <= 1, f"call {number} was begun {words.count('begin')} times"
        if future.state.is_completed():
            assert words.count("end") == 1
    assert any(future.state.is_crashed() for future in once), "nobody was hit, so nothing was proved"
    for number, story in told.items():
        owners = [pid for _, pid, _ in story]
        changes = sum(one != other for one, other in pairwise(owners))
        assert changes == len(set(owners)) - 1, f"call {number} was executed by two at once: {story}"
