"""A flow of a schedule: it writes down for which moment it was started, and when."""

from __future__ import annotations

import os
import time

from levada import flow, runtime


@flow
def clockwork(ledger: str) -> None:
    """One line at the end of the ledger, whoever else writes there."""
    planned = runtime.flow_run.scheduled_start_time
    line = f"{planned.timestamp():.6f} {time.time():.6f} {runtime.flow_run.id}\n"
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
