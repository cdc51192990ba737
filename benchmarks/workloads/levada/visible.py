"""How soon, and in how many bytes, the records of a finished run are in the store.

The flow's process has ended; the clock runs over the first `levada flow-run ls`, which drains its journal.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from stopwatch import count, report

levada = Path(sys.executable).with_name("levada")
script = Path(__file__).with_name("sequential.py")
home = Path(os.environ["BENCH_HOME"])


def run_and_list(calls: int) -> float:
    """Run the flow, then list the runs; the seconds of the listing."""
    subprocess.run([sys.executable, script, str(calls)], check=True, stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    subprocess.run([levada, "flow-run", "ls"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def stored_bytes() -> int:
    """All files of the home together."""
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


def stored_task_runs() -> int:
    """How many completed task runs the store knows."""
    command = [levada, "task-run", "ls", "--output", "json", "--all"]
    runs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return sum(run["state_type"] == "COMPLETED" for run in runs)


run_and_list(1)
before = stored_bytes()
seconds = run_and_list(count())
size = (stored_bytes() - before) / count()
report(count=count(), seconds=seconds, bytes=size, records=stored_task_runs() - 1)
