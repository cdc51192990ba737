"""How soon, and in how many bytes, the records of a finished run are on the server."""

import os
import sqlite3
import time

import httpx
from prefect import flow, runtime, task
from stopwatch import clocked, count, report

PATIENCE = 300.0


@task
def step(number: int) -> int:
    """Do nothing."""
    return number


@flow
def sequence(calls: int) -> str:
    """Call it again and again."""
    clocked(calls, step)
    return str(runtime.flow_run.id)


def stored_bytes() -> int:
    """All pages of the server's database together."""
    with sqlite3.connect(f"file:{os.environ['BENCH_DATABASE']}?mode=ro", uri=True) as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        return pages * database.execute("PRAGMA page_size").fetchone()[0]


def completed(run: str) -> int:
    """How many of the run's task runs the server shows as completed."""
    question = {
        "flow_runs": {"id": {"any_": [run]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    return httpx.post(f"{os.environ['PREFECT_API_URL']}/task_runs/count", json=question, timeout=60).json()


if __name__ == "__main__":
    before = stored_bytes()
    run = sequence(count())
    started = time.perf_counter()
    records = completed(run)
    while records < count() and time.perf_counter() - started < PATIENCE:
        time.sleep(0.4)
        records = completed(run)
    seconds = time.perf_counter() - started
    report(count=count(), seconds=seconds, bytes=(stored_bytes() - before) / count(), records=records)
