"""The scenarios: what is done to a server, and which figures come of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.servers import seeding
from benchmarks.servers.load import Connection, Report, Request, ask, load
from benchmarks.servers.targets import Levada, Prefect, Target
from levada.wire.ingest import IngestBatch

CLIENTS = 64
MSGPACK = (("content-type", "application/msgpack"), ("accept", "application/msgpack"))


@dataclass(frozen=True)
class Figure:
    """One measured number; `unit` is `s`, `/s`, `B`, `%` or empty."""

    scenario: str
    target: str
    name: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seconds: float
    seeded_runs: int
    tasks_each: int
    peer_runs: int
    lag_tasks: int
    idle_seconds: float
    soak_seconds: float


QUICK = Plan(4, 2_000, 10, 300, 2_000, 5, 0)
FULL = Plan(10, 10_000, 10, 1_000, 10_000, 30, 0)
LONG = Plan(10, 1_000_000, 10, 1_000, 10_000, 30, 1_200)


def measured(target: Target, plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure of one server."""
    target.start()
    try:
        yield Figure("start", target.title, "healthy after", target.healthy_after, "s")
        target.prepare()
        for scenario in (idle, creates, seed, lists, ingest, hammer, lag, live_logs, soak):
            say(f"{target.title} · {scenario.__name__}")
            try:
                yield from scenario(target, plan)
            except (RuntimeError, subprocess.SubprocessError, TimeoutError) as problem:
                yield Figure(scenario.__name__, target.title, "failed", 0, "", str(problem)[:200])
    finally:
        target.stop()


def _asked(
    target: Target, name: str, make: Callable[[int], Request], plan: Plan, clients: int = CLIENTS
) -> Iterator[Figure]:
    cpu = target.cpu()
    report = load(target.url, make, clients=clients, seconds=plan.seconds)
    yield from _figures(target, name, report, target.cpu() - cpu)


def _figures(target: Target, name: str, report: Report, cpu: float) -> Iterator[Figure]:
    bad = {status: count for status, count in report.statuses.items() if not 0 < status < 400}
    note = f"refused or failed: {bad}" if bad else ""
    yield Figure(name, target.title, "rate", report.rate, "/s", note)
    yield Figure(name, target.title, "p50", report.percentile(50), "s")
    yield Figure(name, target.title, "p95", report.percentile(95), "s")
    yield Figure(name, target.title, "server CPU each", cpu / max(report.good, 1), "s")


def idle(target: Target, plan: Plan) -> Iterator[Figure]:
    """Nobody asks."""
    time.sleep(min(plan.idle_seconds, 5))
    before, since = target.cpu(), time.perf_counter()
    time.sleep(plan.idle_seconds)
    share = (target.cpu() - before) / (time.perf_counter() - since)
    yield Figure("idle", target.title, "of a core", share * 100, "%")
    yield Figure("idle", target.title, "RSS", target.rss(), "B")


