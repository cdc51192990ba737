"""Processes that hold a slot of a limit of the server, one after the other. Argument: a folder of seats.

A seat is a lock that the operating system takes back when its owner dies, so no seat being free proves that one slot
too many was given. Each time a slot is had, the moment is said.
"""

from __future__ import annotations

import fcntl
import os
import random
import sys
import time
from pathlib import Path

from levada.concurrency import concurrency


def sit(seats: list[int]) -> int:
    """Take a free seat."""
    for seat in seats:
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # somebody sits there
        return seat
    os.write(1, b"too many\n")
    raise SystemExit(3)


def hold() -> None:
    """Again and again."""
    seats = [os.open(path, os.O_RDWR) for path in sorted(Path(sys.argv[1]).iterdir())]
    while True:
        asked = time.time()
        with concurrency("db"):
            seat = sit(seats)
            os.write(1, f"held {time.time():.3f} {time.time() - asked:.3f}\n".encode())
            time.sleep(random.uniform(0.02, 0.2))
            fcntl.flock(seat, fcntl.LOCK_UN)


if __name__ == "__main__":
    hold()
