"""Runs that were made, retried or suspended by a request are taken up by whoever resumes them."""

from __future__ import annotations

import pytest

from levada import flow, recovery, task
from levada.cancellation import request_cancel
from levada.control import ControlPlane
from levada.core.errors import ConfigurationError
from levada.core.states import StateType
from levada.wire.changes import NewFlowRun

ran: list[str] = []
broken: list[bool] = []


@task
def load(day):
    ran.append(day)
    return day


@task
def publish(day):
    if broken:
        raise ConnectionError("the world is broken")
    return f"published {day}"


@flow
def daily(day="monday"):
    return publish(load(day))


@pytest.fixture(autouse=True)
def fresh():
    ran.clear()
    broken.clear()


@pytest.fixture
def plane(levada_home):
    with ControlPlane(levada_home) as made:
        yield made


def test_a_run_made_by_a_request_is_executed_with_its_parameters(plane):
    made = plane.create_flow_run(NewFlowRun(flow_name="daily", parameters={"day": "friday"}))
    resumed = recovery.resume(made.id, flow=daily)
    assert resumed.state.result() == "published friday"
    plane.drain()
    found = plane.read_flow_run(made.id)
    assert (found.id, found.epoch, found.state_type) == (made.id, 1, StateType.COMPLETED)


def test_a_retried_run_reuses_what_it_completed(plane):
    broken.append(True)
    state = daily("sunday", return_state=True)
    assert state.is_failed()
    run = state.details.flow_run_id
    plane.drain()
    assert plane.retry_flow_run(run).status == "accept"
    broken.clear()
    resumed = recovery.resume(run, flow=daily)
    assert resumed.state.result() == "published sunday"
    assert (ran, resumed.reused) == (["sunday"], 1)


def test_a_run_that_ended_is_not_cancelled_and_says_so(plane):
    state = daily(return_state=True)
    plane.drain()
    with pytest.raises(ConfigurationError, match="has ended already: it is Completed"):
        request_cancel(state.details.flow_run_id)


def test_a_run_that_waits_is_cancelled_at_once(plane):
    made = plane.create_flow_run(NewFlowRun(flow_name="daily"))
    asked = request_cancel(made.id)
    assert (asked.run, asked.here) == (made.id, False)
    assert plane.read_flow_run(made.id).state_type is StateType.CANCELLED
