"""`flow.serve` as people use it: a real process without a server, its schedule, changed code, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada.control import ControlPlane
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.deployments import NewDeploymentRun
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun

DEPLOYMENT = "hello/by-the-second"

HELLO = """\
import time

from levada import flow


@flow(log_prints=True)
def hello(name: str = "world", wait: bool = False) -> str:
    while wait:
        time.sleep(0.02)
    return f"Hello, {name}!"


if __name__ == "__main__":
    hello.serve("by-the-second", interval=1, catchup="none")
"""


CALLER = f"""
from levada import flow
from levada.deployments import run_deployment


@flow
def caller():
    run = run_deployment("{DEPLOYMENT}", parameters={{"name": "caller"}})
    assert run.state_type == "COMPLETED", run
    later = run_deployment("{DEPLOYMENT}", timeout=0, as_subflow=False)
    assert later.state_type == "SCHEDULED", later


caller()
"""


class Program:
    """The program of an author, and the home on which it works."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.plane = ControlPlane(home)
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            [sys.executable, str(self.folder / "hello.py")],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def runs(self, *states: StateType) -> list[FlowRun]:
        """Its runs in some states; the newest first."""
        self.plane.drain()
        found: list[FlowRun] = self.plane.read_flow_runs(FlowRunQuery()).items
        return [run for run in found if not states or run.state_type in states]

    def ask(self, **parameters: Any) -> FlowRun:
        """Ask for a run."""
        return self.plane.run_deployment(DEPLOYMENT, NewDeploymentRun(parameters=parameters))

    def end(self, number: int) -> str:
        """Send a signal and wait until it has ended; what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return said


@pytest.fixture
def program(tmp_path: Path, levada_home: Path) -> Iterator[Program]:
    """The program, running."""
    (tmp_path / "hello.py").write_text(HELLO)
    made = Program(tmp_path, levada_home)
    yield made
    made.process.kill()
    made.process.communicate()
    made.plane.close()


def test_it_runs_by_the_clock_and_on_request_until_it_is_interrupted(program: Program) -> None:
    eventually(lambda: len(program.runs(StateType.COMPLETED)) >= 2, timeout=60)
    asked = program.ask(name="you")
    (ended,) = eventually(lambda: program.plane.await_flow_runs([asked.id], 1.0).ended, timeout=60)

    said = program.end(signal.SIGINT)

    assert ended.state_type is StateType.COMPLETED
    assert program.process.returncode == 0, said
    assert "hello/by-the-second" in said
    assert program.plane.read_deployment(DEPLOYMENT).paused
    assert not program.runs(StateType.RUNNING, StateType.PENDING)


def test_the_next_run_executes_what_the_file_says_then(program: Program) -> None:
    eventually(lambda: program.runs(StateType.COMPLETED), timeout=60)
    (program.folder / "hello.py").write_text(HELLO.replace('return f"Hello, {name}!"', 'raise ValueError("new code")'))

    failed = eventually(lambda: program.runs(StateType.FAILED), timeout=60)
    assert "new code" in str(failed[0].states[-1].message)


def test_a_signal_waits_for_what_runs_and_a_second_one_stops_it(program: Program) -> None:
    eventually(lambda: program.runs(StateType.COMPLETED), timeout=60)
    hangs = program.ask(wait=True)
    eventually(lambda: hangs.id in {run.id for run in program.runs(StateType.RUNNING)}, timeout=60)

    program.process.send_signal(signal.SIGTERM)
    eventually(lambda: program.plane.read_deployment(DEPLOYMENT).paused, timeout=60)
    assert program.process.poll() is None
    said = program.end(signal.SIGTERM)

    assert program.process.returncode == 0, said
    assert not program.runs(StateType.RUNNING, StateType.PENDING)


def test_what_was_paused_at_the_end_goes_on_at_the_next_start(program: Program) -> None:
    eventually(lambda: program.runs(StateType.COMPLETED), timeout=60)
    program.end(signal.SIGINT)
    before = len(program.runs())

    program.process = program.start()
    eventually(lambda: len(program.runs(StateType.COMPLETED)) > before, timeout=60)
    assert not program.plane.read_deployment(DEPLOYMENT).paused


def test_a_run_calls_a_deployment_as_a_part_of_itself(program: Program) -> None:
    eventually(lambda: program.runs(StateType.COMPLETED), timeout=60)
    done = subprocess.run([sys.executable, "-c", CALLER], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    caller = next(run for run in program.runs() if run.flow_name == "caller")
    called = next(run for run in program.runs() if run.parent_task_run_id is not None)
    assert caller.state_type is StateType.COMPLETED
    assert (called.state_type, called.root_flow_run_id or called.parent_flow_run_id) == (StateType.COMPLETED, caller.id)
