"""Deployments as authors make them, and how they reach the control plane of a home."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import fsspec
import pytest

from levada import flow
from levada.control import ControlPlane
from levada.core.errors import ConfigurationError, InvalidNameError, MissingFlowError
from levada.deployments import Deployment, DeploymentApplyError, EntrypointType, deploy, needs
from levada.flows import Flow, load_flow_from_entrypoint
from levada.runner.storage import GitRepository, LocalStorage, RemoteStorage, create_storage_from_source
from levada.settings import get_current_settings
from levada.wire.deployments import CronTiming, EnvironmentSpec, Needs, NewDeployment
from levada.wire.pools import DEFAULT_AGENT_POOL
from tests.unit.deployments.conftest import HELLO, git

POOL = DEFAULT_AGENT_POOL


@pytest.fixture
def hello(folder: Path) -> Flow[Any, Any]:
    """The flow of `hello.py`."""
    return load_flow_from_entrypoint("hello.py:hello")


@pytest.fixture
def plane(hello: Flow[Any, Any]) -> Iterator[ControlPlane]:
    """The control plane of the home."""
    with ControlPlane(get_current_settings().home) as made:
        yield made


def test_a_flow_says_much_of_its_deployment_itself(hello: Flow[Any, Any], folder: Path) -> None:
    new = hello.to_deployment("daily", cron="0 6 * * *", parameters={"times": 3}, tags=["b", "a"]).to_new()

    assert (new.flow_name, new.name, new.description) == ("hello", "daily", "Says hello.")
    assert (new.code.entrypoint, new.code.path) == ("hello.py:hello", str(folder))
    assert new.code.digest is not None
    assert new.parameters == {"times": 3}
    assert new.tags == ["a", "b"]
    assert new.parameter_schema is not None
    assert new.parameter_schema["properties"]["times"]["type"] == "integer"
    assert [one.timing for one in new.schedules or []] == [CronTiming("0 6 * * *")]
    assert new.paused is None


def test_what_is_ours_alone_can_be_said_too(hello: Flow[Any, Any]) -> None:
    new = hello.to_deployment(
        "x",
        interval=60,
        catchup=5,
        environment=["polars"],
        needs=needs(cpu=2),
        priority=3,
        retries=1,
        crash_retries=2,
        start_deadline=600,
        launcher="warm",
        fairness_key="team",
        weight=2.0,
        labels={"team": "a"},
        concurrency_limit={"limit": 1, "collision_strategy": "coalesce_latest"},
    ).to_new()
    assert new.environment == EnvironmentSpec(requirements=["polars"])
    assert new.needs == Needs(cpu=2.0)
    assert new.schedules is not None
    assert (new.schedules[0].catchup, new.schedules[0].catchup_most) == ("all", 5)
    assert (new.priority, new.retries, new.crash_retries, new.start_deadline) == (3, 1, 2, 600)
    assert (new.launcher, new.fairness_key, new.weight, new.labels) == ("warm", "team", 2.0, {"team": "a"})
    assert (new.concurrency_limit, new.collision_strategy) == (1, "coalesce_latest")


def test_the_environment_of_a_flow_is_that_of_its_deployments(hello: Flow[Any, Any]) -> None:
    with_env = hello.with_options(env="requirements.txt")
    assert with_env.to_deployment("x").environment == EnvironmentSpec(requirements_file="requirements.txt")
    assert with_env.to_deployment("x", environment=["a"]).environment == EnvironmentSpec(requirements=["a"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"parameters": {"nane": 1}}, "no parameter 'nane'"),
        ({"cron": "* * * * *", "interval": 1}, "in one way"),
        ({"catchup": "all"}, "there is no schedule"),
        ({"tags": "one"}, "`tags` is a list"),
        ({"triggers": [object()]}, "automations"),
    ],
)
def test_options_that_cannot_be_used_are_refused_at_once(
    hello: Flow[Any, Any], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        hello.to_deployment("x", **options)


def test_an_option_that_there_is_not_is_named(hello: Flow[Any, Any]) -> None:
    with pytest.raises(TypeError, match="no option 'colour'"):
        hello.to_deployment("x", colour="red")
    with pytest.raises(InvalidNameError):
        hello.to_deployment("a/b")


def test_the_name_of_a_file_is_a_name(hello: Flow[Any, Any]) -> None:
    assert hello.to_deployment("/srv/flows/nightly.py").name == "nightly"


def test_a_flow_of_a_package_is_found_by_its_module(
    hello: Flow[Any, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "our_package").mkdir()
    (folder / "our_package" / "jobs.py").write_text(HELLO)
    monkeypatch.syspath_prepend(str(folder))
    found = load_flow_from_entrypoint("our_package.jobs:hello")
    new = found.to_deployment("x", entrypoint_type=EntrypointType.MODULE_PATH).to_new()

    assert (new.code.entrypoint, new.code.path) == ("our_package.jobs:hello", None)
    with pytest.raises(ConfigurationError, match="no module"):
        hello.to_deployment("x", entrypoint_type="module_path")
    sys.modules.pop("our_package.jobs")


def test_deploying_twice_the_same_is_one_version_and_changed_code_another(
    hello: Flow[Any, Any], plane: ControlPlane, folder: Path
) -> None:
    identifier = hello.deploy("daily", POOL, print_next_steps=False)
    assert hello.deploy("daily", POOL, print_next_steps=False) == identifier
    assert plane.read_deployment("hello/daily").live == 1

    (folder / "hello.py").write_text(HELLO.replace("Hello", "Good morning"))
    hello.deploy("daily", POOL, print_next_steps=False)
    assert plane.read_deployment("hello/daily").live == 2


def test_deploying_leaves_schedules_and_pauses_of_others_alone(hello: Flow[Any, Any], plane: ControlPlane) -> None:
    hello.deploy("daily", POOL, cron="0 6 * * *", paused=True, print_next_steps=False)
    hello.deploy("daily", POOL, tags=["new"], print_next_steps=False)
    found = plane.read_deployment("hello/daily")
    assert (len(found.schedules), found.paused) == (1, True)

    hello.deploy("daily", POOL, schedules=[], paused=False, print_next_steps=False)
    found = plane.read_deployment("hello/daily")
    assert (found.schedules, found.paused) == ([], False)


def test_deploying_says_what_to_do_next(
    hello: Flow[Any, Any], plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    hello.deploy("daily", POOL)
    said = capsys.readouterr().out
    assert f"levada worker start --pool {POOL}" in said
    assert "levada deployment run 'hello/daily'" in said


def test_of_several_deployments_the_good_ones_are_taken(hello: Flow[Any, Any], plane: ControlPlane) -> None:
    good, bad = hello.to_deployment("good"), hello.to_deployment("bad", work_pool_name="nowhere")
    with pytest.raises(
        DeploymentApplyError, match=r"(?s)hello/bad: .*levada work-pool create nowhere.*were: hello/good"
    ):
        deploy(bad, good, work_pool_name=POOL, print_next_steps_message=False)
    assert plane.read_deployment("hello/good").spec.pool == POOL


def test_a_pool_must_be_named_and_images_are_not_built(hello: Flow[Any, Any], plane: ControlPlane) -> None:
    with pytest.raises(ConfigurationError, match="work_pool_name"):
        deploy(hello.to_deployment("x"))
    with pytest.raises(ConfigurationError, match="container pools"):
        hello.deploy("x", POOL, image="team/app:1")
    hello.deploy("x", POOL, image="team/app:1", build=False, push=False, print_next_steps=False)
    assert plane.read_deployment("hello/x").spec.job_variables == {"image": "team/app:1"}


def test_a_file_that_deploys_at_its_top_does_so_only_when_it_is_run(
    folder: Path, plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "loud.py").write_text(
        HELLO + f"\nhello.deploy('loud', '{POOL}', print_next_steps=False)\nhello.serve('loud')\n"
    )
    load_flow_from_entrypoint("hello.py:hello").deploy("loud", POOL, tags=["quiet"], print_next_steps=False)

    load_flow_from_entrypoint("loud.py:hello")
    assert plane.read_deployment("hello/loud").spec.tags == ["quiet"]
    assert "__main__" in caplog.text


def test_the_older_way_to_write_it(hello: Flow[Any, Any], plane: ControlPlane, folder: Path) -> None:
    deployment = Deployment.build_from_flow(
        flow=hello,
        name="production-deployment",
        schedule=CronTiming("0 0 * * *"),
        work_pool_name=POOL,
        infra_overrides={"env.X": "1"},
        parameters={"name": "all"},
        skip_upload=True,
        output=folder / "out.yaml",
    )
    identifier = deployment.apply()

    assert isinstance(identifier, UUID)
    found = plane.read_deployment(identifier)
    assert found.spec.job_variables == {"env.X": "1"}
    assert found.schedules[0].spec.timing == CronTiming("0 0 * * *")
    assert Deployment.load_from_yaml(folder / "out.yaml").to_new() == deployment.to_new()
    paused = Deployment.build_from_flow(hello, "p", schedule=CronTiming("@daily"), is_schedule_active=False)
    assert paused.schedules is not None
    assert not paused.schedules[0].active
    with pytest.raises(ConfigurationError, match="takes a block"):
        Deployment.build_from_flow(hello, "x", storage=object())


def test_a_deployment_survives_its_file(hello: Flow[Any, Any], folder: Path) -> None:
    whole = hello.to_deployment(
        "x",
        rrule="FREQ=DAILY",
        timezone="UTC",
        catchup="none",
        environment=["polars"],
        needs=needs(memory="1GiB", labels=["ssd"]),
        concurrency_limit={"limit": 2, "collision_strategy": "cancel_running"},
        tags=["a"],
        paused=True,
    )
    whole.to_yaml(folder / "x.yaml")
    read = Deployment.load_from_yaml(folder / "x.yaml")

    assert read.to_new() == whole.to_new()
    assert replace(read, name="x") == read


def test_a_file_of_another_orchestrator_is_understood(folder: Path) -> None:
    (folder / "hello-deployment.yaml").write_text(
        f"""\
