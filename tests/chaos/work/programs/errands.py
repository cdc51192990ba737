"""Tasks whose calls write down, with the time, that they live."""

from __future__ import annotations

import os
import time
from pathlib import Path

from levada import task

NOTES = Path(os.environ["LEVADA_CHAOS_NOTES"])


def note(word: str, number: int) -> None:
    with NOTES.open("ab", buffering=0) as notes:
        notes.write(f"{word} {number} {os.getpid()} {time.monotonic():.6f}\n".encode())


def errand(number: int) -> int:
    note("begin", number)
    for _ in range(5):
        time.sleep(0.04)
        note("alive", number)
    note("end", number)
    return number


@task(retries=20)
def again(number: int) -> int:
    """May be executed more than once."""
    return errand(number)


@task
def once(number: int) -> int:
    """Must not be executed twice."""
    return errand(number)


@task(retries=20)
async def async_again(number: int) -> int:
    """May be executed more than once."""
    note("begin", number)
    note("end", number)
    return number
