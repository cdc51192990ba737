"""Prefect, asked the same: `flow.serve` and a process worker, one after the other, with a server on SQLite."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.environments import UnavailableError
from benchmarks.prefect_server import PrefectServer
from benchmarks.servers.measure import Figure
from benchmarks.systems import FOREIGN, PREFECT, QUIET
from benchmarks.work.api import Api, RefusedError, lines, until
from benchmarks.work.figures import PROCESS, SERVE, quantiles

FLOW = """
import sys, time
from prefect import flow

@flow
def touch(place: str):
    with open(place, "a") as file:
        file.write(f"{time.time()}\\n")

if __name__ == "__main__":
    if sys.argv[1] == "serve":
        touch.serve(name="serve", limit=4)
    else:
        source = touch.from_source(source=sys.argv[2], entrypoint="flows.py:touch")
        source.deploy(name="process", work_pool_name="bench")
"""

PATIENCE = 240.0
REFUSALS = 20
LATER = 12.0
"""Seconds until a run is due that is made for later."""


@dataclass(frozen=True)
class Plan:
    """How much of everything: runs one after the other, runs due later, runs at once."""

    single: int
    later: int
    many: int


QUICK = Plan(2, 2, 4)
FULL = Plan(10, 5, 20)


def measured(plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure; raises `UnavailableError` when Prefect cannot be installed or started."""
    PREFECT.ensure()
    server = PrefectServer(PREFECT)
    server.start()
    try:
        for title, name in ((SERVE, "serve"), (PROCESS, "process")):
            say(title)
            with tempfile.TemporaryDirectory(prefix="bench-peer-", ignore_cleanup_errors=True) as place:
                yield from _figures(server, title, name, Path(place), plan)
            server.settle()
    finally:
        server.stop()


def _figures(server: PrefectServer, title: str, name: str, place: Path, plan: Plan) -> Iterator[Figure]:
    (place / "flows.py").write_text(FLOW)
    api = Api(server.url)
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    env |= {**QUIET, **server.variables(), "PREFECT_HOME": str(place / "home")}
    with _serving(title, place, env):
        until(lambda: _deployment(api, name), PATIENCE, 0.2)
        deployment = _deployment(api, name)
        first, _ = _run(api, deployment, place / "first")
        yield Figure("created → function", title, "first run of a version", first, "s")
        pairs = [_run(api, deployment, place / f"single-{number}") for number in range(plan.single)]
        yield from quantiles("created → Running", title, [running for _, running in pairs])
        yield from quantiles("created → function", title, [reached for reached, _ in pairs])
        yield from quantiles("due → function", title, _due_later(api, deployment, place, plan.later))
        began = time.time()
        for _ in range(plan.many):
            _create(api, deployment, place / "many")
        until(lambda: lines(place / "many") == plan.many, PATIENCE, 0.1)
        yield Figure("one worker", title, "runs", plan.many / (time.time() - began), "/s", "4 at once")


@contextmanager
def _serving(title: str, place: Path, env: dict[str, str]) -> Iterator[None]:
    """What executes the runs, ended with the block."""
    python, prefect = str(PREFECT.bin / "python"), str(PREFECT.bin / "prefect")
    command = [python, "flows.py", "serve"]
    with (place / "log").open("ab") as log:
        if title == PROCESS:
            for step in (
                [prefect, "work-pool", "create", "bench", "--type", "process"],
                [python, "flows.py", "deploy", str(place)],
            ):
                subprocess.run(
                    step, cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, timeout=180
                )
            command = [prefect, "worker", "start", "--pool", "bench", "--limit", "4"]
        process = subprocess.Popen(
            command,
            cwd=place,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _deployment(api: Api, name: str) -> str:
    """The id of a deployment; empty while there is none."""
    found = api.ask("POST", "/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
    return str(found[0]["id"]) if found else ""


def _create(api: Api, deployment: str, file: Path, due: datetime | None = None) -> Any:
    state: dict[str, Any] = {"type": "SCHEDULED"}
    if due is not None:
        state["state_details"] = {"scheduled_time": due.isoformat()}
    path = f"/deployments/{deployment}/create_flow_run"
    for _ in range(REFUSALS):
        try:
            return api.ask("POST", path, {"parameters": {"place": str(file)}, "state": state})
        except RefusedError as refused:  # its database was busy
            if refused.status != 503:
                raise
            time.sleep(0.5)
    raise UnavailableError(f"it refused {REFUSALS} times to make a run")


def _run(api: Api, deployment: str, file: Path) -> tuple[float, float]:
    """Seconds from the request for a run to its function, and to Running."""
    began = time.time()
    run = _create(api, deployment, file)["id"]
    until(lambda: api.ask("GET", f"/flow_runs/{run}")["state_name"] == "Completed", PATIENCE, 0.2)
    found = api.ask("GET", f"/flow_runs/{run}")
    started = datetime.fromisoformat(found["start_time"]).timestamp()
    return float(file.read_text()) - began, started - began


def _due_later(api: Api, deployment: str, place: Path, count: int) -> list[float]:
    """Seconds from the moments at which runs were due to their functions."""
    first = datetime.now(UTC) + timedelta(seconds=LATER)
    dues = [first + timedelta(seconds=number) for number in range(count)]
    for number, due in enumerate(dues):
        _create(api, deployment, place / f"later-{number}", due)
    until(lambda: all(lines(place / f"later-{number}") for number in range(count)), PATIENCE, 0.1)
    return [float((place / f"later-{number}").read_text()) - due.timestamp() for number, due in enumerate(dues)]
