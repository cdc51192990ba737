"""Runs of deployments go through real workers, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from levada.client.places import plane_of
from levada.settings import get_current_settings, refresh_settings
from levada.testing import eventually
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.filters import LogQuery
from levada.wire.objects import FlowRun
from levada.wire.verbs import Plane
from tests.integration.servers import Server, free_port, serving
from tests.integration.workers import WorkerProcess, is_alive, processes_in, working

FLOWS = """
import atexit, os, time
from pathlib import Path
from levada import flow, runtime, task

@flow
def report(day: str = "monday"):
    print("printed by", day)
    Path("report").write_text(f"{runtime.deployment.name} {runtime.deployment.version} {runtime.flow_run.name}")

@flow
def wait_for_file(name: str = "go"):
    Path("waiting").write_text(str(os.getpid()))
    while not Path(name).exists():
        time.sleep(0.02)

@task(persist_result=True)
def count():
    with open("counted", "a") as file:
        file.write("x")
    return 1

@flow(crash_retries=1)
def dies_once():
    count()
    if not Path("died").exists():
        Path("died").touch()
        print("about to die")
        os.kill(os.getpid(), 9)

def note(flow, run, state):
    with open("noted", "a") as file:
        file.write(f"{run.name} {state.name}\\n")

@task
def tick():
    time.sleep(0.02)

def linger():
    Path("lingers").touch()
    while not Path("leave").exists():
        time.sleep(0.02)

@flow
def pausable():
    if not Path("began").exists():
        Path("began").touch()
        atexit.register(linger)
    while not Path("go").exists():
        tick()

@flow(on_crashed=[note])
def dies():
    print("last words")
    time.sleep(0.5)
    os.kill(os.getpid(), 9)
"""

SLOW_TO_LOAD = """
import time
from pathlib import Path
from levada import flow

with open("loading", "a") as file:
    file.write("x")
while not Path("go").exists():
    time.sleep(0.02)

@flow
def late():
    with open("executed", "a") as file:
        file.write("x")
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with flows."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


