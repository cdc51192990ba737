"""Runs the command as people do: in a process of its own, on the home of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """
import os
from pathlib import Path

from levada import flow, get_run_logger, tags, task
from levada.artifacts import create_markdown_artifact, create_table_artifact

HERE = Path(__file__).parent


@task(tags=["extract"])
def extract(number: int) -> int:
    with (HERE / "calls.txt").open("a") as calls:
        calls.write(f"extract {number}\\n")
    get_run_logger().info("extracted %s", number)
    return number


@task
def load(number: int) -> int:
    with (HERE / "calls.txt").open("a") as calls:
        calls.write(f"load {number}\\n")
    if (HERE / "broken").exists():
        raise ValueError("the target is broken")
    return number * 10


@flow(log_prints=True)
def pipeline(name: str = "world", numbers: list[int] = [1, 2]) -> list[int]:
    print(f"hello {name}")
    create_markdown_artifact("# Report", key="report", description="what happened\\nin detail")
    create_table_artifact([{"a": 1, "b": "x"}, {"a": 2}], key="rows")
    return [load(extract(number)) for number in numbers]
"""


class Levada:
    """The command, in one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "pipeline.py"
        self.file.write_text(PIPELINE)

    def start(self, *args: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "levada.cli", *args],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with an exit code."""
        process = self.start(*args, **environment)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, f"levada {' '.join(args)} ended {process.returncode}\n{out}\n{err}"
        assert code == 1 or "Traceback" not in err
        return subprocess.CompletedProcess(args, code, out, err)

    def json(self, *args: str, **environment: str) -> Any:
        """What a command answers in JSON."""
        return json.loads(self(*args, "--output", "json", **environment).stdout)

    def run(self, *args: str, code: int = 0) -> dict[str, Any]:
        """Run the pipeline; the run as it is listed."""
        self("run", f"{self.file}:pipeline", *args, code=code)
        run: dict[str, Any] = self.json("flow-run", "ls", "--limit", "1")[0]
        return run

    @property
    def calls(self) -> list[str]:
        """What the tasks of the pipeline were called with, so far."""
        path = self.folder / "calls.txt"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def levada(tmp_path: Path) -> Levada:
    """The command `levada` in an empty home, with a file `pipeline.py`."""
    return Levada(tmp_path)


@pytest.fixture
def broken(levada: Levada) -> Callable[[bool], None]:
    """Break and mend what the pipeline loads into."""

    def set_broken(value: bool) -> None:
        path = levada.folder / "broken"
        path.touch() if value else path.unlink()

    return set_broken
