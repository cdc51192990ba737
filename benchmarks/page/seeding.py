"""Fills Levada's server for its page: a month of runs, one of five thousand tasks, one that logged a lot, and work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.servers import seeding
from benchmarks.servers.load import Request, ask
from benchmarks.servers.measure import MSGPACK
from benchmarks.work.api import Api
from levada.wire.ingest import IngestBatch
from levada.wire.records import LogLine, Record, RunOpened, RunState

DEPLOYMENTS = 40
MAPPED = 5_000
LINES = 50_000
LAST = 987_654_319
"""Number of the newest run; it failed."""


@dataclass(frozen=True)
class Seeded:
    """What was made, for addresses and for what is looked for on screen.

    Attributes:
        newest: name of the newest run.
        run: id of a run of some tasks; mapped: of many; logged: of one with many lines.
        tasks: how many those are, as people write it.
        deployment: id of one.
    """

    newest: str
    run: str
    mapped: str
    logged: str
    tasks: str
    deployment: str


def fill(
    url: str, runs: int, tasks: int, say: Callable[[str], None], *, most_tasks: int = MAPPED, lines: int = LINES
) -> Seeded:
    """Make so many finished runs with so many tasks each, and everything beside them."""
    api = Api(url)
    deployments = _deploy(api)
    started = time.perf_counter()
    for number, batch in enumerate(seeding.batches(runs, tasks)):
        _send(url, batch)
        if number % 1_000 == 999:
            say(f"  {number * 2_000:,} records in {time.perf_counter() - started:.0f} s")
    now = time.time_ns() // 1000
    for name, tags in (("cutoff", ["warehouse"]), ("shops", [])):
        api.ask("PUT", f"/variables/{name}", {"value": 30, "tags": tags})
    api.ask("POST", "/concurrency_limits", {"name": "bank-api", "slots": 10})
    api.close()
    run, mapped, logged = (seeding.new_id(now + one) for one in range(3))
    writer = seeding.new_id(now)
    of_one = (
        *seeding.records_of_run(mapped, writer, now, most_tasks, 1),
        *_lines(logged, writer, now, lines),
        *seeding.records_of_run(run, writer, now, tasks, LAST),
    )
    for batch in _batches(writer, of_one):
        _send(url, batch)
    of_run, of_mapped, of_logged = map(seeding.as_text, (run, mapped, logged))
    return Seeded(f"run-{LAST}", of_run, of_mapped, of_logged, f"{most_tasks:,}", deployments[0])


def _batches(writer: bytes, records: Iterable[Record], size: int = 2_000) -> Iterator[IngestBatch]:
    """What one writer has to say, in pieces."""
    every = seeding.numbered(records)
    for start in range(0, len(every), size):
        yield IngestBatch(writer, every[start : start + size], "bench", 1, closing=start + size >= len(every))


def _lines(run: bytes, writer: bytes, at: int, count: int) -> Iterator[Record]:
    yield RunOpened(run, 1, 1, at, "talkative", "said-a-lot", writer, shown={}, tags=["nightly"], pid=1)
    yield RunState(run, 1, 2, at + 10, seeding.RUNNING, "Running", attempt=1)
    for number in range(count):
        yield LogLine(run, None, at + 20 + number, 20 + 10 * (number % 50 == 0), "levada.flow_runs", f"row {number}")
    yield RunState(run, 1, 3, at + 30 + count, seeding.COMPLETED, "Completed", None, attempt=1)


def _send(url: str, batch: IngestBatch) -> None:
    ask(url, Request("POST", "/ingest", seeding.encoded(batch), MSGPACK[:1]))


def _deploy(api: Api) -> list[str]:
    """A pool, deployments with schedules, and runs that wait in it; the ids of the deployments."""
    api.ask("POST", "/work_pools", {"name": "crowd", "slots": 4})
    made = []
    for number in range(DEPLOYMENTS):
        timing = {"kind": "interval", "seconds": 86_400.0, "anchor": datetime.now(UTC).isoformat()}
        new = {
            "flow_name": f"flow-{number % 20}",
            "name": f"daily-{number}",
            "code": {"entrypoint": "flows.py:load", "path": "/srv"},
            "pool": "crowd",
            "schedules": [{"timing": timing}],
        }
        answer = api.ask("POST", "/deployments", new)
        made.append(str(answer.get("id") or answer["deployment"]["id"]))
    for number in range(20):
        api.ask("POST", f"/deployments/{made[number]}/runs", {})
    return made
