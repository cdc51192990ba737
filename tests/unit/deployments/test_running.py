"""Running deployments from programs; no worker is there, so that runs stay where the test wants them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from levada import flow, task
from levada.control import ControlPlane
from levada.core.errors import LevadaError, ObjectNotFound, ParameterTypeError
from levada.core.states import StateType
from levada.deployments import arun_deployment, run_deployment
from levada.flows import Flow, load_flow_from_entrypoint
from levada.recovery import resume
from levada.settings import get_current_settings
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun
from levada.wire.pools import DEFAULT_AGENT_POOL

NAME = "hello/daily"


@pytest.fixture
def plane(folder: Any) -> Iterator[ControlPlane]:
    """The control plane of the home, with a deployment."""
    hello: Flow[Any, Any] = load_flow_from_entrypoint("hello.py:hello")
    hello.deploy("daily", DEFAULT_AGENT_POOL, tags=["own"], print_next_steps=False)
    with ControlPlane(get_current_settings().home) as made:
        yield made


def runs(plane: ControlPlane, name: str = "hello") -> list[FlowRun]:
    plane.drain()
    found: list[FlowRun] = plane.read_flow_runs(FlowRunQuery(flow_names=[name])).items
    return found


def test_a_run_says_what_it_was_asked_for(plane: ControlPlane) -> None:
    due = datetime(2035, 1, 1, tzinfo=UTC)
    run = run_deployment(
        NAME,
        parameters={"name": "you"},
        scheduled_time=due,
        flow_run_name="named",
        timeout=0,
        tags=["more"],
        job_variables={"a": 1},
        priority=4,
        retries=2,
    )
    assert (run.name, run.state_type, run.parameters) == ("named", StateType.SCHEDULED, run.parameters)
    assert sorted(run.tags) == ["more", "own"]
    assert run.expected_start_time == due
    assert runs(plane)[0].id == run.id


def test_asking_again_with_a_key_gives_the_same_run(plane: ControlPlane) -> None:
    first = run_deployment(NAME, timeout=0, idempotency_key="today")
    again = run_deployment(NAME, timeout=0, idempotency_key="today")
    other = run_deployment(NAME, timeout=0)
    assert first.id == again.id != other.id


def test_waiting_ends_when_its_time_is_up(plane: ControlPlane) -> None:
    run = run_deployment(NAME, timeout=0.05, poll_interval=0.01)
    assert run.state_type is StateType.SCHEDULED


def test_waiting_ends_when_the_run_does(plane: ControlPlane) -> None:
    run = run_deployment(NAME, timeout=0, idempotency_key="x")
    plane.cancel_flow_run(run.id)
    assert run_deployment(NAME, idempotency_key="x").state_type is StateType.CANCELLED


def test_what_cannot_be_run_says_why(plane: ControlPlane) -> None:
    with pytest.raises(ObjectNotFound, match="levada deployment ls"):
        run_deployment("hello/weekly", timeout=0)
    with pytest.raises(ObjectNotFound):
        run_deployment(uuid4(), timeout=0)
    with pytest.raises(ParameterTypeError, match="JSON cannot hold"):
        run_deployment(NAME, parameters={"name": object()}, timeout=0)
    with pytest.raises(LevadaError, match="times"):
        run_deployment(NAME, parameters={"times": "many"}, timeout=0)


def test_inside_a_flow_the_run_belongs_to_it(plane: ControlPlane) -> None:
    @flow
    def caller() -> Any:
        mine = run_deployment(NAME, timeout=0)
        other = run_deployment(NAME, timeout=0, as_subflow=False)
        return mine.id, other.id

    mine, other = caller()
    (parent,) = runs(plane, "caller")
    by_id = {run.id: run for run in runs(plane)}
    assert (by_id[mine].parent_flow_run_id, by_id[mine].root_flow_run_id) == (parent.id, parent.id)
    assert by_id[mine].parent_task_run_id is not None
    assert by_id[other].parent_task_run_id is None


def test_inside_a_task_the_run_belongs_to_the_task(plane: ControlPlane) -> None:
    @task
    def calls() -> Any:
        return run_deployment(NAME, timeout=0).id

    @flow
    def caller() -> Any:
        return calls()

    called = caller()
    found = {run.id: run for run in runs(plane)}[called]
    assert plane.read_task_run(found.parent_task_run_id).name.startswith("calls")


def test_a_run_that_is_resumed_finds_the_run_that_it_asked_for(plane: ControlPlane) -> None:
    seen: list[Any] = []
    failing = [True]

    @flow
    def caller() -> None:
        seen.append(run_deployment(NAME, timeout=0).id)
        if failing.pop():
            raise ValueError("not yet")

    failing.insert(0, False)
    with pytest.raises(ValueError, match="not yet"):
        caller()
    (run,) = runs(plane, "caller")
    resume(run.id, flow=caller)

    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert len(runs(plane)) == 1


def test_a_retried_task_finds_a_run_that_goes_on_and_replaces_one_that_did_not_complete(plane: ControlPlane) -> None:
    seen: list[Any] = []

    @task(retries=2)
    def calls() -> None:
        seen.append(run_deployment(NAME, timeout=0).id)
        if len(seen) == 2:
            plane.cancel_flow_run(seen[-1])
        if len(seen) < 3:
            raise ValueError("again")

    @flow
    def caller() -> None:
        calls()

    caller()
    assert seen[0] == seen[1] != seen[2]


def test_a_deployment_that_fails_does_not_fail_who_asked(plane: ControlPlane) -> None:
    @flow
    def caller() -> Any:
        run = run_deployment(NAME, timeout=0, idempotency_key="k")
        plane.cancel_flow_run(run.id)
        return run_deployment(NAME, idempotency_key="k").state_type

    @flow
    def returns_nothing() -> None:
        run_deployment(NAME, idempotency_key="k")

    assert caller() is StateType.CANCELLED
    assert returns_nothing(return_state=True).is_completed()


def test_a_time_without_a_zone_is_local(plane: ControlPlane) -> None:
    local = datetime.now() + timedelta(hours=1)
    run = run_deployment(NAME, scheduled_time=local, timeout=0)
    assert run.expected_start_time == local.astimezone()


async def test_async_code_awaits_it(plane: ControlPlane) -> None:
    @flow
    async def caller() -> Any:
        return (await arun_deployment(NAME, timeout=0)).id

    called = await caller()
    (parent,) = runs(plane, "caller")
    assert {run.id: run for run in runs(plane)}[called].parent_flow_run_id == parent.id
