"""The processes that the demo leaves running: server, worker and endpoint; files of its home say which they are."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LEVADA = Path(sys.executable).with_name("levada")
POOL = "demo"


def start_server(home: Path, port: int) -> str:
    """Start a server on a home, unless one runs already; its address."""
    found = server_address(home)
    if found is None:
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        command = [str(LEVADA), "server", "start", "--background", "--port", "0" if taken else str(port)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(home))
        found = server_address(home)
    if found is None:
        raise SystemExit(f"The server did not start; {home / 'server' / 'server.log'} says why.")
    return found


def server_address(home: Path) -> str | None:
    """The address of the server on a home; None when none runs."""
    command = [str(LEVADA), "server", "status", "-o", "json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(home))
    if done.returncode:
        return None
    address: str = json.loads(done.stdout)["url"]
    return address.removesuffix("/api")


def start_worker(home: Path, address: str) -> None:
    """Start a worker of the pool `demo`, unless one runs already."""
    command = [str(LEVADA), "worker", "start", "--pool", POOL, "--name", "demo-worker"]
    keep_running(home, "worker", command, environment(home, address))


def start_endpoint(home: Path, rows: int | None) -> dict[str, Any]:
    """Start the source of the flights anew; its `url`, and how many `flights` it has."""
    stop(home, "endpoint")
    said = home / "endpoint.json"
    said.unlink(missing_ok=True)
    command = [sys.executable, "-m", "examples.flights.source", str(said)]
    command += ["--rows", str(rows)] if rows is not None else []
    keep_running(home, "endpoint", command, environment(home))
    wait_until(said.exists, f"The endpoint did not start; {home / 'endpoint.log'} says why.")
    found: dict[str, Any] = json.loads(said.read_text())
    return found


def stop_all(home: Path) -> None:
    """Stop whatever the demo has left running: the worker first, so that its runs can still say how they ended."""
    for name in ("worker", "endpoint"):
        stop(home, name)
    if server_address(home) is not None:
        subprocess.run([str(LEVADA), "server", "stop"], check=True, stdout=subprocess.DEVNULL, env=environment(home))


def keep_running(home: Path, name: str, command: Sequence[str], env: dict[str, str]) -> None:
    """Start a process that outlives this one, unless it runs already."""
    if running(home, name) is not None:
        return
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (home / f"{name}.pid").write_text(str(process.pid))


def running(home: Path, name: str) -> int | None:
    """The pid of a process that was started here and lives; a number that now belongs to another program is none."""
    try:
        pid = int((home / f"{name}.pid").read_text())
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # an earlier demo started it
    except (OSError, ValueError):
        return None
    try:
        # A process that is started so leads a group of its own.
        return pid if os.getpgid(pid) == pid else None
    except ProcessLookupError:
        return None


def stop(home: Path, name: str) -> None:
    """Ask a process to end, and wait for it."""
    pid = running(home, name)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: running(home, name) is None, f"Process {pid}, the demo's {name}, does not end.")
    (home / f"{name}.pid").unlink(missing_ok=True)


def environment(home: Path, address: str | None = None) -> dict[str, str]:
    """The variables of the demo's processes."""
    env = {name: value for name, value in os.environ.items() if name != "LEVADA_API_URL"}
    return {**env, "LEVADA_HOME": str(home), **({"LEVADA_API_URL": f"{address}/api"} if address else {})}


def wait_until(holds: Callable[[], object], otherwise: str, seconds: float = 60) -> None:
    """Wait for something to become true.

    Raises:
        SystemExit: it did not.
    """
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(0.02)
