"""What every launcher does: starts a run, keeps what it prints, ends all of it when asked, says how it ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada.control import ControlPlane
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery, LogQuery
from levada.wire.objects import FlowRun
from levada.wire.pools import WorkOrder
from levada.worker.environments import Interpreters
from levada.worker.explaining import why_it_ended
from levada.worker.jobs import JobFolder
from levada.worker.launchers import Launcher, Refused, Surroundings
from levada.worker.launchers.registry import LAUNCHERS, make_launcher
from levada.worker.launchers.warm import WarmLauncher
from tests.unit.worker.conftest import FLOWS
from tests.unit.worker.pool_in_memory import an_order

MORE_FLOWS = """
@flow
def show_surroundings():
    Path("surroundings").write_text(f"{os.environ['GREETING']} {os.getcwd()} {os.environ['LEVADA_LOGGING_TO_CONSOLE']}")

@flow
def leave_a_child():
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path("child").write_text(str(child.pid))

@flow
def own_lines():
    from levada import get_run_logger
    get_run_logger().info("logged once")
    print("printed once")

@flow(log_prints=True)
def print_as_lines():
    print("printed as a line")

@flow
def thirds(number: int):
    return number / 3

@flow
async def asynchronous():
    Path("asynchronous").touch()
"""


def is_alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with flows."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS + MORE_FLOWS)
    return folder


@pytest.fixture
def surroundings(levada_home: Path) -> Surroundings:
    """Runs that are recorded in the home of the test."""
    return Surroundings(home=levada_home, api_url=None, env={"GREETING": "hello"}, pool="p", worker="00" * 16)


@pytest.fixture(params=sorted(LAUNCHERS))
def launcher(request: pytest.FixtureRequest, surroundings: Surroundings) -> Iterator[Launcher]:
    """Each launcher there is."""
    made = make_launcher(request.param, surroundings)
    yield made
    made.close()


def recorded(home: Path, order: WorkOrder) -> FlowRun:
    """What the home knows of a run."""
    with ControlPlane(home) as plane:
        plane.drain()
        return plane.read_flow_run(order.run)


def lines(home: Path, order: WorkOrder) -> list[tuple[str, str]]:
    """The log of a run: loggers and messages, without the engine's own."""
    with ControlPlane(home) as plane:
        plane.drain()
        found = plane.read_logs(LogQuery(flow_run_ids=[order.run])).items
    ours = ("Beginning flow run", "Finished in state")
    return [(line.logger, line.message) for line in found if not line.message.startswith(ours)]


