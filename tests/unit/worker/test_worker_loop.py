"""A worker asks for work, sees runs through, and goes on when the control plane is away."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from levada.testing import eventually
from levada.wire.pools import ClaimAnswer, ClaimRequest
from levada.worker import HealthServer, loop
from levada.worker.jobs import JobFolder, job_folders
from levada.worker.launchers import Surroundings
from levada.worker.launchers.process import ProcessLauncher
from levada.worker.settling import settle_left_runs
from tests.unit.worker.conftest import StartWorker
from tests.unit.worker.pool_in_memory import PoolInMemory, an_order


def is_alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_makes_its_pool_and_executes_what_it_gets(
    pool: PoolInMemory, start_worker: StartWorker, code: Path, levada_home: Path
) -> None:
    order = an_order(code, "flows.py:touch")
    start_worker()
    pool.give(order)
    ended = eventually(lambda: pool.exit_of(order))
    assert pool.pools["p"].kind == "process"
    assert (code / "touched").read_text() == "done"
    assert (ended.begun, ended.exit_code, ended.cancelled, ended.reason) == (True, 0, False, "")
    assert ended.cpu_seconds
    assert (ended.memory_peak or 0) > 1_000_000
    eventually(lambda: not list(job_folders(levada_home)))


def test_a_run_that_dies_by_a_signal_is_explained(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    killed, broken = an_order(code, "flows.py:die"), an_order(code, "flows.py:die", b'{"number": 11}')
    pool.give(killed, broken)
    start_worker()
    first, second = eventually(lambda: pool.exit_of(killed)), eventually(lambda: pool.exit_of(broken))
    assert first.exit_code == -9
    assert first.reason.startswith("The process was killed by signal 9 (SIGKILL), not by Levada: ")
    assert second.reason.startswith("The process was ended by signal 11 (SIGSEGV): ")


def test_what_cannot_be_started_is_reported_with_the_reason(
    pool: PoolInMemory, start_worker: StartWorker, code: Path
) -> None:
    nowhere = an_order(code, "flows.py:touch", job={"working_dir": "/no/such/folder"})
    strange = an_order(code, "flows.py:touch", launcher="trebuchet")
    unknown = an_order(code, "flows.py:touch", job={"command": "no-such-command-at-all"})
    pool.give(nowhere, strange, unknown)
    start_worker()
    exits = [eventually(lambda one=one: pool.exit_of(one)) for one in (nowhere, strange, unknown)]  # type: ignore[misc]
    assert [(ended.begun, ended.reason) for ended in exits] == [
        (True, "The working directory '/no/such/folder' of the job configuration is not on this machine."),
        (True, "This worker has no launcher 'trebuchet'; it has: process, warm."),
        (False, "The process ended with exit code 127: its command was not found."),
    ]


def test_a_run_that_dies_before_its_flow_is_loaded_may_be_begun_elsewhere(
    pool: PoolInMemory, start_worker: StartWorker, code: Path
) -> None:
    (code / "deadly.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    order = an_order(code, "deadly.py:etl")
    pool.give(order)
    start_worker()
    ended = eventually(lambda: pool.exit_of(order))
    assert (ended.begun, ended.exit_code) == (False, -9)


def test_a_worker_takes_no_more_than_its_limit(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    orders = [an_order(code, "flows.py:wait_for_file") for _ in range(3)]
    pool.give(*orders)
    start_worker(limit=2)
    eventually(lambda: len(pool.orders) == 1 and pool.requests[-1].room == 0)
    assert {held.run for held in pool.requests[-1].held} == {orders[0].run, orders[1].run}
    (code / "go").touch()
    eventually(lambda: len(pool.exits) == 3)


def test_a_command_reaches_the_run_while_the_worker_is_full(
    pool: PoolInMemory, start_worker: StartWorker, code: Path
) -> None:
    order = an_order(code, "flows.py:spin", grace=1.0)
    pool.give(order)
    start_worker(limit=1)
    eventually((code / "spinning").exists)
    pool.command("kill", order)
    ended = eventually(lambda: pool.exit_of(order))
    assert (ended.exit_code, ended.cancelled, ended.reason) == (
        -9,
        False,
        "The process was killed (SIGKILL) on request.",
    )


def test_run_once_takes_what_is_due_and_ends(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    orders = [an_order(code, "flows.py:touch") for _ in range(3)]
    pool.give(*orders)
    worker = start_worker(run_once=True, limit=2)
    eventually(lambda: pool.forgotten == [worker.id])
    assert len(pool.exits) == 3


def test_a_worker_that_drains_finishes_what_it_has(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    order, late = an_order(code, "flows.py:wait_for_file"), an_order(code, "flows.py:touch")
    pool.give(order)
    worker = start_worker()
    eventually((code / "waiting").exists)
    worker.stop()
    pool.give(late)
    eventually(lambda: pool.requests[-1].draining)
    assert pool.exit_of(order) is None
    (code / "go").touch()
    eventually(lambda: pool.forgotten == [worker.id])
    finished, given_back = pool.exit_of(order), pool.exit_of(late)
    assert finished is not None
    assert finished.exit_code == 0
    assert pool.orders == [late] if given_back is None else not given_back.begun


def test_a_worker_that_is_stopped_asks_its_runs_to_end(
    pool: PoolInMemory, start_worker: StartWorker, code: Path
) -> None:
    order = an_order(code, "flows.py:spin")
    pool.give(order)
    worker = start_worker()
    eventually((code / "spinning").exists)
    worker.stop_runs()
    eventually(lambda: pool.forgotten == [worker.id])
    ended = pool.exit_of(order)
    assert ended is not None
    assert (ended.exit_code, ended.cancelled) == (-signal.SIGTERM, False)
    assert ended.reason.endswith("because its worker was stopped.")


def test_a_worker_goes_on_soon_after_the_control_plane_is_back(
    pool: PoolInMemory, start_worker: StartWorker, code: Path
) -> None:
    said: list[str] = []
    running, later = an_order(code, "flows.py:wait_for_file"), an_order(code, "flows.py:touch")
    pool.give(running)
    worker = start_worker(said.append)
    eventually((code / "waiting").exists)
    pool.away = True
    pool.give(later)
    eventually(lambda: worker.health()["control_plane"] == "away")
    assert worker.health()["alive"]
    (code / "go").touch()
    pool.away = False
    back = time.monotonic()
    eventually(lambda: pool.exit_of(running) and pool.exit_of(later))
    assert time.monotonic() - back < 6
    assert any(line.startswith("The control plane does not answer (nobody there)") for line in said)
    assert any(line.startswith("The control plane answers again") for line in said)


def test_a_command_about_an_unknown_run_is_answered(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    start_worker()
    gone = an_order(code, "flows.py:touch")
    pool.command("cancel", gone)
    ended = eventually(lambda: pool.exit_of(gone))
    assert ended.cancelled
    assert ended.reason == "No process of the run is on the worker that had it."


def test_nothing_of_a_tree_of_processes_is_left(pool: PoolInMemory, start_worker: StartWorker, code: Path) -> None:
    order = an_order(code, "flows.py:family", grace=1.0)
    pool.give(order)
    start_worker()
    eventually((code / "pids").exists)
    pids = [int(pid) for pid in (code / "pids").read_text().split()]
    assert all(map(is_alive, pids))
    pool.command("cancel", order)
    ended = eventually(lambda: pool.exit_of(order))
    assert ended.cancelled
    assert not any(map(is_alive, pids))


def test_the_next_worker_of_the_home_takes_over_what_a_killed_one_had(
    pool: PoolInMemory, start_worker: StartWorker, code: Path, levada_home: Path
) -> None:
    order = an_order(code, "flows.py:wait_for_file")
    pid = os.fork()
    if pid == 0:  # a worker that dies without a word when its run has begun
        pool.give(order)
        start_worker()
        eventually((code / "waiting").exists)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert is_alive(int((code / "waiting").read_text()))
    worker = start_worker()
    eventually(lambda: [held.run for held in worker.runs.held()] == [order.run])
    (code / "go").touch()
    ended = eventually(lambda: pool.exit_of(order))
    assert (ended.exit_code, ended.begun) == (0, True)
    eventually(lambda: not JobFolder.of(levada_home, order.run, 1).path.exists())


def test_a_run_that_is_given_out_anew_replaces_what_lives_of_it(code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:wait_for_file")
    surroundings = Surroundings(home=levada_home, api_url=None, env={}, pool="p", worker="0" * 32)
    launcher = ProcessLauncher(surroundings)
    first = launcher.launch(order)
    watched = first.folder.watch(uuid4())
    eventually((code / "waiting").exists)
    before = int((code / "waiting").read_text())
    assert not first.folder.is_replaced(watched)
    second = launcher.launch(order)
    assert not is_alive(before)
    assert first.folder.is_replaced(watched)
    (code / "go").touch()
    assert second.wait().exit_code == 0
    first.wait()
    assert not second.folder.is_replaced(second.folder.watch(uuid4()))
    second.folder.remove()
    assert not first.folder.is_replaced(watched)
    os.close(watched or -1)


def test_a_command_for_a_run_that_was_reported_is_no_outage(
    pool: PoolInMemory, start_worker: StartWorker, code: Path, levada_home: Path
) -> None:
    order, said = an_order(code, "flows.py:wait_for_file"), list[str]()
    pool.give(order)
    worker = start_worker(said.append, limit=1)
    eventually((code / "waiting").exists)
    folder = JobFolder.of(levada_home, order.run, 1)
    folder.path.rename(folder.path.with_name("elsewhere"))
    pool.command("cancel", order)
    eventually(lambda: any("asked to cancel" in line for line in said))
    folder.path.with_name("elsewhere").rename(folder.path)
    (code / "go").touch()
    eventually(lambda: pool.exit_of(order))
    assert not [line for line in said if "does not answer" in line]
    assert worker.health()["control_plane"] == "answers"


def test_health_is_what_the_loop_says() -> None:
    health = {"alive": True, "runs": []}
    server = HealthServer(lambda: health, port=0)
    try:
        with urllib.request.urlopen(server.address) as answer:
            assert json.load(answer) == health
        health["alive"] = False
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(server.address)
        assert refused.value.code == 503
        refused.value.close()
    finally:
        server.close()


def test_a_worker_whose_loop_hangs_is_not_alive(
    pool: PoolInMemory, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STALE_SECONDS", 3.0)
    hangs, goes_on = threading.Event(), threading.Event()
    answer = pool.claim

    def claim(name: str, request: ClaimRequest) -> ClaimAnswer:
        if hangs.is_set():
            goes_on.wait()  # as a request that nothing ends
        return answer(name, request)

    pool.claim = claim  # type: ignore[method-assign]
    worker = start_worker()
    eventually(lambda: pool.requests)
    assert worker.health()["alive"]
    hangs.set()
    try:
        eventually(lambda: not worker.health()["alive"])
        pool.away = True  # away is not the same as hanging
        goes_on.set()
        eventually(lambda: worker.health()["control_plane"] == "away")
        assert worker.health()["alive"]
    finally:
        goes_on.set()


def test_what_a_dead_worker_could_not_say_is_said_when_somebody_settles_it(
    pool: PoolInMemory, start_worker: StartWorker, code: Path, levada_home: Path
) -> None:
    order = an_order(code, "flows.py:die")
    surroundings = Surroundings(home=levada_home, api_url=None, env={}, pool="p", worker="0" * 32)
    launched = ProcessLauncher(surroundings).launch(order)
    launched.wait()
    os.close(launched.folder.watch(uuid4()) or -1)  # its worker dies
    assert settle_left_runs(cast("Any", pool), levada_home, None) == 1
    ended = pool.exit_of(order)
    assert ended is not None
    assert (ended.exit_code, ended.worker.hex) == (-9, "0" * 32)
    assert settle_left_runs(cast("Any", pool), levada_home, None) == 0
