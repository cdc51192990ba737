"""The parts that all runs of a process share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from levada import flow, task
from levada.control import ControlPlane
from levada.engine import session as sessions
from levada.wire.filters import FlowRunQuery, TaskRunQuery


@task
def one():
    return 1


@flow
def run():
    return one()


def recorded(home):
    with ControlPlane(home) as plane:
        plane.drain()
        runs = plane.read_flow_runs(FlowRunQuery(limit=1000)).items
        tasks = plane.read_task_runs(TaskRunQuery(limit=1000)).items
    return runs, tasks


PROGRAM = """
import os, sys, threading
from levada import flow, task
@task
def one():
    return 1
@flow
def run():
    return one()
{body}
"""


def program(body):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM.format(body=body)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_program_that_only_decorates_touches_no_disk(levada_home):
    program("")
    assert not levada_home.exists()


def test_a_program_records_into_its_home(levada_home):
    program("run()")
    runs, tasks = recorded(levada_home)
    assert [found.state_name for found in runs] == ["Completed"]
    assert [found.state_name for found in tasks] == ["Completed"]


def test_a_forked_child_records_under_its_own_name(levada_home):
    program("run()\nif os.fork() == 0:\n    run()\n    os._exit(0)\nos.wait()\nrun()")
    runs, tasks = recorded(levada_home)
    assert [found.state_name for found in runs] == ["Completed"] * 3
    assert len({found.writer for found in runs}) <= 2
    assert len(tasks) == 3


def test_a_fork_inside_a_run_leaves_the_parents_record_whole(levada_home):
    program(
        "@flow\ndef parent():\n"
        "    one()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    return one()\n"
        "assert parent() == 1"
    )
    runs, tasks = recorded(levada_home)
    assert [found.state_name for found in runs] == ["Completed"]
    assert len(tasks) == 2


def test_threads_share_the_session(levada_home):
    program(
        "threads = [threading.Thread(target=lambda: [run() for _ in range(10)]) for _ in range(8)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]"
    )
    runs, tasks = recorded(levada_home)
    assert len(runs) == len(tasks) == 80
    assert {found.state_name for found in runs} == {"Completed"}


def test_several_processes_share_a_home(levada_home):
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM.format(body="[run() for _ in range(5)]")]) for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    runs, _ = recorded(levada_home)
    assert len(runs) == 15
    assert len({found.writer for found in runs}) == 3


def test_the_session_is_made_once(levada_home):
    before = sessions.replace(None)
    try:
        found = []
        threads = [threading.Thread(target=lambda: found.append(sessions.current())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sessions.current() is found[-1] or sessions.current() in found
        assert str(found[0].home) == os.environ["LEVADA_HOME"]
    finally:
        made = sessions.replace(before)
        if made is not None:
            made.journal.close()
