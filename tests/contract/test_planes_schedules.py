"""The verbs of schedules and backfills, in this process and over HTTP, on both databases: answers and errors agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from levada.control.services.backfiller import Backfiller
from levada.core.errors import LevadaError
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.wire.changes import ProposedState
from levada.wire.deployments import (
    Code,
    CronTiming,
    Deployment,
    DeploymentChange,
    DeploymentQuery,
    IntervalTiming,
    NewBackfill,
    NewDeployment,
    RRuleTiming,
    ScheduleChange,
    SchedulePreview,
    ScheduleSpec,
)
from levada.wire.filters import FlowRunQuery
from levada.wire.objects import FlowRun
from levada.wire.pools import DEFAULT_AGENT_POOL
from levada.wire.verbs import Plane
from tests.contract.planes import Pair, pair
from tests.postgres import database

NOWHERE = UUID(int=0x018F_0000_0000_7000_8000_0000_0000_0001)
NIGHTLY = ScheduleSpec(timing=CronTiming("0 3 * * *", "Europe/Zurich"), slug="nightly")
HOURLY = ScheduleSpec(timing=CronTiming("0 * * * *"), slug="hourly")
MAY = datetime(2026, 5, 1, tzinfo=UTC)


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
    """One of the two, with nothing deployed."""
    chosen: Plane = getattr(planes, request.param)
    yield chosen
    for deployment in planes.here.read_deployments(DeploymentQuery()).items:
        planes.here.delete_deployment(deployment.id)


def etl(*schedules: ScheduleSpec, name: str = "etl", **fields: Any) -> NewDeployment:
    code = Code(entrypoint="etl.py:etl", path="/srv/code", digest="d1")
    return NewDeployment(
        flow_name="etl", name=name, code=code, pool=DEFAULT_AGENT_POOL, schedules=list(schedules), **fields
    )


def refusal(call: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(LevadaError) as caught:
        call()
    return type(caught.value), str(caught.value), getattr(caught.value, "fields", ())


def slugs(deployment: Deployment) -> list[str]:
    return [schedule.spec.slug for schedule in deployment.schedules]


def test_a_deployment_shows_its_schedules_with_their_next_times(plane: Plane) -> None:
    deployment = plane.deploy(etl(NIGHTLY, HOURLY))
    hourly, nightly = deployment.schedules
    assert (hourly.spec, nightly.spec) == (HOURLY, NIGHTLY)
    assert hourly.next is not None
    assert timedelta() < hourly.next - datetime.now(UTC) <= timedelta(hours=1)
    assert plane.preview_schedule(SchedulePreview(spec=NIGHTLY, count=1)) == [nightly.next]
    assert plane.read_deployment("etl/etl") == deployment


def test_a_schedule_is_made_changed_and_deleted(plane: Plane) -> None:
    plane.deploy(etl())
    made = plane.create_schedule("etl/etl", replace(NIGHTLY, slug=""))
    assert made.spec.slug.startswith("cron-0-3")
    paused = plane.change_schedule(made.id, ScheduleChange(active=False))
    assert (paused.id, paused.next, paused.spec.active) == (made.id, None, False)
    resumed = plane.change_schedule(made.id, ScheduleChange(active=True))
    assert resumed.next == made.next
    changed = plane.change_schedule(made.id, ScheduleChange(spec=replace(HOURLY, slug="")))
    assert (changed.spec.slug, changed.spec.timing) == (made.spec.slug, HOURLY.timing)
    plane.delete_schedule(made.id)
    assert plane.read_deployment("etl/etl").schedules == []


def test_deploying_again_keeps_schedules_by_slug_and_takes_away_what_is_not_named(plane: Plane) -> None:
    before = plane.deploy(etl(NIGHTLY, HOURLY)).schedules
    changed = replace(NIGHTLY, parameters={"day": 1})
    after = plane.deploy(etl(changed, replace(HOURLY, slug="each-hour", replaces="hourly")))
    assert slugs(after) == ["each-hour", "nightly"]
    assert [one.id for one in after.schedules] == [one.id for one in before]
    assert slugs(plane.deploy(etl(NIGHTLY))) == ["nightly"]
    assert slugs(plane.deploy(replace(etl(), schedules=None))) == ["nightly"], "none given: they stay"
    assert slugs(plane.deploy(etl())) == []


def test_two_schedules_exchange_their_names(plane: Plane) -> None:
    first, second = plane.deploy(etl(NIGHTLY, HOURLY)).schedules
    swapped = plane.deploy(
        etl(replace(NIGHTLY, slug="hourly", replaces="nightly"), replace(HOURLY, slug="nightly", replaces="hourly"))
    )
    assert {one.id for one in swapped.schedules} == {first.id, second.id}
    assert slugs(swapped) == ["hourly", "nightly"]


def test_the_same_rule_twice_gets_two_slugs(plane: Plane) -> None:
    one = ScheduleSpec(timing=IntervalTiming(60), parameters={"region": "eu"})
    deployment = plane.deploy(etl(one, replace(one, parameters={"region": "us"})))
    assert len(set(slugs(deployment))) == 2
    assert slugs(plane.deploy(etl(one, one))) == slugs(deployment)


def test_schedules_of_a_paused_deployment_stand_still(plane: Plane) -> None:
    plane.deploy(etl(HOURLY))
    assert plane.change_deployment("etl/etl", DeploymentChange(paused=True)).schedules[0].next is None
    assert plane.upcoming_runs(DeploymentQuery(), datetime.now(UTC) + timedelta(days=1)) == []
    assert plane.create_schedule("etl/etl", NIGHTLY).next is None
    resumed = plane.change_deployment("etl/etl", DeploymentChange(paused=False))
    assert all(one.next is not None for one in resumed.schedules)


def test_a_preview_shows_times_in_order_across_a_change_of_clocks(plane: Plane) -> None:
    after = datetime(2026, 3, 27, tzinfo=UTC)
    shown = plane.preview_schedule(SchedulePreview(spec=NIGHTLY, after=after, count=4))
    assert [one.hour for one in shown] == [2, 2, 1, 1]
    rule = ScheduleSpec(timing=RRuleTiming("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"), blackout=["2026-04-30"])
    days = [one.day for one in plane.preview_schedule(SchedulePreview(spec=rule, after=after, count=3))]
    assert days == [31, 29, 30]


def test_upcoming_runs_of_all_deployments_are_in_order(plane: Plane) -> None:
    plane.deploy(etl(HOURLY, NIGHTLY))
    plane.deploy(etl(HOURLY, name="other", tags=["x"]))
    until = datetime.now(UTC) + timedelta(hours=26)
    upcoming = plane.upcoming_runs(DeploymentQuery(), until)
    assert [one.nominal for one in upcoming] == sorted(one.nominal for one in upcoming)
    assert 52 <= len(upcoming) <= 54
    assert {one.deployment_name for one in plane.upcoming_runs(DeploymentQuery(tags=["x"]), until)} == {"other"}
    assert len(plane.upcoming_runs(DeploymentQuery(), until, limit=3)) == 3


def test_both_planes_refuse_the_same(planes: Pair, plane: Plane) -> None:
    made = plane.deploy(etl(NIGHTLY, HOURLY))
    nightly = made.schedules[1].id
    later = MAY + timedelta(days=1)
    mistakes: list[Callable[[Plane], Any]] = [
        lambda asked: asked.create_schedule("nobody", NIGHTLY),
        lambda asked: asked.create_schedule(made.id, NIGHTLY),
        lambda asked: asked.create_schedule(made.id, ScheduleSpec(timing=CronTiming("61 * * * *"))),
        lambda asked: asked.create_schedule(made.id, ScheduleSpec(timing=CronTiming("0 0 30 2 *"))),
        lambda asked: asked.create_schedule(made.id, ScheduleSpec(timing=CronTiming("* * * * *", "Nowhere/Land"))),
        lambda asked: asked.create_schedule(made.id, ScheduleSpec(timing=IntervalTiming(0.1))),
        lambda asked: asked.create_schedule(made.id, ScheduleSpec(timing=RRuleTiming("FREQ=DAILY;COUNT=0"))),
        lambda asked: asked.create_schedule(made.id, replace(NIGHTLY, slug="a/b")),
        lambda asked: asked.create_schedule(made.id, replace(NIGHTLY, slug="x", blackout=["christmas"])),
        lambda asked: asked.create_schedule(made.id, replace(NIGHTLY, slug="x", jitter=-1.0)),
        lambda asked: asked.create_schedule(made.id, replace(NIGHTLY, slug="x", catchup_most=0)),
        lambda asked: asked.create_schedule(made.id, replace(NIGHTLY, slug="x", start=later, end=MAY)),
        lambda asked: asked.change_schedule(NOWHERE, ScheduleChange(active=False)),
        lambda asked: asked.change_schedule(nightly, ScheduleChange(spec=HOURLY)),
        lambda asked: asked.delete_schedule(NOWHERE),
        lambda asked: asked.preview_schedule(SchedulePreview(spec=NIGHTLY, count=0)),
        lambda asked: asked.upcoming_runs(DeploymentQuery(), later, limit=5000),
        lambda asked: asked.deploy(etl(NIGHTLY, NIGHTLY)),
        lambda asked: asked.start_backfill("nobody", NewBackfill(start=MAY, end=later)),
        lambda asked: asked.start_backfill(made.id, NewBackfill(start=MAY, end=later)),
        lambda asked: asked.start_backfill(made.id, NewBackfill(start=later, end=MAY, schedule="nightly")),
        lambda asked: asked.start_backfill(made.id, NewBackfill(start=MAY, end=later, schedule="weekly")),
        lambda asked: asked.start_backfill(made.id, NewBackfill(start=MAY, end=later, every=0.5)),
        lambda asked: asked.start_backfill(made.id, NewBackfill(start=MAY, end=later, every=60, max_concurrency=0)),
        lambda asked: asked.read_backfill(NOWHERE),
        lambda asked: asked.read_backfills("nobody"),
        lambda asked: asked.steer_backfill(NOWHERE, "pause"),
        lambda asked: asked.steer_backfill(NOWHERE, "stop"),
    ]
    for mistake in mistakes:
        here, there = [refusal(lambda asked=asked, mistake=mistake: mistake(asked)) for asked in planes.each()]  # type: ignore[misc]
        assert there == here


# Backfills


def backfill_runs(plane: Plane) -> list[FlowRun]:
    found: list[FlowRun] = plane.read_flow_runs(FlowRunQuery(tags_all=["backfill"], limit=200)).items
    return sorted(found, key=lambda run: run.data_interval or ())


def turn(planes: Pair) -> int:
    return Backfiller.configured(planes.here, Settings()).run_once(0).done


def finish(planes: Pair, state: StateType = StateType.COMPLETED) -> None:
    query = FlowRunQuery(tags_all=["backfill"], state_types=[StateType.SCHEDULED], limit=200)
    for run in planes.here.read_flow_runs(query).items:
        planes.here.set_flow_run_state(run.id, ProposedState(type=state, force=True))


@pytest.fixture
def emptied(planes: Pair) -> Iterator[None]:
    yield
    for run in planes.here.read_flow_runs(FlowRunQuery(limit=200)).items:
        planes.here.delete_flow_run(run.id)


@pytest.mark.usefixtures("emptied")
def test_a_backfill_runs_a_few_at_a_time_until_all_have_ended(planes: Pair, plane: Plane) -> None:
    plane.deploy(etl(NIGHTLY))
    started = plane.start_backfill("etl/etl", NewBackfill(start=MAY, end=MAY + timedelta(days=5), max_concurrency=2))
    assert (started.state, started.total, started.made) == ("running", 5, 0)
    assert turn(planes) == 2
    assert turn(planes) == 0, "two are open"
    first = backfill_runs(plane)[0]
    assert first.data_interval == (
        datetime(2026, 5, 1, 1, tzinfo=UTC),
        datetime(2026, 5, 2, 1, tzinfo=UTC),
    )
    for expected in (2, 1, 0):
        finish(planes)
        assert turn(planes) == expected
    ended = plane.read_backfill(started.id)
    assert (ended.state, ended.made, ended.completed, ended.failed) == ("completed", 5, 5, 0)
    assert plane.read_backfills("etl/etl") == [ended] == plane.read_backfills(limit=1)


@pytest.mark.usefixtures("emptied")
def test_missing_and_failed_times_are_found(planes: Pair, plane: Plane) -> None:
    plane.deploy(etl(NIGHTLY))
    days = NewBackfill(start=MAY, end=MAY + timedelta(days=3))
    plane.start_backfill("etl/etl", days)
    turn(planes)
    finish(planes, StateType.FAILED)
    turn(planes)
    more = replace(days, end=MAY + timedelta(days=5))
    missing = plane.start_backfill("etl/etl", replace(more, dry_run=True))
    assert (missing.state, missing.total, [one.day for one in missing.examples]) == ("preview", 2, [4, 5])
    assert plane.start_backfill("etl/etl", replace(more, which="failed", dry_run=True)).total == 3
    assert plane.start_backfill("etl/etl", replace(more, which="all", dry_run=True)).total == 5
    again = plane.start_backfill("etl/etl", replace(more, which="failed", max_concurrency=100))
    assert turn(planes) == 3
    finish(planes)
    turn(planes)
    assert plane.read_backfill(again.id).completed == 3
    assert plane.start_backfill("etl/etl", replace(more, which="failed", dry_run=True)).total == 0


@pytest.mark.usefixtures("emptied")
def test_a_backfill_is_paused_resumed_and_cancelled(planes: Pair, plane: Plane) -> None:
    plane.deploy(etl())
    wanted = NewBackfill(start=MAY, end=MAY + timedelta(days=1), every=3600, max_concurrency=3, newest_first=True)
    started = plane.start_backfill("etl/etl", wanted)
    assert started.total == 24
    assert plane.steer_backfill(started.id, "pause").state == "paused"
    assert turn(planes) == 0
    assert plane.steer_backfill(started.id, "resume").state == "running"
    assert turn(planes) == 3
    assert [run.data_interval[0].hour for run in backfill_runs(plane) if run.data_interval] == [21, 22, 23]
    assert plane.steer_backfill(started.id, "cancel").state == "cancelled"
    assert turn(planes) == 0
    assert {run.state_type for run in backfill_runs(plane)} == {StateType.CANCELLED}
    assert plane.steer_backfill(started.id, "cancel").state == "cancelled", "it is what was wanted"
    here, there = [
        refusal(lambda asked=asked: asked.steer_backfill(started.id, "resume"))  # type: ignore[misc]
        for asked in planes.each()
    ]
    assert here == there
