"""Flows report through a network that loses, repeats, delays and cuts, to servers and databases that come and go.

In the end the tables hold exactly what the flows themselves say happened: every task run, state and line of log.
"""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from levada.control import ControlPlane
from levada.testing import eventually
from tests.chaos.processes import LONG, Running, levada
from tests.chaos.server.fleet import Replica, complaints, serving, show, wait
from tests.chaos.server.network import CLEAR, STORM, Network, network
from tests.chaos.server.truth import assert_all_is_known, assert_same_histories, histories, travel
from tests.postgres import PostgresServer

pytestmark = pytest.mark.chaos

PROCESSES = 4 if LONG else 3
RESTARTS = 50 if LONG else 4
STOPS = 10 if LONG else 2
AWAY = 90.0 if LONG else 2.0
"""Seconds for which the last stop of a database lasts; in the long form, for far longer than a lease."""
ROUNDS = 800 if LONG else 24
PAUSE = 0.25


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Counter[Any]:
    """The histories of the same flow at home."""
    home = tmp_path_factory.mktemp("alone")
    with travel(home, home / "ledger", ROUNDS, 0) as process:
        assert process.ended(within=600) == 0
    with ControlPlane(home) as plane:
        plane.drain()
        return histories(plane)


class Journeys:
    """Flows in processes of one home, each with its ledger."""

    def __init__(self, folder: Path, weather: Network) -> None:
        self.home = folder / "clients"
        self.ledgers = [folder / f"ledger-{number}" for number in range(PROCESSES)]
        self.network = weather
        self.running: list[Running] = []

    def start(self) -> None:
        self.running = [travel(self.home, ledger, ROUNDS, PAUSE, self.network.url) for ledger in self.ledgers]
        eventually(lambda: all(ledger.exists() and ledger.stat().st_size for ledger in self.ledgers), 60)

    def finish(self) -> None:
        """Let them end, the worst over; what they could not send in time is sent by the command."""
        assert [process.ended(within=900) for process in self.running] == [0] * PROCESSES
        self.network.weather = CLEAR
        levada(self.home, "journal", "ship", LEVADA_API_URL=self.network.url)

    def go_on(self) -> bool:
        return any("over" not in process.lines for process in self.running)

    def get_through(self) -> None:
        """Wait until a few requests were answered, or there is nothing more to ask."""
        before = len(self.network.answered)
        eventually(lambda: len(self.network.answered) > before + 4 or not self.go_on(), 60)

    def __enter__(self) -> Journeys:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.__exit__()


def restart_again_and_again(server: Replica, flows: Journeys) -> int:
    """How often it was restarted while flows went on."""
    in_time = 0
    hows = itertools.cycle([signal.SIGTERM, signal.SIGKILL])
    for how in itertools.islice(hows, RESTARTS):
        server.restart(how)
        in_time += flows.go_on()
        flows.get_through()
    return in_time


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_bad_network_and_a_server_that_restarts_all_the_time_change_nothing_in_what_is_known(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, alone: Counter[Any]
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else None
    with (
        serving(tmp_path / "server", url) as server,
        network([server.port], STORM) as weather,
        Journeys(tmp_path, weather) as flows,
    ):
        flows.start()
        in_time = restart_again_and_again(server, flows)
        flows.finish()
        with server.tables() as plane:
            account = assert_all_is_known(plane, flows.ledgers)
            assert_same_histories(plane, alone, PROCESSES)
        assert complaints([server]) == []
        assert weather.happened["requests lost"] + weather.happened["answers lost"] > 0
        show({"database": database, "restarts": RESTARTS, "of these while flows went on": in_time,
              "task runs": len(account.tasks), "lines": account.lines.total(), **weather.happened})  # fmt: skip


@pytest.mark.parametrize("how", ["immediate", "kill"])
def test_a_postgresql_that_is_stopped_in_the_middle_loses_nothing_that_was_acknowledged(
    how: str, tmp_path: Path, own_postgres: PostgresServer, alone: Counter[Any]
) -> None:
    with (
        serving(tmp_path / "server", own_postgres.url()) as server,
        network([server.port], STORM) as weather,
        Journeys(tmp_path, weather) as flows,
    ):
        flows.start()
        for number in range(1, STOPS + 1):
            own_postgres.stop(how)
            if number == STOPS:
                eventually(lambda: not server.is_ready(), 60)
                wait(AWAY)
            own_postgres.start()
            eventually(server.is_ready, 60)
            flows.get_through()
        flows.finish()
        with server.tables() as plane:
            account = assert_all_is_known(plane, flows.ledgers)
            assert_same_histories(plane, alone, PROCESSES)
        show({"stopped": how, "task runs": len(account.tasks), "lines": account.lines.total(), **weather.happened})
