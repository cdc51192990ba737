"""A server that looks used: real flows have run on it, others run, wait, are late, failed; everything is in place.

    python -m tests.e2e.seed --serve [--port 4200] [--home FOLDER]

leaves it up until Ctrl-C. Tests take `seeded()`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from levada import get_client
from levada.client import SyncLevadaClient
from levada.core.ids import as_uuid, uuid7_bytes
from levada.settings import temporary_settings
from levada.testing import eventually
from levada.wire.events import Event
from levada.wire.pools import QueueSpec
from tests.e2e import flows
from tests.integration.servers import Server, free_port

ROOT = Path(__file__).resolve().parents[2]
POOL = "warehouse"


@dataclass
class World:
    """A server, and what stands on it by name.

    Attributes:
        url: of the page.
        runs: ids of runs by what they are good for.
        deployments: ids of deployments by name.
    """

    url: str
    runs: dict[str, UUID] = field(default_factory=dict)
    deployments: dict[str, UUID] = field(default_factory=dict)


@contextmanager
def empty(home: Path, port: int | None = None, **settings: str) -> Iterator[World]:
    """A server on which nothing has happened; settings are environment variables of it."""
    server = Server(port=port or free_port(), env={"LEVADA_HOME": str(home), **settings})
    try:
        server.wait()
        _swallow(server)
        yield World(f"http://127.0.0.1:{server.port}")
    finally:
        server.stop()
        server.close()


@contextmanager
def seeded(home: Path, port: int | None = None) -> Iterator[World]:
    """A server that looks used, with a worker and a run that goes on."""
    with empty(home / "server", port) as world, ExitStack() as alive:
        env = {"LEVADA_HOME": str(home / "client"), "LEVADA_API_URL": f"{world.url}/api", "PYTHONPATH": str(ROOT)}
        with temporary_settings({"api.url": f"{world.url}/api"}), get_client(sync_client=True) as client:
            _place(client)
            _finish("tests.e2e.history", env)
            _deploy(world)
            alive.enter_context(_worker(env))
            _wait_in_line(client, world)
            _name(client, world)
        yield world


def _swallow(server: Server) -> None:
    """Read what a server says, so that it is never held up by a full pipe."""
    threading.Thread(target=server.process.stdout.read, daemon=True).start()


def _place(client: SyncLevadaClient) -> None:
    """Pools, queues, limits, variables, events."""
    client.create_work_pool(POOL, slots=4, description="Everything that loads the warehouse")
    client.create_work_pool("gpu", slots=1, description="The machine with the graphics card")
    client.create_work_queue(QueueSpec(name="urgent", priority=1, slots=2), POOL)
    client.create_work_queue(QueueSpec(name="backfills", priority=9, paused=True), POOL)
    client.create_global_concurrency_limit("warehouse", 2)
    client.create_global_concurrency_limit("bank-api", 10, slot_decay_per_second=2.0)
    client.create_concurrency_limit("extract", 8)
    client.set_variable("cutoff", {"days": 30}, tags=["warehouse"])
    client.set_variable("last_load", "2026-11-22", tags=["warehouse", "nightly"])
    client.set_variable("shops", ["faro", "porto"])
    now = datetime.now(UTC)
    client.emit_events(
        [
            Event(
                id=as_uuid(uuid7_bytes(int(now.timestamp() * 1_000_000), os.urandom(10))),
                occurred=now - timedelta(minutes=minutes),
                event="shop.file.arrived",
                resource={"id": f"shop.file.{minutes}", "name": f"orders-{minutes}.csv"},
                payload={"rows": minutes * 10, "shop": "faro"},
            )
            for minutes in range(1, 30)
        ]
    )


def _deploy(world: World) -> None:
    """Deployments with schedules of every kind."""
    at = {"work_pool_name": POOL, "print_next_steps": False}
    world.deployments = {
        "nightly": flows.nightly_orders.deploy("nightly", cron="0 2 * * *", tags=["warehouse", "nightly"], **at),
        "train": flows.train_model.deploy("weekly", rrule="FREQ=WEEKLY;BYDAY=MO;BYHOUR=5;BYMINUTE=0;BYSECOND=0", **at),
        "rates": flows.exchange_rates.deploy("hourly", interval=3600, tags=["rates"], **at),
        "archive": flows.copy_archive.deploy("copy", parameters={"parts": 1}, **at),
        "gpu": flows.train_model.deploy("gpu", work_pool_name="gpu", print_next_steps=False),
    }
    flows.nightly_orders.deploy(
        "nightly", cron="0 2 * * *", tags=["warehouse", "nightly"], parameters={"shops": ["faro"]}, **at
    )


@contextmanager
def _worker(env: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "levada.cli", "worker", "start", "--pool", POOL, "--name", "big-machine"]
    process = subprocess.Popen(
        command, env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        for how in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            process.send_signal(how)
            try:
                process.wait(6)
                break
            except subprocess.TimeoutExpired:
                continue  # it is asked more firmly


def _wait_in_line(client: SyncLevadaClient, world: World) -> None:
    """Runs that go on, that wait, and one that is cancelled before its time."""
    ask = client.create_flow_run_from_deployment
    world.runs["running"] = ask(world.deployments["archive"]).id
    world.runs["waiting"] = ask(world.deployments["gpu"]).id
    soon = datetime.now(UTC) + timedelta(hours=3)
    world.runs["cancelled"] = ask(world.deployments["train"], scheduled_time=soon).id
    client.cancel_flow_run(world.runs["cancelled"])
    eventually(lambda: _has_begun(client, world.runs["running"]), timeout=120)


def _has_begun(client: SyncLevadaClient, run: UUID) -> bool:
    state = client.read_flow_run(run).state
    return state is not None and state.is_running()


def _name(client: SyncLevadaClient, world: World) -> None:
    """Runs that tests look for."""
    wanted: dict[str, tuple[str, str]] = {
        "completed": ("nightly-orders", "Completed"),
        "failed": ("check-tables", "Failed"),
        "mapped": ("sensors", "Completed"),
    }
    for run in client.read_flow_runs(limit=200):
        for name, (flow, state) in wanted.items():
            if run.flow_name == flow and run.state is not None and run.state.name == state:
                world.runs.setdefault(name, run.id)


def _finish(module: str, env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{module} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> None:
    """Leave a seeded server up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--empty", action="store_true", help="nothing has happened on it")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    home = given.home or Path(tempfile.mkdtemp(prefix="levada-seed-"))
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    made: Any = empty if given.empty else seeded
    with made(home, given.port) as world:
        print(f"{world.url} (home {home})\n{world.runs}\n{world.deployments}", flush=True)
        if given.serve:
            ended.wait()


if __name__ == "__main__":
    main()
