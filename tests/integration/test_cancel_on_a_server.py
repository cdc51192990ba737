"""A process that reports to a server hears of a cancel at once, not with its next sign of life."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.core.settings import LeaseSettings
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery
from tests.contract.planes import Pair, pair

SLOW = """
import time
from levada import flow

@flow
def slow():
    for _ in range(6000):
        time.sleep(0.01)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with pair(tmp_path / "server", url) as made:
        made.here.leases = LeaseSettings(seconds=180.0, renew_seconds=60.0)
        monkeypatch.setenv("LEVADA_API_URL", made.url)
        yield made


def test_a_cancel_is_heard_long_before_the_next_sign_of_life(server: Pair, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "levada.cli", "run", "slow.py", "--name", "slow"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        query = FlowRunQuery(names=["slow"])
        eventually(lambda: [run.state_name for run in server.there.read_flow_runs(query).items] == ["Running"], 30)
        (run,) = server.there.read_flow_runs(query).items
        began = time.monotonic()
        assert server.there.cancel_flow_run(run.id).status == "accept"
        eventually(lambda: server.there.read_flow_run(run.id).state_name == "Cancelled", 20)
        assert time.monotonic() - began < 15
        process.wait(20)
    finally:
        process.kill()
        process.wait()
