"""What is done with a worker, and which figures come of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.prefect_server import session_cpu
from benchmarks.servers.measure import Figure
from benchmarks.servers.targets import Levada

FLOW = """
import os, time
from levada import flow

@flow
def touch(place: str):
    with open(place, "a") as file:
        file.write(f"{time.time()}\\n")
"""


@dataclass(frozen=True)
class Plan:
    """How much of everything: runs one after the other, runs at once, how many a worker takes at once."""

    single: int
    many: int
    limit: int


QUICK = Plan(10, 40, 4)
FULL = Plan(100, 400, 4)


class Api:
    """A server's API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its answer from JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


def measured(plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure, for each launcher."""
    server = Levada("sqlite")
    server.start()
    try:
        for launcher in ("process", "warm"):
            say(f"{launcher} launcher")
            with tempfile.TemporaryDirectory(prefix="bench-worker-", ignore_cleanup_errors=True) as place:
                yield from _with_launcher(server, launcher, Path(place), plan)
    finally:
        server.stop()


def _with_launcher(server: Levada, launcher: str, place: Path, plan: Plan) -> Iterator[Figure]:
    title, pool = f"{launcher} launcher", f"bench-{launcher}"
    (place / "flows.py").write_text(FLOW)
    api = Api(server.url)
    with _worker(server, launcher, pool, place, plan.limit) as worker:
        _eventually(lambda: any(one["status"] == "online" for one in api.ask("GET", f"/workers?pool={pool}")))
        code = {"entrypoint": "flows.py:touch", "path": str(place)}
        new = {"flow_name": "touch", "name": launcher, "code": code, "pool": pool}
        deployment = api.ask("POST", "/deployments", new)["id"]
        _run(api, deployment, place, "first")
        waits, running = [], []
        for number in range(plan.single):
            reached, state = _run(api, deployment, place, f"single-{number}")
            waits.append(reached)
            running.append(state)
        yield from _quantiles("due → function", title, waits)
        yield from _quantiles("created → Running", title, running)
        before = session_cpu(worker.pid) + server.cpu()
        began = time.time()
        runs = [_create(api, deployment, place / "many")["id"] for _ in range(plan.many)]
        _eventually(lambda: _lines(place / "many") == plan.many)
        took = time.time() - began
        _eventually(lambda: all(_state(api, run) == "Completed" for run in runs[-plan.limit :]))
        yield Figure("one worker", title, f"runs, {plan.limit} at once", plan.many / took, "/s")
        used = session_cpu(worker.pid) + server.cpu() - before
        if launcher == "warm":  # what it forks is in sessions of their own
            used += sum(_cpu_of(api, run) for run in runs)
        yield Figure("one worker", title, "CPU of server, worker and run for each", used / plan.many, "s")


def _create(api: Api, deployment: str, file: Path) -> Any:
    return api.ask("POST", f"/deployments/{deployment}/runs", {"parameters": {"place": str(file)}})


def _run(api: Api, deployment: str, place: Path, name: str) -> tuple[float, float]:
    """Seconds from the request for a run to its function, and to Running."""
    began = time.time()
    run = _create(api, deployment, place / name)["id"]
    _eventually(lambda: _state(api, run) == "Completed")
    found = api.ask("GET", f"/flow_runs/{run}")
    started = datetime.fromisoformat(found["start_time"]).timestamp()
    return float((place / name).read_text()) - began, started - began


def _state(api: Api, run: str) -> str:
    return str(api.ask("GET", f"/flow_runs/{run}")["state_name"])


def _cpu_of(api: Api, run: str) -> float:
    labels = api.ask("GET", f"/flow_runs/{run}").get("labels", {})
    return float(labels.get("levada.process.cpu-seconds", 0.0))


def _lines(file: Path) -> int:
    return file.read_text().count("\n") if file.exists() else 0


def _quantiles(scenario: str, target: str, values: list[float]) -> Iterator[Figure]:
    ordered = sorted(values)
    for name, part in (("p50", 0.5), ("p95", 0.95)):
        yield Figure(scenario, target, name, ordered[min(len(ordered) - 1, int(part * len(ordered)))], "s")


@contextmanager
def _worker(server: Levada, launcher: str, pool: str, place: Path, limit: int) -> Iterator[subprocess.Popen[bytes]]:
    env = {**server.variables(), "LEVADA_API_URL": server.url, "LEVADA_HOME": str(place / "home")}
    command = ["worker", "start", "--pool", pool, "--limit", str(limit), "--launcher", launcher]
    with (place / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", *command],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _eventually(check: Callable[[], bool], timeout: float = 120.0) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not do in time what it should")
        time.sleep(0.02)
