"""Waiting for runs to end, and the sealed arguments of background tasks: in this process and over HTTP the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from levada.core.errors import LevadaError, RequestInvalid, RequestTooLarge
from levada.core.states import StateType
from levada.wire.changes import LARGEST_PARAMETERS, NewFlowRun, ProposedState
from levada.wire.pools import BACKGROUND_POOL
from levada.wire.records import Payload
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.postgres import database


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("awaiting")
    if request.param == "sqlite":
        with pair(home, None) as made:
            yield made
        return
    with database(request.getfixturevalue("postgres_server_url")) as url, pair(home, url) as made:
        yield made


def some_run(plane: Plane) -> UUID:
    return plane.create_flow_run(NewFlowRun(flow_name="waited-for")).id


@pytest.mark.parametrize("side", [0, 1], ids=["here", "there"])
def test_who_waits_is_answered_when_one_of_the_runs_has_ended(planes: Pair, side: int) -> None:
    plane = planes.each()[side]
    runs = [some_run(plane) for _ in range(3)]
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        answer = pool.submit(plane.await_flow_runs, runs, 20.0)
        planes.here.cancel_flow_run(runs[1])
        found = answer.result(15)
    assert time.monotonic() - began < 10
    assert [run.id for run in found.ended] == [runs[1]]
    assert found.ended[0].state_type is StateType.CANCELLED
    assert len(found.ended[0].states) == 1
    assert not found.unknown


@pytest.mark.parametrize("side", [0, 1], ids=["here", "there"])
def test_a_wait_in_which_nothing_ends_is_over_in_time(planes: Pair, side: int) -> None:
    plane = planes.each()[side]
    found = plane.await_flow_runs([some_run(plane)], 0.3)
    assert (found.ended, found.unknown) == ([], [])


def test_runs_that_change_and_do_not_end_wake_nobody(planes: Pair) -> None:
    runs = [some_run(planes.here) for _ in range(2)]
    answered = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(planes.there.await_flow_runs, [runs[0]], 20.0)
        answer.add_done_callback(lambda _: answered.set())
        planes.here.cancel_flow_run(runs[1])
        planes.here.set_flow_run_state(runs[0], _wish(StateType.PENDING))
        assert not answered.wait(0.5)
        planes.here.cancel_flow_run(runs[0])
        assert [run.id for run in answer.result(15).ended] == [runs[0]]


def _wish(kind: StateType) -> ProposedState:
    return ProposedState(type=kind)


def test_more_runs_than_one_request_may_wait_for_are_refused_the_same(planes: Pair) -> None:
    many = [UUID(int=number) for number in range(201)]
    for plane in planes.each():
        with pytest.raises(RequestInvalid):
            plane.await_flow_runs(many)


SEALED = Payload("pickle", b"\x80\x05not for you", size=999, type="dict", preview="{'x': 1}")


def delayed(plane: Plane, payload: Payload | None, **fields: object) -> NewFlowRun:
    del plane
    given = {"flow_name": "send", "work_pool_name": BACKGROUND_POOL, "payload": payload, **fields}
    return NewFlowRun(**given)  # type: ignore[arg-type]  # fields by name


def test_sealed_arguments_come_back_as_they_were_given(planes: Pair) -> None:
    for plane in planes.each():
        run = plane.create_flow_run(delayed(plane, SEALED, shown={"x": "1"}))
        kept = plane.read_flow_run(run.id)
        assert kept.parameters == {"x": "1"}
        assert kept.parameters_payload is not None
        assert (kept.parameters_payload.serializer, kept.parameters_payload.data) == ("pickle", SEALED.data)
        assert kept.parameters_payload.size == len(SEALED.data or b"")
        assert kept.work_pool_name == BACKGROUND_POOL


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"work_pool_name": "machines"}, RequestInvalid),
        ({"work_pool_name": None}, RequestInvalid),
        ({"parameters": {"x": 1}}, RequestInvalid),
        ({"payload": Payload("none", preview="gone")}, RequestInvalid),
        ({"payload": Payload("", b"x")}, RequestInvalid),
        ({"payload": Payload("pickle")}, RequestInvalid),
        ({"payload": Payload("pickle", b"x", "key")}, RequestInvalid),
        ({"payload": Payload("pickle", key="k" * 3000)}, RequestInvalid),
        ({"payload": Payload("pickle", b"x" * (LARGEST_PARAMETERS + 1))}, RequestTooLarge),
        ({"payload": None, "shown": {"x": "1"}}, RequestInvalid),
        ({"shown": {str(number): "" for number in range(101)}}, RequestInvalid),
    ],
)
def test_what_cannot_be_sealed_arguments_is_refused_the_same(
    planes: Pair, fields: dict[str, object], error: type[LevadaError]
) -> None:
    said = []
    for plane in planes.each():
        with pytest.raises(error) as refused:
            plane.create_flow_run(delayed(plane, **{"payload": SEALED, **fields}))  # type: ignore[arg-type]
        said.append(str(refused.value))
    assert said[0] == said[1]
