"""What the workload scripts share: a clock around repeated calls, and the one line of JSON that they print.

Imported by scripts that run in the environments of different systems, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Iterable
from typing import Any


def report(**facts: float) -> None:
    """Print what was measured as one line of JSON, which the harness looks for."""
    print("\nBENCH " + json.dumps(facts), flush=True)


def count(default: int = 100) -> int:
    """How many operations the harness asks for."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default


def clocked(calls: int, step: Callable[[int], Any]) -> dict[str, float]:
    """Call `step(number)` again and again; wall and processor seconds of all, median seconds of one call."""
    laps = array("d", bytes(8 * calls))
    clock = time.perf_counter
    cpu = time.process_time()
    started = before = clock()
    for number in range(calls):
        step(number)
        now = clock()
        laps[number] = now - before
        before = now
    return _summary(laps, before - started, time.process_time() - cpu)


async def clocked_async(calls: int, step: Callable[[int], Awaitable[Any]]) -> dict[str, float]:
    """As `clocked`, for coroutines awaited one after the other."""
    laps = array("d", bytes(8 * calls))
    clock = time.perf_counter
    cpu = time.process_time()
    started = before = clock()
    for number in range(calls):
        await step(number)
        now = clock()
        laps[number] = now - before
        before = now
    return _summary(laps, before - started, time.process_time() - cpu)


def clocked_whole(calls: int, work: Callable[[], Iterable[int]]) -> dict[str, float]:
    """Clock work that does all calls at once; what it returns must be 0, 1, 2 … or the sample counts for nothing."""
    cpu = time.process_time()
    started = time.perf_counter()
    outcome = work()
    seconds = time.perf_counter() - started
    used = time.process_time() - cpu
    if list(outcome) != list(range(calls)):
        raise SystemExit("the calls returned something else than they were given")
    return {"count": calls, "seconds": seconds, "cpu": used}


def _summary(laps: array[float], seconds: float, cpu: float) -> dict[str, float]:
    calls = len(laps)
    return {"count": calls, "seconds": seconds, "cpu": cpu, "p50": sorted(laps)[calls // 2]}
