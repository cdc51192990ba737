"""Flow runs made, changed, moved and given inputs over HTTP; many of them at once; and the keys to do it with."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from litestar.testing import TestClient
from msgspec import convert, to_builtins

from levada.control import ControlPlane
from levada.wire.changes import BulkAction, BulkJob, Decision, NewFlowRun, ProposedState, RunInput
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun
from levada.wire.paths import segment
from levada.wire.requests import MadeApiKey
from tests.unit.server.api.conftest import Story, problem

Api = TestClient[Any]


def made(api: Api, **fields: Any) -> FlowRun:
    answer = api.post("/api/flow_runs", json=to_builtins(NewFlowRun(flow_name="etl", **fields)))
    assert answer.status_code == 201, answer.text
    return convert(answer.json(), FlowRun)


def decided(answer: Any) -> Decision:
    assert answer.status_code == 200, answer.text
    return convert(answer.json(), Decision)


class TestMaking:
    def test_a_run_is_made_scheduled_and_found(self, api: Api, plane: ControlPlane) -> None:
        run = made(api, name="first", tags=["x"], parameters={"n": 1})
        assert run.state_type is not None
        assert run.state_type.value == "SCHEDULED"
        assert plane.read_flow_run(run.id).name == "first"

    def test_asking_twice_with_one_key_makes_one_run(self, api: Api) -> None:
        assert made(api, idempotency_key="k").id == made(api, idempotency_key="k").id

    def test_what_cannot_be_made_is_refused_with_its_field(self, api: Api) -> None:
        problem(api.post("/api/flow_runs", json={}), 422)
        problem(api.post("/api/flow_runs", json={"flow_name": 1}), 422, "$.flow_name")
        problem(api.post("/api/flow_runs", json={"flow_name": "a", "scheduled_time": "2024-01-01T00:00:00"}), 422)

    def test_a_run_is_renamed_tagged_and_labelled(self, api: Api, story: Story) -> None:
        change = {"name": "renamed", "tags": ["more"], "labels": {"k": "v"}}
        run = convert(api.patch(f"/api/flow_runs/{story.done}", json=change).json(), FlowRun)
        assert run.name == "renamed"
        assert set(run.tags) == {"daily", "more"}
        assert run.labels == {"team": "data", "k": "v"}
        problem(api.patch(f"/api/flow_runs/{uuid4()}", json=change), 404)
        problem(api.patch(f"/api/flow_runs/{story.done}", json={"tags": "x"}), 422, "$.tags")


class TestStates:
    def test_a_state_is_proposed_and_decided(self, api: Api) -> None:
        run = made(api)
        said = api.post(f"/api/flow_runs/{run.id}/set_state", json={"type": "CANCELLED", "message": "not needed"})
        assert decided(said).status == "accept"
        assert api.get(f"/api/flow_runs/{run.id}").json()["state_type"] == "CANCELLED"

    def test_a_wish_that_a_rule_stands_against_says_which_and_why(self, api: Api, story: Story) -> None:
        said = decided(api.post(f"/api/flow_runs/{story.done}/set_state", json={"type": "CANCELLING"}))
        assert said.status in {"reject", "abort"}
        assert said.rule
        assert said.reason

    def test_a_scheduled_run_is_cancelled_at_once(self, api: Api) -> None:
        run = made(api)
        assert decided(api.post(f"/api/flow_runs/{run.id}/cancel")).state_type is not None
        assert api.get(f"/api/flow_runs/{run.id}").json()["state_type"] == "CANCELLED"

    def test_a_running_run_is_asked_to_stop(self, api: Api, story: Story) -> None:
        said = decided(api.post(f"/api/flow_runs/{story.running}/cancel"))
        assert said.status == "accept"
        assert said.state_type is not None
        assert said.state_type.value in {"CANCELLING", "CANCELLED"}

    def test_a_failed_run_is_retried_in_a_new_epoch(self, api: Api, story: Story) -> None:
        assert decided(api.post(f"/api/flow_runs/{story.failed}/retry")).status == "accept"
        run = convert(api.get(f"/api/flow_runs/{story.failed}").json(), FlowRun)
        assert run.state_type is not None
        assert (run.state_type.value, run.epoch) == ("SCHEDULED", 2)

    def test_a_fork_is_a_new_run_that_knows_its_origin(self, api: Api, story: Story) -> None:
        answer = api.post(f"/api/flow_runs/{story.done}/fork", json={"task_keys": ["transform"]})
        assert answer.status_code == 201, answer.text
        fork = convert(answer.json(), FlowRun)
        assert fork.forked_from == story.done
        assert fork.id != story.done

    @pytest.mark.parametrize("verb", ["cancel", "suspend", "retry", "resume", "fork", "set_state"])
    def test_what_is_not_there_cannot_be_moved(self, api: Api, verb: str) -> None:
        body = {"set_state": {"type": "CANCELLED"}, "resume": {}, "fork": {}}.get(verb)
        problem(api.post(f"/api/flow_runs/{uuid4()}/{verb}", json=body), 404)

    @pytest.mark.parametrize("body", [{}, {"type": "NOWHERE"}, {"type": "PAUSED", "pause_timeout": "long"}], ids=repr)
    def test_a_state_that_is_none_is_refused(self, api: Api, story: Story, body: Any) -> None:
        problem(api.post(f"/api/flow_runs/{story.done}/set_state", json=body), 422)
        problem(api.post(f"/api/task_runs/{story.broken}/set_state", json=body), 422)

    def test_the_state_of_a_task_run_is_corrected(self, api: Api, story: Story) -> None:
        wish = to_builtins(ProposedState(type="COMPLETED", message="fixed by hand", force=True))  # type: ignore[arg-type]
        said = decided(api.post(f"/api/task_runs/{story.broken}/set_state", json=wish))
        assert said.status in {"accept", "reject", "abort"}
        problem(api.post(f"/api/task_runs/{uuid4()}/set_state", json=wish), 404)


class TestInputs:
    @pytest.mark.parametrize("key", ["answer", "a/b", "~", "count", "with space?"])
    def test_an_input_is_given_read_listed_and_taken_back(self, api: Api, story: Story, key: str) -> None:
        address = f"/api/flow_runs/{story.running}/inputs/{segment(key)}"
        given = api.put(address, json=to_builtins(RunInput(key="ignored", value={"n": 1}, sender="ada")))
        assert given.status_code == 200, given.text
        assert convert(api.get(address).json(), RunInput).value == {"n": 1}
        listed = api.get(f"/api/flow_runs/{story.running}/inputs", params={"prefix": key[:1]}).json()
        assert [one["key"] for one in listed] == [key]
        assert api.delete(address).status_code == 204
        problem(api.delete(address), 404)
        problem(api.get(address), 404)

    def test_a_run_that_is_not_there_takes_no_inputs(self, api: Api) -> None:
        problem(api.put(f"/api/flow_runs/{uuid4()}/inputs/k", json={"key": "k", "value": 1}), 404)
        problem(api.get(f"/api/flow_runs/{uuid4()}/inputs"), 404)


class TestBulk:
    def test_a_preview_says_what_would_happen_and_does_nothing(self, api: Api, story: Story) -> None:
        action = BulkAction(action="delete", query=FlowRunQuery(flow_names=["etl"]), preview=True)
        answer = api.post("/api/bulk_jobs", json=to_builtins(action))
        assert answer.status_code == 201, answer.text
        job = convert(answer.json(), BulkJob)
        assert (job.state, job.total) == ("preview", 2)
        assert set(job.examples) <= {story.done, story.failed}
        assert api.get(f"/api/flow_runs/{story.done}").status_code == 200

    def test_a_job_is_started_followed_and_cancelled(self, api: Api, story: Story) -> None:
        action = BulkAction(action="add_tags", query=FlowRunQuery(), tags=["bulk"])
        job = convert(api.post("/api/bulk_jobs", json=to_builtins(action)).json(), BulkJob)
        assert convert(api.get(f"/api/bulk_jobs/{job.id}").json(), BulkJob).total == 3
        assert convert(api.post(f"/api/bulk_jobs/{job.id}/cancel").json(), BulkJob).state == "cancelled"

    def test_an_action_that_is_none_is_refused_and_a_job_that_is_not_there(self, api: Api) -> None:
        problem(api.post("/api/bulk_jobs", json={"action": "explode", "query": {}}), 422)
        problem(api.post("/api/bulk_jobs", json={"action": "cancel"}), 422)
        problem(api.get(f"/api/bulk_jobs/{uuid4()}"), 404)
        problem(api.post(f"/api/bulk_jobs/{uuid4()}/cancel"), 404)


class TestKeys:
    def test_a_key_is_made_shown_once_listed_and_revoked(self, api: Api) -> None:
        answer = api.post("/api/api_keys", json={"name": "ci", "scopes": ["read"]})
        assert answer.status_code == 201, answer.text
        new = convert(answer.json(), MadeApiKey)
        assert new.text.startswith(new.key.prefix)
        listed = api.get("/api/api_keys")
        assert [one["name"] for one in listed.json()] == ["ci"]
        assert new.text not in listed.text
        assert api.delete(f"/api/api_keys/{new.key.id}").status_code == 204
        problem(api.delete(f"/api/api_keys/{uuid4()}"), 404)

    def test_a_key_needs_a_name_and_scopes_that_exist(self, api: Api) -> None:
        problem(api.post("/api/api_keys", json={"name": ""}), 422, "$.name")
        problem(api.post("/api/api_keys", json={"name": "a", "scopes": ["fly"]}), 422)
        api.post("/api/api_keys", json={"name": "twice"})
        problem(api.post("/api/api_keys", json={"name": "twice"}), 409)
