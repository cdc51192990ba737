"""`levada deployment`: listing, running, pausing, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from levada.control import ControlPlane
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.settings import get_current_settings
from levada.wire.changes import ProposedState
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.pools import DEFAULT_AGENT_POOL, PoolSpec

SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["day"],
}


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """The control plane of the home on which the command works."""
    settings: Settings = get_current_settings()
    with ControlPlane(settings.home) as made:
        yield made


def nightly(**fields: Any) -> NewDeployment:
    given: dict[str, Any] = {
        "flow_name": "etl",
        "name": "nightly",
        "code": Code(entrypoint="etl.py:etl", path="/srv/code", digest="d1", commit="0123456789abcdef", dirty=True),
        "pool": DEFAULT_AGENT_POOL,
        "parameters": {"count": 3},
        "parameter_schema": SCHEMA,
    }
    return NewDeployment(**{**given, **fields})


def test_deployments_are_listed_with_their_place_and_their_last_state(levada, plane):
    assert "`levada deploy FILE:FLOW` makes one" in levada("deployment", "ls").stderr
    plane.deploy(nightly(tags=["a"]))
    plane.deploy(nightly(name="hourly", pool=None, paused=True))
    levada("deployment", "run", "nightly", "-p", "day=mon")
    header, hourly, first = levada("deployment", "ls").stdout.splitlines()
    assert header.split("  ")[0] == "NAME"
    assert hourly.split() == ["etl/hourly", "1", "paused"]
    assert first.split() == ["etl/nightly", DEFAULT_AGENT_POOL, "1", "Scheduled", "no", "worker"]
    assert [one["name"] for one in levada.json("deployment", "ls", "--tag", "a")] == ["nightly"]
    assert [one["name"] for one in levada.json("deployment", "ls", "--pool", DEFAULT_AGENT_POOL)] == ["nightly"]
    assert [one["name"] for one in levada.json("deployment", "ls", "--name", "HOUR", "-n", "1")] == ["hourly"]
    assert "No deployment is like that" in levada("deployment", "ls", "--flow-name", "other").stderr


def test_a_run_says_which_it_is_and_what_starts_a_worker(levada, plane):
    plane.deploy(nightly())
    made = levada(
        "deployment", "run", "etl/nightly", "-p", "day=007", "-p", "count=5", "--name", "of-{day}", "--tag", "by-hand",
        "--priority", "4", "--retries", "2", "--start-in", "2h", "--job-variable", 'env={"A": "1"}',
    )  # fmt: skip
    assert re.match(r"Flow run 'of-007' \([0-9a-f-]{36}\) of etl/nightly, version 1, due 2", made.stdout)
    assert f"levada worker start --pool {DEFAULT_AGENT_POOL}" in made.stderr
    (run,) = levada.json("flow-run", "ls", "--deployment", "nightly", "--pool", DEFAULT_AGENT_POOL)
    assert (run["parameters"], run["priority"], run["tags"]) == ({"day": "'007'", "count": "5"}, 4, ["by-hand"])
    assert levada.json("flow-run", "ls", "--deployment", "other") == []
    shown = levada("flow-run", "inspect", "of-007").stdout
    for name, value in (("Deployment", "etl/nightly"), ("Deployed version", "1"), ("Queue", "default")):
        assert re.search(rf"{name}\s+{value}", shown), shown
    plane.delete_deployment("nightly")
    assert "which was deleted" in levada("flow-run", "inspect", "of-007").stdout


def test_a_deployment_with_several_schedules_takes_one_line_and_says_where_its_code_comes_from(levada, plane):
    step = {"levada.steps.git_clone": {"repository": "https://example.com/flows.git", "branch": "main"}}
    plane.deploy(nightly(code=Code(entrypoint="etl.py:etl", pull=[step])))
    for cron in ("0 1 * * *", "0 2 * * *"):
        levada("deployment", "schedule", "create", "nightly", "--cron", cron, "-p", "day=007")
    _, line = levada("deployment", "ls").stdout.splitlines()
    assert "0 1 * * *; 0 2 * * *" in line
    assert (
        "git_clone repository=https://example.com/flows.git branch=main"
        in levada("deployment", "inspect", "nightly").stdout
    )
    listed = levada.json("deployment", "schedule", "ls", "nightly")
    assert [one["spec"]["parameters"] for one in listed] == [{"day": "007"}] * 2


def test_the_same_idempotency_key_gives_the_same_run(levada, plane):
    plane.deploy(nightly())
    first, again = (
        levada.json("deployment", "run", "nightly", "-p", "day=mon", "--idempotency-key", "monday") for _ in range(2)
    )
    assert first["id"] == again["id"]


def test_an_ended_run_of_a_pool_is_retried_by_a_worker_with_its_code_or_the_newest(levada, plane):
    plane.deploy(nightly())
    run = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "mon"}, name="late")).id
    assert "has not ended" in levada("flow-run", "retry", "late", code=1).stderr
    plane.deploy(nightly(parameters={"count": 4}))
    plane.set_flow_run_state(run, ProposedState(type=StateType.FAILED, force=True))
    assert f"levada flow-run retry {run}" in levada("why", "late").stdout
    assert "with version 1 of its deployment" in levada("flow-run", "retry", "late").stdout
    plane.set_flow_run_state(run, ProposedState(type=StateType.FAILED, force=True, transition_id="again"))
    assert "with version 2 of its deployment" in levada("flow-run", "retry", "late", "--latest").stdout
    levada.run("--name", "by-hand")
    assert "levada flow-run resume" in levada("flow-run", "retry", "by-hand", code=1).stderr


def test_what_cannot_be_run_says_every_field(levada, plane):
    plane.deploy(nightly())
    error = levada("deployment", "run", "nightly", "--params", '{"count": "many", "day": 1}', code=1).stderr
    assert "$.parameters.day must be string" in error
    assert "$.parameters.count must be integer" in error
    assert "is missing" in levada("deployment", "run", "nightly", code=1).stderr
    assert "no deployment 'nobody'" in levada("deployment", "run", "nobody", code=1).stderr
    for wrong in (["-p", "day"], ["--start-in", "soon"], ["--start-at", "later"], ["--params", "[]"]):
        levada("deployment", "run", "nightly", *wrong, code=2)
    levada("deployment", "run", "nightly", "--start-in", "1s", "--start-at", "2030-01-01", code=2)
    late = levada("deployment", "run", "nightly", "-p", "day=x", "--watch", "--watch-timeout", "0", code=1)
    assert "is still Scheduled after 0.0 s" in late.stderr


def test_who_watches_is_told_who_is_missing_and_what_to_start(levada, plane):
    plane.deploy(nightly())
    plane.create_work_pool(PoolSpec(name="serve", kind="serve"))
    plane.deploy(nightly(name="served", pool="serve", code=Code(entrypoint="etl.py:etl", path="/srv")))
    for name, missing, step in (
        ("nightly", f"No worker of work pool '{DEFAULT_AGENT_POOL}' is online.", "levada worker start --pool"),
        ("served", "No process serves deployment 'etl/served' now", "levada flow serve /srv/etl.py:etl --name served"),
    ):
        with levada.start("deployment", "run", name, "-p", "day=x", "--watch") as watcher:
            said = next(line for line in watcher.stdout if "waits since" in line)
            assert missing in said
            assert step in next(watcher.stdout)
            watcher.terminate()


def test_schedules_are_paused_and_go_on(levada, plane):
    plane.deploy(nightly())
    assert levada("deployment", "pause", "nightly").stdout == "Deployment etl/nightly is paused.\n"
    assert plane.read_deployment("nightly").paused
    assert "Status" in levada("deployment", "inspect", "nightly").stdout
    assert levada.json("deployment", "inspect", "nightly")["paused"] is True
    levada("deployment", "resume", "etl/nightly")
    assert not plane.read_deployment("nightly").paused


def test_versions_are_listed_compared_promoted_and_rolled_back(levada, plane):
    plane.deploy(nightly(), by="ann")
    assert "none before it" in levada("deployment", "rollback", "nightly", code=1).stderr
    assert "no version before 1" in levada("deployment", "diff", "nightly", code=1).stderr
    plane.deploy(nightly(parameters={"count": 4}, code=Code(entrypoint="etl.py:etl", digest="d2")))
    lines = [line.split() for line in levada("deployment", "versions", "nightly").stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [["2", "live"], ["1", "d1"]]
    assert lines[2][2:4] == ["0123456789ab+", "ann"]
    changed = {one["path"]: (one["before"], one["after"]) for one in levada.json("deployment", "diff", "nightly")}
    assert changed["parameters.count"] == (3, 4)
    assert changed["code.digest"] == ("d1", "d2")
    assert changed["code.path"] == ("/srv/code", None)
    assert "are the same" in levada("deployment", "diff", "nightly", "2", "2").stderr
    assert "there are 2, 1" in levada("deployment", "diff", "nightly", "9", "2", code=1).stderr
    assert "Version 1 of etl/nightly is live again" in levada("deployment", "rollback", "nightly").stdout
    assert levada("deployment", "promote", "nightly", "2").stdout == "Version 2 of etl/nightly is live.\n"
    levada("deployment", "promote", "nightly", "7", code=1)
    assert plane.read_deployment("nightly").live == 2


def test_deleting_asks_first(levada, plane):
    plane.deploy(nightly())
    assert "say --yes" in levada("deployment", "delete", "nightly", code=2).stderr
    assert "etl/nightly is deleted" in levada("deployment", "delete", "nightly", "-y").stdout
    assert levada.json("deployment", "ls") == []
