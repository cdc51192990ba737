"""Flows that fork, exit, vanish and find no room: what is recorded is true, and the program ends as was meant."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import FlowRun
from tests.chaos.processes import levada_json, start

pytestmark = pytest.mark.chaos


def look(home: Path) -> tuple[FlowRun, Counter[str], list[str]]:
    """The flow run, the states of all task runs, the log lines."""
    with ControlPlane(home) as plane:
        report = plane.drain()
        assert not report.problems, report
        (run,) = plane.read_flow_runs(FlowRunQuery()).items
        tasks = Counter(str(task.state_name) for task in plane.read_task_runs(TaskRunQuery(limit=1000)).items)
        lines = [line.message for line in plane.read_logs(LogQuery(limit=1000)).items]
    return run, tasks, lines


@pytest.mark.parametrize(
    ("shape", "answer", "tasks"),
    [("forks", 3, 2), ("multiprocesses", 23, 3), ("daemons", 2, 1), ("broken_threads", 2, 1)],
)
def test_a_flow_may_fork_and_thread_as_it_likes(shape: str, answer: int, tasks: int, levada_home: Path) -> None:
    with start("odd.py", levada_home, shape) as program:
        assert program.ended() == 0, program
        assert program.lines == [f"gave {answer}"]
    run, states, _ = look(levada_home)
    assert run.state_name == "Completed"
    assert states == {"Completed": tasks}
    assert "Exception ignored" not in program.errors, program


@pytest.mark.parametrize(
    ("shape", "code", "tasks"),
    [
        ("vanishes", 5, {"Completed": 1}),
        ("leaves", 3, {"Completed": 1}),
        ("leaves_in_task", 4, {"Crashed": 1}),
    ],
)
def test_a_flow_that_exits_is_recorded_as_crashed_and_exits_as_it_said(
    shape: str, code: int, tasks: dict[str, int], levada_home: Path
) -> None:
    with start("odd.py", levada_home, shape) as program:
        assert program.ended() == code, program
    run, states, _ = look(levada_home)
    assert run.state_name == "Crashed"
    assert states == tasks


def test_a_submitted_task_that_exits_crashes_and_its_flow_is_told(levada_home: Path) -> None:
    with start("odd.py", levada_home, "leaves_in_submitted") as program:
        assert program.ended() != 0, program
    run, states, _ = look(levada_home)
    assert run.state_type is not None
    assert run.state_type.value in {"FAILED", "CRASHED"}, run
    assert states == {"Crashed": 1}


def warnings_of(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith("Levada ")]


def test_a_flow_whose_disk_is_full_warns_once_and_completes(levada_home: Path, tmp_path: Path) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    with start("odd.py", levada_home, "no_room", TMPDIR=str(spare)) as program:
        assert program.ended() == 0, program
        assert program.lines == ["gave 101"]
    warnings = warnings_of(program.errors)
    assert "cannot write its journal" in warnings[0], program
    # The limit holds for each file everywhere: one place after the other fills up; each is told, and so is what is
    # lost.
    assert len(warnings) == len(set(warnings)) <= 6, warnings
    (run,) = levada_json(levada_home, "flow-run", "ls")
    assert run["state_name"] in {"Completed", "Crashed"}


def test_a_flow_whose_journal_fails_for_a_moment_loses_nothing(
    levada_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "journal.torn_append:20:raise"
    with start("odd.py", levada_home, "steps", LEVADA_FAULT=fault, TMPDIR=str(tmp_path)) as program:
        assert program.ended() == 0, program
        assert program.lines == ["gave 50"]
    assert 1 <= len(warnings_of(program.errors)) <= 2, program
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run, states, lines = look(levada_home)
    assert run.state_name == "Completed"
    assert states == {"Completed": 50}
    assert sum(line.startswith("adding ") for line in lines) == 50


@pytest.mark.parametrize("kind", ["a file", "below a file", "read-only"])
def test_a_flow_whose_home_cannot_be_written_warns_once_and_completes(kind: str, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    if kind == "read-only":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        blocked.mkdir(0o500)
        home = blocked / "home"
    else:
        blocked.write_text("not a folder")
        home = blocked if kind == "a file" else blocked / "home"
    with start("odd.py", home, "steps", TMPDIR=str(tmp_path)) as program:
        assert program.ended() == 0, program
        assert program.lines == ["gave 50"]
    assert len(warnings_of(program.errors)) == 1, program
    assert "Traceback" not in program.errors, program
