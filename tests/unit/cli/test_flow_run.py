"""`levada flow-run` and `levada task-run`: what is listed, shown, deleted, resumed, forked, watched and cancelled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from levada.testing.waiting import eventually

WAITING = """
import time
from pathlib import Path
from levada import flow, task

HERE = Path(__file__).parent

@task
def wait() -> None:
    (HERE / "waiting").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)

@flow(log_prints=True)
def waiter() -> None:
    print("before")
    wait()
    print("after")
"""


@pytest.fixture
def waiting(levada):
    """A flow run that is under way until the file `go` exists."""
    (levada.folder / "waiter.py").write_text(WAITING)
    process = levada.start("run", "waiter.py", "--name", "slow one")
    eventually((levada.folder / "waiting").exists)
    yield process
    (levada.folder / "go").touch()
    process.communicate(timeout=30)


class TestLists:
    def test_an_empty_home_says_how_to_fill_it(self, levada):
        listed = levada("flow-run", "ls")
        assert listed.stdout == ""
        assert "levada run FILE" in listed.stderr
        assert levada.json("flow-run", "ls") == []

    def test_runs_are_listed_newest_first_in_aligned_columns(self, levada):
        levada.run("--name", "one")
        levada.run("--name", "two")
        header, *rows = levada("flow-run", "ls").stdout.splitlines()
        assert header.split() == ["ID", "FLOW", "NAME", "STATE", "WHEN", "TOOK"]
        assert [row[header.index("NAME") :].split()[0] for row in rows] == ["two", "one"]

    def test_runs_are_chosen_by_state_flow_tag_and_name(self, levada, broken):
        levada.run("--name", "good", "--tag", "eu")
        broken(True)
        levada.run("--name", "bad", "--tag", "eu", "--tag", "hot", code=1)

        def names(*args: str) -> list[str]:
            return [run["name"] for run in levada.json("flow-run", "ls", *args)]

        assert names() == ["bad", "good"]
        assert names("--state", "failed") == ["bad"]
        assert names("--state-type", "COMPLETED") == ["good"]
        assert names("--state", "Failed", "--state", "Completed") == ["bad", "good"]
        assert names("--tag", "eu", "--tag", "hot") == ["bad"]
        assert names("--name", "oo") == ["good"]
        assert names("--flow-name", "pipeline") == ["bad", "good"]
        assert names("--flow-name", "other") == []
        assert names("--limit", "1") == ["bad"]
        assert names("--limit", "1", "--all") == ["bad", "good"]
        assert "No flow run is like that" in levada("flow-run", "ls", "--flow-name", "other").stderr

    def test_task_runs_are_listed_and_chosen(self, levada):
        run = levada.run("--name", "one")

        def names(*args: str) -> list[str]:
            return [found["name"] for found in levada.json("task-run", "ls", "--flow-run", "one", *args)]

        assert sorted(names()) == ["extract-0", "extract-1", "load-0", "load-1"]
        assert names("--oldest-first") == names()[::-1]
        assert sorted(names("--tag", "extract")) == ["extract-0", "extract-1"]
        assert names("--state", "Failed") == []
        header, *rows = levada("task-run", "ls").stdout.splitlines()
        assert header.split() == ["ID", "NAME", "STATE", "WHEN", "TOOK", "ATTEMPTS"]
        assert len(rows) == 4
        assert levada.json("task-run", "ls")[0]["flow_run_id"] == run["id"]

    def test_flows_are_listed_with_their_last_run(self, levada):
        levada.run()
        levada.run()
        [flow] = levada.json("flow", "ls")
        assert (flow["name"], flow["runs"], flow["last_state"]) == ("pipeline", 2, "Completed")
        assert "pipeline" in levada("flow", "ls", "--name", "pipe").stdout
        assert levada.json("flow", "ls", "--name", "other") == []


class TestOneRun:
    def test_a_run_is_named_by_id_beginning_of_id_or_name(self, levada):
        run = levada.run("--name", "the run")
        for name in (run["id"], run["id"].replace("-", ""), run["id"][:-3], run["id"].upper(), "the run"):
            assert levada.json("flow-run", "inspect", name)["id"] == run["id"]

    def test_a_name_that_several_runs_have_lists_them(self, levada):
        ids = {levada.run("--name", "daily")["id"] for _ in range(2)}
        told = levada("flow-run", "inspect", "daily", code=1).stderr
        assert "Several flow runs are called 'daily'" in told
        assert all(identifier in told for identifier in ids)

    def test_inspect_shows_parameters_states_and_counts(self, levada, broken):
        broken(True)
        run = levada.run("--name", "bad", code=1)
        shown = levada("flow-run", "inspect", "bad").stdout
        assert run["id"] in shown
        assert "numbers=[1, 2]" in shown
        assert "1 completed, 1 failed" in shown
        assert "the target is broken" in shown
        found = levada.json("flow-run", "inspect", "bad")
        assert [state["name"] for state in found["states"]] == ["Pending", "Running", "Failed"]
        assert found["task_run_counts"] == {"COMPLETED": 1, "FAILED": 1}

    def test_inspect_shows_a_task_run(self, levada, broken):
        broken(True)
        levada.run(code=1)
        found = levada.json("task-run", "inspect", "load-0")
        assert found["state_name"] == "Failed"
        assert found["parameters"] == {"number": "1"}
        shown = levada("task-run", "inspect", found["id"]).stdout
        assert "the target is broken" in shown
        assert "number=1" in shown

    def test_logs_are_printed_oldest_first_with_the_task_they_come_from(self, levada):
        levada.run("--name", "one", "-p", "name=you")
        lines = levada("flow-run", "logs", "one").stdout.splitlines()
        messages = [line.split(" | ", 2)[2] for line in lines]
        assert messages[:3] == [
            "Beginning flow run 'one' for flow 'pipeline'",
            "hello you",
            "Task run 'extract-0' - extracted 1",
        ]
        assert levada("flow-run", "logs", "one", "--head", "2").stdout.splitlines() == lines[:2]
        assert levada("flow-run", "logs", "one", "--tail", "2").stdout.splitlines() == lines[-2:]
        assert levada("flow-run", "logs", "one", "--level", "error").stdout == ""
        found = levada.json("flow-run", "logs", "one")
        assert [log["message"] for log in found][1] == "hello you"
        assert levada("flow-run", "logs", "one", "--head", "1", "--tail", "1", code=2)

    def test_logs_of_one_task_run(self, levada):
        levada.run()
        assert [log["message"] for log in levada.json("task-run", "logs", "extract-1")] == ["extracted 2"]
        assert "extracted 2" in levada("task-run", "logs", "extract-1").stdout

    def test_why_says_what_can_be_done(self, levada, broken):
        broken(True)
        run = levada.run("--name", "bad", code=1)
        shown = levada("why", "bad").stdout
        assert shown.startswith("Failed: ")
        assert f"levada flow-run resume {run['id']}" in shown
        assert levada("flow-run", "why", "bad").stdout == shown
        assert levada.json("why", "load-0")["state"] == "Failed"
        nothing = levada("why", "nothing", code=1).stderr
        assert nothing.startswith("levada: There is no flow run and no task run called 'nothing'")


class TestDeletion:
    def test_without_a_terminal_it_needs_yes(self, levada):
        run = levada.run("--name", "one")
        assert "say --yes" in levada("flow-run", "delete", "one", code=2).stderr
        assert levada.json("flow-run", "inspect", "one")["id"] == run["id"]

    def test_a_run_goes_with_all_that_it_recorded(self, levada):
        levada.run("--name", "one")
        kept = levada.run("--name", "two")
        told = levada("flow-run", "delete", "one", "--yes").stdout
        assert "4 task runs" in told
        assert "2 artifacts" in told
        assert [run["id"] for run in levada.json("flow-run", "ls")] == [kept["id"]]
        assert len(levada.json("task-run", "ls")) == 4
        assert len(levada.json("artifact", "ls")) == 2

    def test_nothing_is_deleted_when_one_of_several_is_not_there(self, levada):
        levada.run("--name", "one")
        levada("flow-run", "delete", "one", "absent", "--yes", code=1)
        assert len(levada.json("flow-run", "ls")) == 1


class TestResumeAndFork:
    def test_resume_executes_what_did_not_complete(self, levada, broken):
        broken(True)
        run = levada.run("--name", "one", code=1)
        broken(False)
        done = levada("flow-run", "resume", "one")
        assert "goes on from Failed" in done.stdout
        assert "1 task run reused: extract-0" in done.stdout
        assert "load-0: it was Failed" in done.stdout
        assert levada.calls == ["extract 1", "load 1", "load 1", "extract 2", "load 2"]
        found = levada.json("flow-run", "inspect", "one")
        assert (found["id"], found["state_name"], found["epoch"]) == (run["id"], "Completed", 2)

    def test_a_dry_run_only_tells(self, levada, broken):
        broken(True)
        levada.run("--name", "one", code=1)
        before = levada.calls
        plan = levada.json("flow-run", "resume", "one", "--dry-run")
        assert plan["reuse"] == ["extract-0"]
        assert plan["execute"] == {"load-0": "it was Failed"}
        assert levada.calls == before
        assert levada.json("flow-run", "inspect", "one")["epoch"] == 1

    def test_a_run_that_fails_again_ends_with_code_1(self, levada, broken):
        broken(True)
        levada.run("--name", "one", code=1)
        assert "the flow run ended Failed" in levada("flow-run", "resume", "one", code=1).stderr

    def test_a_completed_run_is_resumed_from_a_task_only(self, levada):
        levada.run("--name", "one")
        refused = levada("flow-run", "resume", "one", code=1).stderr
        assert "has completed" in refused
        assert "Traceback" not in refused
        levada("flow-run", "resume", "one", "--from", "load-1")
        assert levada.calls[4:] == ["load 2"]
        assert "no task run 'nothing'" in levada("flow-run", "resume", "one", "--from", "nothing", code=1).stderr

    def test_fork_makes_a_new_run_and_leaves_the_other(self, levada):
        run = levada.run("--name", "one")
        told = levada("flow-run", "fork", "one", "--from", "load-0").stdout
        assert "A new run of 'pipeline' begins from what 'one' recorded" in told
        assert levada.calls[4:] == ["load 1"]
        forked, old = levada.json("flow-run", "ls")
        assert (forked["forked_from"], forked["state_name"]) == (run["id"], "Completed")
        assert (old["id"], old["epoch"]) == (run["id"], 1)

    def test_changed_code_is_told(self, levada, broken):
        broken(True)
        levada.run("--name", "one", code=1)
        broken(False)
        source = levada.file.read_text()
        levada.file.write_text(source.replace("load(extract(number))", "load(number)"))
        done = levada("flow-run", "resume", "one")
        assert "not called by the code as it is now: extract-0" in done.stderr

    def test_a_file_that_is_gone_is_told(self, levada, broken):
        broken(True)
        levada.run("--name", "one", code=1)
        levada.file.unlink()
        assert "There is no file" in levada("flow-run", "resume", "one", code=1).stderr


class TestLiveRuns:
    def test_watch_follows_a_run_to_its_end(self, levada, waiting):
        seen = []
        with levada.start("flow-run", "watch", "slow one") as watcher:
            for line in watcher.stdout:
                seen.append(line)
                if "before" in line:
                    (levada.folder / "go").touch()
        assert watcher.returncode == 0
        shown = "".join(seen)
        assert shown.index("is Running") < shown.index("before") < shown.index("after") < shown.index("is Completed")
        assert shown.count("before") == 1
        assert seen[-1].startswith("Flow run 'slow one' ended Completed after ")

    def test_logs_are_followed_to_the_end_of_the_run(self, levada, waiting):
        seen = []
        with levada.start("flow-run", "logs", "slow one", "--follow") as follower:
            for line in follower.stdout:
                seen.append(line)
                if "before" in line:
                    (levada.folder / "go").touch()
        assert follower.returncode == 0
        shown = "".join(seen)
        assert shown.count("before") == shown.count("after") == 1
        assert "is Running" not in shown

    def test_following_begins_with_the_tail_that_is_wanted(self, levada, waiting):
        (levada.folder / "go").touch()
        assert waiting.wait(30) == 0
        (line,) = levada("flow-run", "logs", "slow one", "-f", "-n", "1").stdout.splitlines()
        assert "Finished" in line
        assert "--follow goes with" in levada("flow-run", "logs", "slow one", "-f", "-o", "json", code=2).stderr

    def test_watch_gives_up_when_it_is_told_to(self, levada, waiting):
        assert (
            "is still Running after 0.0 s" in levada("flow-run", "watch", "slow one", "--timeout", "0", code=1).stderr
        )

    def test_watch_ends_with_code_1_when_the_run_did_not_complete(self, levada, broken):
        broken(True)
        levada.run("--name", "bad", code=1)
        assert "ended Failed" in levada("flow-run", "watch", "bad", code=1).stdout

    def test_cancel_ends_a_run_and_says_so(self, levada, waiting):
        assert "Flow run 'slow one' is Cancelled" in levada("flow-run", "cancel", "slow one").stdout
        assert waiting.wait(30) == 1
        assert "has ended already" in levada("flow-run", "cancel", "slow one", code=1).stderr

    def test_a_killed_run_is_crashed_at_the_next_look_and_resumes(self, levada, waiting):
        waiting.kill()
        waiting.wait(30)
        assert waiting.returncode == -signal.SIGKILL
        [run] = levada.json("flow-run", "ls")
        assert run["state_name"] == "Crashed"
        assert "is gone" in levada("why", "slow one").stdout
        (levada.folder / "go").touch()
        levada("flow-run", "resume", "slow one")
        assert levada.json("flow-run", "ls")[0]["state_name"] == "Completed"

    def test_journals_of_a_live_run_are_listed_verified_and_shipped(self, levada, waiting):
        [journal] = levada.json("journal", "ls")
        assert journal["live"] is True
        [report] = levada.json("journal", "verify")
        assert (report["healthy"], report["writer"]) == (True, journal["writer"])
        assert "lives" in levada("journal", "ls").stdout
        assert "healthy" in levada("journal", "verify").stdout
        shipped = levada("journal", "ship").stdout
        assert "No server is configured" in shipped
        assert "1 flow run" in shipped
        assert levada.json("flow-run", "ls")[0]["state_name"] == "Running"
        (levada.folder / "go").touch()
        waiting.wait(30)
        assert levada.json("journal", "ship")["removed"] == 1
        assert levada.json("journal", "ls") == []
        assert "nothing to take in" in levada("journal", "ship").stdout


def test_a_damaged_journal_fails_the_verification(levada, levada_home):
    levada("run", "pipeline.py")
    [segment] = levada_home.glob("journal/*/*.seg")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    found = levada("journal", "verify", code=1)
    assert "damaged" in found.stdout
    assert segment.parent.name in found.stderr
    assert json.loads(levada("journal", "verify", "--output", "json", code=1).stdout)[0]["healthy"] is False


def test_a_reader_that_stops_early_is_no_error(levada):
    """`levada flow-run logs RUN | head -1` closes the pipe while we write."""
    levada.run("--name", "one")
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "levada.cli", "flow-run", "logs", "one"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
