"""`levada deploy`, `init`, `deployment build` and `apply`, `flow serve`: what they deploy, and that they never ask."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Levada

POOL = "default-agent-pool"
FLOWS = """\
from levada import flow


@flow
def load(day: str = "today", limit: int = 1) -> None: ...


@flow
def report(day: str) -> None: ...
"""
PROJECT = f"""\
deployments:
- name: nightly
  entrypoint: flows.py:load
  tags: [file]
  parameters: {{limit: 5}}
  schedules:
  - cron: "0 2 * * *"
  work_pool: {{name: {POOL}, job_variables: {{a: 1}}}}
- name: weekly
  entrypoint: flows.py:report
  work_pool: {{name: {POOL}}}
"""


@pytest.fixture
def project(levada: Levada) -> Levada:
    """The command, in a folder with two flows and a project file."""
    (levada.folder / "flows.py").write_text(FLOWS)
    (levada.folder / "levada.yaml").write_text(PROJECT)
    return levada


def deployed(levada: Levada) -> dict[str, dict[str, Any]]:
    """What is deployed, by name."""
    return {f"{one['spec']['flow_name']}/{one['spec']['name']}": one for one in levada.json("deployment", "ls")}


def test_a_flow_is_deployed_with_all_that_options_say(project: Levada) -> None:
    (project.folder / "levada.yaml").unlink()
    words = (
        f"deploy flows.py:load -n x -p {POOL} --job-variable cpu=2 --timezone Europe/Lisbon --param day=007 -t a -t b "
        "-v v1 -d Loads. --concurrency-limit 2 --collision-strategy cancel_new"
    ).split()
    options = ["--cron", "0 6 * * *", "--params", '{"limit": 3}']

    assert "loads" in project(*words, *options, "-q", "loads", code=1).stderr  # there is no such queue
    said = project(*words, *options)
    assert f"levada worker start --pool {POOL}" in said.stdout
    spec = deployed(project)["load/x"]["spec"]
    assert spec["parameters"] == {"day": "007", "limit": 3}
    assert (spec["tags"], spec["version"], spec["description"]) == (["a", "b"], "v1", "Loads.")
    assert (spec["concurrency_limit"], spec["collision_strategy"]) == (2, "cancel_new")
    assert spec["job_variables"] == {"cpu": 2}
    timing = deployed(project)["load/x"]["schedules"][0]["spec"]["timing"]
    assert (timing["cron"], timing["timezone"]) == ("0 6 * * *", "Europe/Lisbon")


def test_a_project_is_deployed_whole_or_by_patterns(project: Levada) -> None:
    assert [one["spec"]["name"] for one in project.json("deploy", "-n", "load/*")] == ["nightly"]
    project("deploy", "--all")
    assert set(deployed(project)) == {"load/nightly", "report/weekly"}


def test_options_go_over_what_the_file_says(project: Levada) -> None:
    project("deploy", "-n", "nightly", "--interval", "60", "-t", "mine", "--param", "day=x", "--job-variable", "b=2")
    found = deployed(project)["load/nightly"]
    assert found["spec"]["parameters"] == {"limit": 5, "day": "x"}
    assert found["spec"]["tags"] == ["mine"]
    assert found["spec"]["job_variables"] == {"a": 1, "b": 2}
    assert [one["spec"]["timing"]["seconds"] for one in found["schedules"]] == [60.0]

    project("deploy", "-n", "nightly", "--no-schedule")
    assert deployed(project)["load/nightly"]["schedules"] == []


def test_an_entry_of_the_file_may_get_another_flow(project: Levada) -> None:
    project("deploy", "flows.py:report", "-n", "nightly", "--params", "{}", code=1)  # it has no parameter `limit`
    project("deploy", "flows.py:load", "-n", "nightly")
    assert deployed(project)["load/nightly"]["spec"]["tags"] == ["file"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["deploy"], 2, "has 2 deployments; say which: --all, or -n NAME (nightly, weekly)"),
        (["deploy", "-n", "yearly"], 1, "has no deployment 'yearly'"),
        (["deploy", "--all", "-n", "nightly"], 2, "one of the two"),
        (["deploy", "flows.py:load"], 2, "-n NAME"),
        (["deploy", "flows.py:load", "-n", "x"], 1, "-p POOL"),
        (["deploy", "flows.py:load", "-n", "x", "-p", "nowhere"], 1, "levada work-pool create nowhere"),
        (["deploy", "flows.py:none", "-n", "x", "-p", POOL], 1, "'none'"),
        (["deploy", "flows.py:load", "-n", "x", "-p", POOL, "--timezone", "UTC"], 2, "--cron"),
        (["deploy", "flows.py:load", "-n", "x", "-p", POOL, "--cron", "every day"], 1, "every day"),
        (["deploy", "flows.py:load", "-n", "x", "-p", POOL, "--param", "dya=1"], 1, "'dya'"),
        (["deploy", "flows.py:load", "-n", "x", "-p", POOL, "--collision-strategy", "queue"], 2, "--concurrency-limit"),
        (["deploy", "--file", "none.yaml"], 1, "none.yaml"),
    ],
)
def test_what_is_missing_is_said_and_never_asked(project: Levada, arguments: list[str], code: int, says: str) -> None:
    assert says in project(*arguments, code=code).stderr


def test_nothing_to_deploy_says_how_to_begin(levada: Levada) -> None:
    assert "levada init" in levada("deploy", code=2).stderr


def test_a_first_project_file_can_be_deployed_as_it_is(levada: Levada) -> None:
    levada("init")
    text = (levada.folder / "levada.yaml").read_text().replace("name: default          #", f"name: {POOL} #")
    (levada.folder / "levada.yaml").write_text(text)
    levada("deploy", "--all")
    assert set(deployed(levada)) == {"pipeline/default"}
    assert "--force" in levada("init", code=1).stderr


def test_a_deployment_is_built_into_a_file_and_applied_from_it(project: Levada) -> None:
    words = (
        f"deployment build flows.py:load -n production -p {POOL} -q default -t prod -v 2 -d Loads. --timezone UTC "
        "--param limit=9 --override env.X=1"
    ).split()
    said = project(*words, "--cron", "0 0 * * *")
    assert "levada deployment apply load-deployment.yaml" in said.stdout
    project("deployment", "apply", "load-deployment.yaml")
    spec = deployed(project)["load/production"]["spec"]
    assert (spec["parameters"], spec["job_variables"], spec["version"]) == ({"limit": 9}, {"env.X": 1}, "2")

    project("deployment", "build", "flows.py:load", "-n", "other", "-p", POOL, "--output", "o.yaml", "--apply")
    assert (project.folder / "o.yaml").is_file()
    assert "load/other" in deployed(project)
    assert "cannot be read" in project("deployment", "apply", "gone.yaml", code=1).stderr


def test_what_cannot_be_a_schedule_is_not_built(project: Levada) -> None:
    refused = project("deployment", "build", "flows.py:load", "-n", "x", "--cron", "0 25 * * *", code=1)
    assert "Bad hour" in refused.stderr
    assert not (project.folder / "load-deployment.yaml").exists()


def test_options_say_how_runs_are_treated(project: Levada) -> None:
    (project.folder / "levada.yaml").unlink()
    (project.folder / "requirements.txt").write_text("msgspec\n")
    words = (
        f"deploy flows.py:load -n x -p {POOL} --interval 60 --catchup 3 --priority 7 --retries 2 --start-deadline 30 "
        "--environment requirements.txt --no-enforce-parameter-schema"
    ).split()
    project(*words)
    found = deployed(project)["load/x"]
    spec = found["spec"]
    assert (spec["priority"], spec["retries"], spec["start_deadline"]) == (7, 2, 30.0)
    assert (spec["environment"]["requirements_file"], spec["enforce_parameter_schema"]) == ("requirements.txt", False)
    schedule = found["schedules"][0]["spec"]
    assert (schedule["catchup"], schedule["catchup_most"]) == ("all", 3)
    shown = project("deployment", "inspect", "x").stdout
    assert "requirements.txt" in shown
    assert "30 s after its time" in shown


def asked(levada: Levada, answers: str, *arguments: str) -> str:
    """Run a command on a terminal, with a person who types."""
    parent, child = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "levada.cli", *arguments],
            cwd=levada.folder,
            stdin=child,
            stdout=subprocess.PIPE,
            stderr=child,
            env={**os.environ, "TERM": "dumb"},
        )
        os.close(child)
        os.write(parent, answers.encode())
        out, _ = process.communicate(timeout=60)
    finally:
        shown = b""
        os.set_blocking(parent, False)
        try:
            while piece := os.read(parent, 4096):
                shown += piece
        except OSError:
            pass  # there is no more to read
        os.close(parent)
    assert process.returncode == 0, shown.decode()
    return out.decode() + shown.decode()


def test_on_a_terminal_what_is_missing_is_asked_for(levada: Levada) -> None:
    (Path(levada.folder) / "pipeline.py").unlink()
    (levada.folder / "flows.py").write_text(FLOWS)
    shown = asked(levada, "2\nmornings\nlake\n0 25 * * *\n0 6 * * *\nMars\nEurope/Lisbon\n", "deploy")

    assert "Which flow?" in shown
    found = deployed(levada)["report/mornings"]
    assert found["spec"]["pool"] == "lake"
    timing = found["schedules"][0]["spec"]["timing"]
    assert (timing["cron"], timing["timezone"]) == ("0 6 * * *", "Europe/Lisbon")
    for said in ("Bad hour", "'Mars', which is no time zone", "Next time: "):
        assert said in shown


def test_on_a_terminal_entries_are_chosen_by_number(project: Levada) -> None:
    asked(project, "2\n", "deploy")
    assert set(deployed(project)) == {"report/weekly"}
