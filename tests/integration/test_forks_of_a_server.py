"""A fork that a server made is executed by whoever resumes it: what is missing or asked for, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.testing import eventually
from levada.wire.filters import FlowRunQuery, TaskRunQuery
from tests.contract.planes import Pair, pair

SHOP = """
import os
from pathlib import Path
from levada import flow, task

HERE = Path(__file__).parent

def note(what):
    with (HERE / "ledger").open("a") as file:
        file.write(what + "\\n")

@task
def ask(page):
    note(f"ask {page}")
    return [page]

@task
def join(pages):
    note("join")
    if (HERE / "broken").exists():
        os._exit(9)
    return sum(map(sum, pages))

@flow
def inner(number):
    return ask(number)

@flow
def shop():
    return join([ask(1), inner(2)])
"""


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with pair(tmp_path / "server", url) as made:
        monkeypatch.setenv("LEVADA_API_URL", made.url)
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "shop.py").write_text(SHOP)
    return folder


def levada(project: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "levada.cli", *arguments]
    done = subprocess.run(
        command, cwd=project, env=os.environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def ledger(project: Path) -> list[str]:
    file = project / "ledger"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_a_fork_made_by_a_server_executes_only_what_is_asked_for(server: Pair, project: Path) -> None:
    levada(project, "run", "shop.py:shop", "--name", "first")
    assert ledger(project) == ["ask 1", "ask 2", "join"]
    (origin,) = server.there.read_flow_runs(FlowRunQuery(names=["first"])).items
    (join,) = [call.key for call in server.there.recorded_calls(origin.id).calls if call.key.endswith("join")]
    same, again = server.there.fork_flow_run(origin.id), server.there.fork_flow_run(origin.id, [join])
    assert "3 task runs reused" in levada(project, "flow-run", "resume", str(same.id), "--dry-run")
    levada(project, "flow-run", "resume", str(same.id))
    assert ledger(project) == []
    levada(project, "flow-run", "resume", str(again.id))
    assert ledger(project) == ["join"]
    for fork in (same, again):
        found = server.there.read_flow_run(fork.id)
        assert (found.state_name, found.forked_from) == ("Completed", origin.id)
        tasks = server.there.read_task_runs(TaskRunQuery(flow_run_ids=[fork.id])).items
        assert sorted(run.state_name or "" for run in tasks) == ["Completed"] * 3


def test_a_fork_that_died_goes_on_with_its_own_and_the_origins_results(server: Pair, project: Path) -> None:
    (project / "broken").touch()
    levada(project, "run", "shop.py:shop", "--name", "first", code=9)
    levada(project, "journal", "ship")
    (origin,) = server.there.read_flow_runs(FlowRunQuery(names=["first"])).items
    (join,) = [call.key for call in server.there.recorded_calls(origin.id).calls if call.key.endswith("join")]
    fork = server.there.fork_flow_run(origin.id, [join])
    assert ledger(project) == ["ask 1", "ask 2", "join"]
    levada(project, "flow-run", "resume", str(fork.id), code=9)
    assert ledger(project) == ["join"]
    (project / "broken").unlink()
    levada(project, "journal", "ship")
    eventually(lambda: server.there.read_flow_run(fork.id).state_name == "Crashed")
    levada(project, "flow-run", "resume", str(fork.id))
    assert ledger(project) == ["join"]
    assert server.there.read_flow_run(fork.id).state_name == "Completed"
