from __future__ import annotations

import subprocess
import sys

import pytest

from levada.core import faults

PROGRAM = """
import os
from levada.core import faults
faults.arm_from(os.environ)
faults.arm_from(os.environ)
for number in range(1, 6):
    print(number, flush=True)
    try:
        faults.reach("journal.rotate")
    except OSError as error:
        print(error, flush=True)
"""


@pytest.fixture(autouse=True)
def _nothing_stays_armed():
    yield
    faults.disarm()


def run(order: str) -> subprocess.CompletedProcess[str]:
    environment = {"LEVADA_FAULT": order}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_process_armed_from_outside_dies_at_the_passage_that_was_named() -> None:
    done = run("journal.rotate:3")
    assert (done.returncode, done.stdout.split()) == (-9, ["1", "2", "3"])


def test_a_process_armed_from_outside_meets_an_error_where_one_is_asked_for() -> None:
    done = run("journal.rotate:2:raise")
    assert done.returncode == 0
    assert done.stdout.count("LEVADA_FAULT made 'journal.rotate' fail at passage 2.") == 1
    assert run("journal.rotate:0:raise").stdout.count("fail at passage") == 5


def test_nothing_is_armed_without_the_variable() -> None:
    faults.arm_from({})
    assert not faults.armed


@pytest.mark.parametrize("order", ["journal.rotate", "journal.rotate:x", "journal.rotate:1:explode"])
def test_an_order_that_cannot_be_understood_is_an_error(order: str) -> None:
    with pytest.raises(ValueError, match="LEVADA_FAULT must be"):
        faults.arm_from({"LEVADA_FAULT": order})


def test_a_point_that_does_not_exist_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(KeyError, match=r"journal\.rotate"):
        faults.arm_from({"LEVADA_FAULT": "journal.rotat:1"})
