"""What a retry or a fork would do is said before it is done, and then it is what is done."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from levada import flow, recovery, task
from levada.control import ControlPlane
from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.core.states import StateType
from levada.wire.filters import FlowRunQuery, TaskRunQuery
from levada.wire.recorded import RecordedCall, dependents
from levada.wire.reruns import RerunChoice

if TYPE_CHECKING:
    from collections.abc import Iterator

ran: list[str] = []
broken: list[bool] = []


@task
def load(day):
    ran.append(f"load {day}")
    return [day]


@task
def clean(day):
    ran.append(f"clean {day}")
    return [*day]


@task
def publish(days):
    ran.append("publish")
    if broken:
        raise ConnectionError("the world is broken")
    return len(days)


@flow
def weekly():
    return publish([clean(load(day)) for day in ("mon", "tue")])


@pytest.fixture(autouse=True)
def fresh():
    ran.clear()
    broken.clear()


@pytest.fixture
def plane(levada_home) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


def the_run(plane):
    plane.drain()
    (found,) = plane.read_flow_runs(FlowRunQuery(limit=2)).items
    return found


def fates(plan):
    return {(one.name, one.fate): one.reason for one in plan.calls}


def test_a_retry_reuses_what_completed_and_executes_what_failed(plane):
    broken.append(True)
    weekly(return_state=True)
    plan = plane.plan_rerun(the_run(plane).id, RerunChoice())
    assert plan.counts == {"reuse": 4, "execute": 1, "unknown": 0}
    (again,) = [one for one in plan.calls if one.fate == "execute"]
    assert (again.task_key.rpartition("/")[2], again.reason) == ("publish", "it was Failed")
    assert plan.epoch == 2


def test_a_run_of_no_pool_says_where_it_can_be_run_again(plane):
    broken.append(True)
    weekly(return_state=True)
    run = the_run(plane)
    plan = plane.plan_rerun(run.id, RerunChoice())
    assert "no work pool" in plan.obstacle
    assert plan.next_steps == [f"levada flow-run resume {run.id}"]


def test_a_completed_run_is_not_retried_but_can_be_forked(plane):
    weekly()
    run = the_run(plane)
    assert "has completed" in plane.plan_rerun(run.id, RerunChoice()).obstacle
    assert plane.plan_rerun(run.id, RerunChoice(fork=True)).counts["reuse"] == 5


@pytest.mark.parametrize("by_id", [False, True])
def test_a_fork_from_a_task_does_what_its_plan_said(plane, by_id):
    weekly()
    run = the_run(plane)
    cleaned = next(
        one for one in plane.read_task_runs(TaskRunQuery(flow_run_ids=[run.id])).items if "clean" in one.task_key
    )
    chosen = [str(cleaned.id) if by_id else cleaned.task_key]
    plan = plane.plan_rerun(run.id, RerunChoice(chosen, fork=True))
    expected = 1 if by_id else 2
    assert plan.counts == {"reuse": 4 - expected, "execute": expected + 1, "unknown": 0}
    fork = plane.fork_flow_run(run.id, chosen)
    ran.clear()
    recovery.resume(fork.id, flow=weekly)
    assert Counter(what.split()[0] for what in ran) == {"clean": expected, "publish": 1}


def test_a_plan_lists_as_many_calls_as_it_is_asked_for_and_counts_all(plane):
    weekly()
    plan = plane.plan_rerun(the_run(plane).id, RerunChoice(fork=True, limit=2))
    assert len(plan.calls) == 2
    assert [(one.fate, one.count) for one in plan.reasons] == [("reuse", 5)]


def test_what_it_cannot_plan_it_says(plane):
    weekly()
    run = the_run(plane)
    with pytest.raises(ObjectNotFound, match="no run of a task 'sing'"):
        plane.plan_rerun(run.id, RerunChoice(["sing"], fork=True))
    with pytest.raises(RequestInvalid, match="fork it"):
        plane.plan_rerun(run.id, RerunChoice(["load"]))
    assert plane.plan_rerun(run.id, RerunChoice(fork=True, latest=True)).obstacle
    with pytest.raises(RequestInvalid, match="no deployment"):
        plane.fork_flow_run(run.id, latest=True)


def call(name: bytes, *, of: bytes | None = None, fed: list[bytes] | None = None) -> RecordedCall:
    inputs = {"x": fed} if fed else None
    return RecordedCall(name, "k", "n", name, 0, StateType.COMPLETED, "Completed", parent_task=of, inputs=inputs)


def test_all_that_hangs_on_a_call_runs_again_however_long_the_chain():
    chain = [call(b"0"), *(call(str(n).encode(), fed=[str(n - 1).encode()]) for n in range(1, 20_000))]
    assert len(dependents(chain, frozenset([b"5"]))) == 19_995


def test_what_is_nested_in_a_chosen_call_and_what_holds_it_run_again_and_its_neighbours_do_not():
    calls = [
        call(b"holder"),
        call(b"chosen", of=b"holder"),
        call(b"neighbour", of=b"holder"),
        call(b"inner", of=b"chosen"),
        call(b"innermost", of=b"inner"),
    ]
    assert dependents(calls, frozenset([b"chosen"])) == {b"holder", b"chosen", b"inner", b"innermost"}
