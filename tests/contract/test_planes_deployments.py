"""The verbs of deployments, in this process and over HTTP, on both databases: the same answers, and the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from levada.core.errors import LevadaError, ObjectNotFound, RequestInvalid
from levada.core.states import StateType
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.deployments import (
    Code,
    Deployment,
    DeploymentChange,
    DeploymentQuery,
    EnvironmentSpec,
    Needs,
    NewDeployment,
    NewDeploymentRun,
)
from levada.wire.events import EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import DEFAULT_AGENT_POOL, ClaimRequest, PoolSpec, QueueSpec
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.postgres import database

NOWHERE = UUID(int=0x018F_0000_0000_7000_8000_0000_0000_0001)
SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["day"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("planes")
    if request.param == "sqlite":
        with pair(home, None) as made:
            yield made
        return
    with database(request.getfixturevalue("postgres_server_url")) as url, pair(home, url) as made:
        yield made


@pytest.fixture(params=["here", "there"])
def plane(planes: Pair, request: pytest.FixtureRequest) -> Iterator[Plane]:
    """One of the two, with nothing deployed."""
    chosen: Plane = getattr(planes, request.param)
    yield chosen
    for deployment in planes.here.read_deployments(DeploymentQuery()).items:
        planes.here.delete_deployment(deployment.id)


def nightly(name: str = "nightly", **fields: Any) -> NewDeployment:
    given: dict[str, Any] = {
        "flow_name": "etl",
        "name": name,
        "code": Code(entrypoint="etl.py:etl", path="/srv/code", digest="d1", commit="c1"),
        "pool": DEFAULT_AGENT_POOL,
        "parameters": {"count": 3},
        "parameter_schema": SCHEMA,
    }
    return NewDeployment(**{**given, **fields})


def told(deployment: Deployment) -> tuple[Any, ...]:
    return deployment.full_name, deployment.live, deployment.spec, deployment.paused, deployment.status


def refusal(call: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(LevadaError) as caught:
        call()
    return type(caught.value), str(caught.value), getattr(caught.value, "fields", ())


def events_of(planes: Pair, deployment: UUID) -> list[str]:
    found = planes.here.read_events(EventQuery(resource_ids=[f"levada.deployment.{deployment}"], limit=100)).items
    return [event.event.removeprefix("levada.deployment.") for event in reversed(found)]


def test_what_is_deployed_is_read_back_under_its_id_and_both_names(plane: Plane) -> None:
    spec = nightly(
        tags=["a", "b", "a"],
        labels={"team": "data"},
        needs=Needs(cpu=2, labels=("gpu",)),
        environment=EnvironmentSpec(requirements=["duckdb"]),
        concurrency_limit=2,
        collision_strategy="cancel_new",
        retries=3,
        weight=2.5,
    )
    made = plane.deploy(spec)
    assert made.spec == replace(spec, tags=["a", "b"], queue="default")
    assert (made.live, made.paused, made.waiting, made.active) == (1, False, 0, 0)
    for name in (made.id, str(made.id), "etl/nightly", "nightly"):
        assert plane.read_deployment(name) == made


def test_both_planes_give_the_same(planes: Pair, plane: Plane) -> None:
    del plane
    made = planes.here.deploy(nightly())
    assert planes.there.read_deployment(made.id) == planes.here.read_deployment(made.id) == made
    assert planes.there.read_versions(made.id) == planes.here.read_versions(made.id)
    assert planes.there.read_deployments(DeploymentQuery()) == planes.here.read_deployments(DeploymentQuery())
    mistakes: list[Callable[[Plane], Any]] = [
        lambda asked: asked.read_deployment("nobody"),
        lambda asked: asked.read_deployment("no/body"),
        lambda asked: asked.read_deployment(NOWHERE),
        lambda asked: asked.read_versions("no/body"),
        lambda asked: asked.promote_version("nightly", 7),
        lambda asked: asked.run_deployment("nightly", NewDeploymentRun()),
        lambda asked: asked.run_deployment("nightly", NewDeploymentRun(parameters={"day": "x"}, version=9)),
        lambda asked: asked.run_deployment("nightly", NewDeploymentRun(parameters={"day": "x"}, queue="none")),
        lambda asked: asked.run_deployment("nobody", NewDeploymentRun(idempotency_key="k")),
        lambda asked: asked.change_deployment("nightly", DeploymentChange(pool="nowhere")),
        lambda asked: asked.change_deployment("nightly", DeploymentChange(parameters={"count": 0})),
        lambda asked: asked.delete_deployment("nobody"),
        lambda asked: asked.deploy(nightly(pool="nowhere")),
        lambda asked: asked.deploy(nightly(queue="none")),
        lambda asked: asked.deploy(nightly(name="a/b")),
        lambda asked: asked.deploy(nightly(weight=-1.0)),
        lambda asked: asked.deploy(nightly(environment=EnvironmentSpec())),
        lambda asked: asked.deploy(nightly(parameters={"count": "many"})),
        lambda asked: asked.read_deployments(DeploymentQuery(cursor="nonsense")),
    ]
    for mistake in mistakes:
        here, there = [refusal(lambda asked=asked, mistake=mistake: mistake(asked)) for asked in planes.each()]  # type: ignore[misc]
        assert there == here


def test_deploying_the_same_again_changes_nothing(planes: Pair, plane: Plane) -> None:
    made = plane.deploy(nightly())
    assert plane.deploy(nightly()) == made
    moved = replace(nightly().code, commit="c2", branch="main", dirty=True)
    again = plane.deploy(nightly(code=moved))
    assert (again.live, again.spec.code.commit) == (1, "c2")
    assert events_of(planes, made.id) == ["created", "updated"]


def test_what_runs_makes_a_version_and_what_only_describes_makes_none(plane: Plane) -> None:
    made = plane.deploy(nightly())
    described = plane.deploy(nightly(description="Loads.", tags=["x"], concurrency_limit=1, priority=5))
    assert (described.id, described.live, described.spec.tags) == (made.id, 1, ["x"])
    assert plane.deploy(nightly(parameters={"count": 4})).live == 2
    assert plane.deploy(nightly(code=Code(entrypoint="etl.py:etl", digest="d2"))).live == 3
    versions = plane.read_versions("nightly")
    assert [(one.number, one.live) for one in versions] == [(3, True), (2, False), (1, False)]
    assert [one.spec.parameters for one in versions] == [{"count": 3}, {"count": 4}, {"count": 3}]
    assert len({one.digest for one in versions}) == 3


def test_a_promoted_version_keeps_the_settings_of_the_deployment(planes: Pair, plane: Plane) -> None:
    made = plane.deploy(nightly())
    plane.deploy(nightly(parameters={"count": 9}, tags=["new"], priority=7))
    back = plane.promote_version("etl/nightly", 1)
    assert (back.live, back.spec.parameters, back.spec.tags, back.spec.priority) == (1, {"count": 3}, ["new"], 7)
    assert plane.promote_version(made.id, 1) == back
    assert plane.deploy(nightly(parameters={"count": 3}, tags=["new"], priority=7)).live == 1
    assert plane.deploy(nightly(parameters={"count": 9})).live == 3
    assert events_of(planes, made.id) == ["created", "updated", "version-promoted", "updated"]


def test_a_run_keeps_the_version_that_it_was_made_with(plane: Plane) -> None:
    plane.deploy(nightly(version="1.0"))
    first = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "mon"}))
    plane.deploy(nightly(version="2.0", parameters={"count": 5}))
    second = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "tue"}))
    old = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "wed"}, version=1))
    runs = [plane.read_flow_run(run.id) for run in (first, second, old)]
    assert [run.deployment_version for run in runs] == [1, 2, 1]
    assert [run.flow_version for run in runs] == ["1.0", "2.0", "1.0"]
    assert [run.parameters["count"] for run in runs] == ["3", "5", "3"]


def test_a_run_has_what_its_deployment_says_and_what_was_given_for_it(plane: Plane) -> None:
    made = plane.deploy(
        nightly(tags=["etl"], labels={"team": "data"}, priority=2, retries=1, crash_retries=4, job_variables={"a": 1})
    )
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    run = plane.run_deployment(
        made.id,
        NewDeploymentRun(
            parameters={"day": "2026/11/23", "count": 8},
            name="{flow_name} of {day} by {deployment_name} v{version} {unknown}",
            tags=["etl", "by-hand"],
            labels={"who": "me"},
            scheduled_time=later,
            priority=9,
            retries=2,
            job_variables={"b": 2},
        ),
    )
    assert (run.name, run.tags) == ("etl of 2026-11-23 by nightly v1 {unknown}", ["etl", "by-hand"])
    assert (run.deployment_id, run.deployment_version, run.state_type) == (made.id, 1, StateType.SCHEDULED)
    assert (run.work_pool_name, run.work_queue_name, run.priority) == (DEFAULT_AGENT_POOL, "default", 9)
    assert (run.labels["team"], run.labels["who"], run.job_variables) == ("data", "me", {"b": 2})
    assert (run.expected_start_time, run.entrypoint, run.epoch) == (later, "etl.py:etl", 0)
    waits = plane.read_deployment(made.id)
    assert (waits.last_run, waits.last_state_type, waits.last_state_name) == (run.id, StateType.SCHEDULED, "Scheduled")
    assert (waits.waiting, waits.active) in {(1, 0), (0, 0)}


def test_the_same_key_gives_the_same_run_of_one_deployment_and_another_of_the_next(plane: Plane) -> None:
    plane.deploy(nightly())
    plane.deploy(nightly("hourly"))
    new = NewDeploymentRun(parameters={"day": "x"}, idempotency_key="monday")
    first = plane.run_deployment("nightly", new)
    assert plane.run_deployment("etl/nightly", new) == first
    assert plane.run_deployment("hourly", new).id != first.id


def test_parameters_that_the_flow_does_not_take_are_refused_with_their_fields(plane: Plane) -> None:
    plane.deploy(nightly())
    with pytest.raises(RequestInvalid, match="etl/nightly cannot run with these parameters") as caught:
        plane.run_deployment("nightly", NewDeploymentRun(parameters={"count": 0, "colour": "red"}))
    assert [path for path, _ in caught.value.fields] == [
        "$.parameters.day",
        "$.parameters.count",
        "$.parameters.colour",
    ]
    plane.deploy(nightly(enforce_parameter_schema=False))
    assert plane.run_deployment("nightly", NewDeploymentRun(parameters={"colour": "red"})).parameters["count"] == "3"


def test_a_pool_that_is_not_there_is_told_with_the_command_that_makes_it(plane: Plane) -> None:
    with pytest.raises(RequestInvalid, match="levada work-pool create nowhere") as caught:
        plane.deploy(nightly(pool="nowhere"))
    assert [path for path, _ in caught.value.fields] == ["$.pool"]
    with pytest.raises(ObjectNotFound):
        plane.read_deployment("nightly")


def test_job_variables_fit_the_template_of_the_pool(planes: Pair, plane: Plane) -> None:
    variables = {
        "type": "object",
        "properties": {"image": {"type": "string"}, "memory": {"type": "integer"}},
        "required": ["image"],
    }
    name = f"templated-{plane is planes.here}".lower()
    plane.create_work_pool(PoolSpec(name=name, base_job_template={"variables": variables, "job_configuration": {}}))
    with pytest.raises(RequestInvalid, match=f"do not fit work pool '{name}'") as caught:
        plane.deploy(nightly(pool=name, job_variables={"memory": "much"}))
    assert [path for path, _ in caught.value.fields] == ["$.job_variables.memory"]
    plane.deploy(nightly(pool=name, job_variables={"memory": 4}))
    with pytest.raises(RequestInvalid) as caught:
        plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "x"}, job_variables={"memory": 5}))
    assert [path for path, _ in caught.value.fields] == ["$.job_variables.image"]
    fitting = NewDeploymentRun(parameters={"day": "x"}, job_variables={"image": "python:3.12"})
    assert plane.run_deployment("nightly", fitting).job_variables == {"image": "python:3.12"}
    plane.deploy(nightly())
    with pytest.raises(RequestInvalid, match=name):
        plane.change_deployment("nightly", DeploymentChange(pool=name, job_variables={"image": 1}))
    with pytest.raises(RequestInvalid, match=name):
        plane.deploy(nightly(pool=name, code=Code(entrypoint="x.py:y"), job_variables={"memory": None}))


def test_it_is_ready_when_a_worker_takes_runs_of_its_queue(planes: Pair, plane: Plane) -> None:
    name = f"served-{plane is planes.here}".lower()
    plane.create_work_pool(PoolSpec(name=name))
    plane.create_work_queue(name, QueueSpec(name="urgent"))
    plane.deploy(nightly(pool=name))
    plane.deploy(nightly("express", pool=name, queue="urgent"))
    asked = ClaimRequest(worker=uuid4(), name="w", queues=["urgent"], room=0)
    plane.claim(name, asked)
    assert [plane.read_deployment(one).status for one in ("nightly", "express")] == ["not_ready", "ready"]
    plane.claim(name, replace(asked, queues=[]))
    assert [one.status for one in plane.read_deployments(DeploymentQuery()).items] == ["ready", "ready"]
    plane.claim(name, replace(asked, draining=True))
    assert plane.read_deployment("express").status == "not_ready"


def test_a_claimed_run_knows_its_version_and_goes_on_when_the_deployment_is_deleted(planes: Pair, plane: Plane) -> None:
    name = f"begun-{plane is planes.here}".lower()
    plane.create_work_pool(PoolSpec(name=name))
    spec = nightly(pool=name, retries=1, job_variables={"a": 1}, launcher="warm")
    made = plane.deploy(spec)
    given = NewDeploymentRun(parameters={"day": "x"}, retries=4, job_variables={"b": 2})
    run = plane.run_deployment(made.id, given)
    waits = plane.run_deployment(made.id, NewDeploymentRun(parameters={"day": "y"}))
    plane.deploy(replace(spec, code=Code(entrypoint="new.py:etl"), retries=None))
    (order,) = plane.claim(name, ClaimRequest(worker=uuid4(), name="w")).orders
    assert (order.run, order.deployment_version, order.code.entrypoint) == (run.id, 1, "etl.py:etl")
    assert (order.retries, order.launcher, order.job_variables) == (4, "warm", {"a": 1, "b": 2})
    seen = plane.read_deployment(made.id)
    assert (seen.waiting, seen.active) == (1, 1)
    plane.delete_deployment(made.id)
    assert [plane.read_flow_run(one.id).state_name for one in (run, waits)] == ["Scheduled", "Cancelled"]


def test_who_deploys_at_the_same_time_makes_versions_one_after_the_other(planes: Pair, plane: Plane) -> None:
    with ThreadPoolExecutor(8) as pool:
        same = list(pool.map(lambda _: plane.deploy(nightly()).live, range(8)))
        assert same == [1] * 8
        made = list(pool.map(lambda n: plane.deploy(nightly(parameters={"count": n})).live, range(10, 18)))
    assert sorted(made) == list(range(2, 10))
    assert [one.number for one in planes.here.read_versions("nightly")] == list(range(9, 0, -1))


def test_a_deployment_without_a_pool_has_no_queue(plane: Plane) -> None:
    assert plane.deploy(nightly(pool=None)).spec.queue is None
    with pytest.raises(RequestInvalid, match="names a queue but no work pool"):
        plane.deploy(nightly(pool=None, queue="default"))


def test_changing_parameters_makes_a_version_and_pausing_makes_none(planes: Pair, plane: Plane) -> None:
    made = plane.deploy(nightly(concurrency_limit=4))
    assert plane.change_deployment("nightly", DeploymentChange()) == made
    paused = plane.change_deployment("nightly", DeploymentChange(paused=True, concurrency_limit=-1))
    assert (paused.paused, paused.live, paused.spec.concurrency_limit) == (True, 1, None)
    assert plane.deploy(nightly()).paused, "deploying again leaves it as it is"
    assert not plane.deploy(nightly(paused=False)).paused
    changed = plane.change_deployment(made.id, DeploymentChange(parameters={"count": 1}, tags=["t"]))
    assert (changed.live, changed.spec.parameters, changed.spec.tags) == (2, {"count": 1}, ["t"])
    assert sorted(events_of(planes, made.id)) == ["created", "paused", "resumed", "updated", "updated"]


def test_a_paused_deployment_can_be_run_by_hand(plane: Plane) -> None:
    plane.deploy(nightly(paused=True))
    assert plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "x"})).state_name == "Scheduled"


def test_deleting_cancels_what_waits_and_leaves_runs_to_be_read(planes: Pair, plane: Plane) -> None:
    made = plane.deploy(nightly())
    runs = [plane.run_deployment(made.id, NewDeploymentRun(parameters={"day": str(n)})) for n in range(3)]
    plane.delete_deployment("etl/nightly")
    assert [plane.read_flow_run(run.id).state_name for run in runs] == ["Cancelled"] * 3
    with pytest.raises(ObjectNotFound):
        plane.read_deployment(made.id)
    assert events_of(planes, made.id)[-1] == "deleted"
    assert plane.deploy(nightly()).live == 1


def test_a_list_is_paged_by_flow_and_name_and_filtered_by_everything(plane: Plane) -> None:
    for flow, name, tags in (("b", "x", ["t"]), ("a", "y", ["t", "u"]), ("a", "x", []), ("a", "5_0", ["u"])):
        plane.deploy(replace(nightly(name, tags=tags, paused=name == "y"), flow_name=flow))
    plane.deploy(nightly("Loner", pool=None))

    def names(**fields: Any) -> list[str]:
        query, found = DeploymentQuery(limit=2, **fields), []
        while True:
            page = plane.read_deployments(query)
            found += [deployment.full_name for deployment in page.items]
            if page.next is None:
                break
            query.cursor = page.next
        assert plane.count_deployments(DeploymentQuery(**fields)) == len(found)
        return found

    everything = ["a/5_0", "a/x", "a/y", "b/x", "etl/Loner"]
    assert names() == everything
    assert names(flow_names=["a"]) == everything[:3]
    assert names(names=["x"]) == ["a/x", "b/x"]
    assert names(names=["a/x", "y"]) == ["a/x", "a/y"]
    assert names(names=[]) == names(ids=[]) == names(pools=[]) == []
    assert names(name_like="L/lO") == ["etl/Loner"]
    assert names(name_like="_") == ["a/5_0"]
    assert names(tags=["t"]) == ["a/y", "b/x"]
    assert names(tags=["t", "u"], flow_names=["a"]) == ["a/y"]
    assert names(paused=True) == ["a/y"]
    assert names(pools=[DEFAULT_AGENT_POOL]) == everything[:4]
    assert names(ids=[plane.read_deployment("b/x").id]) == ["b/x"]


def test_a_run_is_retried_with_its_own_version_or_with_the_live_one(planes: Pair, plane: Plane) -> None:
    plane.deploy(nightly())
    run = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "1"})).id
    plane.deploy(nightly(code=Code(entrypoint="etl.py:etl", digest="d2")))
    for latest, version in ((False, 1), (True, 2), (False, 2)):
        wish = ProposedState(type=StateType.FAILED, force=True, transition_id=f"{run}-{latest}-{version}")
        assert plane.set_flow_run_state(run, wish).status == "accept"
        assert plane.retry_flow_run(run, latest=latest).status == "accept"
        assert plane.read_flow_run(run).deployment_version == version
    assert plane.retry_flow_run(run, latest=True).status == "reject"
    assert [state.name for state in plane.read_flow_run(run).states][-2:] == ["Failed", "Scheduled"]
    loose = plane.create_flow_run(NewFlowRun(flow_name="loose")).id
    plane.set_flow_run_state(loose, ProposedState(type=StateType.FAILED, force=True))
    with pytest.raises(RequestInvalid, match="is of no deployment"):
        plane.retry_flow_run(loose, latest=True)


def test_a_run_of_what_the_flow_does_not_take_is_refused_with_what_it_takes(plane: Plane) -> None:
    plane.deploy(nightly())
    with pytest.raises(RequestInvalid, match=r"\$\.parameters\.dya is not known here.* takes: day, count"):
        plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "1", "dya": "2"}))


def test_job_variables_must_fit_the_template_that_a_pool_has_by_its_type(plane: Plane) -> None:
    with pytest.raises(RequestInvalid, match="stream_output must be boolean"):
        plane.deploy(nightly(job_variables={"stream_output": "please"}))


def test_the_name_of_a_run_has_what_the_flow_gives_itself(plane: Plane) -> None:
    properties = {**SCHEMA["properties"], "size": {"type": "integer", "default": 7}}
    plane.deploy(nightly(parameter_schema={**SCHEMA, "properties": properties}))
    new = NewDeploymentRun(name="{day} of {size} and {count}", parameters={"day": "monday"})
    assert plane.run_deployment("nightly", new).name == "monday of 7 and 3"


def test_a_bare_name_that_several_have_is_refused(plane: Plane) -> None:
    plane.deploy(nightly())
    plane.deploy(replace(nightly(), flow_name="other"))
    with pytest.raises(ObjectNotFound, match="etl/nightly, other/nightly"):
        plane.read_deployment("nightly")


def test_runs_are_found_by_the_name_pool_and_version_of_their_deployment(plane: Plane) -> None:
    one = plane.deploy(nightly())
    plane.deploy(nightly("hourly", pool=None))
    first = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "1"}))
    plane.deploy(nightly(parameters={"count": 7}))
    second = plane.run_deployment("nightly", NewDeploymentRun(parameters={"day": "2"}))
    third = plane.run_deployment("hourly", NewDeploymentRun(parameters={"day": "3"}))
    mine = {first.id: "first", second.id: "second", third.id: "third"}

    def found(**fields: Any) -> list[str]:
        runs = plane.read_flow_runs(FlowRunQuery(ids=list(mine), oldest_first=True, **fields)).items
        walked = plane.read_flow_runs(FlowRunQuery(oldest_first=True, **fields)).items
        assert {run.id for run in walked} >= {run.id for run in runs}
        return [mine[run.id] for run in runs]

    assert found(deployment_names=["etl/nightly"]) == ["first", "second"]
    assert found(deployment_names=["hourly"]) == ["third"]
    assert found(deployment_names=["nobody"]) == []
    assert found(deployment_names=["nightly"], deployment_versions=[2]) == ["second"]
    assert found(deployment_ids=[one.id], deployment_names=["hourly"]) == []
    assert found(work_pool_names=[DEFAULT_AGENT_POOL]) == ["first", "second"]
    assert found(work_pool_names=[DEFAULT_AGENT_POOL], work_queue_names=["other"]) == []
    assert found(work_queue_names=["default"], state_types=[StateType.SCHEDULED]) == ["first", "second"]
    assert found(schedule_ids=[NOWHERE]) == []
