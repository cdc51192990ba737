"""Prefect's server, filled: a few hundred runs are made through its API, then its rows are copied with other ids.

Making a hundred thousand runs through its API would take most of an hour. Copies are made in its SQLite file, by the
columns that the file itself names, while the server is stopped; the runs are a month's, as Levada's are.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.page.seeding import DEPLOYMENTS, LAST
from benchmarks.servers.targets import Prefect
from benchmarks.work.api import Api, RefusedError

MONTH = 30 * 86_400
MADE = 200
"""Flow runs that are made through the API; all others are copies of them."""

_TIMES = ("created", "updated", "start_time", "end_time", "expected_start_time", "timestamp")
"""Columns that a copy has earlier, where a table has them."""


class Patient(Api):
    """Asks again when the server was too busy to answer."""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its answer from JSON."""
        for _ in range(20):
            try:
                return super().ask(method, path, body)
            except RefusedError as refused:
                if refused.status != 503:
                    raise
                time.sleep(0.5)
        return super().ask(method, path, body)


def fill(server: Prefect, runs: int, tasks: int, say: Callable[[str], None]) -> tuple[str, str]:
    """Make so many finished runs with so many tasks each; the id and the name of the newest."""
    api = Patient(server.url)
    flows = [api.ask("POST", "/flows/", {"name": f"flow-{number}"})["id"] for number in range(20)]
    _beside(api, flows)
    for number in range(MADE):
        _finished(api, flows[number % 20], f"run-{number}", tasks, failed=number % 20 == 19)
    server.halt()
    say(f"  {MADE} runs are made; copying")
    _copy(server.home / "prefect.db", runs // MADE - 1)
    server.start()
    name = f"run-{LAST}"
    return _finished(Patient(server.url), flows[19], name, tasks, failed=True), name


def _beside(api: Api, flows: list[str]) -> None:
    """A pool, deployments with runs that wait, variables, limits."""
    api.ask("POST", "/work_pools/", {"name": "crowd", "type": "process"})
    for number in range(DEPLOYMENTS):
        body = {"name": f"daily-{number}", "flow_id": flows[number % 20], "work_pool_name": "crowd"}
        schedule = {"schedule": {"interval": 86_400.0}, "active": True}
        made = api.ask("POST", "/deployments/", {**body, "entrypoint": "flows.py:load", "schedules": [schedule]})
        if number < 20:
            api.ask("POST", f"/deployments/{made['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    for name in ("cutoff", "shops"):
        api.ask("POST", "/variables/", {"name": name, "value": 30})
    api.ask("POST", "/v2/concurrency_limits/", {"name": "bank-api", "limit": 10})


def _finished(api: Api, flow: str, name: str, tasks: int, *, failed: bool) -> str:
    """A run that has ended, with its task runs; its id."""
    run = api.ask("POST", "/flow_runs/", {"flow_id": flow, "name": name, "tags": ["nightly"]})["id"]
    for index in range(tasks):
        task: dict[str, Any] = {"flow_run_id": run, "task_key": f"extract-{index % 5}", "dynamic_key": str(index)}
        made = api.ask("POST", "/task_runs/", {**task, "name": f"extract-{index}"})["id"]
        api.ask("POST", f"/task_runs/{made}/set_state", {"state": {"type": "COMPLETED"}, "force": True})
    api.ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    end = {"type": "FAILED", "message": "ValueError: row 19 of the source has no date"}
    api.ask("POST", f"/flow_runs/{run}/set_state", {"state": end if failed else {"type": "COMPLETED"}, "force": True})
    return str(run)


def _copy(file: Path, times: int) -> None:
    """Copy every finished run with its states and tasks so many times, each copy earlier than the one before."""
    step = MONTH / (times + 1)
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        kept = _rows(database)
        for number in range(1, times + 1):
            earlier = timedelta(seconds=step * number)
            for table, (columns, rows) in kept.items():
                marks = ",".join("?" * len(columns))
                copies = [_copied(columns, row, number, earlier) for row in rows]
                database.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", copies)
        database.execute("ANALYZE")
    database.close()


def _rows(database: sqlite3.Connection) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """Every row of what has ended, by table."""
    ended = "SELECT id FROM flow_run WHERE deployment_id IS NULL"
    which = {
        "flow_run": f"id IN ({ended})",
        "flow_run_state": f"flow_run_id IN ({ended})",
        "task_run": f"flow_run_id IN ({ended})",
        "task_run_state": f"task_run_id IN (SELECT id FROM task_run WHERE flow_run_id IN ({ended}))",
    }
    found = {}
    for table, condition in which.items():
        # What a table computes by itself cannot be given.
        columns = [row[1] for row in database.execute(f"PRAGMA table_xinfo({table})") if row[6] == 0]
        quoted = [f'"{name}"' for name in columns]
        rows = database.execute(f"SELECT {','.join(quoted)} FROM {table} WHERE {condition}").fetchall()
        found[table] = (quoted, rows)
    return found


def _copied(columns: list[str], row: tuple[Any, ...], number: int, earlier: timedelta) -> tuple[Any, ...]:
    return tuple(_changed(name.strip('"'), value, number, earlier) for name, value in zip(columns, row, strict=True))


def _changed(name: str, value: Any, number: int, earlier: timedelta) -> Any:
    if not isinstance(value, str):
        return value
    if name in {"id", "flow_run_id", "task_run_id", "state_id"}:
        return f"{number:08x}{value[8:]}"
    if name in _TIMES or name.endswith("_timestamp"):
        moment = datetime.fromisoformat(value).replace(tzinfo=UTC) - earlier
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"{value}-{number}" if name in {"name", "dynamic_key"} else value
