"""Two replicas carry wishes out at the same time, each many together, and stay of one mind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.core.errors import ObjectAlreadyExists
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType
from levada.store.opening import open_store
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.filters import FlowRunQuery
from tests.unit.control import records as make
from tests.unit.control.stores import postgres_with_tables

__all__ = ["postgres_with_tables"]  # a fixture

THREADS = 24


@pytest.fixture(params=["sqlite", "postgres"])
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[ControlPlane]]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_with_tables")
    stores = [open_store(tmp_path, DatabaseSettings(url=url)) for _ in range(2)]
    with ControlPlane(tmp_path, stores[0]) as one, ControlPlane(tmp_path, stores[1]) as other:
        yield [one, other]


def test_a_key_finds_one_run_whichever_replica_is_asked(replicas: list[ControlPlane]) -> None:
    flow = f"flow-{uuid4().hex}"

    def ask(number: int) -> tuple[int, UUID]:
        new = NewFlowRun(flow_name=flow, idempotency_key=f"key-{number % 7}")
        return number % 7, replicas[number % 2].create_flow_run(new).id

    with ThreadPoolExecutor(THREADS) as threads:
        made = set(threads.map(ask, range(280)))
    assert len(made) == 7
    assert replicas[0].count_flow_runs(FlowRunQuery(flow_names=[flow])) == 7


def test_an_id_is_given_once(replicas: list[ControlPlane]) -> None:
    ids = [UUID(bytes=make.new_id()) for _ in range(20)]

    def ask(number: int) -> bool:
        try:
            replicas[number % 2].create_flow_run(NewFlowRun(flow_name="etl", id=ids[number % 20]))
        except ObjectAlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(ask, range(200))) == 20


def test_of_many_who_claim_a_run_one_gets_it(replicas: list[ControlPlane]) -> None:
    runs = [replicas[0].create_flow_run(NewFlowRun(flow_name="etl")).id for _ in range(20)]
    pending = ProposedState(type=StateType.PENDING)

    def claim(number: int) -> tuple[int, str]:
        return number % 20, replicas[number % 2].set_flow_run_state(runs[number % 20], pending).status

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(claim, range(400)))
    assert sorted(number for number, status in answers if status == "accept") == list(range(20))
    assert all(
        [state.name for state in replicas[1].read_flow_run(run).states] == ["Scheduled", "Pending"] for run in runs
    )
