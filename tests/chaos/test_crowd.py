"""Many processes work on one home, and many others look at it: nobody meets a lock error, nothing is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.wire.filters import FlowRunQuery, LogQuery, TaskRunQuery
from tests.chaos.processes import LONG, PROGRAMS, levada

pytestmark = pytest.mark.chaos

PROCESSES, TASKS = (64, 1000) if LONG else (8, 200)
LOOKERS = 3


def look_until(over: threading.Event, home: Path, problems: list[str]) -> None:
    """Take journals in again and again, as people and dashboards do."""
    while not over.is_set():
        try:
            levada(home, "flow-run", "ls", "-n", 5)
            levada(home, "task-run", "ls", "-n", 5)
        except AssertionError as error:
            problems.append(str(error))
            return


def test_many_processes_on_one_home_get_in_nobodys_way_and_lose_nothing(levada_home: Path) -> None:
    # Given commands that look at the home all the time
    over, problems = threading.Event(), []
    lookers = [threading.Thread(target=look_until, args=(over, levada_home, problems)) for _ in range(LOOKERS)]
    for looker in lookers:
        looker.start()
    # When many processes run flows in it
    command = [sys.executable, str(PROGRAMS / "crowd.py"), str(TASKS)]
    running = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    try:
        answers = [process.communicate(timeout=600) for process in running]
    finally:
        over.set()
        for process in running:
            process.kill()
            process.wait()
        for looker in lookers:
            looker.join()
    # Then every process is content
    for process, (output, errors) in zip(running, answers, strict=True):
        assert process.returncode == 0, errors
        assert output.split() == [str(sum(range(1, TASKS + 1)))], output
        assert "rror" not in errors, errors
    assert not problems, problems[0]
    # And the store has everything, exactly once
    with ControlPlane(levada_home) as plane:
        report = plane.drain()
        assert not report.problems
        assert plane.count_flow_runs(FlowRunQuery()) == PROCESSES
        assert plane.count_task_runs(TaskRunQuery()) == PROCESSES * TASKS
        runs = plane.read_flow_runs(FlowRunQuery(limit=1000)).items
        assert Counter(run.state_name for run in runs) == {"Completed": PROCESSES}
        for run in runs:
            assert dict(plane.task_run_state_counts(run.id)) == {"COMPLETED": TASKS}
            lines = plane.read_logs(LogQuery(flow_run_ids=[run.id], limit=10_000)).items
            said = Counter(line.message for line in lines if line.message.startswith("at "))
            assert said == Counter(f"at {value}" for value in range(0, TASKS, 10))
    assert not list((levada_home / "journal").iterdir()), "all journals are taken in and removed"
    with sqlite3.connect(levada_home / "levada.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
