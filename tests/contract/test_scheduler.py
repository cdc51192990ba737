"""The scheduler on both databases: each time is run once, whoever races; what was missed is caught up as declared."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from levada.control import ControlPlane
from levada.control.services.backfiller import Backfiller
from levada.control.services.base import Result
from levada.control.services.host import ServiceHost
from levada.control.services.scheduler import Scheduler
from levada.core.settings import DatabaseSettings, Settings
from levada.core.states import StateType, us_of
from levada.store.opening import open_store
from levada.store.sql.schedules import ScheduleTable
from levada.testing import eventually
from levada.wire.changes import ProposedState
from levada.wire.deployments import (
    Code,
    CronTiming,
    DeploymentChange,
    IntervalTiming,
    NewBackfill,
    NewDeployment,
    ScheduleChange,
    ScheduleSpec,
    Timing,
)
from levada.wire.events import Event, EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun
from levada.wire.pools import DEFAULT_AGENT_POOL
from tests.unit.control.stores import postgres_with_tables

__all__ = ["postgres_with_tables"]

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
MINUTELY = CronTiming("* * * * *")
SECONDLY = CronTiming("* * * * * *")


@pytest.fixture(params=["sqlite", "postgres"])
def planes(request: pytest.FixtureRequest, levada_home: Path) -> Iterator[list[ControlPlane]]:
    """Two control planes on one database, as two replicas have them, with nothing in it."""
    url = request.getfixturevalue("postgres_with_tables") if request.param == "postgres" else None
    made = [ControlPlane(levada_home, open_store(levada_home, DatabaseSettings(url=url))) for _ in range(2)]
    tables = (
        "schedules",
        "occurrences",
        "backfills",
        "deployments",
        "deployment_versions",
        "work",
        "flow_runs",
        "events",
    )
    made[0].store.transact(
        lambda transaction: [transaction.execute(f"DELETE FROM {table}") for table in (*tables, "events")]
    )
    yield made
    for plane in made:
        plane.close()


@pytest.fixture
def plane(planes: list[ControlPlane]) -> ControlPlane:
    return planes[0]


def deploy(plane: ControlPlane, timing: Timing, name: str = "etl", **fields: Any) -> UUID:
    """A deployment with one schedule; the id of the schedule."""
    spec = ScheduleSpec(timing=timing, slug="it", **fields)
    code = Code(entrypoint="etl.py:etl", path="/srv/code", digest="d1")
    new = NewDeployment(flow_name="etl", name=name, code=code, pool=DEFAULT_AGENT_POOL, schedules=[spec])
    return plane.deploy(new).schedules[0].id


def away_since(plane: ControlPlane, schedule: UUID, moment: datetime) -> None:
    """As if no server had been there since a moment, which is the next time of the schedule."""
    us = us_of(moment)
    plane.store.transact(lambda transaction: ScheduleTable(transaction).move(schedule.bytes, us, us))


def turns(plane: ControlPlane) -> dict[str, int]:
    """What the scheduler does until nothing is due."""
    service = Scheduler.configured(plane, Settings())
    counts: dict[str, int] = {}
    while True:
        result: Result = service.run_once(service.moment())
        for name, count in result.counts.items():
            counts[name] = counts.get(name, 0) + count
        if not result.more:
            return counts


def runs_of(plane: ControlPlane) -> list[FlowRun]:
    found: list[FlowRun] = []
    query = FlowRunQuery(flow_names=["etl"], limit=200)
    while True:
        page = plane.read_flow_runs(query)
        found += page.items
        if page.next is None:
            return sorted(found, key=lambda run: run.data_interval or ())
        query = replace(query, cursor=page.next)


def starts_of(plane: ControlPlane) -> list[datetime]:
    return [run.data_interval[0] for run in runs_of(plane) if run.data_interval is not None]


def events_of(plane: ControlPlane, name: str) -> list[Event]:
    found: list[Event] = plane.read_events(EventQuery(event_prefixes=[name], limit=100)).items
    return found


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def test_a_time_that_has_come_makes_a_run_with_its_interval(plane: ControlPlane) -> None:
    schedule = deploy(plane, MINUTELY, parameters={"day": 1}, priority=7)
    nominal = this_minute()
    away_since(plane, schedule, nominal)
    turns(plane)
    run = runs_of(plane)[-1]
    assert run.data_interval == (nominal, nominal + MINUTE)
    assert run.priority == 7
    assert run.state_type is StateType.SCHEDULED
    following = plane.read_deployment("etl/etl").schedules[0].next
    assert following is not None
    assert following > datetime.now(UTC)
    assert turns(plane) == {}, "nothing is due"


@pytest.mark.parametrize(
    ("catchup", "most", "caught"), [("none", 1000, 0), ("last", 1000, 1), ("all", 1000, 9), ("all", 4, 4)]
)
def test_times_that_nobody_attended_are_caught_up_as_declared_once(
    plane: ControlPlane, catchup: Any, most: int, caught: int
) -> None:
    step = timedelta(hours=1)
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    schedule = deploy(plane, IntervalTiming(3600, anchor=anchor), catchup=catchup, catchup_most=most)
    away_since(plane, schedule, anchor - 8 * step)
    counts = turns(plane)
    assert (counts["made"], counts["caught_up"], counts["missed"]) == (caught, caught, 9)
    assert starts_of(plane) == [anchor - back * step for back in reversed(range(caught))]
    (event,) = events_of(plane, "levada.schedule.missed")
    assert event.payload["missed"] == 9
    assert event.payload["caught_up"] == caught
    assert turns(plane) == {}
    assert plane.read_deployment("etl/etl").schedules[0].next == anchor + step


def test_a_long_catch_up_goes_on_in_several_transactions_and_is_told_once(plane: ControlPlane) -> None:
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
    schedule = deploy(plane, IntervalTiming(300, anchor=anchor), catchup="all", catchup_most=1200)
    away_since(plane, schedule, anchor - timedelta(seconds=300 * 1999))
    counts = turns(plane)
    assert counts["made"] == counts["caught_up"] == 1200
    assert len(events_of(plane, "levada.schedule.missed")) == 1
    starts = starts_of(plane)
    assert len(set(starts)) == 1200
    assert max(starts) == anchor


def test_a_paused_deployment_makes_nothing_and_catches_nothing_up(plane: ControlPlane) -> None:
    deploy(plane, SECONDLY, catchup="all")
    plane.change_deployment("etl/etl", DeploymentChange(paused=True))
    turns(plane)
    before = len(runs_of(plane))
    eventually(lambda: datetime.now(UTC).microsecond < 500_000)
    assert turns(plane) == {}
    resumed = datetime.now(UTC)
    plane.change_deployment("etl/etl", DeploymentChange(paused=False))
    eventually(lambda: turns(plane).get("made", 0) > 0)
    made = starts_of(plane)[before:]
    assert min(made) >= resumed.replace(microsecond=0)
    assert events_of(plane, "levada.schedule.missed") == []


def test_a_time_at_which_too_many_runs_have_not_ended_is_skipped(plane: ControlPlane) -> None:
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
    schedule = deploy(plane, IntervalTiming(300, anchor=anchor), catchup="all", max_active_runs=2)
    away_since(plane, schedule, anchor - timedelta(minutes=20))
    counts = turns(plane)
    assert (counts["made"], counts["skipped"]) == (2, 3)
    for run in runs_of(plane):
        plane.set_flow_run_state(run.id, ProposedState(type=StateType.COMPLETED, force=True))
    plane.change_schedule(schedule, ScheduleChange(spec=ScheduleSpec(timing=SECONDLY, slug="it", max_active_runs=2)))
    eventually(lambda: turns(plane).get("made", 0) > 0)


def test_a_run_that_cannot_be_made_is_told_and_does_not_stop_the_schedule(plane: ControlPlane) -> None:
    schedule = deploy(plane, MINUTELY, catchup="last")
    spec = replace(plane.read_deployment("etl/etl").spec, schedules=None)
    schema = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
    plane.deploy(replace(spec, parameter_schema=schema))
    away_since(plane, schedule, this_minute() - 5 * MINUTE)
    assert turns(plane)["refused"] >= 1
    assert runs_of(plane) == []
    assert "day" in events_of(plane, "levada.schedule.refused")[0].payload["problem"]
    assert plane.read_deployment("etl/etl").schedules[0].next is not None


def test_editing_a_schedule_that_is_due_uses_the_new_rule(plane: ControlPlane) -> None:
    schedule = deploy(plane, MINUTELY, catchup="all")
    away_since(plane, schedule, this_minute() - 10 * MINUTE)
    yearly = ScheduleSpec(timing=CronTiming("0 0 1 1 *"), slug="it", catchup="all")
    plane.change_schedule(schedule, ScheduleChange(spec=yearly))
    assert turns(plane) == {}
    assert runs_of(plane) == []


def test_deploying_again_with_the_same_rule_keeps_what_is_due(plane: ControlPlane) -> None:
    schedule = deploy(plane, MINUTELY, catchup="all")
    moment = this_minute() - 10 * MINUTE
    away_since(plane, schedule, moment)
    assert deploy(plane, MINUTELY, catchup="all", parameters={"day": 2}) == schedule
    assert turns(plane)["missed"] >= 9
    assert starts_of(plane)[0] == moment


def test_two_replicas_that_race_run_each_time_once(planes: list[ControlPlane]) -> None:
    schedules = [deploy(planes[0], MINUTELY, name=f"etl-{number}", catchup="all") for number in range(12)]
    moment = this_minute() - 6 * MINUTE
    for schedule in schedules:
        away_since(planes[0], schedule, moment)
    begin = threading.Barrier(4)
    counted: list[int] = []

    def race(plane: ControlPlane) -> None:
        begin.wait()
        counted.append(turns(plane).get("made", 0))

    threads = [threading.Thread(target=race, args=(planes[number % 2],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = runs_of(planes[0])
    keys = {(run.deployment_id, run.data_interval) for run in runs}
    assert len(keys) == len(runs) == sum(counted)
    assert len(runs) >= 12 * 6


def test_a_schedule_of_every_second_fires_each_second_though_a_replica_is_killed(planes: list[ControlPlane]) -> None:
    first, second = [
        ServiceHost(plane, Settings(), services=[Scheduler.configured(plane, Settings())]) for plane in planes
    ]
    begun = datetime.now(UTC)
    deploy(planes[0], SECONDLY)
    with second:
        with first:
            for service in (*first.services, *second.services):
                service.wake()
            eventually(lambda: len(starts_of(planes[0])) >= 2, timeout=20)
        eventually(lambda: len(starts_of(planes[0])) >= 4, timeout=20)
    starts = starts_of(planes[0])
    assert starts == [starts[0] + number * SECOND for number in range(len(starts))]
    assert starts[0] - begun <= 2 * SECOND
    for run in runs_of(planes[0]):
        assert run.created is not None
        assert run.data_interval is not None
        assert run.created - run.data_interval[0] < 1.5 * SECOND


def test_a_hundred_thousand_times_of_a_backfill_are_written_down_at_once(plane: ControlPlane) -> None:
    deploy(plane, MINUTELY)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = NewBackfill(start=start, end=start + 100_000 * MINUTE, which="missing", max_concurrency=5)
    started = plane.start_backfill("etl/etl", wanted)
    assert started.total == 100_000
    assert Backfiller.configured(plane, Settings()).run_once(0).done == 5
