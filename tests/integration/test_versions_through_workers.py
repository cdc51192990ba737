"""Versions of a deployment, executed by real workers from the command line, on a home without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE = """
from pathlib import Path

from levada import flow

TRIES = []


@flow(log_prints=True)
def report(day: str = "monday") -> str:
    TRIES.append(day)
    print("{label} of", day)
    with (Path(__file__).parent.parent / "done.txt").open("a") as done:
        done.write(f"{label} {{day}}\\n")
    if day == "flaky" and len(TRIES) < 3:
        raise ValueError("not yet")
    return day


if __name__ == "__main__":
    report.deploy("daily", work_pool_name="default-agent-pool", tags=["{label}"])
"""


class Home:
    """A folder with two versions of some code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for label in ("old", "new"):
            (folder / label).mkdir()
            (folder / label / "flows.py").write_text(
                CODE.replace("{label}", label).replace("{{", "{").replace("}}", "}")
            )

    def deploy(self, label: str) -> None:
        subprocess.run(
            [sys.executable, "flows.py"], cwd=self.folder / label, check=True, capture_output=True, timeout=60
        )

    def levada(self, *args: str, code: int = 0) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "levada.cli", *args],
            cwd=self.folder,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def work(self) -> None:
        """Execute all that waits."""
        self.levada("worker", "start", "--pool", "default-agent-pool", "--run-once")

    def runs(self) -> dict[str, Any]:
        listed = json.loads(self.levada("flow-run", "ls", "--deployment", "report/daily", "-o", "json"))
        return {run["name"]: (run["deployment_version"], run["state_name"]) for run in listed}

    @property
    def done(self) -> list[str]:
        return sorted((self.folder / "done.txt").read_text().splitlines())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_run_executes_the_code_with_which_it_was_made(home: Home) -> None:
    home.deploy("old")
    home.levada("deployment", "run", "daily", "-p", "day=first", "--name", "first")
    home.deploy("new")
    home.levada("deployment", "run", "daily", "-p", "day=second", "--name", "second")
    home.levada("deployment", "run", "daily", "-p", "day=third", "--name", "third", "--version", "1")
    home.levada("deployment", "rollback", "daily")
    home.levada("deployment", "run", "daily", "-p", "day=fourth", "--name", "fourth")
    home.work()
    assert home.done == ["new second", "old first", "old fourth", "old third"]
    assert home.runs() == {
        "first": (1, "Completed"),
        "second": (2, "Completed"),
        "third": (1, "Completed"),
        "fourth": (1, "Completed"),
    }
    assert "old" not in home.levada("deployment", "diff", "daily", "2", "2")


def test_retries_of_a_run_and_a_resume_by_hand_keep_its_version(home: Home) -> None:
    home.deploy("old")
    home.levada("deployment", "run", "daily", "-p", "day=flaky", "--name", "patient", "--retries", "2")
    home.levada("deployment", "run", "daily", "-p", "day=flaky", "--name", "hasty")
    home.work()
    assert home.runs() == {"patient": (1, "Completed"), "hasty": (1, "Failed")}
    home.deploy("new")
    home.levada("flow-run", "resume", "hasty", code=1)
    assert home.runs()["hasty"] == (1, "Failed")
    assert home.done == ["old flaky"] * 5
