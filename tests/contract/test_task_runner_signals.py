"""What becomes of submitted tasks when the process of their flow is told to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from levada import flow, task
from levada.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

kind, waits, marks = sys.argv[1], sys.argv[2] == "waits", Path(sys.argv[3])

def mark(name):
    (marks / name).write_text("")

@task(on_cancellation=[lambda *_: mark("hook")])
def sync_task():
    mark("started")
    try:
        for _ in range(3000):
            time.sleep(0.01)
    finally:
        mark("cleaned")

@task(on_cancellation=[lambda *_: mark("hook")])
async def async_task():
    mark("started")
    try:
        await asyncio.sleep(30)
    finally:
        mark("cleaned")

runner = ProcessPoolTaskRunner(max_workers=1) if kind == "process" else ThreadPoolTaskRunner()

@flow(task_runner=runner, on_cancellation=[lambda *_: mark("cancelled")], on_crashed=[lambda *_: mark("crashed")])
def main():
    future = (async_task if kind == "async" else sync_task).submit()
    if waits:
        future.result()

main()
"""


@pytest.mark.parametrize("waits", ["waits", "has returned"])
@pytest.mark.parametrize("kind", ["thread", "async", "process"])
@pytest.mark.parametrize(("number", "ending"), [(signal.SIGINT, "cancelled"), (signal.SIGTERM, "crashed")])
def test_running_tasks_are_stopped_and_cleaned_up_within_seconds(
    kind: str, waits: str, number: signal.Signals, ending: str, tmp_path: Path
) -> None:
    # Given a flow whose task runs, and which waits for it or has returned already
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), kind, waits, str(tmp_path)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (tmp_path / "started").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        signal.sigtimedwait([], 0.01)
    # When the process gets the signal
    begin = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    # Then it ends soon, its task was cancelled in good order, and the flow's hooks ran
    assert time.monotonic() - begin < 10, errors
    assert process.returncode != 0
    marks = {path.name for path in tmp_path.iterdir()}
    assert {"cleaned", "hook", ending} <= marks, (marks, errors.decode())
