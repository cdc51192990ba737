"""A flow with threads, maps, retries, failures, subflows and log lines that itself writes down all that happened.

Arguments: the file to write to, rounds, seconds to pause after each.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from levada import flow, get_run_logger, task
from levada.runtime import flow_run, task_run
from levada.task_runners import ThreadPoolTaskRunner

LEDGER = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(**what: Any) -> None:
    """One write, whole also from many threads."""
    os.write(LEDGER, json.dumps(what).encode() + b"\n")


def say(text: str) -> None:
    """Log a line, and remember that it was logged."""
    get_run_logger().info(text)
    note(log=text, flow=flow_run.id, task=task_run.id)


def task_ended(_: Any, run: Any, state: Any) -> None:
    """Remember how a task run ended."""
    note(task=str(run.id), name=run.name, state=state.name)


def flow_ended(_: Any, run: Any, state: Any) -> None:
    """Remember how a flow run ended."""
    note(flow_run=str(run.id), state=state.name)


HOOKS = {"on_completion": [task_ended], "on_failure": [task_ended]}
FLOW_HOOKS = {"on_completion": [flow_ended], "on_failure": [flow_ended]}


@task(task_run_name="step-{number}", **HOOKS)
def step(number: int) -> int:
    """Log, and give the number back."""
    say(f"step {number}")
    return number


@task(task_run_name="shaky-{number}", retries=2, **HOOKS)
def shaky(number: int) -> int:
    """Succeed at the third attempt."""
    say(f"shaky {number} attempt {task_run.run_count}")
    if task_run.run_count < 3:
        raise ConnectionError("not yet")
    return number


@task(task_run_name="broken-{number}", **HOOKS)
def broken(number: int) -> None:
    """Fail."""
    say(f"broken {number}")
    raise ValueError("always")


@flow(**FLOW_HOOKS)
def below(number: int) -> int:
    """A subflow."""
    say(f"below {number}")
    return step(number) + step(number + 1)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4), **FLOW_HOOKS)
def journey(rounds: int, pause: float) -> int:
    """The whole."""
    total = 0
    for turn in range(rounds):
        say(f"turn {turn}")
        first = shaky.submit(turn)
        mapped = step.map(range(turn * 10, turn * 10 + 5))
        broken(turn, return_state=True)
        total += below(turn) + first.result() + sum(mapped.result())
        time.sleep(pause)
    return total


if __name__ == "__main__":
    journey(int(sys.argv[2]), float(sys.argv[3]))
    os.write(1, b"over\n")
