"""The verbs of clients about deployments, on the home and on a server alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.client import LevadaClient, SyncLevadaClient
from levada.client.differences import Difference, differences
from levada.client.schemas.filters import DeploymentFilter, FlowRunFilter
from levada.core.errors import ObjectNotFound, ObjectUnsupported
from levada.wire.deployments import Code, NewDeployment
from levada.wire.pools import DEFAULT_AGENT_POOL
from tests.contract.planes import pair

SPEC = NewDeployment(
    flow_name="etl", name="nightly", code=Code(entrypoint="etl.py:etl", digest="1"), pool=DEFAULT_AGENT_POOL
)


@pytest.fixture(params=["home", "server"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncLevadaClient]:
    if request.param == "home":
        with SyncLevadaClient(tmp_path) as made:
            yield made
        return
    with pair(tmp_path, None) as both, SyncLevadaClient(tmp_path, plane=lambda: both.there) as made:
        yield made


def spec(name: str, **fields: object) -> NewDeployment:
    return NewDeployment(**{**{key: getattr(SPEC, key) for key in SPEC.__struct_fields__}, "name": name, **fields})


def test_a_deployment_lives(client: SyncLevadaClient) -> None:
    made = client.deploy(spec("nightly"))
    assert client.read_deployment(made.id) == client.read_deployment_by_name("etl/nightly") == made
    assert client.pause_deployment("nightly").paused
    assert not client.resume_deployment("nightly").paused
    assert client.update_deployment("nightly", tags=["a"], parameters={"n": 1}).live == 2
    assert [one.number for one in client.read_deployment_versions("nightly")] == [2, 1]
    assert client.promote_deployment_version("nightly", 1).live == 1
    run = client.create_flow_run_from_deployment("nightly", parameters={"n": 3}, tags=["b"], priority=2, version=2)
    assert (run.deployment_version, run.tags, run.priority, run.parameters) == (2, ["a", "b"], 2, {"n": "3"})
    client.delete_deployment(made.id)
    with pytest.raises(ObjectNotFound):
        client.read_deployment("nightly")


def test_deployments_are_listed_by_fields_and_by_filters(client: SyncLevadaClient) -> None:
    for name in ("a", "b", "c"):
        client.deploy(spec(name, tags=[name], pool=None if name == "c" else DEFAULT_AGENT_POOL))
    assert [one.name for one in client.read_deployments()] == ["a", "b", "c"]
    assert [one.name for one in client.read_deployments(limit=1, offset=1)] == ["b"]
    assert [one.name for one in client.read_deployments(tags=["c"])] == ["c"]
    by_filter = client.read_deployments(deployment_filter=DeploymentFilter(name={"any_": ["a", "c"]}))
    assert [one.name for one in by_filter] == ["a", "c"]
    assert client.count_deployments(work_pool_filter={"name": {"any_": [DEFAULT_AGENT_POOL]}}) == 2
    with pytest.raises(ObjectUnsupported):
        client.read_deployments(sort="CREATED_ASC")


def test_runs_are_found_by_what_their_deployment_is_called(client: SyncLevadaClient) -> None:
    made = client.deploy(spec("nightly"))
    run = client.create_flow_run_from_deployment("nightly")
    client.create_flow_run("etl")
    for fields in (
        {"deployment_filter": DeploymentFilter(name={"any_": ["nightly"]})},
        {"deployment_filter": DeploymentFilter(id={"any_": [made.id]})},
        {"flow_run_filter": FlowRunFilter(deployment_id={"any_": [made.id]})},
        {"work_pool_filter": {"name": {"any_": [DEFAULT_AGENT_POOL]}}},
        {"work_queue_filter": {"name": {"any_": ["default"]}}},
    ):
        assert [one.id for one in client.read_flow_runs(**fields)] == [run.id]


async def test_async_code_has_the_same_verbs(tmp_path: Path) -> None:
    async with LevadaClient(tmp_path) as client:
        made = await client.deploy(spec("nightly"))
        assert await client.read_deployments() == [made]
        assert (await client.create_flow_run_from_deployment(made.id)).deployment_id == made.id


def test_differences_go_into_what_lies_inside() -> None:
    other = spec("nightly", code=Code(entrypoint="etl.py:etl", digest="2"), parameters={"a": {"b": 1}}, retries=0)
    assert differences(SPEC, other) == [
        Difference("code.digest", "1", "2"),
        Difference("parameters.a", None, {"b": 1}),
        Difference("retries", None, 0),
    ]
    assert differences(SPEC, SPEC) == []
