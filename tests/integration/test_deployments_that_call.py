"""Runs on a worker that have other deployments run, through a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from levada.testing import eventually
from tests.integration.servers import levada, serving

FLOWS = """\
import asyncio

from levada import flow, task
from levada.deployments import arun_deployment, run_deployment


@flow
def child(number: int = 1, fails: bool = False) -> int:
    if fails:
        raise ValueError("as asked")
    return number * 10


@task
def one_of_many(number: int) -> str:
    return run_deployment("child/x", parameters={"number": number}).state_name


@flow
def parent() -> list[str]:
    states = [run_deployment("child/x", parameters={"number": 1}).state_name]
    states += one_of_many.map([2, 3]).result()
    states.append(run_deployment("child/x", parameters={"fails": True}).state_name)
    assert states == ["Completed", "Completed", "Completed", "Failed"], states
    return states


@flow
async def aparent() -> None:
    found = await asyncio.gather(*[arun_deployment("child/x", parameters={"number": n}) for n in range(3)])
    assert [run.state_name for run in found] == ["Completed"] * 3
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands for a server, with flows deployed and a worker at work."""
    folder = tmp_path_factory.mktemp("flows")
    (folder / "flows.py").write_text(FLOWS)
    home = {"LEVADA_HOME": str(folder / "home")}
    with serving(env=home) as server:
        given = {**os.environ, **home, "LEVADA_API_URL": f"http://127.0.0.1:{server.port}/api"}
        for name in ("child", "parent", "aparent"):
            done = levada("deploy", f"{folder}/flows.py:{name}", "-n", "x", "-p", "default-agent-pool", env=given)
            assert done.returncode == 0, done.stderr
        worker = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", "worker", "start", "-p", "default-agent-pool"],
            env=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield given
        worker.terminate()
        worker.wait(60)


def listed(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    done = levada("flow-run", "ls", "--output", "json", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.decode(done.stdout)
    return found


@pytest.mark.parametrize(("name", "children"), [("parent", 4), ("aparent", 3)])
def test_what_a_run_asks_for_is_executed_and_belongs_to_it(env: dict[str, str], name: str, children: int) -> None:
    asked = levada("deployment", "run", f"{name}/x", "--watch", env=env, timeout=120)

    assert asked.returncode == 0, asked.stdout + asked.stderr
    (run,) = listed(env, "--flow-name", name)
    mine = [one for one in listed(env, "--flow-name", "child") if one["root_flow_run_id"] == run["id"]]
    assert len(mine) == children
    assert len({one["parent_task_run_id"] for one in mine}) == children


def test_a_flow_is_served_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)
    program = subprocess.Popen(
        [sys.executable, "-m", "levada.cli", "flow", "serve", "flows.py:child", "-n", "served", "--param", "number=4"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        done = eventually(lambda: _ended_well("deployment", "run", "child/served", "--watch"), timeout=60)
        assert "Completed" in done
    finally:
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 0, said
    assert "child/served" in said


def _ended_well(*words: str) -> str:
    done = levada(*words)
    return done.stdout if done.returncode == 0 else ""