def creates(target: Target, plan: Plan) -> Iterator[Figure]:
    """Flow runs are made, and moved to Pending and Running, by 64 clients."""
    yield from _asked(target, "create a flow run", target.create, plan)
    runs = [ask(target.url, target.create(number))["id"] for number in range(100)]
    many: list[str] = []
    count = 400 if isinstance(target, Prefect) else 4_000
    for _ in range(count // 2 - len(runs)):
        many.append(ask(target.url, target.create(1))["id"])
    runs += many
    cpu = target.cpu()
    report = load(
        target.url,
        lambda number: target.set_state(runs[number % len(runs)], number // len(runs)),
        clients=CLIENTS,
        seconds=plan.seconds * 3,
        most=len(runs) * 2,
    )
    yield from _figures(target, "set the state of a flow run", report, target.cpu() - cpu)


def seed(target: Target, plan: Plan) -> Iterator[Figure]:
    """The database gets its rows: Levada's by ingest of encoded batches over HTTP, a peer's by creating runs."""
    if isinstance(target, Levada):
        started, tasks = time.perf_counter(), 0
        for batch in seeding.batches(plan.seeded_runs, plan.tasks_each):
            ask(target.url, Request("POST", "/ingest", seeding.encoded(batch), MSGPACK[:1]))
            tasks += sum(1 for _ in batch.records)
        seconds = time.perf_counter() - started
        yield Figure("seed", target.title, "flow runs", plan.seeded_runs, "", f"{seconds:.1f} s")
    else:
        load(target.url, target.create, clients=8, seconds=120, most=plan.peer_runs)
        yield Figure("seed", target.title, "flow runs", plan.peer_runs, "")


def lists(target: Target, plan: Plan) -> Iterator[Figure]:
    """A page of 200, a count, the graph of a run."""
    yield from _asked(target, "a page of 200 flow runs", target.page, plan, clients=4)
    yield from _asked(target, "count flow runs", target.count, plan, clients=4)
    if isinstance(target, Levada):
        at = time.time_ns() // 1000
        identity, writer = seeding.new_id(at), seeding.new_id(at)
        records = seeding.numbered(seeding.records_of_run(identity, writer, at, 1_000, 1))
        batch = IngestBatch(writer, records, closing=True)
        ask(target.url, Request("POST", "/ingest", seeding.encoded(batch), MSGPACK[:1]))
        run_id = seeding.as_text(identity)
        yield from _asked(target, "graph of a run of 1,000 tasks", lambda _: target.graph(run_id), plan, clients=4)


def ingest(target: Target, plan: Plan) -> Iterator[Figure]:
    """Batches of 2,000 records from four connections."""
    if not isinstance(target, Levada):
        return
    made = list(islice(seeding.batches(100_000, 100), 60 if plan.seconds > 5 else 20))
    tasks = sum(len(batch.records) for batch in made) * 100 // 204
    bodies = [seeding.encoded(batch) for batch in made]
    cpu = target.cpu()
    report = load(
        target.url,
        lambda number: Request("POST", "/ingest", bodies[number], MSGPACK[:1]),
        clients=4,
        seconds=120,
        most=len(bodies),
    )
    if report.good < len(bodies):
        raise RuntimeError(f"not every batch was taken: {dict(report.statuses)}")
    yield Figure("ingest", target.title, "task runs", tasks / report.seconds, "/s")
    yield Figure("ingest", target.title, "p95 of a batch", report.percentile(95), "s")
    yield Figure("ingest", target.title, "server CPU of a task run", (target.cpu() - cpu) / tasks, "s")


def hammer(target: Target, plan: Plan) -> Iterator[Figure]:
    """Ingest at a steady pace, alone and while 200 clients ask for the heaviest list without a pause."""
    if not isinstance(target, Levada):
        return
    # In turns, so that what else the machine does falls on both.
    alone, beside = Report(), Report()
    for _ in range(TURNS):
        alone.latencies += _paced(target, plan.seconds, readers=0).latencies
        beside.latencies += _paced(target, plan.seconds, readers=200).latencies
    yield Figure("200 readers", target.title, "ingest p95 alone", alone.percentile(95), "s")
    yield Figure("200 readers", target.title, "ingest p95 beside them", beside.percentile(95), "s")
    change = beside.percentile(95) / max(alone.percentile(95), 1e-9) - 1
    yield Figure("200 readers", target.title, "change", change * 100, "%")


def _paced(target: Target, seconds: float, readers: int) -> Report:
    """Small batches, twenty a second; the readers are a process of their own.

    It has the lowest priority: readers elsewhere would take the cores neither from the server nor from who sends.
    """
    bodies = [seeding.encoded(batch) for batch in islice(seeding.batches(5_000, 10, size=200), 400)]
    crowd = [sys.executable, "-c", CROWD, target.url, str(readers), str(seconds + 1)]
    process = subprocess.Popen(crowd) if readers else None
    if process:
        time.sleep(1)
    try:
        return asyncio.run(_pace(target.url, bodies, seconds))
    finally:
        if process:
            process.wait(60)


TURNS = 3
"""How often each is measured."""

CROWD = """
import os, sys
os.nice(19)
from benchmarks.servers.load import Request, load
request = Request("POST", "/flow_runs/filter", {"state_types": ["COMPLETED"], "limit": 200})
load(sys.argv[1], lambda _: request, clients=int(sys.argv[2]), seconds=float(sys.argv[3]))
"""


async def _pace(url: str, bodies: list[bytes], seconds: float) -> Report:
    connection, report = Connection(url), Report()
    started = time.perf_counter()
    for number, body in enumerate(bodies):
        due = started + number / 20
        if due > started + seconds:
            break
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        before = time.perf_counter()
        status, _ = await connection.ask(Request("POST", "/ingest", body, MSGPACK[:1]))
        report.latencies.append(time.perf_counter() - before)
        report.statuses[status] += 1
    connection.close()
    report.seconds = time.perf_counter() - started
    return report


FLOW = """
import sys, time
from levada import flow, task
@task
def step(i): return i
@flow
def many(n):
    for i in range(n): step(i)
many(int(sys.argv[1]))
"""


def lag(target: Target, plan: Plan) -> Iterator[Figure]:
    """From the end of a flow's process until the server counts every task run as completed."""
    if not isinstance(target, Levada):
        return
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "many.py"
        script.write_text(FLOW, encoding="utf-8")
        env = {
            **target.variables(),
            "LEVADA_HOME": home,
            "LEVADA_API_URL": target.url,
            "LEVADA_LOGGING_LEVEL": "WARNING",
        }
        env.pop("LEVADA_DATABASE_URL", None)
        started = time.perf_counter()
        subprocess.run([sys.executable, str(script), str(plan.lag_tasks)], env=env, check=True, capture_output=True)
        ended = time.perf_counter()
        newest = ask(target.url, Request("POST", "/flow_runs/filter", {"flow_names": ["many"], "limit": 1}))["items"][0]
        wanted = {"flow_run_ids": [newest["id"]], "state_types": ["COMPLETED"]}
        while ask(target.url, Request("POST", "/task_runs/count", wanted))["count"] < plan.lag_tasks:
            if time.perf_counter() - ended > 60:
                raise TimeoutError(f"not all of {plan.lag_tasks} task runs arrived within a minute")
        yield Figure(
            "lag", target.title, f"{plan.lag_tasks:,} tasks visible after exit", time.perf_counter() - ended, "s"
        )
        yield Figure("lag", target.title, "the process took", ended - started, "s")


LOGGING = """
import time
from levada import flow, get_run_logger
@flow
def talk():
    log = get_run_logger()
    for i in range(40):
        log.info("said at %.6f", time.time())
        time.sleep(0.1)
talk()
"""


def live_logs(target: Target, plan: Plan) -> Iterator[Figure]:
    """From a line logged in a flow to its arrival on the server's stream of log lines."""
    if not isinstance(target, Levada):
        return
    del plan
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "talk.py"
        script.write_text(LOGGING, encoding="utf-8")
        env = {**target.variables(), "LEVADA_HOME": home, "LEVADA_API_URL": target.url}
        env.pop("LEVADA_DATABASE_URL", None)
        delays: list[float] = []
        curl = shutil.which("curl")
        if curl is None:
            raise RuntimeError("curl is not installed")
        stream = subprocess.Popen(
            [curl, "-sN", f"{target.url}/logs/stream"], stdout=subprocess.PIPE, env=os.environ, text=True
        )
        try:
            flow = subprocess.Popen([sys.executable, str(script)], env=env, stderr=subprocess.DEVNULL)
            assert stream.stdout
            for line in stream.stdout:
                _, found, rest = line.partition("said at ")
                if found:
                    delays.append(time.time() - float(rest[:17]))
                if len(delays) == 40:
                    break
            flow.wait()
        finally:
            stream.kill()
            stream.wait()
            assert stream.stdout
            stream.stdout.close()
        delays.sort()
        yield Figure("live log", target.title, "p50", delays[len(delays) // 2], "s")
        yield Figure("live log", target.title, "worst of 40", delays[-1], "s")


def soak(target: Target, plan: Plan) -> Iterator[Figure]:
    """Steady work for long: how fast the server's memory grows."""
    if not plan.soak_seconds or not isinstance(target, Levada):
        return
    points: list[tuple[float, float]] = []
    started = time.perf_counter()
    while (now := time.perf_counter() - started) < plan.soak_seconds:
        _paced(target, 20, readers=2)
        points.append((now, target.rss()))
    settled = points[len(points) // 4 :]
    yield Figure("soak", target.title, "RSS a hour", slope(settled) * 3600, "B", f"{plan.soak_seconds:.0f} s")


def slope(points: list[tuple[float, float]]) -> float:
    """The rise of a straight line through points, by least squares."""
    if len(points) < 2:
        return 0.0
    x = sum(a for a, _ in points) / len(points)
    y = sum(b for _, b in points) / len(points)
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
