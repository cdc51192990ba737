"""Services on both databases, and several of each at once: everything is done once, whoever does it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from levada.control import ControlPlane
from levada.control.services.base import Service
from levada.control.services.bulk_jobs import BulkJobs
from levada.control.services.host import ServiceHost
from levada.control.services.late_runs import LateRuns
from levada.control.services.lease_reconciler import LeaseReconciler
from levada.control.services.limit_waiters import LimitWaiters
from levada.control.services.outbox import Outbox
from levada.control.services.pause_expiry import PauseExpiry
from levada.core import faults
from levada.core.limits import Asker, Grant, Verdict, new_lease
from levada.core.settings import DatabaseSettings, Settings
from levada.core.states import StateType
from levada.store.opening import open_store
from levada.testing import eventually
from levada.wire.changes import BulkAction, NewFlowRun, ProposedState
from levada.wire.events import Event, EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.ingest import IngestBatch
from tests.unit.control import records as make

SECOND = 1_000_000
LEASE = 20 * SECOND


@pytest.fixture(params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, levada_home: Path) -> Iterator[list[ControlPlane]]:
    """Three control planes on one database, as three replicas have them."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    settings = DatabaseSettings(url=url)
    made = [ControlPlane(levada_home, open_store(levada_home, settings)) for _ in range(3)]
    clean(made[0])
    yield made
    for plane in made:
        plane.close()


@pytest.fixture
def plane(planes: list[ControlPlane]) -> ControlPlane:
    return planes[0]


def clean(plane: ControlPlane) -> None:
    """A database of PostgreSQL is shared by the tests of this module."""

    def work(transaction: Any) -> None:
        for table in (
            "flow_runs",
            "task_runs",
            "events",
            "writers",
            "limits",
            "leases",
            "waiters",
            "meta",
            "bulk_jobs",
        ):
            transaction.execute(f"DELETE FROM {table}")

    plane.store.transact(work)


def made(kind: type[Service[Any]], plane: ControlPlane) -> Any:
    return kind.configured(plane, Settings())


