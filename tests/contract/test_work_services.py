"""What keeps queues sound, on both databases: the worker reconciler, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.control.services.worker_reconciler import WorkerReconciler, WorkerReconcilerConfig
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType
from levada.store.opening import open_store
from levada.store.sql.work import WorkTables
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.objects import FlowRun
from levada.wire.pools import ClaimRequest, PoolSpec, RunExit
from tests.postgres import database

POOL = "press"
SECOND = 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    home = tmp_path_factory.mktemp("home")
    if request.param == "sqlite":
        with ControlPlane(home, open_store(home, DatabaseSettings())) as plane:
            yield plane
        return
    url = request.getfixturevalue("postgres_server_url")
    with database(url) as mine, ControlPlane(home, open_store(home, DatabaseSettings(url=mine))) as plane:
        yield plane


@pytest.fixture
def plane(base: ControlPlane) -> ControlPlane:
    tables = ("flow_runs", "work", "lanes", "workers", "work_pools", "work_queues", "deployments", "limits", "meta")

    def clear(transaction: Any) -> None:
        for table in tables:
            transaction.execute(f"DELETE FROM {table}")

    base.store.transact(clear)
    base.create_work_pool(PoolSpec(name=POOL))
    return base


def service(plane: ControlPlane, **fields: Any) -> WorkerReconciler:
    return WorkerReconciler(plane, WorkerReconcilerConfig(**fields))


def a_run(plane: ControlPlane, *, due: datetime | None = None, **fields: Any) -> FlowRun:
    code = Code(entrypoint="flows.py:paper", path="/srv")
    plane.deploy(NewDeployment(**{"flow_name": "paper", "name": "print", "code": code, "pool": POOL, **fields}))
    return plane.run_deployment("paper/print", NewDeploymentRun(scheduled_time=due))


def claim(plane: ControlPlane, worker: UUID | None = None, room: int = 9) -> list[UUID]:
    answer = plane.claim(POOL, ClaimRequest(worker=worker or uuid4(), name="anna", room=room))
    return [order.run for order in answer.orders]


def lanes(plane: ControlPlane) -> int:
    with plane.store.read() as transaction:
        return len(WorkTables(transaction).lanes(POOL))


def test_a_run_whose_worker_died_before_it_began_waits_again(plane: ControlPlane) -> None:
    run = a_run(plane)
    assert claim(plane) == [run.id]
    looking = service(plane)
    assert looking.run_once(looking.moment()).counts["given_back"] == 0
    assert looking.run_once(looking.moment() + 61 * SECOND).counts["given_back"] == 1
    assert claim(plane) == [run.id]


def test_after_an_outage_of_the_control_plane_workers_may_speak_first(plane: ControlPlane) -> None:
    from levada.control.services.lease_reconciler import LeaseReconciler, LeaseReconcilerConfig  # lazy: of one test

    a_run(plane)
    claim(plane)
    later = service(plane).moment() + 100 * SECOND
    LeaseReconciler(plane, LeaseReconcilerConfig(lease_seconds=30.0)).run_once(later)  # nobody was there before
    assert service(plane).run_once(later).counts["given_back"] == 0
    assert service(plane).run_once(later + 31 * SECOND).counts["given_back"] == 1


def test_a_run_that_could_not_begin_in_time_is_skipped(plane: ControlPlane) -> None:
    past = datetime.now(UTC) - timedelta(minutes=5)
    late = a_run(plane, due=past, start_deadline=60.0)
    soon = a_run(plane, start_deadline=60.0)
    assert claim(plane, room=1) == []  # seen first by a claim: not given out
    looking = service(plane)
    looking.run_once(looking.moment())
    ended = plane.read_flow_run(late.id)
    assert (ended.state_type, ended.state_name) == (StateType.CANCELLED, "Skipped")
    assert "60 seconds" in (ended.states[-1].message or "")
    assert claim(plane) == [soon.id]


def test_a_retry_after_a_crash_has_its_own_start_deadline(plane: ControlPlane) -> None:
    run = a_run(plane, start_deadline=60.0, crash_retries=1)
    worker = uuid4()
    claim(plane, worker)
    with plane.store.write() as transaction:
        transaction.execute("UPDATE work SET due = due - ?", (600 * SECOND,))
    plane.report_exit(POOL, RunExit(worker=worker, run=run.id, epoch=1, begun=True, exit_code=1))
    looking = service(plane)
    looking.run_once(looking.moment())
    assert claim(plane) == [run.id]


def test_a_full_deployment_skips_new_runs_although_nobody_asks(plane: ControlPlane) -> None:
    fields: dict[str, Any] = {"concurrency_limit": 1, "collision_strategy": "cancel_new"}
    a_run(plane, **fields)
    claim(plane)
    second = a_run(plane, **fields)
    looking = service(plane)
    assert looking.run_once(looking.moment()).counts["skipped"] == 1
    assert plane.read_flow_run(second.id).state_name == "Skipped"


def test_rows_of_runs_that_are_gone_are_removed(plane: ControlPlane) -> None:
    a_run(plane)
    claim(plane)
    a_run(plane)
    plane.store.transact(lambda transaction: transaction.execute("DELETE FROM flow_runs"))
    looking = service(plane)
    assert looking.run_once(looking.moment()).counts["cleared"] == 2
    pool = plane.read_work_pool(POOL)
    assert (pool.waiting, pool.active) == (0, 0)


def test_lanes_without_runs_are_removed_and_come_back_when_a_run_slipped_in(plane: ControlPlane) -> None:
    run = a_run(plane)
    looking = service(plane, tidy_seconds=0.0)
    for _ in range(3):
        looking.run_once(looking.moment())
    assert lanes(plane) == 1
    plane.cancel_flow_run(run.id)
    looking.run_once(looking.moment())
    assert lanes(plane) == 1
    looking.run_once(looking.moment())
    assert lanes(plane) == 0
    slipped = a_run(plane)
    plane.store.transact(lambda transaction: transaction.execute("DELETE FROM lanes"))
    assert claim(plane) == []
    looking.run_once(looking.moment())
    assert claim(plane) == [slipped.id]


def test_a_limit_that_comes_or_goes_holds_for_runs_that_waited_before(plane: ControlPlane) -> None:
    for _ in range(3):
        a_run(plane, tags=["ink"])
    looking = service(plane)
    plane.limits.create("tag:ink", 1)
    looking.run_once(looking.moment())
    assert len(claim(plane)) == 1
    plane.limits.delete("tag:ink")
    looking.run_once(looking.moment())
    assert len(claim(plane)) == 2


def test_workers_that_stay_away_are_forgotten(plane: ControlPlane) -> None:
    claim(plane)
    assert len(plane.read_workers(POOL)) == 1
    looking = service(plane, tidy_seconds=0.0)
    looking.run_once(looking.moment() + 90_000 * SECOND)
    assert plane.read_workers(POOL) == []
