"""Processes that contend for slots and are killed at random: never more than the limit, and no slot lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levada.control import ControlPlane

SLOTS = 2
PROCESSES = 5

# While it has its slot, a process sits on one of as many seats as there are slots. A seat is a lock that the operating
# system takes back when its process dies, so that no seat being free proves that one slot too many was given.
CONTENDER = """
import fcntl, os, random, sys
from levada.concurrency import concurrency

seats = [os.open(path, os.O_RDWR) for path in sys.argv[2:]]
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)

def sit():
    for seat in seats:
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return seat
    os.write(log, b"!")
    raise SystemExit(3)

while True:
    with concurrency("db"):
        seat = sit()
        os.write(log, b".")
        for _ in range(random.randrange(20000)):
            pass
        fcntl.flock(seat, fcntl.LOCK_UN)
"""


@pytest.mark.chaos
def test_a_limit_is_never_exceeded_nor_lost_while_its_holders_are_killed(levada_home: Path, tmp_path: Path) -> None:
    seconds = 60.0 if os.environ.get("LEVADA_CHAOS") == "long" else 4.0
    log = tmp_path / "log"
    log.touch()
    seats = [tmp_path / f"seat-{number}" for number in range(SLOTS)]
    for seat in seats:
        seat.touch()
    with ControlPlane(levada_home) as plane:
        plane.limits.create("db", SLOTS)

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-c", CONTENDER, str(log), *map(str, seats)])

        running = [start() for _ in range(PROCESSES)]
        killed = 0
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                # The victim is chosen and timed at random, so that it is hit while it asks, holds, waits or gives back.
                victim = random.randrange(PROCESSES)
                try:
                    code = running[victim].wait(random.uniform(0.1, 0.4))
                except subprocess.TimeoutExpired:
                    running[victim].kill()
                    running[victim].wait()
                    killed += 1
                else:
                    pytest.fail(f"a contender ended by itself with {code}")
                assert plane.limits.read("db").active_slots <= SLOTS
                running[victim] = start()
        finally:
            for process in running:
                process.kill()
                process.wait()
        marks = log.read_text()
        assert "!" not in marks, "more slots were given than there are"
        assert len(marks) > killed, "too little happened to prove anything"
        # Everybody is dead: all slots are free for the next, at once.
        assert plane.limits.read("db").active_slots == 0
        assert plane.limits.look(["db"], SLOTS).granted
