"""A run far from its author: the code comes from git, the packages from an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from levada import flow
from levada.control import ControlPlane
from levada.core.states import StateType
from levada.runner.storage import GitRepository
from levada.settings import get_current_settings
from levada.testing import eventually
from levada.wire.deployments import EnvironmentSpec, NewDeploymentRun
from levada.wire.filters import FlowRunQuery, LogQuery
from levada.wire.objects import FlowRun
from tests.integration.servers import levada, serving
from tests.unit.deployments.conftest import git
from tests.unit.environments.test_environments import wheel

POOL = "default-agent-pool"
JOB = """\
from levada import flow


@flow(log_prints=True)
def job(where: str = "here") -> None:
    import tiny

    print(f"{tiny.WORD} at {where}")
"""


@pytest.fixture
def plane() -> ControlPlane:
    """The control plane of the home."""
    return ControlPlane(get_current_settings().home)


def worked(plane: ControlPlane) -> tuple[FlowRun, str]:
    """The run that a worker executed, and its lines of log."""
    done = levada("worker", "start", "--pool", POOL, "--run-once", timeout=120)
    assert done.returncode == 0, done.stderr
    plane.drain()
    (run,) = plane.read_flow_runs(FlowRunQuery()).items
    return run, "\n".join(line.message for line in plane.read_logs(LogQuery(flow_run_ids=[run.id])).items)


def test_code_is_cloned_and_packages_are_there(
    tmp_path: Path, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    (code / "jobs").mkdir(parents=True)
    (code / "jobs" / "job.py").write_text(JOB)
    (code / "requirements.txt").write_text(wheel(tmp_path / "wheels", "tiny", "1.0", "WORD = 'tiny'") + "\n")
    git(code, "init", "-q")
    git(code, "add", ".")
    git(code, "commit", "-qm", "A job")
    monkeypatch.chdir(tmp_path)
    found = flow.from_source(GitRepository(code.as_uri()), "jobs/job.py:job")
    found.deploy("x", POOL, environment="requirements.txt", print_next_steps=False)
    plane.run_deployment("job/x", NewDeploymentRun(parameters={"where": "the worker"}))

    run, lines = worked(plane)

    assert run.state_type is StateType.COMPLETED, lines
    assert "tiny at the worker" in lines
    version = plane.read_versions("job/x")[0].spec
    assert version.code.commit == git(code, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("requirements", "gone"),
        ("repository", "cannot be|exit code"),
    ],
)
def test_what_is_not_to_be_had_ends_the_run_and_says_why(
    tmp_path: Path, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, broken: str, says: str
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "job.py").write_text(JOB)
    git(code, "init", "-q")
    git(code, "add", ".")
    git(code, "commit", "-qm", "A job")
    monkeypatch.chdir(tmp_path)
    deployment = flow.from_source(GitRepository(code.as_uri()), "job.py:job").to_deployment("x", work_pool_name=POOL)
    if broken == "requirements":
        gone = f"gone @ {(tmp_path / 'gone-1.0-py3-none-any.whl').as_uri()}"
        deployment.environment = EnvironmentSpec(requirements=[gone])
    deployment.apply()
    plane.run_deployment("job/x", NewDeploymentRun())
    if broken == "repository":
        code.rename(tmp_path / "moved")

    run, lines = worked(plane)

    assert run.state_type in {StateType.FAILED, StateType.CRASHED}
    told = f"{run.states[-1].message}\n{lines}"
    assert any(word in told for word in says.split("|")), told


def test_a_program_that_serves_reports_to_a_server(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        JOB.replace("    import tiny\n\n", "").replace("tiny.WORD", "1")
        + "\nif __name__ == '__main__':\n    job.serve('served', interval=1)\n"
    )
    with serving() as server:
        env = {**os.environ, "LEVADA_API_URL": f"http://127.0.0.1:{server.port}/api"}
        program = subprocess.Popen(
            [sys.executable, str(tmp_path / "app.py")], env=env, stderr=subprocess.PIPE, text=True
        )
        try:
            asked = eventually(lambda: _asked(env), timeout=60)
            assert "Completed" in asked
        finally:
            program.terminate()
            _, said = program.communicate(timeout=60)
        assert program.returncode == 0, said


def _asked(env: dict[str, str]) -> str:
    done = levada("deployment", "run", "job/served", "--watch", env=env)
    return done.stdout if done.returncode == 0 else ""
