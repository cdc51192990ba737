"""A flow that writes down, all the time, that it lives: so that two owners of one run would be seen."""

from __future__ import annotations

import os
import time

from levada import flow, runtime, task


def note(ledger: str, what: str) -> None:
    """One line at the end of the ledger, whoever else writes there."""
    line = f"{what} {runtime.flow_run.id} {os.getpid()} {time.monotonic_ns()}\n"
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@task
def spend(ledger: str, number: int, seconds: float) -> int:
    """Live for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        note(ledger, "lives")
        time.sleep(0.02)
    note(ledger, f"spent-{number}")
    return number


@flow(crash_retries=50)
def shift(ledger: str, seconds: float) -> int:
    """Three tasks, one after the other."""
    note(ledger, "begins")
    done = sum(spend(ledger, number, seconds / 3) for number in range(3))
    note(ledger, "ends")
    return done
