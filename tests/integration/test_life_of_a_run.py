"""The whole way of a run through real commands: it fails, is explained, repaired, resumed, forked and deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """
from pathlib import Path
from levada import flow, task

HERE = Path(__file__).parent

def note(what):
    with (HERE / "ledger").open("a") as file:
        file.write(what + "\\n")

@task
def extract(day: str) -> list[int]:
    note("extract")
    return [1, 2, 3]

@task
def transform(row: int) -> int:
    note(f"transform {row}")
    return row * 10

@task
def load(rows: list[int]) -> int:
    note("load")
    if not (HERE / "warehouse").exists():
        raise ConnectionError("the warehouse is closed")
    return sum(rows)

@flow(log_prints=True)
def pipeline(day: str = "monday") -> int:
    print(f"working on {day}")
    return load(transform.map(extract(day)))

if __name__ == "__main__":
    print(pipeline())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    return tmp_path


def levada(project: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "levada.cli", *arguments],
        cwd=project,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def listed(project: Path, *arguments: str) -> Any:
    return json.loads(levada(project, *arguments, "--output", "json"))


def ledger(project: Path) -> list[str]:
    lines = (project / "ledger").read_text().splitlines()
    (project / "ledger").unlink()
    return sorted(lines)


def test_a_run_fails_is_explained_repaired_resumed_forked_and_deleted(project: Path) -> None:
    # Given a run that failed in its last task
    levada(project, "run", "pipeline.py", "-p", "day=tuesday", code=1)
    assert ledger(project) == ["extract", "load", "transform 1", "transform 2", "transform 3"]
    (failed,) = listed(project, "flow-run", "ls")
    assert failed["state_name"] == "Failed"
    assert "the warehouse is closed" in levada(project, "why", failed["id"])
    assert "working on tuesday" in levada(project, "flow-run", "logs", failed["id"])
    # When the cause is gone and the run is resumed, only the last task runs again
    (project / "warehouse").touch()
    levada(project, "flow-run", "resume", failed["id"])
    assert ledger(project) == ["load"]
    (resumed,) = listed(project, "flow-run", "ls")
    assert (resumed["id"], resumed["state_name"], resumed["epoch"]) == (failed["id"], "Completed", 2)
    # A fork from a task runs that one again, and what depended on it, in a run of its own
    levada(project, "flow-run", "fork", failed["id"], "--from", "transform")
    assert ledger(project) == ["load", "transform 1", "transform 2", "transform 3"]
    runs = listed(project, "flow-run", "ls")
    assert {run["state_name"] for run in runs} == {"Completed"}
    (forked,) = [run for run in runs if run["id"] != failed["id"]]
    assert forked["forked_from"] == failed["id"]
    # What is deleted is gone, the other stays
    levada(project, "flow-run", "delete", "--yes", failed["id"])
    (left,) = listed(project, "flow-run", "ls")
    assert left["id"] == forked["id"]


def test_a_resume_whose_code_changed_says_what_no_longer_matches(project: Path) -> None:
    levada(project, "run", "pipeline.py", code=1)
    (failed,) = listed(project, "flow-run", "ls")
    changed = PIPELINE.replace("row * 10", "row * 100").replace("ConnectionError", "ValueError")
    (project / "pipeline.py").write_text(changed)
    (project / "warehouse").touch()
    done = subprocess.run(
        [sys.executable, "-m", "levada.cli", "flow-run", "resume", failed["id"]],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "code had changed" in done.stderr
    assert "transform" in done.stderr
    (resumed,) = listed(project, "flow-run", "ls")
    assert resumed["state_name"] == "Completed"
