"""`levada.runtime`: what code asks about the run it is in."""

from __future__ import annotations

import datetime

import pytest

from levada import flow, tags, task
from levada import runtime as whole
from levada.runtime import deployment, flow_run, task_run
from levada.testing import Harness


def test_outside_runs_there_is_nothing():
    assert (flow_run.id, flow_run.name, flow_run.flow_name, flow_run.flow_version) == (None,) * 4
    assert (flow_run.tags, flow_run.parameters, flow_run.run_count) == ([], {}, 0)
    assert (flow_run.parent_flow_run_id, flow_run.root_flow_run_id, flow_run.parent_deployment_id) == (None,) * 3
    assert isinstance(flow_run.scheduled_start_time, datetime.datetime)
    assert (task_run.id, task_run.name, task_run.task_name) == (None,) * 3
    assert (task_run.tags, task_run.parameters, task_run.run_count) == ([], {}, 0)
    assert (deployment.id, deployment.name, deployment.flow_run_id) == (None,) * 3
    assert deployment.parameters == {}


def test_inside_runs_everything_is_known(test_home: Harness):
    @task(tags=["t"])
    def work(x):
        return {
            "task": (task_run.id, task_run.name, task_run.task_name, task_run.tags, task_run.parameters),
            "counts": (task_run.run_count, flow_run.run_count),
            "flow": (flow_run.id, flow_run.name, flow_run.flow_name, flow_run.tags, flow_run.parameters),
        }

    @flow(version="3", name="my flow")
    def run(a, b=2):
        return work(1), work.submit(2).result(), flow_run.flow_version, flow_run.scheduled_start_time

    with tags("f"):
        first, second, version, start = run(1)
    recorded = test_home.flow_runs()[0]
    ids = [str(found.id) for found in test_home.task_runs()]
    assert first["task"] == (ids[0], "work-0", "work", ["f", "t"], {"x": 1})
    assert second["task"] == (ids[1], "work-1", "work", ["f", "t"], {"x": 2})
    assert first["counts"] == (1, 1)
    assert first["flow"] == (str(recorded.id), recorded.name, "my flow", ["f"], {"a": 1, "b": 2})
    assert version == "3"
    assert start.tzinfo is not None


def test_attempts_are_counted(test_home: Harness):
    seen = []

    @task(retries=1)
    def work():
        seen.append((flow_run.run_count, task_run.run_count))
        raise ValueError

    @flow(retries=1)
    def run():
        work()

    run(return_state=True)
    assert seen == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_attributes_can_be_mocked_from_the_environment(monkeypatch):
    monkeypatch.setenv("LEVADA__RUNTIME__FLOW_RUN__NAME", "mocked")
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__NAME", "dep")
    monkeypatch.setenv("LEVADA__RUNTIME__TASK_RUN__RUN_COUNT", "7")
    monkeypatch.setenv("LEVADA__RUNTIME__FLOW_RUN__TAGS", "a, b")
    monkeypatch.setenv("LEVADA__RUNTIME__FLOW_RUN__SCHEDULED_START_TIME", "2024-01-02T00:00:00+00:00")
    assert (flow_run.name, deployment.name, task_run.run_count, flow_run.tags) == ("mocked", "dep", 7, ["a", "b"])
    assert flow_run.scheduled_start_time.year == 2024
    monkeypatch.setenv("LEVADA__RUNTIME__FLOW_RUN__PARAMETERS", "{}")
    with pytest.raises(ValueError, match="cannot be mocked using an environment variable"):
        flow_run.parameters


@pytest.mark.parametrize("module", [flow_run, task_run, deployment])
def test_there_are_no_other_attributes(module):
    with pytest.raises(AttributeError, match="has no attribute 'bogus'"):
        module.bogus
    assert "id" in dir(module)
    assert "FIELDS" not in module.__all__


def test_the_modules_are_attributes_of_the_package():
    assert whole.flow_run is flow_run
    assert set(whole.__all__) == {"deployment", "flow_run", "task_run"}
