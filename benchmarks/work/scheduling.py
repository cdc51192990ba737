"""What schedules cost: a thousand deployments with a schedule each, and how late their runs are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from benchmarks.servers.measure import Figure
from benchmarks.servers.targets import Levada
from benchmarks.work.api import Api
from benchmarks.work.figures import POSTGRES, SQLITE, quantiles

DEPLOYMENTS = 1_000
EVERY = 60.0
"""Seconds between two runs of a deployment."""


def measured(quick: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure, on SQLite and on PostgreSQL."""
    for database, title in (("sqlite", SQLITE), ("postgresql", POSTGRES)):
        say(f"{DEPLOYMENTS:,} schedules on {title}")
        server = Levada(database)
        server.start()
        try:
            yield from _figures(server, title, 10.0 if quick else EVERY)
        finally:
            server.stop()


def _figures(server: Levada, title: str, seconds: float) -> Iterator[Figure]:
    api = Api(server.url)
    api.ask("POST", "/work_pools", {"name": "crowd"})
    now = time.time()
    began = time.perf_counter()
    for number in range(DEPLOYMENTS):
        # Spread over the minute, as schedules of many people are.
        anchor = datetime.fromtimestamp(now + number * EVERY / DEPLOYMENTS, UTC).isoformat()
        timing = {"kind": "interval", "seconds": EVERY, "anchor": anchor}
        code = {"entrypoint": "flows.py:touch", "path": "/srv"}
        new = {"flow_name": "touch", "name": f"d{number}", "code": code, "pool": "crowd"}
        api.ask("POST", "/deployments", {**new, "schedules": [{"timing": timing}]})
    deployed = time.perf_counter() - began
    what = f"{DEPLOYMENTS:,} deployments, each every {EVERY:g} s"
    yield Figure(what, title, "deployed", DEPLOYMENTS / deployed, "/s")
    time.sleep(3.0)
    before, cpu, start = _made(api), server.cpu(), time.perf_counter()
    time.sleep(seconds)
    elapsed = time.perf_counter() - start
    used, runs = server.cpu() - cpu, _made(api) - before
    yield Figure(what, title, "runs made", runs / elapsed, "/s", f"of {DEPLOYMENTS / EVERY:.1f}/s")
    yield Figure(what, title, "server CPU", used / elapsed * 100, "%")
    yield Figure(what, title, "server CPU for each run", used / max(1, runs), "s")
    newest = api.ask("POST", "/flow_runs/filter", {"limit": 100})["items"]
    lags = [_moment(run["created"]) - _moment(run["expected_start_time"]) for run in newest]
    yield from quantiles("due → made", title, [max(0.0, lag) for lag in lags])


def _made(api: Api) -> int:
    found = api.ask("POST", "/flow_runs/count", {})
    return int(found["count"] if isinstance(found, dict) else found)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
