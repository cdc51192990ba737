"""Processes that contend for slots and are killed at random: never more than the limit, and no slot lost."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.testing import eventually
from tests.chaos.processes import LONG

SLOTS = 2
PROCESSES = 5
KILLS = 200 if LONG else 12

# While it has its slot, a process sits on one of as many seats as there are slots. A seat is a lock that the operating
# system takes back when its process dies, so that no seat being free proves that one slot too many was given.
CONTENDER = """
import fcntl, os, random, sys
from levada.concurrency import concurrency

seats = [os.open(path, os.O_RDWR) for path in sys.argv[3:]]
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
mark = sys.argv[2].encode()

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
        os.write(log, mark)
        for _ in range(random.randrange(20000)):
            pass
        fcntl.flock(seat, fcntl.LOCK_UN)
"""


@pytest.mark.chaos
def test_a_limit_is_never_exceeded_nor_lost_while_its_holders_are_killed(levada_home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    seats = [tmp_path / f"seat-{number}" for number in range(SLOTS)]
    for seat in seats:
        seat.touch()
    with ControlPlane(levada_home) as plane:
        plane.limits.create("db", SLOTS)

        def start(number: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-c", CONTENDER, str(log), str(number), *map(str, seats)])

        def contends(number: int, marks: int) -> bool:
            code = running[number].poll()
            if code is not None:
                pytest.fail(f"a contender ended by itself with {code}")
            return log.read_text().count(str(number)) > marks

        running = [start(number) for number in range(PROCESSES)]
        since = [0] * PROCESSES
        try:
            for _ in range(KILLS):
                # The victim has held a slot, however long its start took; then it is struck at a random moment, so that
                # it is hit while it asks, holds, waits or gives back.
                victim = random.randrange(PROCESSES)
                eventually(lambda victim=victim: contends(victim, since[victim]), timeout=120)
                with suppress(subprocess.TimeoutExpired):
                    code = running[victim].wait(random.uniform(0.0, 0.1))
                    pytest.fail(f"a contender ended by itself with {code}")
                running[victim].kill()
                running[victim].wait()
                assert plane.limits.read("db").active_slots <= SLOTS
                since[victim] = log.read_text().count(str(victim))
                running[victim] = start(victim)
        finally:
            for process in running:
                process.kill()
                process.wait()
        assert "!" not in log.read_text(), "more slots were given than there are"
        # Everybody is dead: all slots are free for the next, at once.
        assert plane.limits.read("db").active_slots == 0
        assert plane.limits.look(["db"], SLOTS).granted
