"""Processes die at the worst moments: nothing recorded is lost, nothing completed is done twice, and runs can go on."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.core.states import StateType
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import FlowRun
from tests.chaos.processes import LONG, Running, levada, levada_json, start
from tests.chaos.programs.journey import expected

pytestmark = pytest.mark.chaos

ROUNDS = 30
"""Many enough that a kill in the middle strikes in the middle, also when the killer gets little processor time."""


class Journey:
    """One run of `programs/journey.py`, and what it left."""

    def __init__(self, folder: Path, rounds: int = ROUNDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = folder / "ledger"
        self.answer = folder / "answer"
        self.ledger.touch()
        self.rounds = rounds

    def start(self, home: Path, **environment: str) -> Running:
        return start("journey.py", home, self.ledger, self.answer, self.rounds, **environment)

    @property
    def ran(self) -> list[str]:
        return self.ledger.read_text().splitlines()

    def check_answer(self) -> None:
        assert json.loads(self.answer.read_text()) == expected(self.rounds)


def top_runs(home: Path) -> list[FlowRun]:
    with ControlPlane(home) as plane:
        plane.drain()
        return plane.read_flow_runs(FlowRunQuery(flow_names=["journey"], limit=1000)).items


def family(plane: ControlPlane, run: FlowRun) -> list[FlowRun]:
    """A flow run with its subflow runs."""
    runs = plane.read_flow_runs(FlowRunQuery(limit=1000)).items
    return [run, *(other for other in runs if other.parent_flow_run_id == run.id)]


def completed(home: Path, run: FlowRun) -> set[str]:
    """Names of the task runs that are recorded as completed; those that stand for a subflow have no body."""
    with ControlPlane(home) as plane:
        runs = [each.id for each in family(plane, run)]
        query = TaskRunQuery(flow_run_ids=runs, state_types=[StateType.COMPLETED], limit=1000)
        return {task.name for task in plane.read_task_runs(query).items if not task.name.startswith("below-")}


def logged(home: Path, run: FlowRun) -> set[str]:
    with ControlPlane(home) as plane:
        runs = [each.id for each in family(plane, run)]
        return {line.message for line in plane.read_logs(LogQuery(flow_run_ids=runs, limit=10_000)).items}


def acknowledged(program: Running) -> set[str]:
    return {line.removeprefix("logged ") for line in program.lines if line.startswith("logged ")}


def check_resumes(home: Path, journey: Journey, run: FlowRun) -> None:
    """Resume with the command, and check that it did what was missing, and only that."""
    before, done = journey.ran, completed(home, run)
    assert done <= set(before), "completed, but never ran"
    levada(home, "flow-run", "resume", run.id)
    journey.check_answer()
    again = Counter(journey.ran[len(before) :])
    assert not set(again) & done, f"completed before the kill, and ran again: {set(again) & done}"
    assert set(again.values()) <= {1}, again
    with ControlPlane(home) as plane:
        plane.drain()
        runs = [plane.read_flow_run(each.id) for each in family(plane, run)]
    assert {each.state_name for each in runs} == {"Completed"}, runs


def test_a_killed_program_loses_no_run_no_log_line_and_no_completed_task(levada_home: Path, tmp_path: Path) -> None:
    # Given what the program says when nobody harms it
    calm = Journey(tmp_path / "calm")
    with calm.start(tmp_path / "calm-home") as program:
        assert program.ended() == 0, program
        calm.check_answer()
        usual = len(program.lines)
    chosen = random.Random()
    killed = 0
    for number in range(100 if LONG else 8):
        journey = Journey(tmp_path / str(number))
        with journey.start(levada_home) as program:
            # When it is killed at a random moment: some right after its start, the others in the middle of its work
            if number % 4:
                program.said("begun")
                program.said_lines(chosen.randrange(1, usual))
            program.lives_after(chosen.uniform(0, 0.3 if number % 4 == 0 else 0.01))
            program.kill()
        run = next((one for one in top_runs(levada_home) if one.pid == program.pid), None)
        # Then its run is there if it got as far as its first record
        assert run is not None or "begun" not in program.lines
        if run is None:
            continue
        assert acknowledged(program) <= logged(levada_home, run)
        if "over" not in program.lines and run.state_name != "Completed":
            killed += 1
            assert run.state_name == "Crashed", run
            check_resumes(levada_home, journey, run)
    assert killed > 2, "too few were killed in time to prove anything"
    states = Counter(run["state_name"] for run in levada_json(levada_home, "flow-run", "ls", "--all"))
    assert set(states) == {"Completed"}, states
    states = Counter(run["state_name"] for run in levada_json(levada_home, "task-run", "ls", "--all"))
    assert not set(states) & {"Running", "Pending"}, states


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many records the program writes when nobody harms it."""
    folder = tmp_path_factory.mktemp("calm")
    with Journey(folder, 1).start(folder / "home") as program:
        assert program.ended() == 0, program
    with ControlPlane(folder / "home") as plane:
        return plane.drain().records


