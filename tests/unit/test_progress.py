"""Progress bars: what is counted, what is drawn, and when nothing is."""

from __future__ import annotations

import errno
import io
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console

from levada.core.states import State, StateType
from levada.engine import observers
from levada.progress import Bars
from levada.testing.waiting import eventually

COMPLETED = State(StateType.COMPLETED)
FAILED = State(StateType.FAILED)

MAPPED = """
import time
from levada import flow, task

@task
def work(number):
    time.sleep(0.05)
    return number

@flow
def mapped():
    work.map(range(60)).wait()
    return "all done"

print(mapped())
"""


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def bars(screen):
    console = Console(file=screen, force_terminal=True, width=100)
    bars = Bars(console, patience=0)
    yield bars
    bars.stop()


def test_announced_and_submitted_calls_are_one_total(bars):
    bars.on_submitted("load", 3)
    for _ in range(3):
        bars.on_submitted("load", None)
    bars.on_finished("load", COMPLETED)
    bars.on_finished("load", FAILED)
    tally = bars.tally("load")
    assert (tally.total, tally.done, tally.failed) == (3, 2, 1)


def test_calls_that_were_never_submitted_are_not_counted(bars):
    bars.on_finished("inline", COMPLETED)
    assert bars.tally("inline") is None
    bars.on_submitted("once", None)
    bars.on_finished("once", COMPLETED)
    bars.on_finished("once", COMPLETED)
    assert bars.tally("once").done == 1


def test_a_bar_shows_how_far_the_work_is_and_vanishes_with_it(bars, screen):
    bars.on_submitted("load", 4)
    bars.on_finished("load", COMPLETED)
    bars.on_finished("load", FAILED)
    eventually(lambda: "2/4" in screen.getvalue() and "1 failed" in screen.getvalue())
    bars.on_finished("load", COMPLETED)
    bars.on_finished("load", COMPLETED)
    eventually(lambda: bars.tally("load") is None)
    assert "load" in screen.getvalue()


def test_the_next_map_of_the_same_task_starts_anew(bars):
    for _ in range(2):
        bars.on_submitted("load", 2)
        bars.on_finished("load", COMPLETED)
        bars.on_finished("load", COMPLETED)
        eventually(lambda: bars.tally("load") is None)


def test_a_single_call_gets_no_bar(bars, screen):
    bars.on_submitted("load", None)
    bars.on_finished("load", COMPLETED)
    assert screen.getvalue() == ""


def test_work_that_is_done_soon_is_never_drawn(screen):
    patient = Bars(Console(file=screen, force_terminal=True), patience=30)
    patient.on_submitted("load", 2)
    patient.on_finished("load", COMPLETED)
    patient.on_finished("load", COMPLETED)
    patient.stop()
    assert screen.getvalue() == ""


def test_a_terminal_that_went_away_troubles_nobody():
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    broken = Bars(Console(file=Gone(), force_terminal=True), patience=0)
    broken.on_submitted("load", 2)
    eventually(lambda: broken._thread is None)
    broken.on_finished("load", COMPLETED)
    broken.stop()


def test_observers_are_added_once_and_removed():
    seen = []

    class Watcher:
        def on_submitted(self, task: str, total: int | None) -> None:
            seen.append((task, total))

        def on_finished(self, task: str, state: State) -> None:
            seen.append((task, state.name))

    watcher = Watcher()
    observers.add(watcher)
    observers.add(watcher)
    observers.submitted("load", 2)
    observers.finished("load", COMPLETED)
    observers.remove(watcher)
    observers.remove(watcher)
    observers.submitted("load", 2)
    assert seen == [("load", 2), ("load", "Completed")]


def on_a_terminal(program: str, **environment: str) -> str:
    """What a program shows on a terminal of its own."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:
                break  # the last holder of the terminal has closed it
            if not part:
                break
            shown += part
    os.close(controller)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_plain_script_on_a_terminal_has_bars_unless_they_are_switched_off(wanted):
    shown = on_a_terminal(MAPPED, LEVADA_CLI_PROGRESS=str(wanted), LEVADA_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS="2")
    assert ("/60" in shown) is wanted
    assert "all done" in shown


def test_work_of_a_process_pool_moves_its_bar(tmp_path):
    file = tmp_path / "pooled.py"
    file.write_text(
        MAPPED.replace("@flow\n", "@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))\n").replace(
            "from levada import flow, task", "from levada import flow, task\nfrom levada.task_runners import *"
        )
    )
    shown = on_a_terminal(f"import runpy; runpy.run_path({str(file)!r})")
    done = {int(count) for count in re.findall(r"(\d+)/60", shown)}
    assert max(done) > min(done)


def test_into_a_pipe_nothing_is_drawn():
    done = subprocess.run([sys.executable, "-c", MAPPED], check=True, capture_output=True, text=True)
    assert done.stdout == "all done\n"
    assert "/60" not in done.stderr
