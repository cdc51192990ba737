"""``python -m levada.execution ORDER`` executes the run that an order names, and records whatever comes of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from levada.control import ControlPlane
from levada.wire.objects import FlowRun
from levada.wire.pools import WorkOrder
from tests.unit.worker.pool_in_memory import an_order

FLOWS = """
import os
from pathlib import Path
from levada import flow, get_run_logger, runtime, task

def note(flow, run, state):
    get_run_logger().info("told")
    Path("told").write_text(f"{flow.name} {run.name} {state.name} {run.parameters}")

@flow
def inner():
    return runtime.deployment.name, runtime.flow_run.data_interval_end

@flow
def show():
    here = runtime.deployment, runtime.flow_run
    Path("shown").write_text("\\n".join(map(str, [
        here[0].id, here[0].name, here[0].version, here[0].parameters, here[1].scheduled_start_time,
        here[1].data_interval_start, here[1].data_interval_end, here[1].job_variables, *inner()])))

@flow
def flaky():
    with open("tries", "a") as file:
        file.write("x")
    raise ValueError("no")

@task
def step(number: int):
    with open("steps", "a") as file:
        file.write(str(number))
    return number

@flow
def stepwise():
    step(1)
    if not Path("died").exists():
        Path("died").touch()
        os._exit(3)
    step(2)

@flow(on_cancellation=[note])
def noted(day: str = "monday"):
    pass
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with flows."""
    (tmp_path / "flows.py").write_text(FLOWS)
    return tmp_path


def executed(order: WorkOrder, code: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Execute an order in a process of its own."""
    file = code / "order"
    file.write_bytes(msgpack.encode(order))
    return subprocess.run(
        [sys.executable, "-m", "levada.execution", *arguments, str(file)],
        cwd=code,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def recorded(home: Path, order: WorkOrder) -> FlowRun:
    """What the home knows of a run."""
    with ControlPlane(home) as plane:
        plane.drain()
        return plane.read_flow_run(order.run)


def test_a_run_knows_its_deployment(code: Path, levada_home: Path) -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    order = an_order(
        code,
        "flows.py:show",
        deployment_id=uuid4(),
        deployment_name="show/nightly",
        deployment_version=3,
        interval=(begin, end),
        job_variables={"a": 1},
    )
    assert executed(order, code).returncode == 0
    assert (code / "shown").read_text().splitlines() == [
        str(order.deployment_id),
        "nightly",
        "3",
        "{}",
        str(order.due),
        str(begin),
        str(end),
        "{'a': 1}",
        "nightly",
        str(end),
    ]
    run = recorded(levada_home, order)
    assert (run.deployment_id, run.deployment_version) == (order.deployment_id, 3)


def test_an_order_says_how_often_a_flow_is_tried(code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:flaky", retries=2)
    assert executed(order, code).returncode == 0
    assert (code / "tries").read_text() == "xxx"
    assert recorded(levada_home, order).state_name == "Failed"


def test_a_later_epoch_does_not_do_again_what_was_completed(code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:stepwise")
    assert executed(order, code).returncode == 3
    assert recorded(levada_home, order).state_name == "Crashed"
    assert executed(replace(order, epoch=2, recalls=True), code).returncode == 0
    run = recorded(levada_home, order)
    assert (run.state_name, run.epoch) == ("Completed", 2)
    assert (code / "steps").read_text() == "12"


def test_hooks_are_called_for_a_run_that_could_not(code: Path) -> None:
    order = an_order(code, "flows.py:noted", b'{"day": "friday"}')
    assert executed(order, code, "--hooks", "cancelled").returncode == 0
    assert (code / "told").read_text() == "noted a-run Cancelled {'day': 'friday'}"


def test_an_order_that_cannot_be_read_is_an_error_in_words(code: Path) -> None:
    (code / "order").write_bytes(b"nonsense")
    done = subprocess.run(
        [sys.executable, "-m", "levada.execution", str(code / "order")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert done.stderr.startswith(f"levada: The order '{code}/order' cannot be read: ")


def test_code_that_is_not_here_fails_the_run_with_advice(code: Path, levada_home: Path) -> None:
    order = an_order(code / "elsewhere", "flows.py:show", deployment_name="show/nightly")
    assert executed(order, code).returncode == 0
    state = recorded(levada_home, order).state
    assert state is not None
    assert "there is no such folder on this machine. Deploy it with pull steps" in str(state.message)
