"""Many flows at once through one server: no lock error, and every task run and line of log is there once."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from levada.testing import eventually
from tests.chaos.processes import LONG, levada, start
from tests.chaos.server.fleet import complaints, serving, show

pytestmark = pytest.mark.chaos

CROWD = str(Path(__file__).parent / "programs" / "crowd.py")
FLOWS = 64 if LONG else 8
TASKS = 1000 if LONG else 200


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_crowd_of_flows_through_one_server_is_counted_exactly_and_locks_nobody_out(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else None
    clients = tmp_path / "clients"
    with serving(tmp_path / "server", url) as server, ExitStack() as stack:
        began = time.monotonic()
        crowd = [stack.enter_context(start(CROWD, clients, TASKS, LEVADA_API_URL=server.url)) for _ in range(FLOWS)]
        assert [process.ended(within=600) for process in crowd] == [0] * FLOWS
        ended = time.monotonic() - began
        left = sum("did not reach" in process.errors for process in crowd)
        levada(clients, "journal", "ship", LEVADA_API_URL=server.url)
        with server.tables() as plane, plane.store.read() as transaction:
            flows = transaction.execute("SELECT state, count(*) FROM flow_runs GROUP BY state")
            tasks = transaction.execute("SELECT run, count(*), count(DISTINCT id) FROM task_runs GROUP BY run")
            states = transaction.execute("SELECT DISTINCT state_name, state FROM task_runs")
            lines = transaction.execute(
                "SELECT message, count(*) FROM logs WHERE message LIKE 'step %' GROUP BY message"
            )
        all_there = time.monotonic() - began
        assert [number for _, number in flows] == [FLOWS]
        assert Counter((number, different) for _, number, different in tasks) == {(TASKS, TASKS): FLOWS}
        assert len(states) == 1
        assert dict(map(tuple, lines)) == {f"step {number}": FLOWS for number in range(TASKS)}
        assert [process.errors for process in crowd if "locked" in process.errors] == []
        assert complaints([server]) == []
        eventually(server.is_ready)
        show({"database": database, "flows": FLOWS, "tasks each": TASKS, "seconds until all ended": round(ended, 1),
              "seconds until all was there": round(all_there, 1), "shipped later": left})  # fmt: skip
