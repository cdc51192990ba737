"""`levada work-pool`, `levada work-queue` and `levada flow-run move`, on a home of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.settings import get_current_settings
from levada.wire.deployments import Code, CronTiming, NewDeployment, NewDeploymentRun, ScheduleSpec
from levada.wire.pools import ClaimRequest, PoolSpec, QueueSpec


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """The control plane of the home on which the command works, with a pool `press`."""
    with ControlPlane(get_current_settings().home) as made:
        made.create_work_pool(PoolSpec(name="press"))
        yield made


def deploy(plane: ControlPlane) -> None:
    code = Code(entrypoint="flows.py:paper", path="/srv")
    schedules = [ScheduleSpec(timing=CronTiming(cron="*/10 * * * *"))]
    plane.deploy(NewDeployment(flow_name="paper", name="print", code=code, pool="press", schedules=schedules))


def run(plane: ControlPlane, name: str, priority: int = 0) -> UUID:
    return plane.run_deployment("paper/print", NewDeploymentRun(name=name, priority=priority)).id


def claim(plane: ControlPlane, queue: str | None = None) -> UUID:
    queues = [] if queue is None else [queue]
    answer = plane.claim("press", ClaimRequest(worker=uuid4(), name="anna", host="mill", queues=queues))
    return answer.orders[0].run


def test_pools_are_made_limited_paused_and_deleted(levada, plane):
    made = levada("work-pool", "create", "loom", "--limit", "3", "-d", "weaves", "--launcher", "warm")
    assert "levada worker start --pool loom" in made.stdout
    assert "exists already" in levada("work-pool", "create", "loom", code=1).stderr
    assert "is changed" in levada("work-pool", "create", "loom", "--overwrite", "--limit", "4").stdout
    assert "lets 2 runs execute" in levada("work-pool", "set-concurrency-limit", "loom", "2").stdout
    levada("work-pool", "pause", "loom")
    (loom, _) = levada.json("work-pool", "ls")
    assert (loom["status"], loom["spec"]["slots"]) == ("paused", 2)
    header, first, second = levada("work-pool", "ls").stdout.splitlines()
    assert header.split() == ["NAME", "TYPE", "STATUS", "WORKERS", "WAITING", "ACTIVE", "LIMIT"]
    assert first.split() == ["loom", "process", "paused", "0", "0", "0", "2"]
    assert second.split() == ["press", "process", "not", "ready", "0", "0", "0", "none"]
    levada("work-pool", "resume", "loom")
    assert "has no limit" in levada("work-pool", "clear-concurrency-limit", "loom").stdout
    assert "--limit" in levada("work-pool", "update", "loom", code=2).stderr
    levada("work-pool", "update", "loom", "-d", "weaves well", "--cancel-grace", "5")
    shown = levada("work-pool", "inspect", "loom").stdout
    assert "weaves well" in shown
    assert "5 s" in shown
    assert "levada worker start --pool loom" in levada("work-pool", "inspect", "loom").stderr + shown
    levada("work-pool", "delete", "loom", "-y")
    assert "There is no work pool 'loom'" in levada("work-pool", "inspect", "loom", code=1).stderr


def test_a_pool_in_use_is_not_deleted(levada, plane):
    deploy(plane)
    assert "paper/print" in levada("work-pool", "delete", "press", "-y", code=1).stderr


def test_the_template_of_a_type_is_printed_and_given_back(levada, plane, tmp_path):
    file = tmp_path / "template.json"
    levada("work-pool", "get-default-base-job-template", "--file", str(file))
    template = json.loads(file.read_text())
    assert set(template["variables"]["properties"]) == {
        "name", "env", "labels", "command", "working_dir", "stream_output",
    }  # fmt: skip
    template["variables"]["properties"]["env"]["default"] = {"A": "1"}
    file.write_text(json.dumps(template))
    levada("work-pool", "update", "press", "--base-job-template", str(file))
    deploy(plane)
    run(plane, "first")
    answer = plane.claim("press", ClaimRequest(worker=uuid4(), name="anna"))
    assert answer.orders[0].job["env"] == {"A": "1"}
    file.write_text("[]")
    assert "cannot be read" in levada("work-pool", "update", "press", "--base-job-template", str(file), code=1).stderr


def test_what_is_in_line_is_shown_in_its_order_and_moved(levada, plane):
    deploy(plane)
    for name, priority in (("plain", 0), ("high", 5)):
        run(plane, name, priority)
    assert [one["name"] for one in levada.json("work-pool", "preview", "press")["queued"]] == ["high", "plain"]
    shown = levada("work-pool", "preview", "press", "--hours", "1").stdout
    assert shown.index("high") < shown.index("plain") < shown.index("paper/print")
    levada("work-queue", "create", "urgent", "--pool", "press")
    assert "queue 'urgent', priority 9" in levada(
        "flow-run", "move", "plain", "--priority", "9", "--queue", "urgent"
    ).stdout  # fmt: skip
    assert [one["name"] for one in levada.json("work-queue", "read-runs", "urgent", "-p", "press")] == ["plain"]
    assert "--priority or --queue" in levada("flow-run", "move", "plain", code=2).stderr
    assert "has no queue 'none'" in levada("flow-run", "move", "plain", "-q", "none", code=1).stderr


def test_slots_name_the_runs_that_hold_them_and_their_workers(levada, plane):
    assert "No worker has a run of it." in levada("work-pool", "slots", "press").stderr
    deploy(plane)
    run(plane, "first")
    claim(plane)
    shown = levada("work-pool", "slots", "press").stdout
    assert "1 slots of work pool 'press' are held." in shown
    assert "first" in shown
    assert "anna" in shown
    assert levada.json("work-pool", "slots", "press")["active"] == 1


def test_queues_are_made_ordered_limited_paused_and_deleted(levada, plane):
    plane.create_work_queue("press", QueueSpec(name="slow", priority=3))
    levada("work-queue", "create", "urgent", "--pool", "press", "--priority", "2", "--limit", "4")
    levada("work-queue", "set-priority", "default", "9", "--pool", "press")
    rows = [line.split() for line in levada("work-queue", "ls", "--pool", "press").stdout.splitlines()[1:]]
    assert [row[1] for row in rows] == ["urgent", "slow", "default"]
    for verb in ("pause", "resume", "clear-concurrency-limit"):
        levada("work-queue", verb, "urgent", "--pool", "press")
    levada("work-queue", "set-concurrency-limit", "urgent", "1", "--pool", "press")
    found = levada.json("work-queue", "inspect", "urgent", "--pool", "press")
    assert (found["spec"]["slots"], found["spec"]["paused"]) == (1, False)
    assert "Priority" in levada("work-queue", "inspect", "urgent", "--pool", "press").stdout
    levada("work-queue", "delete", "urgent", "--pool", "press", "-y")
    assert "has no queue 'urgent'" in levada("work-queue", "inspect", "urgent", "--pool", "press", code=1).stderr
    assert len(levada.json("work-queue", "ls")) == 2
