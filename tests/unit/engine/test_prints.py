"""What a task with `log_prints` prints is logged, whatever stands around it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from levada import flow, task
from levada.task_runners import ProcessPoolTaskRunner
from levada.testing import Harness, harness


@task(log_prints=True)
def speak(text: str = "from a task") -> int:
    print(text)
    return os.getpid()


@task
def inherit() -> None:
    print("inherited")


@flow
def silent() -> None:
    speak()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1), log_prints=True)
def elsewhere() -> int:
    inherit.submit().wait()
    return speak.submit("from a process").result()


@pytest.fixture
def test() -> Iterator[Harness]:
    with harness() as made:
        yield made


def test_a_task_logs_its_prints_in_a_flow_that_does_not(test) -> None:
    silent()
    assert "from a task" in {line.message for line in test.logs()}


def test_prints_in_processes_of_a_pool_become_lines_of_their_task_runs(test) -> None:
    assert elsewhere() != os.getpid()
    assert {"inherited", "from a process"} <= {line.message for line in test.logs()}


def test_print_is_the_builtin_again_afterwards(test, capsys) -> None:
    silent()
    print("plain")
    assert capsys.readouterr().out == "plain\n"


def test_prints_of_a_task_outside_flows_are_recorded(test) -> None:
    speak("alone")
    assert "alone" in {line.message for line in test.logs()}
