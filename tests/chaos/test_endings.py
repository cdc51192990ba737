"""Runs that are ended from outside: they end soon, in the right state, with their hooks, and nothing lives on."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.core.states import FINAL_TYPES, StateType
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery, TaskRunQuery
from tests.chaos.processes import LONG, PROGRAMS, Running, levada, levada_json, start

pytestmark = pytest.mark.chaos

SOON = 30.0
"""Seconds in which a run must have ended; on a quiet machine it takes one or two, or the grace that tasks have."""

SHAPES = [
    "busy",
    "sleeping",
    "in_task",
    "submitted",
    "returned",
    "processes",
    "on_loop",
    "async_task",
    "async_submitted",
    "outer",
    "aouter",
    "outer_of_submitted",
    "between_retries",
    "blocking_loop",
]
IN_THREAD = ["busy", "submitted", "outer_of_submitted", "on_loop", "between_retries", "blocking_loop"]


def began(shape: str, home: Path) -> Running:
    program = start("ending.py", home, shape).said("working")
    if shape in {"submitted", "processes", "in_task", "returned", "outer_of_submitted"}:
        program.said("napping 0")
    return program


def check_ended(home: Path, program: Running, ending: str, hook: str) -> None:
    """Every flow run ended so, every task run ended, the hook was called once for each flow run, nobody is left."""
    with ControlPlane(home) as plane:
        plane.drain()
        runs = plane.read_flow_runs(FlowRunQuery(limit=100)).items
        tasks = plane.read_task_runs(TaskRunQuery(limit=100)).items
    assert {run.state_name for run in runs} == {ending}, (runs, program)
    assert not [task.name for task in tasks if task.state_type not in {"CANCELLED", "CRASHED"}], tasks
    for run in runs:
        called = [line for line in program.lines if f" {run.flow_name} " in line]
        assert called == [f"{hook} {run.flow_name} {ending.upper()}"], program
    eventually(lambda: not program.others(), 5)


def check_manners(program: Running) -> None:
    """What it leaves on the terminal is about the author's code, not about ours."""
    assert "Exception ignored" not in program.errors, program
    assert "exception was never retrieved" not in program.errors, program
    assert "Fatal Python error" not in program.errors, program
    assert "was never awaited" not in program.errors, program


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("number", "ending", "hook"),
    [
        (signal.SIGTERM, "Crashed", "crashed"),
        (signal.SIGINT, "Cancelled", "cancellation"),
        (signal.SIGHUP, "Crashed", "crashed"),
    ],
)
def test_a_signal_ends_a_program_and_its_runs(
    shape: str, number: signal.Signals, ending: str, hook: str, levada_home: Path
) -> None:
    with began(shape, levada_home) as program:
        begin = time.monotonic()
        code = program.signal(number).ended()
        assert time.monotonic() - begin < SOON, program
        # SIGINT ends Python with KeyboardInterrupt, which dies by the signal itself
        assert code == -number, program
        assert "over" not in program.lines
        check_ended(levada_home, program, ending, hook)
        check_manners(program)


@pytest.mark.parametrize("shape", [*SHAPES, *(f"{shape}@thread" for shape in IN_THREAD)])
def test_a_run_is_cancelled_from_another_process(shape: str, levada_home: Path) -> None:
    with began(shape, levada_home) as program:
        (run,) = levada_json(levada_home, "flow-run", "ls", "--top-level")
        begin = time.monotonic()
        assert "is Cancelled." in levada(levada_home, "flow-run", "cancel", run["id"])
        code = program.ended()
        assert time.monotonic() - begin < SOON, program
        assert code == 1, program
        assert "over" not in program.lines
        assert "CancelledRun" in program.errors
        check_ended(levada_home, program, "Cancelled", "cancellation")
        check_manners(program)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, "cancel"])