name: production
description: null
version: abc
work_queue_name: default
work_pool_name: kubernetes-pool
tags: []
parameters: {{}}
schedule:
  cron: 0 0 * * *
  timezone: null
  day_or: true
is_schedule_active: true
infra_overrides: {{}}
flow_name: hello
manifest_path: null
infrastructure:
  type: process
storage: null
path: {folder}
entrypoint: hello.py:hello
parameter_openapi_schema:
  title: Parameters
  type: object
  properties: {{}}
timestamp: '2023-01-01T00:00:00+00:00'
"""
    )
    new = Deployment.load_from_yaml(folder / "hello-deployment.yaml").to_new()
    assert (new.pool, new.queue, new.version) == ("kubernetes-pool", "default", "abc")
    assert new.schedules is not None
    assert new.schedules[0].timing == CronTiming("0 0 * * *")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "is not YAML"),
        ("- a", "holds no deployment"),
        ("name: x", "`flow_name` is missing"),
        ("name: x\nflow_name: f\nentrypoint: a.py:f\nentrypont: b", "no field 'entrypont'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, text: str, says: str) -> None:
    (folder / "x.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"x\.yaml.*{says}"):
        Deployment.load_from_yaml(folder / "x.yaml")


def test_code_of_a_git_repository(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = GitRepository(repository.as_uri(), branch="main", name="flows")
    found = Flow.from_source(source, "hello.py:hello")
    new = found.with_options(retries=1).to_deployment("x").to_new()

    assert found("you") == "Hello, you!"
    assert new.code.pull == [
        {
            "levada.steps.git_clone": {
                "repository": repository.as_uri(),
                "branch": "main",
                "clone_directory_name": "flows",
            }
        }
    ]
    assert (new.code.path, new.code.entrypoint) == (None, "hello.py:hello")
    assert new.code.commit == git(repository, "rev-parse", "HEAD")


def test_a_pinned_repository_is_one_commit_for_each_version(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deployment = Flow.from_source(GitRepository(repository.as_uri(), pin=True), "hello.py:hello").to_deployment("x")
    first = deployment.to_new().code.pull[0]["levada.steps.git_clone"]["commit_sha"]
    (repository / "more.py").write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "more")
    second = deployment.to_new().code

    assert first != second.pull[0]["levada.steps.git_clone"]["commit_sha"] == git(repository, "rev-parse", "HEAD")
    assert second.commit == git(repository, "rev-parse", "HEAD")


def test_code_of_a_folder_is_used_where_it_lies(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    new = flow.from_source("project", "hello.py:hello").to_deployment("x").to_new()
    assert (new.code.path, new.code.pull) == (str(folder), [])


def test_code_of_an_object_store(folder: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/code/flows/hello.py", HELLO.encode())
    found = flow.from_source("memory://code/flows", "hello.py:hello")
    assert found.to_deployment("x").to_new().code.pull == [
        {"levada.steps.pull_from_remote_storage": {"url": "memory://code/flows"}}
    ]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("https://github.com/team/flows", GitRepository),
        ("https://example.com/team/flows.git", GitRepository),
        ("git@example.com:team/flows.git", GitRepository),
        ("s3://bucket/flows", RemoteStorage),
        ("https://example.com/flows", RemoteStorage),
        ("./flows", LocalStorage),
        ("file:///srv/flows", LocalStorage),
    ],
)
def test_an_address_says_what_it_is(source: str, kind: type) -> None:
    assert type(create_storage_from_source(source)) is kind


def test_a_token_is_not_stored_with_a_deployment() -> None:
    for plain in (
        GitRepository("https://example.com/a.git", credentials={"access_token": "s3cret"}),
        GitRepository("https://me:s3cret@example.com/a.git"),
    ):
        with pytest.raises(ConfigurationError, match="GIT_TOKEN") as refused:
            plain.to_pull_step()
        assert "s3cret" not in str(refused.value)
    named = GitRepository("https://example.com/a.git", credentials={"access_token": "{{ $GIT_TOKEN }}"})
    assert named.to_pull_step() is not None


def test_sources_that_lead_nowhere(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="no folder"):
        flow.from_source("nowhere", "hello.py:hello")
    with pytest.raises(ConfigurationError, match="leads out"):
        flow.from_source(".", "../other.py:hello")
    with pytest.raises(ConfigurationError, match="path/file.py:function"):
        flow.from_source(".", "hello")
    with pytest.raises(MissingFlowError):
        flow.from_source(".", "gone.py:hello")
    with pytest.raises(ConfigurationError, match="got int"):
        flow.from_source(3, "hello.py:hello")


async def test_async_code_awaits_the_same(hello: Flow[Any, Any], plane: ControlPlane) -> None:
    made = await hello.ato_deployment("x")
    assert isinstance(made.to_new(), NewDeployment)
    assert isinstance(await hello.adeploy("x", POOL, print_next_steps=False), UUID)
    with pytest.raises(ConfigurationError, match="await aserve"):
        hello.serve("x")
