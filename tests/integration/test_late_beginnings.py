"""A process that is slow to load its flow, and whose run was given to others meanwhile, does not begin it."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada.testing import eventually
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.pools import PoolSpec
from tests.contract.planes import pair
from tests.integration.workers import WorkerProcess, processes_in, working

FLOWS = """
import os, time
from pathlib import Path
from levada import flow

home = os.environ["LEVADA_HOME"].rpartition("/")[2]
Path("loading-" + home).touch()
while not Path("go-" + home).exists():
    time.sleep(0.02)
if home == "slow":
    os.utime(os.environ["_LEVADA_ORDER"], (0, 0))  # as if loading had taken very long

@flow
def job():
    Path("executed-" + home).touch()
    while not Path("end").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a flow that is slow to load."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


def test_who_comes_to_the_function_after_others_have_the_run_does_not_call_it(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path / "server", None) as server:
        monkeypatch.setenv("LEVADA_API_URL", server.url)
        plane = server.there
        plane.create_work_pool(PoolSpec(name="p"))
        entrypoint = Code(entrypoint="flows.py:job", path=str(code))
        plane.deploy(NewDeployment(flow_name="job", name="d", code=entrypoint, pool="p"))
        run = plane.run_deployment("job/d", NewDeploymentRun())
        first = WorkerProcess(tmp_path / "log", env={"LEVADA_HOME": str(tmp_path / "slow")})
        eventually((code / "loading-slow").exists, timeout=30)
        first.process.kill()
        first.process.wait()
        for worker in plane.read_workers("p"):
            plane.forget_worker("p", worker.id)  # as when its lease is over
        with working(tmp_path / "log2", env={"LEVADA_HOME": str(tmp_path / "quick")}):
            (code / "go-quick").touch()
            eventually((code / "executed-quick").exists, timeout=30)
            eventually(lambda: plane.read_flow_run(run.id).state_name == "Running")
            (code / "go-slow").touch()
            eventually(lambda: len(processes_in(code)) == 1, timeout=30)  # the slow one has gone
            (code / "end").touch()
            eventually(lambda: plane.read_flow_run(run.id).state_name == "Completed", timeout=30)
        assert plane.read_flow_run(run.id).epoch == 1
    assert not (code / "executed-slow").exists()