def on_all(planes: list[ControlPlane], work: Any) -> list[Any]:
    """Do something on all replicas at the same moment."""
    barrier, results = threading.Barrier(len(planes)), []

    def one(plane: ControlPlane) -> None:
        barrier.wait(10)
        results.append(work(plane))

    threads = [threading.Thread(target=one, args=(plane,)) for plane in planes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def report(plane: ControlPlane, writer: bytes, **opening: Any) -> bytes:
    """A process says that it runs a flow with a task."""
    run, task = make.new_id(), make.new_id()
    records = [
        make.run_opened(run, writer, host="there", pid=7, **opening),
        make.run_state(run, StateType.RUNNING, 2),
        make.task_opened(task, run),
        make.task_state(task, run, StateType.RUNNING, 2),
    ]
    plane.take_in(batch(writer, records))
    return run


def batch(writer: bytes, records: list[Any], first: int = 1) -> IngestBatch:
    import msgspec  # lazy: only here

    raw = [(number, msgspec.Raw(msgspec.msgpack.encode(record))) for number, record in enumerate(records, first)]
    return IngestBatch(writer=writer, records=raw, host="there", pid=7)


def now_of(plane: ControlPlane) -> int:
    with plane.store.read() as transaction:
        return transaction.now


def state_of(plane: ControlPlane, run: bytes) -> StateType | None:
    return plane.read_flow_run(run).state_type


# Leases


def watching(plane: ControlPlane) -> Any:
    """A reconciler that has been there for longer than a lease."""
    service = made(LeaseReconciler, plane)
    now = now_of(plane)
    for moment in range(now - 3 * LEASE, now + SECOND, 2 * SECOND):
        service.run_once(moment)
    return service


def live_on(service: Any, start: int, until: int) -> None:
    for moment in range(start, until, 2 * SECOND):
        service.run_once(moment)


def test_what_a_silent_process_left_open_has_crashed_with_the_reason(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer)
    now = now_of(plane)
    live_on(service, now, now + LEASE - SECOND)
    assert state_of(plane, run) is StateType.RUNNING
    live_on(service, now + LEASE - SECOND, now + LEASE + 4 * SECOND)
    found = plane.read_flow_run(run)
    assert found.state_type is StateType.CRASHED
    assert "Process 7 on host there is gone" in str(found.states[-1].message)
    assert "its lease is 20 seconds" in str(found.states[-1].details)
    assert plane.task_run_state_counts(run) == {StateType.CRASHED: 1}
    with plane.store.read() as transaction:
        row = transaction.writers.find(writer)
        assert row is not None
        assert row.expires is None


def test_a_zombie_that_comes_back_is_fenced_and_changes_no_state(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer)
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    late = batch(writer, [make.run_state(run, StateType.COMPLETED, 3, at=now_of(plane) + 2 * LEASE)], first=5)
    late.running = [(run, 1)]
    answer = plane.take_in(late)
    assert [(command.kind, command.run) for command in answer.commands] == [("fenced", run)]
    assert state_of(plane, run) is StateType.CRASHED


def test_a_crashed_run_is_scheduled_again_as_often_as_its_flow_says(plane: ControlPlane) -> None:
    service = watching(plane)
    run = report(plane, make.new_id(), crash_retries=1)
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    found = plane.read_flow_run(run)
    assert (found.state_name, found.epoch) == ("AwaitingRetry", 2)
    assert [state.name for state in found.states[-2:]] == ["Crashed", "AwaitingRetry"]
    assert "Process 7 on host there is gone; this is crash retry 1 of 1." in str(found.states[-1].message)
    assert plane.task_run_state_counts(run) == {StateType.CRASHED: 1}
    why = plane.why(run)
    assert any("waits to be taken up" in reason for reason in why.reasons)
    assert why.next_steps[0] == f"levada flow-run resume {found.id}"
    made(Outbox, plane).run_once(now_of(plane))
    page = plane.read_events(EventQuery(resource_ids=[f"levada.flow-run.{found.id}"], oldest_first=True))
    events = [event.event for event in page.items]
    assert events[-2:] == ["levada.flow-run.Crashed", "levada.flow-run.AwaitingRetry"]
    taker = make.new_id()
    plane.take_in(
        batch(taker, [make.run_opened(run, taker, epoch=3), make.run_state(run, StateType.RUNNING, 2, epoch=3)])
    )
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    assert state_of(plane, run) is StateType.CRASHED


def test_a_run_that_had_ended_before_its_process_was_given_up_is_not_executed_again(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer, crash_retries=1)
    ended = now_of(plane)
    live_on(service, ended, ended + LEASE + 4 * SECOND)
    plane.take_in(batch(writer, [make.run_state(run, StateType.COMPLETED, 3, at=ended)], first=5))
    found = plane.read_flow_run(run)
    assert (found.state_type, found.epoch) == (StateType.COMPLETED, 1)


def test_the_zombie_of_a_run_that_is_scheduled_again_is_fenced(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer, crash_retries=1)
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    late = batch(writer, [make.run_state(run, StateType.COMPLETED, 3, at=now_of(plane) + 2 * LEASE)], first=5)
    late.running = [(run, 1)]
    assert [(command.kind, command.run) for command in plane.take_in(late).commands] == [("fenced", run)]
    assert plane.read_flow_run(run).state_name == "AwaitingRetry"


@pytest.mark.parametrize("why", ["subflow", "cancelling", "default"])
def test_what_is_not_to_be_begun_again_stays_crashed(plane: ControlPlane, why: str) -> None:
    service = watching(plane)
    parent = {"parent_run": make.new_id()} if why == "subflow" else {}
    run = report(plane, make.new_id(), crash_retries=0 if why == "default" else 3, **parent)
    if why == "cancelling":
        plane.cancel_flow_run(run)
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    assert state_of(plane, run) is StateType.CRASHED


def test_a_created_run_says_how_often_it_may_crash(plane: ControlPlane) -> None:
    service = watching(plane)
    run, writer = plane.create_flow_run(NewFlowRun(flow_name="etl", crash_retries=1)).id.bytes, make.new_id()
    plane.take_in(batch(writer, [make.run_opened(run, writer), make.run_state(run, StateType.RUNNING, 2)]))
    live_on(service, now_of(plane), now_of(plane) + LEASE + 4 * SECOND)
    assert plane.read_flow_run(run).state_name == "AwaitingRetry"


def test_after_an_outage_of_the_control_plane_everybody_gets_a_fresh_lease(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer)
    back = now_of(plane) + 3600 * SECOND
    other = made(LeaseReconciler, plane)  # a server that starts an hour later; the process is still at work
    assert other.run_once(back).counts["outages"] == 1
    live_on(service, back + 2 * SECOND, back + LEASE)
    assert state_of(plane, run) is StateType.RUNNING
    live_on(other, back + LEASE, back + LEASE + 4 * SECOND)
    assert state_of(plane, run) is StateType.CRASHED


def test_a_clock_that_jumps_crashes_nobody(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    run = report(plane, writer)
    now = now_of(plane)
    assert service.run_once(now + 600 * SECOND).done == 0
    assert service.run_once(now + 601 * SECOND).done == 0
    assert service.run_once(now).done == 0  # and back again
    with plane.store.read() as transaction:
        row = transaction.writers.find(writer)
        assert row is not None
        assert row.expires is not None
        assert row.expires <= now + 2 * LEASE
    assert state_of(plane, run) is StateType.RUNNING


def test_three_replicas_judge_a_lost_process_once(planes: list[ControlPlane]) -> None:
    service = watching(planes[0])
    writers = [make.new_id() for _ in range(10)]
    runs = [report(planes[number % 3], writer) for number, writer in enumerate(writers)]
    now = now_of(planes[0])
    live_on(service, now, now + LEASE - SECOND)
    services = {id(plane): made(LeaseReconciler, plane) for plane in planes}
    results = on_all(planes, lambda plane: services[id(plane)].run_once(now + LEASE + 2 * SECOND))
    assert sum(result.counts["processes_lost"] for result in results) == 10
    assert sum(result.counts["runs_crashed"] for result in results) == 10
    for run in runs:
        crashed = [state for state in planes[0].read_flow_run(run).states if state.type is StateType.CRASHED]
        assert len(crashed) == 1
    found = planes[0].read_events(EventQuery(event_prefixes=["levada.flow-run.Crashed"])).items
    assert len(found) == 10


def test_slots_of_a_lost_process_are_free_and_a_waiter_is_woken(plane: ControlPlane) -> None:
    service = watching(plane)
    writer = make.new_id()
    report(plane, writer)
    plane.limits.create("db", 1)
    assert isinstance(plane.limits.acquire(["db"], 1, Asker(writer)), Grant)
    heard: list[tuple[str, str]] = []
    stop = plane.store.listen(lambda topic, text: heard.append((topic, text)))
    now = now_of(plane)
    live_on(service, now, now + LEASE + 4 * SECOND)
    eventually(lambda: ("limits", "db") in heard)
    stop()
    assert isinstance(plane.limits.acquire(["db"], 1, Asker()), Grant)


# The outbox


def test_three_hosts_dispatch_every_event_once_without_gaps(planes: list[ControlPlane]) -> None:
    hosts = [ServiceHost(plane, Settings(), services=[made(Outbox, plane)]) for plane in planes]
    for host in hosts:
        host.start()

    def emit(plane: ControlPlane) -> None:
        for number in range(30):
            identifier = UUID(bytes=make.new_id())
            event = Event(id=identifier, occurred=datetime.now(UTC), event=f"e{number}", resource={"id": "thing.1"})
            plane.emit_events([event])

    on_all(planes, emit)

    def positions() -> list[int]:
        with planes[0].store.read() as transaction:
            return [row.position or 0 for row in transaction.events.after(0, 1000)]

    eventually(lambda: len(positions()) == 90)
    assert positions() == list(range(1, 91))
    assert all(host.stop(5) for host in hosts)
    assert sum(host.services[0].figures.done for host in hosts) == 90


# Late runs, pauses, bulk jobs


def test_a_run_that_nobody_started_in_time_is_late_once(planes: list[ControlPlane]) -> None:
    past = datetime.now(UTC) - timedelta(minutes=5)
    late = planes[0].create_flow_run(NewFlowRun(flow_name="etl", scheduled_time=past))
    soon = planes[0].create_flow_run(NewFlowRun(flow_name="etl"))
    services = {id(plane): made(LateRuns, plane) for plane in planes}
    results = on_all(planes, lambda plane: services[id(plane)].run_once(services[id(plane)].moment()))
    assert sum(result.done for result in results) == 1
    found = planes[0].read_flow_run(late.id)
    assert (found.state_type, found.state_name) == (StateType.SCHEDULED, "Late")
    assert "It is in no work pool" in str(found.states[-1].message)
    assert len(planes[0].read_events(EventQuery(event_prefixes=["levada.flow-run.Late"])).items) == 1
    assert found.expected_start_time == late.expected_start_time
    assert planes[0].read_flow_run(soon.id).state_name == "Scheduled"


def test_a_pause_that_is_over_has_failed_once(planes: list[ControlPlane]) -> None:
    plane = planes[0]
    writer = make.new_id()
    run = report(plane, writer)
    plane.set_flow_run_state(run, ProposedState(type=StateType.PAUSED, name="Suspended", pause_timeout=0.0))
    plane.take_in(IngestBatch(writer=writer, closing=True))
    services = {id(each): made(PauseExpiry, each) for each in planes}
    before = services[id(plane)].run_once(now_of(plane))
    assert before.done == 0  # its process has a moment to say so itself
    results = on_all(planes, lambda each: services[id(each)].run_once(now_of(each) + 11 * SECOND))
    assert sum(result.done for result in results) == 1
    found = plane.read_flow_run(run)
    assert found.state_type is StateType.FAILED
    assert len(plane.read_events(EventQuery(event_prefixes=["levada.flow-run.Failed"])).items) == 1
    assert "not resumed before" in str(found.states[-1].message)


def test_a_bulk_job_is_worked_off_by_whoever_is_there(planes: list[ControlPlane]) -> None:
    for _ in range(7):
        planes[0].create_flow_run(NewFlowRun(flow_name="etl"))
    job = planes[0].start_bulk(BulkAction(action="cancel", query=FlowRunQuery(flow_names=["etl"])))
    services = [made(BulkJobs, plane) for plane in planes]
    eventually(lambda: [each.turn() for each in services] and planes[0].read_bulk(job.id).state == "completed")
    assert planes[0].read_bulk(job.id).done == 7


# Limits


def test_a_limit_is_never_exceeded_while_three_replicas_give_its_slots(planes: list[ControlPlane]) -> None:
    planes[0].limits.create("db", 4)
    planes[0].limits.create("api", 6)

    def take(plane: ControlPlane) -> list[Grant | Verdict]:
        names = [["db", "api"], ["api", "db"], ["db"], ["api"]]
        return [plane.limits.acquire(names[number % 4], 1, Asker()) for number in range(8)]

    granted = [each for answers in on_all(planes, take) for each in answers if isinstance(each, Grant)]
    held = {view.name: view.active_slots for view in planes[0].limits.read_all()}
    assert held["db"] == 4
    assert held["api"] <= 6
    assert sum("db" in grant.names for grant in granted) == 4


def test_a_freed_slot_wakes_who_waits_on_another_replica(planes: list[ControlPlane]) -> None:
    planes[0].limits.create("db", 1)
    held = planes[0].limits.acquire(["db"], 1, Asker())
    assert isinstance(held, Grant)
    assert held.lease is not None
    waiting = new_lease(now_of(planes[0]), bytes(8))
    assert isinstance(planes[0].limits.acquire(["db"], 1, Asker(), lease=waiting), Verdict)
    woken = threading.Event()
    stop = planes[0].store.listen(lambda topic, text: woken.set() if (topic, text) == ("limits", "db") else None)
    planes[0 if planes[0].store.__class__.__name__ == "SqliteStore" else 1].limits.release(held.lease)
    assert woken.wait(10)
    stop()
    assert isinstance(planes[2].limits.acquire(["db"], 1, Asker(), lease=waiting), Grant)


def test_an_urgent_wait_goes_before_an_older_one_on_every_replica(planes: list[ControlPlane]) -> None:
    planes[0].limits.create("db", 1)
    held = planes[0].limits.acquire(["db"], 1, Asker())
    assert isinstance(held, Grant)
    assert held.lease is not None
    early, late = new_lease(now_of(planes[0]), bytes(8)), new_lease(now_of(planes[0]), b"\1" * 8)
    assert isinstance(planes[0].limits.acquire(["db"], 1, Asker(), lease=early), Verdict)
    assert isinstance(planes[1].limits.acquire(["db"], 1, Asker(priority=9), lease=late), Verdict)
    assert [waiter.priority for waiter in planes[2].limits.read("db").waiters] == [9, 0]
    planes[0].limits.release(held.lease)
    assert isinstance(planes[0].limits.acquire(["db"], 1, Asker(), lease=early), Verdict)
    assert isinstance(planes[1].limits.acquire(["db"], 1, Asker(priority=9), lease=late), Grant)


def test_slots_that_nobody_gives_back_are_taken_back_by_one_replica(planes: list[ControlPlane]) -> None:
    planes[0].limits.create("db", 2)
    for _ in range(2):
        planes[0].limits.acquire(["db"], 1, Asker(), lease_seconds=5)
    services = {id(plane): made(LimitWaiters, plane) for plane in planes}
    results = on_all(planes, lambda plane: services[id(plane)].run_once(now_of(plane) + 6 * SECOND))
    assert sum(result.counts["leases_ended"] for result in results) == 2
    assert planes[0].limits.read("db").active_slots == 0


# Killed anywhere


class Killed(BaseException):
    """A replica died at this point."""


def kill_at(point: str) -> None:
    def die() -> None:
        faults.disarm(point)
        raise Killed

    faults.arm(point, die)


@pytest.mark.parametrize("point", ["control.leases.before_note", "control.leases.before_commit"])
def test_a_reconciler_killed_anywhere_leaves_nothing_half_done(planes: list[ControlPlane], point: str) -> None:
    service = watching(planes[0])
    run = report(planes[0], make.new_id())
    now = now_of(planes[0])
    live_on(service, now, now + LEASE - SECOND)
    moment = now + LEASE + 3 * SECOND
    kill_at(point)
    with pytest.raises(Killed):
        service.run_once(moment)
    assert state_of(planes[1], run) is StateType.RUNNING
    other = made(LeaseReconciler, planes[1])
    live_on(other, moment, moment + 4 * SECOND)
    assert state_of(planes[1], run) is StateType.CRASHED
    assert planes[1].task_run_state_counts(run) == {StateType.CRASHED: 1}
    assert len(planes[1].read_events(EventQuery(event_prefixes=["levada.flow-run.Crashed"])).items) == 1


def test_an_outbox_killed_before_its_commit_gives_no_position_twice(planes: list[ControlPlane]) -> None:
    planes[0].emit_events(
        [
            Event(id=UUID(bytes=make.new_id()), occurred=datetime.now(UTC), event="e", resource={"id": "thing.1"})
            for _ in range(5)
        ]
    )
    kill_at("control.outbox.before_commit")
    with pytest.raises(Killed):
        made(Outbox, planes[0]).run_once(0)
    assert made(Outbox, planes[1]).run_once(0).done == 5
    with planes[2].store.read() as transaction:
        assert [row.position for row in transaction.events.after(0, 10)] == [1, 2, 3, 4, 5]


# Slots under chaos


def test_free_slots_are_the_limit_less_the_living_holders_whoever_is_killed(planes: list[ControlPlane]) -> None:
    """Holders on three replicas take, renew and give back slots, and die at random; nothing is lost or given twice."""
    slots, chance = 4, random.Random(7)
    planes[0].limits.create("db", slots)
    living: dict[bytes, Grant] = {}
    guard = threading.Lock()

    def live(plane: ControlPlane, seed: int) -> None:
        luck = random.Random(seed)
        for _ in range(40):
            writer = make.new_id()
            plane.take_in(IngestBatch(writer=writer, host="there", pid=7))
            grant = plane.limits.acquire(["db"], 1, Asker(writer))
            if not isinstance(grant, Grant):
                continue
            assert grant.lease is not None
            with guard:
                living[writer] = grant
                assert len(living) <= slots
            plane.limits.renew(grant, Asker(writer))
            with guard:
                del living[writer]
            if luck.random() < 0.4:
                plane.take_in(IngestBatch(writer=writer, ended=True))  # killed; what is left of it was shipped
            else:
                plane.limits.release(grant.lease)

    seeds = {id(plane): chance.random() for plane in planes}
    on_all(planes, lambda plane: live(plane, int(seeds[id(plane)] * 1e9)))
    made(LimitWaiters, planes[0]).run_once(now_of(planes[0]))
    assert planes[0].limits.read("db").active_slots == len(living) == 0
    assert all(isinstance(planes[2].limits.acquire(["db"], 1, Asker()), Grant) for _ in range(slots))
    assert isinstance(planes[2].limits.acquire(["db"], 1, Asker()), Verdict)