@pytest.mark.parametrize("shape", ["stepping", "logging", "nesting", "submitting", "astepping"])
def test_a_run_is_ended_at_any_moment_also_while_the_engine_is_at_work(
    shape: str, number: signal.Signals | str, tmp_path: Path
) -> None:
    """A signal used to be raised wherever Python stood: in the middle of the engine, it took the final state along."""
    for turn in range(20 if LONG else 1):
        home = tmp_path / str(turn)
        with start("ending.py", home, shape).said("working") as program:
            program.lives_after(random.uniform(0, 0.05))
            if isinstance(number, str):
                (run,) = levada_json(home, "flow-run", "ls", "--flow-name", shape)
                levada(home, "flow-run", "cancel", run["id"])  # a busy machine may not see the end within its wait
                assert program.ended(SOON) == 1, program
            else:
                assert program.signal(number).ended(SOON) == -number, program
            crashed = number == signal.SIGTERM
            with ControlPlane(home) as plane:
                assert not plane.drain().crashed_flow_runs, program
                (run,) = plane.read_flow_runs(FlowRunQuery(flow_names=[shape])).items
                states = plane.flow_run_state_counts(FlowRunQuery()), plane.task_run_state_counts(run.id)
            assert run.state_name == ("Crashed" if crashed else "Cancelled"), program
            assert not {kind for found in states for kind in found} - FINAL_TYPES, states
            hook = f"crashed {shape} CRASHED" if crashed else f"cancellation {shape} CANCELLED"
            assert [line for line in program.lines if f" {shape} " in line] == [hook], program
            check_manners(program)


def test_a_second_interrupt_ends_a_program_whose_tasks_do_not_listen(levada_home: Path) -> None:
    with start("ending.py", levada_home, "deaf_tasks").said("stubborn") as program:
        program.signal(signal.SIGINT).said("asked")
        begin = time.monotonic()
        assert program.signal(signal.SIGINT).ended() == -signal.SIGINT, program
        assert time.monotonic() - begin < SOON
    with ControlPlane(levada_home) as plane:
        plane.drain()
        (run,) = plane.read_flow_runs(FlowRunQuery()).items
        (task,) = plane.read_task_runs(TaskRunQuery()).items
    assert (run.state_name, task.state_name) == ("Cancelled", "Cancelled")


def test_one_submitted_task_is_cancelled_from_another_process_and_the_flow_goes_on(levada_home: Path) -> None:
    with start("ending.py", levada_home, "one_of_two").said("napping 1") as program:
        with ControlPlane(levada_home) as plane:
            plane.drain()
            (task,) = plane.read_task_runs(TaskRunQuery(state_types=[StateType.RUNNING])).items
        assert "is Cancelled." in levada(levada_home, "task-run", "cancel", task.id)
        assert program.ended() == 0, program
        assert program.lines[-2:] == ["first Cancelled", "over"]
    (run,) = levada_json(levada_home, "flow-run", "ls")
    assert run["state_name"] == "Completed"


@pytest.mark.parametrize("shape", ["processes", "submitted", "outer"])
def test_a_killed_program_leaves_no_process_behind_and_its_runs_are_crashed(shape: str, levada_home: Path) -> None:
    with began(shape, levada_home) as program:
        program.kill()
        eventually(lambda: not program.others(), 10)
    runs = levada_json(levada_home, "flow-run", "ls")
    tasks = levada_json(levada_home, "task-run", "ls")
    assert {one["state_name"] for one in [*runs, *tasks]} == {"Crashed"}


def test_a_command_that_runs_a_flow_says_that_it_was_interrupted(levada_home: Path) -> None:
    command = [sys.executable, "-m", "levada.cli", "run", f"{PROGRAMS / 'ending.py'}:sleeping"]
    with Running(command, levada_home).said("working") as program:
        assert program.signal(signal.SIGINT).ended() == 130, program
        check_ended(levada_home, program, "Cancelled", "cancellation")
        assert "Traceback" not in program.errors, program
