"""The verbs of pools and workers, in this process and over HTTP, on both databases: the same answers and errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from levada.core.errors import LevadaError, ObjectAlreadyExists, ObjectNotFound, RequestInvalid
from levada.core.states import StateType
from levada.wire.deployments import Code, DeploymentQuery, Needs, NewDeployment, NewDeploymentRun
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun
from levada.wire.pools import (
    ClaimAnswer,
    ClaimRequest,
    Held,
    Offer,
    PoolChange,
    PoolSpec,
    QueueChange,
    QueueSpec,
    RunExit,
)
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.postgres import database

POOL = "press"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("planes")
    if request.param == "sqlite":
        with pair(home, None) as made:
            yield made
        return
    with database(request.getfixturevalue("postgres_server_url")) as url, pair(home, url) as made:
        yield made


@pytest.fixture(params=["here", "there"])
def plane(planes: Pair, request: pytest.FixtureRequest) -> Iterator[Plane]:
    """One of the two, with an empty pool called `press`."""
    chosen: Plane = getattr(planes, request.param)
    planes.here.create_work_pool(PoolSpec(name=POOL))
    yield chosen
    here = planes.here
    for run in here.read_flow_runs(FlowRunQuery(limit=200)).items:
        if run.state_type not in {StateType.CANCELLED, StateType.CRASHED, StateType.COMPLETED}:
            for worker in here.read_workers():
                here.forget_worker(POOL, worker.id)
            here.cancel_flow_run(run.id)
    for deployment in here.read_deployments(DeploymentQuery()).items:
        here.delete_deployment(deployment.id)
    for worker in here.read_workers():
        here.forget_worker(POOL, worker.id)
    for pool in here.read_work_pools():
        here.delete_work_pool(pool.spec.name)


def deploy(plane: Plane, name: str = "print", **fields: Any) -> str:
    code = Code(entrypoint="flows.py:paper", path="/srv")
    plane.deploy(NewDeployment(**{"flow_name": "paper", "name": name, "code": code, "pool": POOL, **fields}))
    return f"paper/{name}"


def runs(plane: Plane, deployment: str, count: int = 1, **fields: Any) -> list[FlowRun]:
    return [plane.run_deployment(deployment, NewDeploymentRun(**fields)) for _ in range(count)]


def asking(worker: UUID | None = None, **fields: Any) -> ClaimRequest:
    return ClaimRequest(**{"worker": worker or uuid4(), "name": "anna", "host": "mill", "pid": 7, **fields})


def got(answer: ClaimAnswer) -> list[UUID]:
    return [order.run for order in answer.orders]


def error_of(ask: Callable[[], object]) -> LevadaError:
    with pytest.raises(LevadaError) as caught:
        ask()
    return caught.value


# Pools and queues


def test_a_pool_is_made_changed_and_deleted(plane: Plane, planes: Pair) -> None:
    made = plane.create_work_pool(PoolSpec(name="loom", slots=3, description="weaves"))
    assert (made.spec.slots, made.status, [queue.spec.name for queue in made.queues]) == (3, "not_ready", ["default"])
    changed = plane.change_work_pool("loom", PoolChange(slots=-1, paused=True))
    assert (changed.spec.slots, changed.status, changed.spec.description) == (None, "paused", "weaves")
    assert planes.here.read_work_pool("loom") == planes.there.read_work_pool("loom") == changed
    assert planes.here.read_work_pools() == planes.there.read_work_pools()
    plane.delete_work_pool("loom")
    with pytest.raises(ObjectNotFound, match="levada work-pool create loom"):
        plane.read_work_pool("loom")


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda plane: plane.create_work_pool(PoolSpec(name=POOL)), ObjectAlreadyExists),
        (lambda plane: plane.create_work_pool(PoolSpec(name="a/b")), LevadaError),
        (lambda plane: plane.create_work_pool(PoolSpec(name="x", slots=-5)), RequestInvalid),
        (lambda plane: plane.change_work_pool("nowhere", PoolChange()), ObjectNotFound),
        (lambda plane: plane.change_work_pool(POOL, PoolChange(default_queue="none")), RequestInvalid),
        (lambda plane: plane.create_work_queue(POOL, QueueSpec(name="default")), ObjectAlreadyExists),
        (lambda plane: plane.create_work_queue(POOL, QueueSpec(name="q", priority=0)), RequestInvalid),
        (lambda plane: plane.read_work_queue(POOL, "none"), ObjectNotFound),
        (lambda plane: plane.delete_work_queue(POOL, "default"), RequestInvalid),
        (lambda plane: plane.claim("nowhere", asking()), ObjectNotFound),
        (lambda plane: plane.claim(POOL, asking(wait=900.0)), RequestInvalid),
        (lambda plane: plane.queued_runs(POOL, "none"), ObjectNotFound),
        (lambda plane: plane.move_in_queue(uuid4(), 3), ObjectNotFound),
    ],
)
def test_both_refuse_alike(plane: Plane, planes: Pair, ask: Callable[[Plane], object], kind: type[LevadaError]) -> None:
    here, there = error_of(lambda: ask(planes.here)), error_of(lambda: ask(planes.there))
    assert type(here) is type(there)
    assert isinstance(here, kind)


def test_a_pool_that_deployments_use_is_not_deleted(plane: Plane) -> None:
    deploy(plane)
    with pytest.raises(RequestInvalid, match="paper/print"):
        plane.delete_work_pool(POOL)


def test_queues_are_made_changed_and_deleted_and_their_runs_go_to_the_default_queue(plane: Plane) -> None:
    plane.create_work_queue(POOL, QueueSpec(name="urgent", priority=1, slots=2))
    changed = plane.change_work_queue(POOL, "urgent", QueueChange(priority=5, slots=-1, paused=True))
    assert (changed.spec.priority, changed.spec.slots, changed.spec.paused) == (5, None, True)
    (run,) = runs(plane, deploy(plane, queue="urgent"))
    assert plane.read_work_queue(POOL, "urgent").waiting == 1
    assert got(plane.claim(POOL, asking())) == []
    plane.delete_work_queue(POOL, "urgent")
    assert [queue.spec.name for queue in plane.read_work_pool(POOL).queues] == ["default"]
    assert got(plane.claim(POOL, asking())) == [run.id]


# Claims


def test_a_claim_says_all_that_a_worker_must_know(plane: Plane, planes: Pair) -> None:
    name = deploy(plane, job_variables={"env": {"A": "1", "B": "1"}}, needs=Needs(cpu=1), tags=["ink"])
    (run,) = runs(plane, name, parameters={"day": "monday"}, job_variables={"env": {"B": "2"}})
    (order,) = plane.claim(POOL, asking()).orders
    assert (order.run, order.epoch, order.flow_name, order.deployment_name) == (run.id, 1, "paper", name)
    assert (order.code.entrypoint, order.code.path, order.needs.cpu) == ("flows.py:paper", "/srv", 1.0)
    assert (order.tags, order.deployment_version, order.recalls) == (["ink"], 1, False)
    assert order.job["env"] == {"A": "1", "B": "2"}
    assert order.parameters is not None
    assert order.parameters.data == b'{"day":"monday"}'
    pool = planes.here.read_work_pool(POOL)
    assert (pool.waiting, pool.active, pool.workers_online, pool.status) == (0, 1, 1, "ready")
    (worker,) = plane.read_workers(POOL)
    assert (worker.status, worker.runs, worker.name, worker.host) == ("online", [run.id], "anna", "mill")


def test_a_run_is_given_to_one_worker_only(plane: Plane) -> None:
    made = {run.id for run in runs(plane, deploy(plane), 20)}
    found: list[UUID] = []

    def work() -> None:
        found.extend(got(plane.claim(POOL, asking(room=3))))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 20
    assert set(found) == made


def test_who_waits_is_given_a_run_the_moment_it_is_there(plane: Plane, planes: Pair) -> None:
    name = deploy(plane)
    answers: list[tuple[float, ClaimAnswer]] = []

    def work() -> None:
        answer = plane.claim(POOL, asking(wait=20.0))
        answers.append((time.monotonic(), answer))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: planes.here.claims.waiting == 1)
    began = time.monotonic()
    (run,) = runs(planes.here, name)
    thread.join()
    assert got(answers[0][1]) == [run.id]
    assert answers[0][0] - began < 2.0


def test_a_request_that_its_worker_has_given_up_gets_nothing(plane: Plane, planes: Pair) -> None:
    worker, answers = uuid4(), list[ClaimAnswer]()
    thread = threading.Thread(target=lambda: answers.append(plane.claim(POOL, asking(worker, wait=30.0))))
    thread.start()
    until(lambda: planes.here.claims.waiting == 1)
    assert got(plane.claim(POOL, asking(worker, answer_lost=True))) == []
    thread.join(10)  # it is answered at once
    assert [got(answer) for answer in answers] == [[]]
    (run,) = runs(plane, deploy(plane))
    assert got(plane.claim(POOL, asking())) == [run.id]


def test_a_run_is_not_given_out_before_it_is_due_and_at_once_when_it_is(plane: Plane) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1.0)
    (run,) = runs(plane, deploy(plane), scheduled_time=due)
    assert got(plane.claim(POOL, asking())) == []
    answer = plane.claim(POOL, asking(wait=20.0))
    assert got(answer) == [run.id]
    assert 0 <= (datetime.now(UTC) - due).total_seconds() < 1.0


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    woken = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        woken.wait(0.01)


@pytest.mark.parametrize("limit", ["pool", "queue", "deployment", "tag"])
def test_no_limit_is_exceeded(plane: Plane, planes: Pair, limit: str) -> None:
    fields: dict[str, Any] = {"tags": ["ink"]} if limit == "tag" else {}
    if limit == "pool":
        plane.change_work_pool(POOL, PoolChange(slots=2))
    elif limit == "queue":
        plane.change_work_queue(POOL, "default", QueueChange(slots=2))
    elif limit == "deployment":
        fields["concurrency_limit"] = 2
    else:
        planes.here.limits.upsert("tag:ink", 2)
    made = runs(plane, deploy(plane, **fields), 4)
    worker = uuid4()
    first = plane.claim(POOL, asking(worker, room=4))
    assert got(first) == [run.id for run in made[:2]]
    assert got(plane.claim(POOL, asking(room=4))) == []
    end = RunExit(worker=worker, run=made[0].id, epoch=1, begun=True, exit_code=1, reason="It fell over.")
    plane.report_exit(POOL, end)
    assert got(plane.claim(POOL, asking(room=4))) == [made[2].id]
    if limit == "tag":
        planes.here.limits.delete("tag:ink")


def test_queues_and_priorities_say_what_comes_first(plane: Plane) -> None:
    plane.create_work_queue(POOL, QueueSpec(name="urgent", priority=1))
    plane.change_work_queue(POOL, "default", QueueChange(priority=2))
    name = deploy(plane)
    (low,) = runs(plane, name, priority=-1)
    (plain,) = runs(plane, name)
    (high,) = runs(plane, name, priority=5)
    (urgent,) = runs(plane, deploy(plane, "reprint", queue="urgent"), priority=-9)
    order = [urgent.id, high.id, plain.id, low.id]
    assert [run.id for run in plane.queued_runs(POOL)] == order
    moved = plane.move_in_queue(low.id, priority=9)
    assert (moved.priority, moved.work_queue_name) == (9, "default")
    assert [run.id for run in plane.queued_runs(POOL, "default")] == [low.id, high.id, plain.id]
    assert plane.move_in_queue(plain.id, queue="urgent").work_queue_name == "urgent"
    assert got(plane.claim(POOL, asking(room=9, queues=["urgent"]))) == [plain.id, urgent.id]
    assert got(plane.claim(POOL, asking(room=9))) == [low.id, high.id]
    with pytest.raises(RequestInvalid, match="taken"):
        plane.move_in_queue(low.id, 1)


def test_a_run_goes_to_a_worker_that_has_what_it_needs(plane: Plane) -> None:
    (run, other) = runs(plane, deploy(plane, needs=Needs(cpu=2, labels=("press=blue",))), 2)
    small, blue = uuid4(), uuid4()
    assert got(plane.claim(POOL, asking(small, room=5, offer=Offer(cpu=1, labels=["press=blue"])))) == []
    assert got(plane.claim(POOL, asking(small, room=5, offer=Offer(cpu=8)))) == []
    offer = Offer(cpu=3, labels=["press=blue", "big"])
    assert got(plane.claim(POOL, asking(blue, room=5, offer=offer))) == [run.id]
    held = [Held(run.id, 1)]
    assert got(plane.claim(POOL, asking(blue, room=5, offer=offer, held=held))) == []
    ended = RunExit(worker=blue, run=run.id, epoch=1, begun=True, exit_code=1)
    plane.report_exit(POOL, ended)
    assert got(plane.claim(POOL, asking(blue, room=5, offer=offer))) == [other.id]


def test_a_paused_pool_gives_nothing_out(plane: Plane) -> None:
    plane.change_work_pool(POOL, PoolChange(paused=True))
    (run,) = runs(plane, deploy(plane))
    assert got(plane.claim(POOL, asking())) == []
    plane.change_work_pool(POOL, PoolChange(paused=False))
    assert got(plane.claim(POOL, asking())) == [run.id]


# Ends


def test_what_was_not_begun_is_given_to_others_without_using_up_a_retry(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    first = uuid4()
    plane.claim(POOL, asking(first))
    plane.claim(POOL, asking(first, room=0, draining=True, held=[Held(run.id, 1)]))
    plane.report_exit(POOL, RunExit(worker=first, run=run.id, epoch=1, begun=False, reason="Draining."))
    (order,) = plane.claim(POOL, asking()).orders
    assert (order.run, order.epoch, order.recalls) == (run.id, 1, False)


def test_a_worker_that_says_goodbye_gives_back_what_it_had_not_begun(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    first = uuid4()
    plane.claim(POOL, asking(first))
    plane.forget_worker(POOL, first)
    assert plane.read_workers(POOL) == []
    assert got(plane.claim(POOL, asking())) == [run.id]


def test_a_run_that_nobody_can_begin_has_crashed_after_three_attempts(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    worker = uuid4()
    for _ in range(3):
        assert got(plane.claim(POOL, asking(worker, wait=20.0))) == [run.id]
        plane.report_exit(POOL, RunExit(worker=worker, run=run.id, epoch=1, begun=False, reason="No python here."))
    ended = plane.read_flow_run(run.id)
    assert ended.state_type is StateType.CRASHED
    assert "No python here." in (ended.states[-1].message or "")


def test_what_nobody_could_begin_is_retried_when_it_may_be_after_a_crash(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane, crash_retries=1))
    for _ in range(3):
        worker = uuid4()
        assert got(plane.claim(POOL, asking(worker, wait=9.0))) == [run.id]
        plane.report_exit(POOL, RunExit(worker=worker, run=run.id, epoch=1, begun=False, reason="killed"))
    found = plane.read_flow_run(run.id)
    assert (found.state_type, found.state_name) == (StateType.SCHEDULED, "AwaitingRetry")
    answer = plane.claim(POOL, asking(wait=5.0))
    assert [(order.run, order.epoch) for order in answer.orders] == [(run.id, 2)]


def test_a_run_whose_process_died_has_crashed_with_the_reason_and_what_it_used(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    worker = uuid4()
    plane.claim(POOL, asking(worker))
    said = RunExit(
        worker=worker,
        run=run.id,
        epoch=1,
        begun=True,
        exit_code=-9,
        reason="Killed by the kernel: out of memory.",
        cpu_seconds=1.5,
        memory_peak=1 << 30,
    )
    plane.report_exit(POOL, said)
    plane.report_exit(POOL, said)
    ended = plane.read_flow_run(run.id)
    assert (ended.state_type, ended.states[-1].message) == (StateType.CRASHED, "Killed by the kernel: out of memory.")
    assert ended.labels == {
        "levada.process.cpu-seconds": 1.5,
        "levada.process.memory-peak-bytes": 1 << 30,
        "levada.process.exit-code": -9,
    }
    assert plane.read_work_pool(POOL).active == 0


def test_a_crashed_run_with_retries_left_waits_again_as_its_next_epoch(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane, crash_retries=1))
    worker = uuid4()
    for epoch in (1, 2):
        (order,) = plane.claim(POOL, asking(worker)).orders
        assert (order.run, order.epoch, order.recalls) == (run.id, epoch, epoch > 1)
        plane.report_exit(POOL, RunExit(worker=worker, run=run.id, epoch=epoch, begun=True, exit_code=1))
    assert plane.read_flow_run(run.id).state_type is StateType.CRASHED


def test_cancelling_a_run_that_waits_ends_it_at_once(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    assert plane.cancel_flow_run(run.id).state_type is StateType.CANCELLED
    assert got(plane.claim(POOL, asking())) == []
    assert plane.read_work_pool(POOL).waiting == 0


def test_cancelling_a_run_that_was_taken_wakes_its_worker_with_a_command(plane: Plane, planes: Pair) -> None:
    (run,) = runs(plane, deploy(plane))
    worker = uuid4()
    plane.claim(POOL, asking(worker))
    held = [Held(run.id, 1)]
    answers: list[ClaimAnswer] = []

    def work() -> None:
        answers.append(plane.claim(POOL, asking(worker, room=0, held=held, wait=30.0)))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: planes.here.claims.waiting == 1)
    assert plane.cancel_flow_run(run.id).state_type is StateType.CANCELLING
    thread.join()
    (command,) = answers[0].commands
    assert (command.kind, command.run, command.epoch) == ("cancel", run.id, 1)
    plane.report_exit(POOL, RunExit(worker=worker, run=run.id, epoch=1, begun=False, cancelled=True))
    assert plane.read_flow_run(run.id).state_type is StateType.CANCELLED
    assert plane.read_work_pool(POOL).active == 0


def test_a_worker_that_has_a_run_of_others_is_told_to_kill_it(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    first, second = uuid4(), uuid4()
    plane.claim(POOL, asking(first))
    plane.forget_worker(POOL, first)
    assert got(plane.claim(POOL, asking(second))) == [run.id]
    (command,) = plane.claim(POOL, asking(first, room=0, held=[Held(run.id, 1)])).commands
    assert (command.kind, command.run) == ("kill", run.id)
    plane.report_exit(POOL, RunExit(worker=first, run=run.id, epoch=1, begun=True, exit_code=-9))
    assert plane.read_flow_run(run.id).state_type is StateType.SCHEDULED


def test_a_worker_goes_on_with_what_a_dead_one_of_its_home_had_taken(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    first, heir = uuid4(), uuid4()
    plane.claim(POOL, asking(first))
    mine = [Held(run.id, 1, [uuid4(), first])]
    assert not plane.claim(POOL, asking(heir, room=0, held=mine)).commands
    plane.forget_worker(POOL, first)  # what it had is not its own any more
    assert not plane.claim(POOL, asking(heir, room=0, held=mine)).commands
    assert got(plane.claim(POOL, asking())) == []
    plane.report_exit(POOL, RunExit(worker=heir, run=run.id, epoch=1, begun=False, reason="no disk"))
    third = plane.claim(POOL, asking(heir, room=0, held=mine))
    assert [command.kind for command in third.commands] == ["kill"]  # what it gave back it does not get back that way


def test_an_heir_may_say_how_a_run_ended_before_it_has_asked(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    first, heir = uuid4(), uuid4()
    plane.claim(POOL, asking(first))
    ended = RunExit(worker=heir, run=run.id, epoch=1, begun=True, exit_code=-9, reason="Killed.", taken_from=[first])
    plane.report_exit(POOL, ended)
    assert plane.read_flow_run(run.id).state_type is StateType.CRASHED


def test_what_was_given_out_in_an_answer_that_was_lost_is_given_out_again_at_once(plane: Plane) -> None:
    (run,) = runs(plane, deploy(plane))
    worker, other = uuid4(), uuid4()
    assert got(plane.claim(POOL, asking(worker))) == [run.id]  # it never hears of this
    assert got(plane.claim(POOL, asking(other))) == []
    assert got(plane.claim(POOL, asking(worker, answer_lost=True))) == [run.id]
    held = [Held(run.id, 1)]
    assert got(plane.claim(POOL, asking(worker, answer_lost=True, held=held))) == []


# Collisions


def test_a_new_run_is_cancelled_when_its_deployment_is_full(plane: Plane) -> None:
    name = deploy(plane, concurrency_limit=1, collision_strategy="cancel_new")
    (first,) = runs(plane, name)
    assert got(plane.claim(POOL, asking())) == [first.id]
    (second,) = runs(plane, name)
    plane.claim(POOL, asking())
    until(lambda: plane.read_flow_run(second.id).state_name == "Skipped")
    ended = plane.read_flow_run(second.id)
    assert ended.state_type is StateType.CANCELLED
    assert repr(first.name) in (ended.states[-1].message or "")


def test_a_new_run_takes_the_place_of_the_one_that_runs(plane: Plane) -> None:
    name = deploy(plane, concurrency_limit=1, collision_strategy="cancel_running")
    (first,) = runs(plane, name)
    worker = uuid4()
    plane.claim(POOL, asking(worker))
    (second,) = runs(plane, name)
    assert got(plane.claim(POOL, asking())) == []
    until(lambda: plane.read_flow_run(first.id).state_type is StateType.CANCELLING)
    plane.report_exit(POOL, RunExit(worker=worker, run=first.id, epoch=1, begun=True, cancelled=True))
    assert got(plane.claim(POOL, asking())) == [second.id]


def test_of_runs_that_wait_only_the_latest_stays(plane: Plane) -> None:
    name = deploy(plane, concurrency_limit=1, collision_strategy="coalesce_latest")
    (first,) = runs(plane, name)
    plane.claim(POOL, asking())
    waiting = runs(plane, name, 3)
    plane.claim(POOL, asking())
    until(lambda: plane.read_flow_run(waiting[1].id).state_name == "Skipped")
    states = [plane.read_flow_run(run.id).state_name for run in [first, *waiting]]
    assert states == ["Scheduled", "Skipped", "Skipped", "Scheduled"]


# Why


def why(plane: Plane, run: FlowRun) -> str:
    found = plane.why(run.id)
    return " ".join([*found.reasons, *found.next_steps])


def test_why_names_what_a_waiting_run_waits_for(plane: Plane) -> None:
    name = deploy(plane, concurrency_limit=1)
    first, second = runs(plane, name, 2)
    assert "No worker of work pool 'press' is online." in why(plane, first)
    assert "levada worker start --pool press" in why(plane, first)
    plane.change_work_pool(POOL, PoolChange(paused=True))
    assert "Work pool 'press' is paused." in why(plane, first)
    assert "levada work-pool resume press" in why(plane, first)
    plane.change_work_pool(POOL, PoolChange(paused=False))
    plane.change_work_queue(POOL, "default", QueueChange(paused=True))
    assert "Queue 'default' of work pool 'press' is paused." in why(plane, first)
    plane.change_work_queue(POOL, "default", QueueChange(paused=False))
    worker = uuid4()
    plane.claim(POOL, asking(worker))
    assert "Worker 'anna' on host mill took it" in why(plane, first)
    assert f"The concurrency limit of its deployment (1) is full, held by {first.name!r}." in why(plane, second)


def test_a_run_whose_version_is_missing_says_so_and_is_skipped_when_it_is_taken(plane: Plane, planes: Pair) -> None:
    name = deploy(plane)
    (run,) = runs(plane, name)
    deploy(plane, code=Code(entrypoint="flows.py:paper", path="/srv/new"))
    with planes.here.store.write() as transaction:
        transaction.execute("DELETE FROM deployment_versions WHERE number = ?", (1,))
    assert f"Deployment {name} has no version 1." in why(plane, run)
    assert got(plane.claim(POOL, asking())) == []
    until(lambda: plane.read_flow_run(run.id).state_name == "Skipped")
    assert f"Deployment {name} has no version 1." in why(plane, run)


def test_why_names_needs_queues_and_those_that_come_before(plane: Plane) -> None:
    plane.claim(POOL, asking(room=0, offer=Offer(cpu=2)))
    (large,) = runs(plane, deploy(plane, "large", needs=Needs(cpu=4)))
    assert "No worker that is online offers what it needs: cpu 4 (the most offered is 2)." in why(plane, large)
    plane.cancel_flow_run(large.id)
    first, second = runs(plane, deploy(plane), 2)
    assert "It is the next one; all workers that could take it are busy." in why(plane, first)
    assert "1 run comes before it in work pool 'press'" in why(plane, second)
    plane.create_work_queue(POOL, QueueSpec(name="urgent"))
    plane.move_in_queue(second.id, queue="urgent")
    (worker,) = plane.read_workers(POOL)
    plane.claim(POOL, asking(worker.id, room=0, queues=["urgent"]))
    assert "No worker online takes runs of queue 'default'" in why(plane, first)
    (later,) = runs(plane, "paper/print", scheduled_time=datetime.now(UTC) + timedelta(hours=2))
    assert "Its time comes in 1 hour" in why(plane, later)


@pytest.mark.parametrize("limit", ["pool", "queue", "tag"])
def test_why_names_the_limit_that_is_full_and_who_holds_it(plane: Plane, planes: Pair, limit: str) -> None:
    if limit == "pool":
        plane.change_work_pool(POOL, PoolChange(slots=1))
    elif limit == "queue":
        plane.change_work_queue(POOL, "default", QueueChange(slots=1))
    else:
        planes.here.limits.upsert("tag:ink", 1)
    first, second = runs(plane, deploy(plane, tags=["ink"]), 2)
    plane.claim(POOL, asking())
    what = {"pool": "limit of work pool 'press'", "queue": "limit of queue 'default'", "tag": "limit 'tag:ink'"}[limit]
    assert f"{what} (1) is full, held by {first.name!r}." in why(plane, second)
    if limit == "tag":
        planes.here.limits.delete("tag:ink")