def test_a_run_is_executed_and_its_end_described(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:thirds", b'{"number": "12"}', tags=["blue"])
    ended = launcher.launch(order).wait()
    assert (ended.exit_code, why_it_ended(ended)) == (0, "")
    assert ended.cpu_seconds is not None
    assert ended.cpu_seconds > 0
    assert ended.memory_peak is not None
    assert ended.memory_peak > 1_000_000
    run = recorded(levada_home, order)
    assert (run.state_type, run.epoch, run.name, run.tags) == (StateType.COMPLETED, 1, "a-run", ["blue"])


def test_async_flows_run_too(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:asynchronous")
    assert launcher.launch(order).wait().exit_code == 0
    assert recorded(levada_home, order).state_type is StateType.COMPLETED
    assert (code / "asynchronous").exists()


def test_a_run_has_the_environment_and_folder_of_its_job(launcher: Launcher, code: Path) -> None:
    order = an_order(code, "flows.py:show_surroundings", job={"env": {"GREETING": "hullo"}})
    launcher.launch(order).wait()
    assert (code / "surroundings").read_text() == f"hullo {code} false"


def test_what_a_run_prints_is_in_its_log(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:noisy")
    launcher.launch(order).wait()
    assert sorted(lines(levada_home, order)) == [
        ("stderr", "to stderr"),
        ("stdout", "to stdout"),
        ("stdout", "without an end"),
    ]


def test_no_line_is_in_the_log_twice(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order, captured = an_order(code, "flows.py:own_lines"), an_order(code, "flows.py:print_as_lines")
    launcher.launch(order).wait()
    launcher.launch(captured).wait()
    assert sorted(lines(levada_home, order)) == [("levada.flow_runs", "logged once"), ("stdout", "printed once")]
    assert lines(levada_home, captured) == [("levada.flow_runs", "printed as a line")]


def test_a_flow_that_cannot_be_loaded_fails_with_the_reason(launcher: Launcher, code: Path, levada_home: Path) -> None:
    (code / "broken.py").write_text("import no_such_library\n")
    order = an_order(code, "broken.py:etl")
    assert launcher.launch(order).wait().exit_code == 0
    run = recorded(levada_home, order)
    assert run.state_type is StateType.FAILED
    assert run.state is not None
    assert run.state.message == ("The flow could not be loaded: ModuleNotFoundError: No module named 'no_such_library'")
    (_, message), *_ = lines(levada_home, order)
    assert 'broken.py", line 1, in <module>' in message


def test_parameters_that_do_not_fit_fail_the_run(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:thirds", b'{"number": "a dozen"}')
    launcher.launch(order).wait()
    assert recorded(levada_home, order).state_type is StateType.FAILED


def test_a_changed_file_is_seen_by_the_next_run(launcher: Launcher, code: Path) -> None:
    flow = "from levada import flow\nfrom pathlib import Path\n@flow\ndef say():\n    Path('said').write_text('{}')\n"
    for word in ("first", "second"):
        (code / "changing.py").write_text(flow.format(word))
        assert launcher.launch(an_order(code, "changing.py:say")).wait().exit_code == 0
        assert (code / "said").read_text() == word


def test_what_a_run_changes_in_its_module_is_its_own(launcher: Launcher, code: Path) -> None:
    (code / "counting.py").write_text(
        "from pathlib import Path\nfrom levada import flow\ncount = 0\n@flow\ndef up():\n    global count\n"
        "    count += 1\n    with Path('counts').open('a') as file:\n        file.write(f'{count} ')\n"
    )
    for _ in range(3):
        assert launcher.launch(an_order(code, "counting.py:up")).wait().exit_code == 0
    assert (code / "counts").read_text() == "1 1 1 "


class Recycled(Interpreters):
    """An interpreter whose warm processes fork twice, and then make room for others."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._script = folder / "python"
        self._script.write_text(
            f"#!/bin/sh\nexec {sys.executable} -c 'import sys; import levada.execution.warm as warm; "
            'warm.MOST_RUNS = 2; sys.exit(warm.main(sys.argv[3:]))\' "$@"\n'
        )
        self._script.chmod(0o700)

    def of(self, order: WorkOrder) -> str:
        """The script."""
        del order
        return str(self._script)


def test_a_warm_process_is_replaced_when_it_has_forked_often_enough(
    surroundings: Surroundings, code: Path, tmp_path: Path
) -> None:
    (code / "forked.py").write_text(
        "import os\nfrom pathlib import Path\nfrom levada import flow\n@flow\ndef say():\n"
        "    warm = Path(f'/proc/{os.getppid()}/stat').read_text().rpartition(')')[2].split()[1]\n"
        "    with Path('warm').open('a') as file:\n        file.write(warm + ' ')\n"
    )
    launcher = WarmLauncher(surroundings, Recycled(tmp_path))
    for _ in range(5):
        assert launcher.launch(an_order(code, "forked.py:say")).wait().exit_code == 0
    launcher.close()
    warm = (code / "warm").read_text().split()
    assert (warm[0], warm[2]) == (warm[1], warm[3])
    assert len(set(warm)) == 3


def test_a_module_that_cannot_be_kept_warm_is_told(surroundings: Surroundings, code: Path) -> None:
    (code / "threaded.py").write_text(
        "import threading, time\nfrom levada import flow\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True, name='pulse').start()\n"
        "@flow\ndef nothing():\n    pass\n"
    )
    said: list[str] = []
    launcher = make_launcher("warm", surroundings, said.append)
    for _ in range(2):
        assert launcher.launch(an_order(code, "threaded.py:nothing")).wait().exit_code == 0
    launcher.close()
    assert len(said) == 1  # once, not with each run
    assert "cannot be kept warm" in said[0]
    assert "pulse" in said[0]


def test_a_module_that_starts_threads_is_no_obstacle(launcher: Launcher, code: Path, levada_home: Path) -> None:
    (code / "threaded.py").write_text(
        "import threading, time\nfrom levada import flow\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n@flow\ndef nothing():\n    pass\n"
    )
    order = an_order(code, "threaded.py:nothing")
    assert launcher.launch(order).wait().exit_code == 0
    assert recorded(levada_home, order).state_type is StateType.COMPLETED


def test_a_signal_from_outside_is_named(launcher: Launcher, code: Path) -> None:
    ended = launcher.launch(an_order(code, "flows.py:die")).wait()
    assert ended.exit_code == -signal.SIGKILL
    assert "not by Levada" in why_it_ended(ended)


def test_what_a_run_leaves_behind_is_ended(launcher: Launcher, code: Path) -> None:
    ended = launcher.launch(an_order(code, "flows.py:leave_a_child")).wait()
    assert (ended.exit_code, ended.left_behind) == (0, 1)
    assert not is_alive(int((code / "child").read_text()))


@pytest.mark.parametrize(
    ("kind", "at_least", "exit_code", "state"),
    [
        ("cancel", 0.5, 0, "Cancelled"),
        ("interrupt", 0.0, -signal.SIGTERM, "Crashed"),
        ("kill", 0.0, -signal.SIGKILL, "Crashed"),
    ],
)
def test_a_run_that_spins_is_stopped(
    launcher: Launcher, code: Path, levada_home: Path, kind: Any, at_least: float, exit_code: int, state: str
) -> None:
    order = an_order(code, "flows.py:spin")
    launched = launcher.launch(order)
    eventually((code / "spinning").exists)
    began = time.monotonic()
    launched.stop(kind, "for a test", 1.0)
    ended = launched.wait()
    assert at_least <= time.monotonic() - began <= 1.0 + 5.0
    assert ended.exit_code == exit_code
    assert not is_alive(int((code / "spinning").read_text()))
    assert recorded(levada_home, order).state_name == state


def test_a_whole_tree_is_killed_that_does_not_want_to_end(launcher: Launcher, code: Path) -> None:
    launched = launcher.launch(an_order(code, "flows.py:family"))
    eventually((code / "pids").exists)
    pids = [int(pid) for pid in (code / "pids").read_text().split()]
    assert len(pids) == 3
    assert all(map(is_alive, pids))
    began = time.monotonic()
    launched.stop("cancel", "for a test", 1.0)
    ended = launched.wait()
    assert time.monotonic() - began < 1.0 + 5.0
    assert (ended.killed, ended.survivors) == (True, [])
    assert not any(map(is_alive, pids))


def test_a_run_that_is_stopped_right_away_ends(launcher: Launcher, code: Path) -> None:
    launched = launcher.launch(an_order(code, "flows.py:spin"))
    launched.stop("kill", "for a test", 1.0)
    assert launched.wait().exit_code == -signal.SIGKILL


def test_a_run_survives_the_launcher_and_is_found_again(
    launcher: Launcher, code: Path, levada_home: Path, surroundings: Surroundings
) -> None:
    order = an_order(code, "flows.py:wait_for_file")
    pid = os.fork()
    if pid == 0:
        try:
            make_launcher(launcher.name, surroundings).launch(order)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    eventually((code / "waiting").exists)
    found = launcher.reconcile(JobFolder.of(levada_home, order.run, order.epoch))
    assert found.folder.is_alive()
    (code / "go").touch()
    assert found.wait().exit_code == 0
    assert recorded(levada_home, order).state_type is StateType.COMPLETED


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only Linux ends a process with its parent")
def test_a_run_does_not_outlive_its_supervisor(launcher: Launcher, code: Path) -> None:
    launched = launcher.launch(an_order(code, "flows.py:family"))
    eventually((code / "pids").exists)
    pids = [int(pid) for pid in (code / "pids").read_text().split()]
    supervisor = int(Path(launched.folder.path / "supervisor").read_text().split(":")[1].strip(" }"))
    os.kill(supervisor, signal.SIGKILL)
    ended = launched.wait()
    assert ended.exit_code is None
    eventually(lambda: not any(is_alive(pid) for pid in (ended.pid, *pids)))


def test_a_job_that_cannot_be_carried_out_is_refused(launcher: Launcher, code: Path, levada_home: Path) -> None:
    order = an_order(code, "flows.py:touch", job={"env": ["A=1"]})
    with pytest.raises(Refused, match="'env' of the job configuration must be a table, not list"):
        launcher.launch(order)
    assert not JobFolder.of(levada_home, order.run, order.epoch).path.exists()
    with ControlPlane(levada_home) as plane:
        assert not plane.read_flow_runs(FlowRunQuery()).items
