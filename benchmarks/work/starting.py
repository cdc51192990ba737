"""A server, a worker and real runs: how long a due run takes to reach its function, and how many go through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.prefect_server import session_cpu
from benchmarks.servers.measure import Figure
from benchmarks.servers.targets import Levada
from benchmarks.work.api import Api, lines, until
from benchmarks.work.figures import FRESH, WARM, quantiles

FLOW = """
import time
from levada import flow

@flow
def touch(place: str):
    with open(place, "a") as file:
        file.write(f"{time.time()}\\n")

@flow
def tick(place: str):
    from levada import runtime
    with open(place, "a") as file:
        file.write(f"{time.time()} {runtime.flow_run.scheduled_start_time.timestamp()}\\n")
"""

AHEAD, APART = 1.5, 0.25
"""Seconds until the first of the runs that are due later, and between them."""


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        single: runs one after the other.
        later: runs that are due later.
        many: runs at once.
        limit: how many a worker takes at once.
        schedule: seconds of a schedule of every second.
    """

    single: int
    later: int
    many: int
    limit: int
    schedule: float


QUICK = Plan(15, 16, 200, 16, 15.0)
FULL = Plan(100, 100, 400, 16, 300.0)


def measured(plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure, for each launcher."""
    server = Levada("sqlite")
    server.start()
    try:
        for launcher, title in (("warm", WARM), ("process", FRESH)):
            say(title)
            with tempfile.TemporaryDirectory(prefix="bench-worker-", ignore_cleanup_errors=True) as place:
                yield from _with_launcher(server, launcher, title, Path(place), plan)
    finally:
        server.stop()


def _with_launcher(server: Levada, launcher: str, title: str, place: Path, plan: Plan) -> Iterator[Figure]:
    pool = f"bench-{launcher}"
    (place / "flows.py").write_text(FLOW)
    api = Api(server.url)
    with _worker(server, launcher, pool, place, plan.limit) as worker:
        until(lambda: any(one["status"] == "online" for one in api.ask("GET", f"/workers?pool={pool}")))
        touch, tick = (_deploy(api, flow, pool, place) for flow in ("touch", "tick"))
        first, _ = _run(api, touch, place / "first")
        yield Figure("created → function", title, "first run of a version", first, "s")
        pairs = [_run(api, touch, place / f"single-{number}") for number in range(plan.single)]
        yield from quantiles("created → Running", title, [running for _, running in pairs])
        yield from quantiles("created → function", title, [reached for reached, _ in pairs])
        yield from quantiles("due → function", title, _due_later(api, touch, place, plan.later))
        yield from _burst(api, touch, title, place, plan, lambda: session_cpu(worker.pid) + server.cpu(), launcher)
        yield from _schedule(api, tick, title, place, plan.schedule)


def _burst(
    api: Api, deployment: str, title: str, place: Path, plan: Plan, cpu: Callable[[], float], launcher: str
) -> Iterator[Figure]:
    """Many runs at once, through one worker."""
    many = plan.many if launcher == "warm" else plan.many // 4
    before, began = cpu(), time.time()
    runs = [_create(api, deployment, place / "many")["id"] for _ in range(many)]
    until(lambda: lines(place / "many") == many)
    took = time.time() - began
    until(lambda: all(_state(api, run) == "Completed" for run in runs[-plan.limit :]))
    yield Figure("one worker", title, "runs", many / took, "/s", f"{plan.limit} at once")
    used = cpu() - before
    if launcher == "warm":  # what it forks is in sessions of their own
        used += sum(_cpu_of(api, run) for run in runs)
    yield Figure("one worker", title, "CPU of server, worker and run for each", used / many, "s")


def _schedule(api: Api, deployment: str, title: str, place: Path, seconds: float) -> Iterator[Figure]:
    """A schedule of every second, for so long."""
    file = place / "ticks"
    spec = {"timing": {"kind": "interval", "seconds": 1.0}, "parameters": {"place": str(file)}}
    made = api.ask("POST", f"/deployments/{deployment}/schedules", spec)
    time.sleep(seconds)
    api.ask("DELETE", f"/schedules/{made['id']}")
    time.sleep(2.0)
    told = [tuple(map(float, line.split())) for line in file.read_text().splitlines()]
    moments = Counter(round(nominal) for _, nominal in told)
    expected = max(moments) - min(moments) + 1
    what = "a schedule of every second"
    yield Figure(what, title, "runs", len(told), "", f"in {seconds:g} s")
    yield Figure(what, title, "missed or twice", expected - len(moments) + len(told) - len(moments), "")
    yield from quantiles(what, title, [at - nominal for at, nominal in told], worst=True)


def _due_later(api: Api, deployment: str, place: Path, count: int) -> list[float]:
    """Seconds from the moments at which runs were due to their functions."""
    first = time.time() + AHEAD
    dues = [first + number * APART for number in range(count)]
    for number, due in enumerate(dues):
        _create(api, deployment, place / f"later-{number}", datetime.fromtimestamp(due, UTC).isoformat())
    until(lambda: all(lines(place / f"later-{number}") for number in range(count)))
    return [float((place / f"later-{number}").read_text()) - due for number, due in enumerate(dues)]


def _deploy(api: Api, flow: str, pool: str, place: Path) -> str:
    code = {"entrypoint": f"flows.py:{flow}", "path": str(place)}
    new = {"flow_name": flow, "name": pool, "code": code, "pool": pool}
    return str(api.ask("POST", "/deployments", new)["id"])


def _create(api: Api, deployment: str, file: Path, due: str | None = None) -> Any:
    later = {} if due is None else {"scheduled_time": due}
    return api.ask("POST", f"/deployments/{deployment}/runs", {"parameters": {"place": str(file)}, **later})


def _run(api: Api, deployment: str, file: Path) -> tuple[float, float]:
    """Seconds from the request for a run to its function, and to Running."""
    began = time.time()
    run = _create(api, deployment, file)["id"]
    until(lambda: _state(api, run) == "Completed")
    found = api.ask("GET", f"/flow_runs/{run}")
    started = datetime.fromisoformat(found["start_time"]).timestamp()
    return float(file.read_text()) - began, started - began


def _state(api: Api, run: str) -> str:
    return str(api.ask("GET", f"/flow_runs/{run}")["state_name"])


def _cpu_of(api: Api, run: str) -> float:
    labels = api.ask("GET", f"/flow_runs/{run}").get("labels", {})
    return float(labels.get("levada.process.cpu-seconds", 0.0))


@contextmanager
def _worker(server: Levada, launcher: str, pool: str, place: Path, limit: int) -> Iterator[subprocess.Popen[bytes]]:
    env = {**server.variables(), "LEVADA_API_URL": server.url, "LEVADA_HOME": str(place / "home")}
    command = ["worker", "start", "--pool", pool, "--limit", str(limit), "--launcher", launcher]
    with (place / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", *command],
            env=env,
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
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
