"""Project files: what they may say, what it means, and on which line it is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.core.errors import ConfigurationError
from levada.deployments import Deployment
from levada.projects import ProjectError, find_project, plan, read_project, write_project
from levada.projects.deploying import make
from levada.projects.recipes import RECIPES, flows_below
from levada.steps import StepExecutionError
from levada.variables import Variable
from levada.wire.deployments import CronTiming, IntervalTiming, Needs
from tests.unit.deployments.conftest import HELLO, git

Write = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `flows/hello.py`, in which the test works."""
    place = tmp_path / "project"
    (place / "flows").mkdir(parents=True)
    (place / "flows" / "hello.py").write_text(HELLO)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes the project file."""

    def put(text: str, name: str = "levada.yaml") -> Path:
        path = folder / name
        path.write_text(textwrap.dedent(text))
        return path

    return put


def made(path: Path, *patterns: str) -> list[Deployment]:
    return make(plan(read_project(path), patterns, every=not patterns))


FULL = """\
definitions:
  pool: &pool
    name: lake
    job_variables: {image: "app:{{ tag.stdout }}"}
  every_morning: &morning
    cron: "0 6 * * *"
    timezone: Europe/Lisbon

build:
- levada.steps.run_shell_script:
    id: tag
    script: echo v7
    stream_output: false

pull:
- levada.steps.git_clone:
    repository: https://example.com/team/flows.git
    branch: "{{ tag.stdout }}"
    access_token: "{{ $GIT_TOKEN }}"

deployments:
- name: nightly
  entrypoint: flows/hello.py:hello
  description: "{{ flow.name }} for {{ levada.variables.owner }}"
  version: 7
  tags: [load, "{{ $STAGE }}"]
  parameters: {name: "{{ levada.variables.owner }}", times: 2}
  schedules:
  - *morning
  - interval: 3600
    anchor_date: 2026-01-01T00:00:00+00:00
    active: false
    slug: hourly
    parameters: {times: 1}
  catchup: all
  concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}
  work_pool:
    <<: *pool
    work_queue_name: loads
  environment: [polars]
  needs: {cpu: 2, memory: 1GiB}
  priority: 5
  retries: 2
  paused: true
- name: plain
  entrypoint: flows/hello.py:hello
  work_pool: *pool
  pull: []
  build: []
