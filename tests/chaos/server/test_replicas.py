"""Three replicas on one PostgreSQL behind a proxy, any of them killed at any time: nothing lost, nothing double."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from levada.testing import eventually
from tests.chaos.processes import LONG, levada
from tests.chaos.server.fleet import Replica, complaints, serving, show
from tests.chaos.server.network import Network, network
from tests.chaos.server.truth import assert_all_is_known, travel

pytestmark = pytest.mark.chaos

REPLICAS = 3
PROCESSES = 4 if LONG else 3
ROUNDS = 1500 if LONG else 30
KILLS = 40 if LONG else 4
ROLLS = 5 if LONG else 1
LONGEST_GAP = 5.0


class Probe:
    """Somebody who asks for a list all the time.

    Attributes:
        moments: at which a good answer came.
    """

    def __init__(self, port: int) -> None:
        self.moments: list[float] = [time.monotonic()]
        self.failed = 0
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._over.wait(0.02):
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.request("POST", "/api/flow_runs/filter", b'{"limit": 5}')
                if connection.getresponse().status == 200:
                    self.moments.append(time.monotonic())
                else:
                    self.failed += 1
            except (OSError, http.client.HTTPException):
                self.failed += 1
            finally:
                connection.close()

    def close(self) -> float:
        """Stop; the longest time in seconds without a good answer."""
        self._over.set()
        self._thread.join(20)
        ends = [*self.moments, time.monotonic()]
        return max(after - before for before, after in pairwise(ends))


class Fleet:
    """The replicas, the proxy, and flows that report through it."""

    def __init__(self, folder: Path, replicas: list[Replica], proxy: Network) -> None:
        self.replicas, self.proxy = replicas, proxy
        self.home = folder / "clients"
        self.ledgers = [folder / f"ledger-{number}" for number in range(PROCESSES)]
        self.running = [travel(self.home, ledger, ROUNDS, 0.1, proxy.url) for ledger in self.ledgers]
        self.probe = Probe(proxy.port)

    def check(self, what: str, times: int) -> None:
        """Everything is there once, and somebody always answered."""
        gap = self.probe.close()
        going = sum("over" not in process.lines for process in self.running)
        assert [process.ended(within=900) for process in self.running] == [0] * PROCESSES
        levada(self.home, "journal", "ship", LEVADA_API_URL=self.proxy.url)
        with self.replicas[0].tables() as plane:
            account = assert_all_is_known(plane, self.ledgers)
            waiting = "SELECT count(*), count(position), min(position), max(position) FROM events"

            def dispatched() -> bool:
                with plane.store.read() as transaction:
                    number, placed, first, last = transaction.execute(waiting)[0]
                return number == placed == last - first + 1

            eventually(dispatched)
        show({what: times, "longest time without an answer": round(gap, 2), "answers": len(self.probe.moments),
              "broken": self.probe.failed, "flows still going at the end": going, "task runs": len(account.tasks),
              "lines": account.lines.total(), **self.proxy.happened})  # fmt: skip
        assert gap < LONGEST_GAP
        assert complaints(self.replicas) == []


@contextmanager
def fleet(folder: Path, url: str) -> Iterator[Fleet]:
    with ExitStack() as stack:
        replicas = [stack.enter_context(serving(folder / f"server-{number}", url)) for number in range(REPLICAS)]
        proxy = stack.enter_context(network([replica.port for replica in replicas]))
        made = Fleet(folder, replicas, proxy)
        for process in made.running:
            stack.enter_context(process)
        eventually(lambda: all(ledger.exists() and ledger.stat().st_size for ledger in made.ledgers), 60)
        yield made


def test_replicas_that_are_killed_at_random_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, postgres_url: str
) -> None:
    chance = Random(5)
    with fleet(tmp_path, postgres_url) as ours:
        for _ in range(KILLS):
            chance.choice(ours.replicas).restart(signal.SIGKILL)
        ours.check("kills", KILLS)


def test_a_rolling_restart_is_not_noticed(tmp_path: Path, postgres_url: str) -> None:
    with fleet(tmp_path, postgres_url) as ours:
        for _ in range(ROLLS):
            for replica in ours.replicas:
                assert replica.stop() == 0
                replica.start().ready()
        ours.check("replicas restarted in turn", ROLLS * REPLICAS)
