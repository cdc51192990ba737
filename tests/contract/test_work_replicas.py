"""Several replicas give runs of one pool out at the same time: none twice, no limit exceeded, none forgotten."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest

from levada.control import ControlPlane
from levada.control.commands import commands_for
from levada.core.settings import DatabaseSettings
from levada.core.states import StateType
from levada.store.opening import open_store
from levada.wire.changes import NewFlowRun
from levada.wire.deployments import Code, NewDeployment, NewDeploymentRun
from levada.wire.filters import FlowRunQuery
from levada.wire.pools import ClaimRequest, Held, PoolSpec, RunExit
from tests.contract.stored import take_in
from tests.postgres import database
from tests.unit.control import records as make

POOL = "press"
REPLICAS, WORKERS, RUNS = 3, 12, 120
LIMIT, TAG_LIMIT = 4, 3


@pytest.fixture
def planes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ControlPlane]]:
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        url = stack.enter_context(database(request.getfixturevalue("postgres_server_url")))
        stores = [open_store(home, DatabaseSettings(url=url)) for _ in range(REPLICAS)]
        yield [stack.enter_context(ControlPlane(home, store)) for store in stores]


class Floor:
    """What is held at each moment, as the workers see it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.taken: list[UUID] = []

    def take(self, run: UUID, kind: str) -> None:
        with self.lock:
            self.taken.append(run)
            self.held[kind] += 1
            self.most[kind] = max(self.most[kind], self.held[kind])

    def leave(self, kind: str) -> None:
        with self.lock:
            self.held[kind] -= 1


def test_replicas_give_each_run_to_one_worker_and_keep_every_limit(planes: list[ControlPlane]) -> None:
    first = planes[0]
    first.create_work_pool(PoolSpec(name=POOL))
    first.create_work_pool(PoolSpec(name="loom"))
    first.limits.create("tag:ink", TAG_LIMIT)
    code = Code(entrypoint="flows.py:paper", path="/srv")
    first.deploy(NewDeployment(flow_name="paper", name="limited", code=code, pool=POOL, concurrency_limit=LIMIT))
    kinds: dict[UUID, str] = {}
    for number in range(RUNS):
        kind = ("limited", "ink", "free")[number % 3]
        if kind == "limited":
            run = first.run_deployment("paper/limited", NewDeploymentRun()).id
        else:
            pool = POOL if number % 2 else "loom"
            tags = ["ink"] if kind == "ink" else []
            run = first.create_flow_run(NewFlowRun(flow_name="other", work_pool_name=pool, tags=tags)).id
        kinds[run] = kind
    floor, problems = Floor(), list[BaseException]()

    def work(number: int) -> None:
        dice = random.Random(number)
        plane, worker = planes[number % REPLICAS], uuid4()
        pool = "loom" if number % 4 == 3 else POOL
        idle = 0
        while idle < 3:
            answer = plane.claim(
                pool, ClaimRequest(worker=worker, name=f"w{number}", room=dice.randint(1, 3), wait=0.3)
            )
            idle = 0 if answer.orders else idle + 1
            for order in answer.orders:
                floor.take(order.run, kinds[order.run])
            for order in answer.orders:
                floor.leave(
                    kinds[order.run]
                )  # before it is told: what the others hold is then told too late, never too early
                plane.report_exit(pool, RunExit(worker=worker, run=order.run, epoch=1, begun=True, exit_code=1))

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(floor.taken) == len(set(floor.taken)) == RUNS
    assert floor.most["limited"] <= LIMIT
    assert floor.most["ink"] <= TAG_LIMIT
    states = first.flow_run_state_counts(FlowRunQuery())
    assert states == {StateType.CRASHED: RUNS}
    assert [(pool.waiting, pool.active) for pool in first.read_work_pools()] == [(0, 0), (0, 0)]


def test_a_run_made_at_one_replica_wakes_a_worker_at_another(planes: list[ControlPlane]) -> None:
    planes[0].create_work_pool(PoolSpec(name=POOL))
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(planes[1].claim(POOL, ClaimRequest(worker=uuid4(), name="w", wait=30.0)))
    )
    thread.start()
    made = planes[0].create_flow_run(NewFlowRun(flow_name="paper", work_pool_name=POOL))
    thread.join(20)
    assert [order.run for order in answers[0].orders] == [made.id]


def test_a_run_of_an_answer_that_was_lost_is_given_out_again(planes: list[ControlPlane]) -> None:
    plane, worker = planes[0], uuid4()
    plane.create_work_pool(PoolSpec(name=POOL))
    made = plane.create_flow_run(NewFlowRun(flow_name="paper", work_pool_name=POOL))
    assert plane.claim(POOL, ClaimRequest(worker=worker, name="w")).orders
    assert plane.claim(POOL, ClaimRequest(worker=worker, name="w")).orders == []

    def an_age_ago() -> None:
        with plane.store.write() as transaction:
            transaction.execute("UPDATE work SET since = since - 40000000")

    an_age_ago()
    assert plane.claim(POOL, ClaimRequest(worker=worker, name="w", held=[Held(made.id, 1)])).orders == []
    again = plane.claim(POOL, ClaimRequest(worker=worker, name="w"))
    assert [order.run for order in again.orders] == [made.id]


def test_a_worker_whose_run_begins_between_two_reads_is_not_told_to_kill_it(planes: list[ControlPlane]) -> None:
    plane, other = planes[:2]
    worker = uuid4()
    plane.create_work_pool(PoolSpec(name=POOL))
    made = plane.create_flow_run(NewFlowRun(flow_name="paper", work_pool_name=POOL))
    [order] = plane.claim(POOL, ClaimRequest(worker=worker, name="w")).orders

    class Passing(list[Held]):
        """Held runs of which the only one begins when they are gone through for the second time."""

        times = 0

        def __iter__(self) -> Iterator[Held]:
            self.times += 1
            if self.times == 2:
                take_in(other.store, make.run_opened(made.id.bytes, make.new_id(), epoch=order.epoch))
            return super().__iter__()

    held = Passing([Held(made.id, order.epoch)])
    with plane.store.write() as transaction:
        told = commands_for(transaction, worker.bytes, held)
    assert plane.read_flow_run(made.id).writer is not None  # it has begun
    assert told == []