"""


def test_a_project_file_says_everything_about_a_deployment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    Variable.set("owner", "the team")
    monkeypatch.setenv("STAGE", "prod")
    (nightly,) = made(write(FULL), "nightly")
    new = nightly.to_new()

    assert (new.flow_name, new.name, new.version) == ("hello", "nightly", "7")
    assert new.description == "hello for the team"
    assert new.tags == ["load", "prod"]
    assert new.parameters == {"name": "the team", "times": 2}
    assert (new.pool, new.queue, new.job_variables) == ("lake", "loads", {"image": "app:v7"})
    assert new.schedules is not None
    assert new.schedules[0].timing == CronTiming("0 6 * * *", "Europe/Lisbon")
    assert isinstance(new.schedules[1].timing, IntervalTiming)
    assert [one.active for one in new.schedules] == [True, False]
    assert {one.catchup for one in new.schedules} == {"all"}
    assert (new.concurrency_limit, new.collision_strategy) == (1, "cancel_new")
    assert new.needs == Needs(cpu=2.0, memory=1 << 30)
    assert (new.priority, new.retries, new.paused) == (5, 2, True)
    assert new.code.path is None
    assert new.code.digest is not None
    # What only the machine of a run knows is left to it: no token is stored.
    assert new.code.pull == [
        {
            "levada.steps.git_clone": {
                "repository": "https://example.com/team/flows.git",
                "branch": "v7",
                "access_token": "{{ $GIT_TOKEN }}",
            }
        }
    ]


def test_steps_of_an_entry_stand_in_place_of_those_of_the_file(write: Write) -> None:
    text = FULL.replace("  work_pool: *pool\n  pull: []", "  work_pool: {name: lake}\n  pull: []")
    (plain,) = made(write(text), "plain")
    assert plain.to_new().code.pull == []


def test_without_pull_steps_the_folder_is_used_as_it_lies(write: Write, folder: Path) -> None:
    (one,) = made(write("pull: null\ndeployments: [{name: a, entrypoint: 'flows/hello.py:hello'}]"))
    code = one.to_new().code
    assert (code.path, code.entrypoint, code.pull) == (str(folder), "flows/hello.py:hello", [])


def test_entrypoints_count_from_the_file_and_not_from_where_one_stands(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("deployments: [{name: a, entrypoint: 'flows/hello.py:hello'}]")
    monkeypatch.chdir(tmp_path)
    (one,) = made(path)
    assert one.to_new().code.entrypoint == "flows/hello.py:hello"
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["nightly"], ["nightly"]),
        (["hello/*"], ["nightly", "plain"]),
        (["*/plain"], ["plain"]),
        (["n*", "hello/nightly"], ["nightly"]),
    ],
)
def test_entries_are_chosen_by_patterns(write: Write, patterns: list[str], names: list[str]) -> None:
    assert [one.name for one in plan(read_project(write(FULL)), patterns)] == names


def test_a_pattern_that_means_nothing_says_what_there_is(write: Write) -> None:
    with pytest.raises(ProjectError, match="it has: nightly, plain"):
        plan(read_project(write(FULL)), ["weekly"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("deployments:\n- name: a\n  entrypont: x", r"levada.yaml:3: deployments\[0\].entrypont: .*'entrypoint'"),
        ("deployment: []", r"levada.yaml:1: deployment: .*'deployments'"),
        ("deployments: {}", r"levada.yaml:1: deployments: a list"),
        ("deployments:\n- hello", r"levada.yaml:2: deployments\[0\]: a deployment is a table"),
        ("name: [", r"levada.yaml:\d: this is not YAML"),
        ("- a", r"a project file is a table"),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  work_pool:\n    nam: x",
            r"levada.yaml:5: deployments\[0\].work_pool.nam: .*'name'",
        ),
        (
            (
                "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  schedules:\n  - cron: '* * * * *'\n"
                "    interval: 5"
            ),
            r"levada.yaml:5: deployments\[0\].schedules\[0\]: .*cron and interval",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  priority: high",
            r"levada.yaml:4: deployments\[0\].priority: whole number is expected",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  parameters: {nane: 1}",
            r"levada.yaml:2: deployments\[0\]: .*no parameter 'nane'; it has: name, times",
        ),
        ("deployments:\n- name: a\n  entrypoint: flows/hello.py:bye", r"levada.yaml:3: .*entrypoint: .*'bye'"),
        ("deployments:\n- name: a", r"levada.yaml:2: .*say which flow"),
        ("deployments:\n- entrypoint: flows/hello.py:hello", r"levada.yaml:2: .*no name"),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  description: '{{ tag.stdout }}'",
            r"levada.yaml:4: .*description: .*no build or push step",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  triggers: [{}]",
            r"levada.yaml:4: .*automations",
        ),
        (
            "pull: [git_clone]\ndeployments: [{name: a, entrypoint: 'flows/hello.py:hello'}]",
            r"levada.yaml:1: pull: A step is one name",
        ),
        (
            (
                "pull: [{git_clone: {repository: x, access_token: s3cret}}]\n"
                "deployments: [{name: a, entrypoint: 'flows/hello.py:hello'}]"
            ),
            r"levada.yaml:1: pull: .*GIT_TOKEN",
        ),
        (
            (
                "pull: [{git_clone: {repository: x, credentials: '{{ prefect.blocks.github.mine }}'}}]\n"
                "deployments: [{name: a, entrypoint: 'flows/hello.py:hello'}]"
            ),
            r"levada.yaml:1: pull: .*names a block",
        ),
        (
            (
                "deployments:\n- {name: a, entrypoint: 'flows/hello.py:hello'}\n"
                "- {name: a, entrypoint: 'flows/hello.py:hello'}"
            ),
            r"levada.yaml:3: deployments\[1\]: hello/a stands in it twice",
        ),
        (
            "deployments:\n- name: a\n  entrypoint: flows/hello.py:hello\n  environment: {conda: x}",
            r"levada.yaml:4: deployments\[0\].environment: ",
        ),
    ],
)
def test_mistakes_are_told_with_file_line_and_field(write: Write, text: str, says: str) -> None:
    path = write(text)
    with pytest.raises(ConfigurationError, match=f"(?s){says}"):
        made(path)


def test_a_step_that_fails_ends_it_before_anything_is_deployed(write: Write) -> None:
    path = write(
        """\
        build:
        - levada.steps.run_shell_script: {script: "false", stream_output: false}
        deployments: [{name: a, entrypoint: "flows/hello.py:hello"}]
        """
    )
    with pytest.raises(StepExecutionError, match="exit code 1"):
        made(path)


def test_steps_that_several_deployments_share_run_once(write: Write, folder: Path) -> None:
    path = write(
        """\
        build:
        - levada.steps.run_shell_script: {script: "mkdir built", stream_output: false}
        deployments:
        - {name: a, entrypoint: "flows/hello.py:hello"}
        - {name: b, entrypoint: "flows/hello.py:hello"}
        """
    )
    assert [one.name for one in made(path)] == ["a", "b"]
    assert (folder / "built").is_dir()


def test_a_prefect_file_is_understood(folder: Path, write: Callable[[str, str], Path]) -> None:
    write(
        """\
        name: project
        prefect-version: 3.4.0
        build: null
        push: null
        pull:
        - prefect.deployments.steps.set_working_directory:
            directory: /srv/flows
        deployments:
        - name: default
          version: null
          tags: []
          concurrency_limit: null
          description: null
          entrypoint: flows/hello.py:hello
          parameters: {}
          work_pool:
            name: my-pool
            work_queue_name: null
            job_variables: {}
          schedules:
          - cron: 0 4 * * *
            timezone: UTC
            active: true
            max_scheduled_runs: 10
          triggers: []
        """,
        "prefect.yaml",
    )
    project = find_project(folder)
    assert project is not None
    (one,) = make(plan(project, every=True))
    new = one.to_new()
    assert (new.pool, new.queue) == ("my-pool", None)
    assert new.code.pull == [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/flows"}}]
    assert new.schedules is not None
    assert new.schedules[0].timing == CronTiming("0 4 * * *")


def test_our_own_file_goes_before_theirs(write: Callable[..., Path], folder: Path) -> None:
    assert find_project(folder) is None
    write("name: theirs", "prefect.yaml")
    write("name: ours")
    found = find_project(folder)
    assert found is not None
    assert found.data["name"] == "ours"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_first_file_can_be_read_and_names_the_flows_that_are_there(recipe: str, folder: Path) -> None:
    project = read_project(write_project(folder, recipe))
    (one,) = plan(project, every=True)
    assert one.entry["entrypoint"] == "flows/hello.py:hello"
    assert (one.name, one.entry["work_pool"]["name"]) == ("default", "default")
    if recipe == "local":
        assert make([one])[0].full_name == "hello/default"


def test_a_first_file_of_a_repository_clones_it(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://me:secret@example.com/team/flows.git")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    data: dict[str, Any] = read_project(write_project(folder)).data
    step = data["pull"][0]["levada.steps.git_clone"]
    assert (step["repository"], step["branch"]) == ("https://example.com/team/flows.git", "main")


def test_a_pinned_commit_is_that_of_the_checkout(folder: Path, write: Write) -> None:
    path = write(
        """\
        pull:
        - levada.steps.git_clone:
            repository: "{{ git.repository }}"
            commit_sha: "{{ git.commit }}"
        deployments: [{name: "at-{{ git.branch }}", entrypoint: "flows/hello.py:hello"}]
        """
    )
    with pytest.raises(ProjectError, match=r"levada.yaml:\d: .*no git repository"):
        made(path)
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://example.com/team/flows.git")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (one,) = made(path)
    step = one.to_new().code.pull[0]["levada.steps.git_clone"]
    assert one.name == "at-main"
    assert step == {
        "repository": "https://example.com/team/flows.git",
        "commit_sha": git(folder, "rev-parse", "HEAD"),
    }


def test_a_file_that_is_there_is_not_written_over(folder: Path, write: Write) -> None:
    write("name: mine")
    with pytest.raises(ConfigurationError, match="--force"):
        write_project(folder)
    with pytest.raises(ConfigurationError, match="container pools"):
        write_project(folder, "docker", force=True)
    with pytest.raises(ConfigurationError, match="there are: local"):
        write_project(folder, "cobol", force=True)
    write_project(folder, force=True)


def test_a_folder_without_flows_gets_an_example(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    assert flows_below(tmp_path) == []
    assert read_project(write_project(tmp_path)).deployments == []