@pytest.fixture(params=["server", "home"])
def plane(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    """A server that workers report to, or a home that they share with us."""
    if request.param == "home":
        with plane_of(get_current_settings()) as here:
            yield here
        return
    with serving("--no-ui", env={"LEVADA_HOME": str(tmp_path / "server")}) as server:
        monkeypatch.setenv("LEVADA_API_URL", f"http://127.0.0.1:{server.port}/api")
        refresh_settings()
        with plane_of(get_current_settings()) as there:
            yield there


def a_run(plane: Plane, code: Path, flow: str, **parameters: str) -> FlowRun:
    """A run of a deployment of a flow, due now."""
    new = NewDeployment(
        flow_name=flow.replace("_", "-"),
        name="nightly",
        code=Code(entrypoint=f"flows.py:{flow}", path=str(code)),
        pool="default-agent-pool",
    )
    return plane.run_deployment(plane.deploy(new).id, NewDeploymentRun(parameters=dict(parameters)))


def in_state(plane: Plane, run: UUID, *names: str) -> FlowRun | None:
    """The run, when it is in one of these states."""
    plane.drain()
    found = plane.read_flow_run(run)
    return found if found.state_name in names else None


def messages(plane: Plane, run: UUID) -> list[str]:
    """The log of a run."""
    plane.drain()
    return [line.message for line in plane.read_logs(LogQuery(flow_run_ids=[run])).items]


POOL = "default-agent-pool"


def test_a_run_is_executed_and_its_output_kept(plane: Plane, code: Path, tmp_path: Path) -> None:
    run = a_run(plane, code, "report", day="friday")
    with working(tmp_path / "log", pool=POOL):
        found = eventually(lambda: in_state(plane, run.id, "Completed"), timeout=30)
        assert (found.deployment_version, found.work_pool_name, found.epoch) == (1, POOL, 1)
        assert (code / "report").read_text() == f"nightly 1 {run.name}"
        eventually(lambda: "printed by friday" in messages(plane, run.id))


def test_a_killed_run_is_crashed_with_the_reason_and_its_last_words(plane: Plane, code: Path, tmp_path: Path) -> None:
    run = a_run(plane, code, "dies")
    with working(tmp_path / "log", pool=POOL):
        eventually(lambda: in_state(plane, run.id, "Crashed"), timeout=30)
        eventually(lambda: "last words" in messages(plane, run.id))
        eventually(lambda: "SIGKILL" in str(plane.read_flow_run(run.id).states[-1].message))
        eventually((code / "noted").exists)
    assert (code / "noted").read_text() == f"{run.name} Crashed\n"
    found = plane.read_flow_run(run.id)
    assert found.end_time - found.start_time > timedelta(seconds=0.4)  # it lived longer than its last record says


def test_a_crash_retry_goes_through_a_worker_again(plane: Plane, code: Path, tmp_path: Path) -> None:
    run = a_run(plane, code, "dies_once")
    with working(tmp_path / "log", pool=POOL):
        found = eventually(lambda: in_state(plane, run.id, "Completed"), timeout=60)
    assert found.epoch == 2
    assert (code / "counted").read_text() == "x"  # what was completed is not done again


def test_a_run_that_goes_on_before_its_process_has_ended_begins_when_that_has(
    plane: Plane, code: Path, tmp_path: Path
) -> None:
    run = a_run(plane, code, "pausable")
    with working(tmp_path / "log", pool=POOL):
        eventually((code / "began").exists, timeout=30)
        eventually(lambda: in_state(plane, run.id, "Running"), timeout=30)
        plane.suspend_flow_run(run.id)
        eventually((code / "lingers").exists, timeout=30)
        eventually(lambda: in_state(plane, run.id, "Suspended"), timeout=30)
        (code / "go").touch()
        plane.resume_flow_run(run.id)
        (code / "leave").touch()
        found = eventually(lambda: in_state(plane, run.id, "Completed"), timeout=20)
    assert found.epoch == 2


def test_a_run_goes_on_without_its_worker(plane: Plane, code: Path, tmp_path: Path) -> None:
    run = a_run(plane, code, "wait_for_file")
    worker = WorkerProcess(tmp_path / "log", pool=POOL)
    eventually((code / "waiting").exists, timeout=30)
    worker.process.kill()
    worker.process.wait()
    assert is_alive(int((code / "waiting").read_text()))
    with working(tmp_path / "log2", pool=POOL) as second:
        eventually(lambda: "taken over" in second.said)
        (code / "go").touch()
        eventually(lambda: in_state(plane, run.id, "Completed"), timeout=30)
        eventually(lambda: "ended" in second.said)
    assert plane.read_flow_run(run.id).epoch == 1
    assert not processes_in(code)


def test_a_run_that_a_dead_worker_had_only_claimed_is_begun_once(plane: Plane, code: Path, tmp_path: Path) -> None:
    (code / "slow.py").write_text(SLOW_TO_LOAD)
    new = NewDeployment(flow_name="late", name="d", code=Code(entrypoint="slow.py:late", path=str(code)), pool=POOL)
    run = plane.run_deployment(plane.deploy(new).id, NewDeploymentRun())
    worker = WorkerProcess(tmp_path / "log", pool=POOL)
    eventually((code / "loading").exists, timeout=30)
    worker.process.kill()
    worker.process.wait()
    with working(tmp_path / "log2", pool=POOL) as second:
        eventually(lambda: "taken over" in second.said)
        # It has told the control plane once, and been told what to do about the run: nothing.
        eventually(lambda: sum(one.status == "online" for one in plane.read_workers(POOL)) == 2)
        (code / "go").touch()
        eventually(lambda: in_state(plane, run.id, "Completed"), timeout=30)
        eventually(lambda: "ended" in second.said)
        assert "asked to" not in second.said
    assert (code / "executed").read_text() == "x"
    assert (code / "loading").read_text() == "x"


def test_a_worker_drains_at_the_first_signal_and_stops_runs_at_the_second(
    plane: Plane, code: Path, tmp_path: Path
) -> None:
    finished, stopped = a_run(plane, code, "wait_for_file"), None
    with working(tmp_path / "log", pool=POOL) as worker:
        eventually((code / "waiting").exists, timeout=30)
        worker.process.send_signal(signal.SIGTERM)
        eventually(lambda: "takes nothing more" in worker.said)
        late = a_run(plane, code, "report")
        (code / "go").touch()
        assert worker.process.wait(30) == 0
    assert in_state(plane, finished.id, "Completed")
    assert in_state(plane, late.id, "Scheduled", "Late", "Pending")
    (code / "go").unlink()
    (code / "waiting").unlink()
    stopped = a_run(plane, code, "wait_for_file")
    with working(tmp_path / "log2", pool=POOL) as worker:
        eventually((code / "waiting").exists, timeout=30)
        worker.process.send_signal(signal.SIGTERM)
        eventually(lambda: "takes nothing more" in worker.said)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
    assert in_state(plane, stopped.id, "Crashed")
    assert not processes_in(code)


def test_run_once_takes_what_is_due_and_ends(plane: Plane, code: Path, tmp_path: Path) -> None:
    runs = [a_run(plane, code, "report") for _ in range(3)]
    with working(tmp_path / "log", "--run-once", "--limit", "2", pool=POOL) as worker:
        assert worker.process.wait(60) == 0
    assert all(in_state(plane, run.id, "Completed") for run in runs)


def test_health_is_served(plane: Plane, tmp_path: Path) -> None:
    port = free_port()
    with working(tmp_path / "log", "--with-healthcheck", "--health-port", str(port), pool=POOL):

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    found = json.load(answer)
            except OSError:
                return False
            return bool(found["alive"] and found["pool"] == POOL)

        eventually(answers)
        eventually(lambda: [one.status for one in plane.read_workers(POOL)] == ["online"])
    eventually(lambda: not [one for one in plane.read_workers(POOL) if one.status == "online"])


def test_worker_and_run_go_on_when_the_server_was_away(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, port = {"LEVADA_HOME": str(tmp_path / "server")}, free_port()
    monkeypatch.setenv("LEVADA_API_URL", f"http://127.0.0.1:{port}/api")
    refresh_settings()
    first = Server("--no-ui", port=port, env=env).wait()
    with plane_of(get_current_settings()) as plane, working(tmp_path / "log", pool=POOL) as worker:
        running = a_run(plane, code, "wait_for_file")
        eventually((code / "waiting").exists, timeout=30)
        first.process.send_signal(signal.SIGKILL)
        first.close()
        eventually(lambda: "does not answer" in worker.said)
        (code / "go").touch()
        eventually(lambda: not processes_in(code))
        with serving("--no-ui", port=port, env=env):
            back = time.monotonic()
            waiting = a_run(plane, code, "report")
            eventually(lambda: in_state(plane, waiting.id, "Completed"), timeout=30)
            assert time.monotonic() - back < 10  # five seconds to notice, and a run
            eventually(lambda: in_state(plane, running.id, "Completed"), timeout=30)
            worker.stop()


def test_a_home_has_no_folder_of_a_run_that_was_reported(
    plane: Plane, code: Path, tmp_path: Path, levada_home: Path
) -> None:
    a_run(plane, code, "dies")
    with working(tmp_path / "log", "--run-once", pool=POOL) as worker:
        assert worker.process.wait(60) == 0
    assert os.listdir(levada_home / "worker" / "runs") == []
