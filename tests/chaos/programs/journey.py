"""A flow with a bit of everything. Arguments: a ledger (a line for each body that ran), a file for the answer, rounds.

A log line is acknowledged on standard output after the call that logged it returned.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from levada import flow, get_run_logger, task
from levada.artifacts import create_markdown_artifact
from levada.task_runners import ThreadPoolTaskRunner


def say(text: str) -> None:
    """One write: whole lines also from many threads and up to the last moment."""
    os.write(1, f"{text}\n".encode())


def note(ledger: str, what: str) -> None:
    """Remember that a body ran."""
    with open(ledger, "ab", buffering=0) as file:
        file.write(f"{what}\n".encode())


def log(text: str) -> None:
    """Log a line, and acknowledge it once it is logged."""
    get_run_logger().info(text)
    say(f"logged {text}")


@task(task_run_name="{name}")
def double(name: str, value: int, ledger: str) -> int:
    """One step."""
    log(f"{name} begins")
    note(ledger, name)
    log(f"{name} ends")
    return value * 2


@task(task_run_name="{name}")
def large(name: str, ledger: str) -> str:
    """One whose result is too large for the journal."""
    note(ledger, name)
    return "x" * 100_000


@task(task_run_name="{name}")
def outer(name: str, value: int, ledger: str) -> int:
    """One with a task inside."""
    note(ledger, name)
    return double(f"{name}-inner", value, ledger) + 1


@flow
def below(value: int, ledger: str) -> int:
    """A subflow."""
    log("below begins")
    return double(f"inside-{value}-1", value, ledger) + double(f"inside-{value}-2", value + 1, ledger)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def journey(ledger: str, answer: str, rounds: int = 1) -> list[int]:
    """The whole."""
    say("begun")
    collected = []
    for turn in range(rounds):
        first = double(f"first-{turn}", turn, ledger)
        second = double.submit(f"second-{turn}", first, ledger)
        third = double.submit(f"third-{turn}", second, ledger)
        names = [f"mapped-{turn}-{number}" for number in range(3)]
        mapped = double.map(names, [1, 2, 3], ledger).result()
        collected += [first, third.result(), *mapped, outer(f"outer-{turn}", turn, ledger)]
        collected += [below(turn, ledger), len(large(f"large-{turn}", ledger))]
        log(f"round {turn} is over")
    create_markdown_artifact("# Done", key="report")
    Path(answer).write_text(json.dumps(collected))
    say("answered")
    return collected


def expected(rounds: int) -> list[int]:
    """What the flow gives."""
    found = []
    for turn in range(rounds):
        found += [turn * 2, turn * 8, 2, 4, 6, turn * 2 + 1, turn * 2 + (turn + 1) * 2, 100_000]
    return found


if __name__ == "__main__":
    journey(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    say("over")
