"""Journals that a crash of the machine or a bad disk has damaged: the rest is kept, and the damage is told."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from levada.core.states import FINAL_TYPES
from tests.chaos.processes import LONG, levada, levada_json, start

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the journal of a process that was killed."""
    home = tmp_path_factory.mktemp("dead") / "home"
    ledger, answer = home.parent / "ledger", home.parent / "answer"
    with start("journey.py", home, ledger, answer, 4) as program:
        program.said_lines(60).kill()
    return home


def segment_of(home: Path) -> Path:
    (segment,) = (home / "journal").glob("*/*.seg")
    return segment


def check_rest_is_kept(home: Path, least: int) -> None:
    """Looking works, says nothing false, and shows the runs that were recorded."""
    assert len(levada_json(home, "journal", "ls")) == 1
    runs = levada_json(home, "flow-run", "ls", "--all")
    tasks = levada_json(home, "task-run", "ls", "--all")
    assert len(tasks) >= least
    final = {kind.value for kind in FINAL_TYPES}
    assert {one["state_type"] for one in [*runs, *tasks] if one["state_type"]} <= final
    assert not [one for one in (home / "journal").iterdir() if one.name != "lock"], "taken in, and removed"


def test_a_torn_end_is_told_and_cut(dead: Path, tmp_path: Path) -> None:
    whole = segment_of(dead).stat().st_size
    for number in range(40 if LONG else 2):
        home = tmp_path / str(number)
        shutil.copytree(dead, home)
        segment = segment_of(home)
        left = random.randrange(whole)
        with segment.open("r+b") as file:
            file.truncate(left)
        reports = json.loads(levada(home, "journal", "verify", "--output", "json", code=None))
        assert {problem["kind"] for report in reports for problem in report["problems"]} <= {"torn"}
        check_rest_is_kept(home, 0)


def test_damage_in_the_middle_costs_what_it_hit_and_nothing_else(dead: Path, tmp_path: Path) -> None:
    pristine = tmp_path / "pristine"
    shutil.copytree(dead, pristine)
    tasks = len(levada_json(pristine, "task-run", "ls", "--all"))
    for number in range(40 if LONG else 2):
        home = tmp_path / str(number)
        shutil.copytree(dead, home)
        segment = segment_of(home)
        at = random.randrange(100, segment.stat().st_size - 100)
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(random.randbytes(30))
        reports = json.loads(levada(home, "journal", "verify", "--output", "json", code=1))
        kinds = {problem["kind"] for report in reports for problem in report["problems"]}
        assert kinds & {"corrupted", "torn"}, reports
        # 30 bytes lie in at most two records, and a task run has more than one
        check_rest_is_kept(home, tasks - 2)
