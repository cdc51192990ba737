"""Whatever a run is doing, a cancel ends it: Cancelled, nothing left running, within grace + 5 s, hooks once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from levada.testing import eventually
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.objects import FlowRun
from levada.wire.pools import PoolSpec
from tests.contract.planes import Pair, pair
from tests.integration.workers import WorkerProcess, is_alive, processes_in, working

GRACE = 3.0

FLOWS = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
from levada import flow, task

def note(flow, run, state):
    with open("hooks", "a") as file:
        file.write(f"{flow.name} {run.id} {state.name}\\n")

def begun():
    Path("begun").write_text(str(os.getpid()))

@flow(on_cancellation=[note])
def spin():
    begun()
    while True:
        pass

@flow(on_cancellation=[note])
def sleep_in_c():
    begun()
    for _ in range(600):
        ctypes.CDLL(None).sleep(600)

@flow(on_cancellation=[note])
def hold_the_interpreter():
    begun()
    while True:
        ctypes.PyDLL(None).usleep(60_000_000)

@flow(on_cancellation=[note])
def family():
    subprocess.Popen(["sleep", "600"])
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    subprocess.Popen([sys.executable, "-c", "import os, signal, time\\nsignal.signal(15, signal.SIG_IGN)\\n"
                      "if os.fork(): os._exit(0)\\nos.setsid()\\nif os.fork(): os._exit(0)\\ntime.sleep(600)"]).wait()
    begun()
    time.sleep(600)

@flow
def inner():
    begun()
    while True:
        time.sleep(0.01)

@flow(on_cancellation=[note])
def outer():
    inner()

@flow(on_cancellation=[note])
def stubborn():
    begun()
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A server that runs report to."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with pair(tmp_path / "server", url) as made:
        monkeypatch.setenv("LEVADA_API_URL", made.url)
        made.there.create_work_pool(PoolSpec(name="p", cancel_grace=GRACE))
        yield made


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with flows."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


def a_run(server: Pair, code: Path, flow: str, **more: str) -> FlowRun:
    """A run of a deployment of a flow, due now."""
    new = NewDeployment(
        flow_name=flow.replace("_", "-"), name="d", code=Code(entrypoint=f"flows.py:{flow}", path=str(code)), pool="p"
    )
    for name, value in more.items():
        setattr(new, name, value)
    return server.there.run_deployment(server.there.deploy(new).id, NewDeploymentRun())


def cancelled(server: Pair, run: UUID) -> FlowRun:
    """The run, once it is Cancelled; no later than the grace period and five seconds allow."""
    began = time.monotonic()
    server.there.cancel_flow_run(run)
    found = eventually(lambda: _in_state(server, run, "Cancelled"), timeout=30)
    assert time.monotonic() - began < GRACE + 5
    return found


def _in_state(server: Pair, run: UUID, name: str) -> FlowRun | None:
    found = server.there.read_flow_run(run)
    return found if found.state_name == name else None


@pytest.mark.parametrize("launcher", ["process", "warm"])
@pytest.mark.parametrize("flow", ["spin", "sleep_in_c", "hold_the_interpreter", "family", "outer", "stubborn"])
def test_a_run_is_cancelled_whatever_it_does(
    server: Pair, code: Path, tmp_path: Path, flow: str, launcher: str
) -> None:
    with working(tmp_path / "log", "--launcher", launcher) as worker:
        run = a_run(server, code, flow)
        eventually((code / "begun").exists, timeout=30)
        if flow != "hold_the_interpreter":
            eventually(lambda: _in_state(server, run.id, "Running"))
        cancelled(server, run.id)
        eventually(lambda: (code / "hooks").exists() or "ended" in worker.said, timeout=10)
        _process_is_gone(code)
        worker.stop()
    eventually(lambda: not processes_in(code))
    flow_name = flow.replace("_", "-")
    assert (code / "hooks").read_text() == f"{flow_name} {run.id} Cancelled\n"


def _process_is_gone(code: Path) -> None:
    pid = int((code / "begun").read_text())
    eventually(lambda: not is_alive(pid))


def test_a_run_that_has_not_begun_is_cancelled_at_once(server: Pair, code: Path) -> None:
    run = a_run(server, code, "spin")
    assert server.there.cancel_flow_run(run.id).state_name == "Cancelled"
    assert not server.there.queued_runs("p")


def test_a_run_of_a_dead_worker_is_cancelled(server: Pair, code: Path, tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path / "log")
    run = a_run(server, code, "stubborn")
    eventually(lambda: _in_state(server, run.id, "Running"), timeout=30)
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    server.there.cancel_flow_run(run.id)
    began = time.monotonic()
    eventually(lambda: not processes_in(code), timeout=GRACE + 5)  # its supervisor needs no worker
    with working(tmp_path / "log2"):
        eventually(lambda: _in_state(server, run.id, "Cancelled"), timeout=20)
        eventually((code / "hooks").exists)
    assert time.monotonic() - began < 30
    assert (code / "hooks").read_text().count("Cancelled") == 1
