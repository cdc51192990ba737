"""What a scrape shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from levada.control import ControlPlane
from levada.control.ingest import ingest
from levada.control.services.host import ServiceHost
from levada.control.services.outbox import Outbox
from levada.core.limits import Asker
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.server.app import create_app
from levada.wire.changes import NewFlowRun
from levada.wire.ingest import IngestBatch
from levada.wire.pools import ClaimRequest, PoolSpec
from tests.unit.control import records as make

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as made:
        yield made


@pytest.fixture
def services(plane: ControlPlane) -> ServiceHost:
    return ServiceHost(plane, Settings(), services=[Outbox.configured(plane, Settings())])


@pytest.fixture
def client(plane: ControlPlane, services: ServiceHost) -> Iterator[TestClient[Any]]:
    app = create_app(plane, Settings(), services=services)
    with TestClient(app) as made:
        yield made
    app.state["feeds"].close()
    app.state["feeds"].bus.close()


def scrape(client: TestClient[Any]) -> Samples:
    answer = client.get("/api/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient[Any]) -> None:
    for name in ("one", "two"):
        client.get(f"/api/variables/{name}")
    found = scrape(client)
    counted = {key: value for key, value in found.items() if key[0] == "levada_requests_total" and "404" in key}
    assert list(counted.values()) == [2.0]
    (key,) = counted
    assert "{name" in key[2]
    assert found["levada_request_seconds_count", key[1], key[2]] == 2.0


def test_what_is_taken_in_is_counted(client: TestClient[Any], plane: ControlPlane) -> None:
    plane.take_in(IngestBatch(writer=make.new_id()))
    found = scrape(client)
    assert found["levada_ingest_signs_of_life_total",] == 1
    assert found["levada_ingest_fullness",] == 0
    assert found["levada_leases_live",] == 1


def test_services_show_turns_failures_and_what_they_did(
    client: TestClient[Any], services: ServiceHost, plane: ControlPlane
) -> None:
    services.services[0].turn()
    found = scrape(client)
    assert found["levada_service_runs_total", "outbox"] == 1
    assert found["levada_service_failures_total", "outbox"] == 0
    assert found["levada_service_last_success_timestamp_seconds", "outbox"] > 0


def test_open_runs_and_lateness_are_counted(client: TestClient[Any], plane: ControlPlane) -> None:
    running, done = make.new_id(), make.new_id()

    def work(transaction: Any) -> None:
        records = [
            make.run_opened(running, make.new_id()),
            make.run_state(running, StateType.RUNNING, 5),
            make.run_opened(done, make.new_id()),
            make.run_state(done, StateType.COMPLETED, 5),
        ]
        ingest(transaction, make.new_id(), enumerate(records, 1))

    plane.store.transact(work)
    found = scrape(client)
    assert found["levada_flow_runs_open", "Running"] == 1
    assert found["levada_flow_runs_overdue",] == 0
    assert ("levada_flow_runs_open", "Completed") not in found


def test_a_limit_shows_its_slots_with_those_of_its_keys(client: TestClient[Any], plane: ControlPlane) -> None:
    plane.limits.create("api", 2)
    plane.limits.acquire(["api[acme]"], 1, Asker())
    plane.limits.acquire(["api[globex]"], 1, Asker())
    found = scrape(client)
    assert found["levada_concurrency_limit_slots", "api"] == 2
    assert found["levada_concurrency_limit_held", "api"] == 2
    assert not [key for key in found if "acme" in str(key)]


def test_every_bounded_queue_shows_how_full_it_is(client: TestClient[Any]) -> None:
    full = {key[0] for key in scrape(client) if key[0].endswith("_fullness")}
    assert full == {
        "levada_ingest_fullness",
        "levada_wishes_fullness",
        "levada_claims_fullness",
        "levada_reads_fullness",
        "levada_bus_fullness",
    }


def test_a_work_pool_shows_what_waits_what_runs_and_who_is_online(client: TestClient[Any], plane: ControlPlane) -> None:
    plane.create_work_pool(PoolSpec(name="press"))
    for _ in range(3):
        plane.create_flow_run(NewFlowRun(flow_name="paper", work_pool_name="press"))
    plane.claim("press", ClaimRequest(worker=uuid4(), name="anna", room=1))
    found = scrape(client)
    figures = [found[f"levada_work_pool_{name}", "press"] for name in ("waiting", "active", "workers")]
    assert figures == [2, 1, 1]
    assert found["levada_claims_rounds_total",] == 1


def test_wishes_are_counted_and_so_are_the_transactions_they_took(client: TestClient[Any]) -> None:
    for number in range(3):
        assert client.post("/api/flow_runs", json={"flow_name": "etl", "name": f"run-{number}"}).status_code == 201
    found = scrape(client)
    assert found["levada_wishes_total",] == 3
    assert 1 <= found["levada_wishes_rounds_total",] <= 3
    assert found["levada_wishes_waiting",] == found["levada_wishes_refused_total",] == 0


def test_what_stands_in_the_database_is_counted_once_for_many_scrapes(
    client: TestClient[Any], plane: ControlPlane
) -> None:
    scrape(client)
    plane.limits.create("api", 2)
    assert not [key for key in scrape(client) if "api" in key]
