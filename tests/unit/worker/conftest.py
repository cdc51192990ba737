"""Workers for tests: on a pool in memory, ended with the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from levada.testing import eventually
from levada.worker import WorkerLoop, WorkerOptions
from tests.unit.worker.pool_in_memory import PoolInMemory

FLOWS = '''
import os, signal, subprocess, sys, time
from pathlib import Path
from levada import flow

@flow
def touch(name: str = "touched"):
    Path(name).write_text("done")

@flow
def noisy():
    print("to stdout")
    print("to stderr", file=sys.stderr)
    sys.stdout.write("without an end")

@flow
def spin():
    Path("spinning").write_text(str(os.getpid()))
    while True:
        pass

@flow
def wait_for_file(name: str = "go"):
    Path("waiting").write_text(str(os.getpid()))
    while not Path(name).exists():
        time.sleep(0.02)

@flow
def die(number: int = 9):
    os.kill(os.getpid(), number)

@flow
def family():
    """Children in the group, in a session of their own, and a daemon that nobody waits for."""
    pids = [subprocess.Popen(["sleep", "600"]).pid]
    pids.append(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    daemon = subprocess.Popen(
        [sys.executable, "-c", "import os, subprocess\\nif os.fork() == 0:\\n os.setsid()\\n"
         " p = subprocess.Popen(['sleep', '600'])\\n open('daemon.new', 'w').write(str(p.pid))\\n"
         " os.rename('daemon.new', 'daemon')\\n p.wait()\\n"])
    daemon.wait()
    while not Path("daemon").exists():
        time.sleep(0.01)
    pids.append(int(Path("daemon").read_text()))
    Path("pids.new").write_text(" ".join(map(str, pids)))
    Path("pids.new").rename("pids")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
'''


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with flows."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


@pytest.fixture
def pool() -> PoolInMemory:
    """A pool that is a control plane to the worker."""
    return PoolInMemory()


StartWorker = Callable[..., WorkerLoop]


@pytest.fixture
def start_worker(pool: PoolInMemory, levada_home: Path) -> Iterator[StartWorker]:
    """Start a worker on a thread; all that were started are stopped, with their runs, when the test ends."""
    started: list[tuple[WorkerLoop, threading.Thread]] = []

    def start(tell: Callable[[str], object] = lambda _: None, **options: Any) -> WorkerLoop:
        worker = WorkerLoop(cast("Any", pool), "p", home=levada_home, options=WorkerOptions(**options), tell=tell)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        started.append((worker, thread))
        return worker

    yield start
    pool.away = False
    for worker, _ in started:
        worker.stop_runs("kill")
    for _, thread in started:
        eventually(lambda thread=thread: not thread.is_alive())  # type: ignore[misc]
