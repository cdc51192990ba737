"""Holders of slots of a server's limit are killed at random: slots are never too many, and never lost."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from levada.client.http import RemotePlane, Transport
from levada.testing import eventually
from tests.chaos.processes import LONG, Running, start
from tests.chaos.server.fleet import complaints, serving, show

pytestmark = pytest.mark.chaos

HOLDER = str(Path(__file__).parent / "programs" / "holder.py")
SLOTS = 3
PROCESSES = 6
SECONDS = 600.0 if LONG else 8.0
LEASE = 4.0
SLACK = 3.0
"""Seconds beyond the lease: the reconciler looks a few times in each lease, and the machine is busy."""


def holds(process: Running) -> int:
    """How often it had a slot."""
    return sum(line.startswith("held ") for line in process.lines)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_slots_of_killed_holders_are_free_within_a_lease_and_none_is_given_twice(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else None
    chance = Random(11)
    seats = tmp_path / "seats"
    seats.mkdir()
    for number in range(SLOTS):
        (seats / str(number)).touch()
    with ExitStack() as stack:
        settings = {"leases_seconds": LEASE, "leases_renew_seconds": 1.0}
        server = stack.enter_context(serving(tmp_path / "server", url, **settings))
        plane = stack.enter_context(RemotePlane(Transport(server.url)))
        plane.limits.create("db", SLOTS)

        def begin() -> Running:
            environment = {"LEVADA_API_URL": server.url, "LEVADA_CONCURRENCY_LEASE_SECONDS": str(LEASE)}
            return stack.enter_context(start(HOLDER, tmp_path / "clients", seats, **environment))

        running = [begin() for _ in range(PROCESSES)]
        eventually(lambda: all(holds(process) for process in running), 60)
        killed = total = most = 0
        longest = 0.0
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            # Given some that are killed at once, at random moments: while they ask, hold, wait or give back,
            victims = chance.sample(range(PROCESSES), chance.randint(1, PROCESSES))
            for victim in victims:
                running[victim].kill()
                total += holds(running[victim])
                assert "too many" not in running[victim].lines
            killed += len(victims)
            lost = time.monotonic()
            before = sum(holds(process) for process in running)
            for victim in victims:
                running[victim] = begin()
            # then whoever asks next gets a slot, and all slots are in use again within a lease.
            eventually(lambda: all(holds(running[victim]) for victim in victims), LEASE + SLACK + 20)  # noqa: B023
            longest = max(longest, time.monotonic() - lost)
            most = max(most, plane.limits.read("db").active_slots)
            assert before >= 0
        # When everybody is dead, all slots are free within a lease, though nobody asks.
        for process in running:
            process.signal(signal.SIGKILL)
        gone = time.monotonic()
        eventually(lambda: plane.limits.read("db").active_slots == 0, LEASE + SLACK)
        freed = time.monotonic() - gone
        total += sum(holds(process) for process in running)
        assert all("too many" not in process.lines for process in running)
        assert most <= SLOTS
        assert complaints([server]) == []
        show({"database": database, "killed": killed, "times held": total,
              "longest wait of a new one": round(longest, 2),
              "all free after": round(freed, 2)})  # fmt: skip
