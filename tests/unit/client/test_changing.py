"""Verbs that change something, on the home and on a server alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from levada.client import SyncLevadaClient
from levada.core.errors import ConcurrencySlotAcquisitionError, ObjectNotFound
from levada.core.states import State, StateType
from levada.wire.events import Event
from levada.wire.filters import FlowRunQuery
from tests.contract.planes import pair


@pytest.fixture(params=["home", "server"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncLevadaClient]:
    if request.param == "home":
        with SyncLevadaClient(tmp_path) as made:
            yield made
        return
    with pair(tmp_path, None) as both, SyncLevadaClient(tmp_path, plane=lambda: both.there) as made:
        yield made


def test_a_run_is_made_changed_and_moved(client: SyncLevadaClient) -> None:
    run = client.create_flow_run("etl", parameters={"n": 1}, tags=["a"], labels={"x": "1"}, idempotency_key="k")
    assert client.create_flow_run("etl", idempotency_key="k").id == run.id
    assert client.set_flow_run_name(run.id, "other").name == "other"
    assert client.update_flow_run(run.id, tags=["b"]).tags == ["a", "b"]
    assert client.update_flow_run_labels(run.id, {"y": "2"}).labels == {"x": "1", "y": "2"}
    assert client.set_flow_run_state(run.id, State(StateType.PENDING)).status == "accept"
    assert client.set_flow_run_state(run.id, StateType.FAILED, force=True).status == "accept"
    assert client.read_flow_run(run.id).state_type is StateType.FAILED
    assert client.resume_flow_run(run.id).status != "accept"
    assert client.retry_flow_run(run.id).status == "accept"
    assert client.cancel_flow_run(run.id).status == "accept"
    assert client.fork_flow_run(run.id).id != run.id
    with pytest.raises(ObjectNotFound):
        client.suspend_flow_run(uuid4())
    with pytest.raises(ObjectNotFound):
        client.set_task_run_state(uuid4(), StateType.FAILED)


def test_runs_are_looked_at_together(client: SyncLevadaClient) -> None:
    run = client.create_flow_run("etl")
    now = datetime.now(UTC)
    history = client.read_flow_run_history(now - timedelta(hours=1), now + timedelta(hours=1), buckets=4)
    assert sum(state.count for bucket in history for state in bucket.states) == 1
    assert client.read_flow_run_lateness().runs >= 0
    assert client.read_flow_run_graph(run.id).nodes == []
    assert client.read_flow_run_graph(run.id, fold="maps").nodes == []


def test_a_run_is_given_inputs(client: SyncLevadaClient) -> None:
    run = client.create_flow_run("etl").id
    client.create_flow_run_input(run, "a-1", {"x": 1}, sender="me")
    client.create_flow_run_input(run, "a-2", 2)
    client.create_flow_run_input(run, "b", 3)
    assert [given.key for given in client.filter_flow_run_input(run, "a-")] == ["a-1", "a-2"]
    assert len(client.filter_flow_run_input(run, limit=1)) == 1
    assert client.read_flow_run_input(run, "a-1") == {"x": 1}
    assert client.delete_flow_run_input(run, "a-1")
    assert not client.delete_flow_run_input(run, "a-1")


def test_many_runs_are_acted_on_at_once(client: SyncLevadaClient) -> None:
    run = client.create_flow_run("etl")
    query = FlowRunQuery(ids=[run.id])
    assert client.start_bulk_job("cancel", query, preview=True).total == 1
    job = client.start_bulk_job("set_state", query, state=StateType.FAILED, preview=False)
    assert client.read_bulk_job(job.id).id == job.id
    assert client.cancel_bulk_job(job.id).id == job.id


def test_events_are_added_counted_and_found(client: SyncLevadaClient) -> None:
    given = Event(id=uuid4(), occurred=datetime.now(UTC), event="shop.Placed", resource={"id": "shop.1"})
    assert client.emit_events([given]) == 1
    assert [one.id for one in client.read_events(event_prefixes=["shop."], limit=5)] == [given.id]
    assert client.count_events(by="event")[0].count == 1


def test_slots_are_taken_renewed_and_given_back(client: SyncLevadaClient) -> None:
    client.create_global_concurrency_limit("api", 1)
    grant = client.increment_concurrency_slots_with_lease(["api"], 1, 60)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'api'"):
        client.increment_concurrency_slots_with_lease(["api"], 1)
    assert client.read_global_concurrency_limit_by_name("api").waiting == 0
    assert client.renew_concurrency_lease(grant) == ()
    client.release_concurrency_slots_with_lease(grant)
    client.release_concurrency_slots_with_lease(grant)
    assert client.read_global_concurrency_limit_by_name("api").active_slots == 0


def test_operators_ask_for_searches_keys_and_sizes(client: SyncLevadaClient) -> None:
    saved = client.save_search("mine", "logs", {"min_level": 30})
    assert [one.name for one in client.read_saved_searches("logs")] == ["mine"]
    assert saved.id is not None
    assert client.delete_saved_search(saved.id)
    assert {"flow_runs", "task_runs"} <= {size.name for size in client.read_table_sizes()}
    key, text = client.create_api_key("mine", ["read"])
    assert text.startswith(key.prefix)
