"""The first steps as articles tell them: a file, a server, a deployment in a file, a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from levada.testing import eventually
from tests.integration.servers import levada, serving

HELLO = """\
from levada import flow, get_run_logger, task


@task
def say_hello(name: str) -> str:
    get_run_logger().info("hello is said")
    return f"Hello, {name}!"


@flow(log_prints=True)
def hello_flow(name: str = "world") -> str:
    greeting = say_hello(name)
    print(greeting)
    return greeting


if __name__ == "__main__":
    hello_flow()
"""


def test_from_a_file_to_a_run_on_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hello.py").write_text(HELLO)
    assert subprocess.run([sys.executable, "hello.py"], check=False).returncode == 0

    with serving() as server:
        env = {"LEVADA_API_URL": f"http://127.0.0.1:{server.port}/api"}
        built = levada(
            "deployment", "build", "hello.py:hello_flow", "-n", "production", "-p", "default-agent-pool", env=env
        )
        assert built.returncode == 0, built.stderr
        assert Path("hello_flow-deployment.yaml").is_file()
        applied = levada("deployment", "apply", "hello_flow-deployment.yaml", env=env)
        assert applied.returncode == 0, applied.stderr
        worker = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", "worker", "start", "--pool", "default-agent-pool"],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            asked = levada("deployment", "run", "hello-flow/production", "--watch", "-p", "name=you", env=env)
            assert asked.returncode == 0, asked.stderr
            assert "Completed" in asked.stdout
            logs = eventually(lambda: _logs(env), timeout=30)
            assert "hello is said" in logs
            assert "Hello, you!" in logs
        finally:
            worker.send_signal(signal.SIGTERM)
            said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said


PREFECT = """\
from prefect import flow
from prefect.deployments import Deployment
from prefect.server.schemas.schedules import CronSchedule


@flow
def my_flow():
    # Flow logic
    pass


deployment = Deployment.build_from_flow(
    flow=my_flow,
    name="production-deployment",
    schedule=CronSchedule(cron="0 0 * * *"),
    work_pool_name="kubernetes-pool",
)

deployment.apply()
"""


def test_a_file_for_prefect_is_deployed_as_it_is_and_runs_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_flow.py").write_text(PREFECT)
    made = levada("worker", "start", "--pool", "kubernetes-pool", "--run-once")
    assert made.returncode == 0, made.stderr
    deployed = subprocess.run(
        [sys.executable, "-m", "levada.compat.prefect", "my_flow.py"], check=False, capture_output=True, text=True
    )
    assert deployed.returncode == 0, deployed.stderr

    asked = levada("deployment", "run", "my-flow/production-deployment")
    assert asked.returncode == 0, asked.stderr
    worked = levada("worker", "start", "--pool", "kubernetes-pool", "--run-once")
    assert worked.returncode == 0, worked.stderr
    listed = levada("flow-run", "ls", "--limit", "1")
    assert "Completed" in listed.stdout, levada("flow-run", "logs", listed.stdout.splitlines()[1].split()[0]).stdout


def _logs(env: dict[str, str]) -> str:
    listed = levada("flow-run", "ls", "--limit", "1", env=env).stdout.splitlines()
    return levada("flow-run", "logs", listed[1].split()[0], env=env).stdout
