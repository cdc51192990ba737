"""The control plane is away, in every way in which it can be: workers go on within five seconds of its return."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from levada.client.http.plane import RemotePlane
from levada.client.http.transport import Transport
from levada.testing import eventually
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from tests.chaos.processes import LONG
from tests.chaos.server.fleet import Replica, serving, show
from tests.chaos.server.network import Network, network
from tests.integration.workers import working

pytestmark = pytest.mark.chaos

SECONDS = 180.0 if LONG else 10.0
"""How long it is away: longer than an answer is awaited, and than the longest pause between two attempts."""

WITHIN = 5.0
"""Seconds from its return to the function of a run that was made then; starting a process is part of it."""

FLOWS = """
import time
from pathlib import Path
from levada import flow

@flow
def touch(place: str):
    Path(place).write_text(str(time.time()))

@flow
def wait_for_file(name: str):
    Path("waiting").touch()
    while not Path(name).exists():
        time.sleep(0.02)
"""


@contextmanager
def killed(server: Replica, _: Network) -> Iterator[None]:
    """Nobody listens there."""
    server.stop(signal.SIGKILL)
    yield
    server.start().ready()


@contextmanager
def frozen(server: Replica, _: Network) -> Iterator[None]:
    """Connections stand, and nobody answers."""
    server.send(signal.SIGSTOP)
    yield
    server.send(signal.SIGCONT)


@contextmanager
def swallowed(_: Replica, network: Network) -> Iterator[None]:
    """Requests go nowhere, and nobody says so."""
    network.swallows = True
    yield
    network.swallows = False


@pytest.mark.parametrize("away", [killed, frozen, swallowed])
def test_a_worker_goes_on_within_seconds_of_the_servers_return(
    away: Callable[[Replica, Network], object], tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "flows.py").write_text(FLOWS)
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path / "server"))
        proxy = stack.enter_context(network([server.port]))
        plane = stack.enter_context(RemotePlane(Transport(server.url)))  # past the network
        env = {"LEVADA_HOME": str(tmp_path / "home"), "LEVADA_API_URL": proxy.url}
        stack.enter_context(working(tmp_path / "log", env=env))
        eventually(lambda: any(pool.spec.name == "p" for pool in plane.read_work_pools()), 60)
        for flow in ("touch", "wait_for_file"):
            entrypoint = Code(entrypoint=f"flows.py:{flow}", path=str(code))
            plane.deploy(NewDeployment(flow_name=flow, name="d", code=entrypoint, pool="p"))

        def ask(flow: str, **parameters: str) -> str:
            made = plane.run_deployment(f"{flow}/d", NewDeploymentRun(parameters=dict(parameters)))
            return str(made.id)

        through = ask("wait_for_file", name="go")
        eventually((code / "waiting").exists, 60)
        with away(server, proxy):  # type: ignore[attr-defined]
            until = time.monotonic() + SECONDS
            eventually(lambda: time.monotonic() > until, SECONDS + 10)
            (code / "go").touch()  # the run ends meanwhile
        back = time.time()
        ask("touch", place="touched")
        eventually((code / "touched").exists, 60)
        took = float((code / "touched").read_text()) - back
        eventually(lambda: plane.read_flow_run(through).state_name == "Completed", 60)
        show({"away": away.__name__, "seconds": SECONDS, "function reached after": round(took, 2)})
        assert plane.read_flow_run(through).epoch == 1
        # A busy machine takes its time to start a process; what is swallowed is sometimes awaited for a little longer.
        assert took < WITHIN + (5 if away is swallowed else 1)
