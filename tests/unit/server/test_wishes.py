"""Wishes from the event loop: awaited without a thread each, answered once they are committed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.control.making import creation
from levada.control.proposing import Proposal
from levada.core.errors import ObjectNotFound
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.server.app import create_app
from levada.server.wishes import SMALL, Desk
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.filters import FlowRunQuery


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as made:
        yield made


async def test_many_at_once_take_few_transactions(plane: ControlPlane) -> None:
    desk = Desk(plane)
    rows = await asyncio.gather(*(desk.granted(creation(NewFlowRun(flow_name="etl"), "")) for _ in range(200)))
    assert len({row.id for row in rows}) == plane.count_flow_runs(FlowRunQuery()) == 200
    assert plane.wishes.rounds < 20


async def test_each_gets_its_own_answer_or_error(plane: ControlPlane) -> None:
    desk = Desk(plane)
    run = plane.create_flow_run(NewFlowRun(flow_name="etl"))
    pending = ProposedState(type=StateType.PENDING)
    asked = [desk.granted(Proposal(one, pending)) for one in (run.id, uuid4(), run.id)]
    first, second, third = await asyncio.gather(*asked, return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert (first.status, third.status) == ("accept", "abort")
    assert isinstance(second, ObjectNotFound)


async def test_who_went_away_is_not_missed(plane: ControlPlane) -> None:
    desk = Desk(plane)
    gone = asyncio.create_task(desk.granted(creation(NewFlowRun(flow_name="etl"), "")))
    await asyncio.sleep(0)
    gone.cancel()
    await desk.granted(creation(NewFlowRun(flow_name="etl"), ""))
    assert gone.cancelled()
    assert plane.count_flow_runs(FlowRunQuery()) == 2


def test_a_desk_serves_one_loop_after_another(plane: ControlPlane) -> None:
    desk = Desk(plane)
    for _ in range(3):
        asyncio.run(desk.granted(creation(NewFlowRun(flow_name="etl"), "")))
    assert plane.count_flow_runs(FlowRunQuery()) == 3


def test_only_large_requests_are_looked_over_in_a_thread(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return creation(*given)

    monkeypatch.setattr("levada.server.api.flow_runs.creation", noted)
    with TestClient(create_app(plane, Settings())) as client:
        for size in (10, SMALL):
            body = {"flow_name": "etl", "parameters": {"text": "x" * size}}
            assert client.post("/api/flow_runs", json=body).status_code == 201
    assert threads[0] != threads[1]
