"""Retention on both databases: the same rows go and stay; PostgreSQL drops whole partitions where it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control.partitions import drop_old_partitions
from levada.control.plane import ControlPlane
from levada.control.retention import DAY_US, Removal, cutoffs
from levada.control.services.retention import LAST, Retention, RetentionConfig
from levada.control.services.sizes import Sizes, SizesConfig
from levada.core.settings import DatabaseSettings, RetentionSettings
from levada.store.base import EventRow, LogRow, Store, TaskRunRow
from levada.store.opening import open_store
from levada.store.postgres.partitions import ensure_partitions, partitions
from tests.unit.control.aged import NOW, Aged, Plan, what_is_there

KEEP = RetentionSettings(runs_days=90, failed_runs_days=180, logs_days=30, events_days=30)
LIMITS = cutoffs(KEEP, NOW)
WEEK = 7
PLANS = [
    Plan(5, 200, tasks=3, logs=2, artifacts=2),
    Plan(5, 200, parent=0, tasks=2),
    Plan(6, 200, tasks=2),
    Plan(6, 100, tasks=2, artifacts=1),
    Plan(5, 100, parent=3, tasks=1),
    Plan(5, 100, tasks=4, logs=3),
    Plan(1, 300, tasks=2, logs=1),
    Plan(5, 300, parent=6, tasks=1),
    Plan(7, 91),
    Plan(5, 10, tasks=2, logs=2, artifacts=1),
]


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    opened = open_store(tmp_path, DatabaseSettings(url=url))
    yield opened
    opened.close()


@pytest.fixture
def postgres(postgres_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path, DatabaseSettings(url=postgres_url))
    # The partitions of a server that has run for a year.
    opened.transact(lambda transaction: ensure_partitions(transaction, NOW - 364 * DAY_US, ahead=53))
    yield opened
    opened.close()


def service(store: Store, home: Path, *, partitioned: bool = False, keep: RetentionSettings = KEEP) -> Retention:
    config = RetentionConfig(keep=keep, storage=home / "storage", partitioned=partitioned, pause=0)
    return Retention(ControlPlane(home, store=store), config)


def names(store: Store) -> set[str]:
    with store.read() as transaction:
        return {one.name for one in partitions(transaction) if one.end is not None and one.end <= NOW}


@pytest.mark.parametrize("rows", [1, 1000])
def test_old_runs_go_with_everything_and_the_rest_stays(store: Store, rows: int) -> None:
    aged = Aged(store, PLANS)
    must_stay = aged.runs_that_must_stay(LIMITS)
    assert len(must_stay) == 5  # the failed with its subflow, the open with its subflow, the young
    removal = Removal(store, LIMITS, rows=rows)
    assert removal.run()
    there = what_is_there(store)
    assert there.flow_runs == must_stay
    assert there.task_runs == aged.task_runs_of(must_stay)
    assert there.artifacts == aged.artifacts_of(must_stay)
    assert there.logs == aged.young_logs(LIMITS)
    assert there.events == aged.young_events(LIMITS)
    assert there.orphans == set()
    assert removal.counts["flow_runs"] == 5


def test_the_latest_artifact_of_a_key_is_one_that_is_left(store: Store) -> None:
    aged = Aged(store, PLANS)
    Removal(store, LIMITS).run()
    with store.read() as transaction:
        (latest,) = transaction.execute("SELECT latest FROM artifact_collections WHERE key = 'report'")[0]
    assert bytes(latest) in aged.artifacts_of(aged.runs_that_must_stay(LIMITS))


def test_what_waits_in_the_outbox_stays_however_old_it_is(store: Store) -> None:
    with store.write() as transaction:
        transaction.events.add([EventRow(bytes(16), None, 1, "made", "run", None, b"")])
    Removal(store, LIMITS).run()
    assert what_is_there(store).events == {bytes(16)}


def test_task_runs_without_a_flow_go_by_themselves_and_open_ones_stay(store: Store) -> None:
    def task(number: int, days: float, state: int) -> TaskRunRow:
        at = NOW - int(days * DAY_US)
        identifier = (at // 1000).to_bytes(6, "big") + bytes([number] * 10)
        return TaskRunRow(identifier, None, 0, state, None, None, None, None, None, at, b"\x80")

    rows = [task(1, 100, 5), task(2, 100, 6), task(3, 200, 6), task(4, 300, 1), task(5, 10, 5)]
    with store.write() as transaction:
        transaction.task_runs.insert(rows)
    Removal(store, LIMITS).run()
    assert what_is_there(store).task_runs == {rows[1].id, rows[3].id, rows[4].id}


def test_what_belongs_to_a_run_that_never_came_goes_in_the_end(store: Store) -> None:
    aged = Aged(store, [Plan(5, 200, tasks=2, artifacts=1), Plan(5, 100, tasks=2)])
    with store.write() as transaction:
        transaction.execute("DELETE FROM flow_runs")
        transaction.execute("DELETE FROM flow_run_facts")
    Removal(store, LIMITS).run()
    there = what_is_there(store)
    assert len(there.task_runs) == 2  # a run of a hundred days may have failed, which is kept for longer
    assert there.artifacts == set()
    assert aged.rows


def test_partitions_in_which_everything_is_old_are_dropped_and_the_others_wait(postgres: Store) -> None:
    aged = Aged(postgres, PLANS)
    before = names(postgres)
    gone = drop_old_partitions(postgres, LIMITS)
    left = names(postgres)
    dropped = before - left
    assert gone["partitions"] == len(dropped)
    # Lines of log and events older than their limit are gone with their weeks.
    assert len({name for name in dropped if name.startswith("logs")}) > 40
    assert all(at >= LIMITS.logs - WEEK * DAY_US for _, at in (aged.logs[one] for one in what_is_there(postgres).logs))
    # Of the task runs, those of 200 days ago could go as a whole; those of an open run, and of one that failed, wait.
    there = what_is_there(postgres)
    must_stay = aged.runs_that_must_stay(LIMITS)
    assert aged.task_runs_of(must_stay) <= there.task_runs
    assert len(there.task_runs) == len(aged.tasks) - 7
    # No flow run is gone yet, and its task runs may be: the rows are next.
    assert len(there.flow_runs) == len(PLANS)

    Removal(postgres, LIMITS).run()
    there = what_is_there(postgres)
    assert there.flow_runs == must_stay
    assert there.task_runs == aged.task_runs_of(must_stay)
    assert there.orphans == set()

    # What has become empty goes in the next turn.
    drop_old_partitions(postgres, LIMITS)
    kept_weeks = {name for name in names(postgres) if name.startswith("flow_runs")}
    assert len(kept_weeks) < len({name for name in left if name.startswith("flow_runs")}) or len(kept_weeks) < 20


def test_a_partition_waits_while_an_event_in_it_waits(postgres: Store) -> None:
    at = NOW - 200 * DAY_US
    waiting = (at // 1000).to_bytes(6, "big") + bytes(10)
    with postgres.write() as transaction:
        transaction.events.add([EventRow(waiting, None, at, "made", "run", None, b"")])
    drop_old_partitions(postgres, LIMITS)
    assert what_is_there(postgres).events == {waiting}
    with postgres.write() as transaction:
        transaction.events.dispatch(10)
    drop_old_partitions(postgres, LIMITS)
    assert what_is_there(postgres).events == set()


def test_a_partition_that_somebody_holds_is_left_to_the_next_turn(postgres: Store) -> None:
    line = LogRow(1, None, None, NOW - 200 * DAY_US, 20, "x", "hello", 0, None)
    postgres.transact(lambda transaction: transaction.logs.add([line]))
    with postgres.read() as reader:
        assert reader.execute("SELECT count(*) FROM logs") == [(1,)]
        week_of_the_line = {name for name in names(postgres) if name.startswith("logs")}
        drop_old_partitions(postgres, LIMITS)
        assert week_of_the_line == {name for name in names(postgres) if name.startswith("logs")}
    drop_old_partitions(postgres, LIMITS)
    assert what_is_there(postgres).logs == set()


class TestTheService:
    def test_a_turn_removes_and_says_so(self, store: Store, tmp_path: Path) -> None:
        Aged(store, PLANS)
        turned = service(store, tmp_path, partitioned="Postgres" in type(store).__name__)
        result = turned.run_once(NOW)
        assert result.counts["flow_runs"] == 5
        seen = turned.plane.read_meta(LAST)
        assert seen["result"]["flow_runs"] == 5
        assert seen["at"].timestamp() * 1e6 == NOW

    def test_replicas_leave_it_to_the_one_that_looked_last(self, store: Store, tmp_path: Path) -> None:
        Aged(store, PLANS)
        assert service(store, tmp_path).run_once(NOW).done > 0
        Aged(store, PLANS)
        assert service(store, tmp_path).run_once(NOW + 1_000_000).done == 0
        assert service(store, tmp_path).run_once(NOW + 600_000_000).done > 0

    def test_what_was_removed_last_is_seen_until_something_else_is(self, store: Store, tmp_path: Path) -> None:
        Aged(store, PLANS)
        service(store, tmp_path).run_once(NOW)
        turned = service(store, tmp_path)
        turned.run_once(NOW + 600_000_000)
        assert turned.plane.read_meta(LAST)["result"]["flow_runs"] == 5

    def test_nothing_goes_when_it_is_switched_off(self, store: Store, tmp_path: Path) -> None:
        aged = Aged(store, PLANS)
        off = service(store, tmp_path, keep=RetentionSettings(enabled=False))
        assert off.run_once(NOW).done == 0
        assert what_is_there(store).flow_runs == set(aged.rows)

    def test_a_service_that_is_told_to_stop_stops_between_two_transactions(self, store: Store, tmp_path: Path) -> None:
        aged = Aged(store, PLANS)
        turned = service(store, tmp_path)
        turned.signal_stop()
        turned.run_once(NOW)
        assert what_is_there(store).flow_runs == set(aged.rows)

    def test_sizes_are_noted_for_metrics_and_admin(self, store: Store, tmp_path: Path) -> None:
        Aged(store, PLANS)
        watcher = Sizes(ControlPlane(tmp_path, store=store), SizesConfig())
        watcher.run_once(NOW)
        seen = watcher.plane.read_meta("service:sizes")
        assert seen["bytes"] == sum(table.bytes for table in watcher.tables) > 0
        assert "flow_runs" in {table["name"] for table in seen["tables"]}