@pytest.mark.parametrize("point", ["journal.before_append", "journal.after_append", "journal.torn_append"])
def test_a_program_killed_at_any_write_to_the_journal_resumes(point: str, records: int, tmp_path: Path) -> None:
    passages = range(1, records + 1) if LONG else sorted(random.sample(range(1, records + 1), 3))
    died = 0
    for passage in passages:
        folder = tmp_path / str(passage)
        journey = Journey(folder, 1)
        with journey.start(folder / "home", LEVADA_FAULT=f"{point}:{passage}") as program:
            code = program.ended()
        runs = top_runs(folder / "home")
        if code == 0:  # threads share the passages out a little differently each time
            journey.check_answer()
            continue
        assert code == -9, program
        died += 1
        if not runs:
            assert "begun" not in program.lines
            continue
        assert acknowledged(program) <= logged(folder / "home", runs[0])
        if runs[0].state_name == "Completed":
            journey.check_answer()
        else:
            assert runs[0].state_name == "Crashed"
            check_resumes(folder / "home", journey, runs[0])
    assert died >= len(passages) - 3


@pytest.mark.parametrize("point", ["results.before_write:1", "results.after_write:1", "journal.rotate:1"])
def test_a_program_killed_around_a_result_or_a_new_segment_resumes(point: str, tmp_path: Path) -> None:
    journey, home = Journey(tmp_path, 60), tmp_path / "home"
    with journey.start(home, LEVADA_FAULT=point, LEVADA_JOURNAL_SEGMENT_BYTES="10000") as program:
        assert program.ended() == -9, program
    (run,) = top_runs(home)
    assert run.state_name == "Crashed"
    check_resumes(home, journey, run)


@pytest.mark.parametrize("passage", [1, 2] if not LONG else range(1, 6))
@pytest.mark.parametrize("point", ["control.drain.before_commit", "control.drain.after_commit"])
def test_a_command_killed_while_it_takes_a_journal_in_leaves_the_rest_to_the_next(
    point: str, passage: int, tmp_path: Path
) -> None:
    # Given a program that died in the middle
    journey, home = Journey(tmp_path, 60), tmp_path / "home"
    with journey.start(home) as program:
        program.said_lines(40).kill()
    # When the commands that look at it die as well
    levada(home, "flow-run", "ls", code=None, LEVADA_FAULT=f"{point}:{passage}")
    levada(home, "flow-run", "ls", code=None, LEVADA_FAULT=f"{point}:1")
    # Then the next one sees everything, once
    (run,) = top_runs(home)
    assert run.state_name == "Crashed"
    lines = [line["message"] for line in levada_json(home, "flow-run", "logs", run.id)]
    assert acknowledged(program) <= logged(home, run)
    assert len(lines) == len(set(lines))
    check_resumes(home, journey, run)


def test_a_run_that_died_on_one_machine_goes_on_where_its_home_was_copied_to(tmp_path: Path) -> None:
    journey, home, other = Journey(tmp_path, 60), tmp_path / "home", tmp_path / "other"
    with journey.start(home) as program:
        program.said_lines(40).kill()
        shutil.copytree(home, other)
    (run,) = top_runs(other)
    assert run.state_name == "Crashed"
    shutil.rmtree(home)
    check_resumes(other, journey, run)


def test_a_run_is_left_alone_as_long_as_its_process_lives(tmp_path: Path) -> None:
    journey, home = Journey(tmp_path, 100_000), tmp_path / "home"
    with journey.start(home) as program:
        program.said_lines(20)
        (seen,) = levada_json(home, "flow-run", "ls", "--flow-name", "journey")
        assert program.lives_after(0), "it ended too early to prove anything"
        assert seen["state_name"] == "Running"
        levada(home, "flow-run", "resume", seen["id"], code=1)
        program.kill()
    (seen,) = levada_json(home, "flow-run", "ls", "--flow-name", "journey")
    assert seen["state_name"] == "Crashed"
