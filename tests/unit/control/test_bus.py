"""Announcements, heard once for a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control.bus import Bus, Heard
from levada.store.sqlite import SqliteStore
from levada.testing import eventually


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "levada.db")
    yield made
    made.close()


@pytest.fixture
def bus(store: SqliteStore) -> Iterator[Bus]:
    made = Bus(store)
    yield made
    made.close()


def test_subscribers_hear_their_topics_each_thing_once(store: SqliteStore, bus: Bus) -> None:
    runs, logs = bus.subscribe({"runs"}, lambda: None), bus.subscribe({"logs"}, lambda: None)
    for text in ("a", "b", "a"):
        with store.write() as transaction:
            transaction.announce("runs", text)
    eventually(lambda: bus.heard == 3)
    assert runs.take() == Heard((("runs", "a"), ("runs", "b")))
    assert not runs.take()
    assert not logs.take()


def test_one_who_is_slow_is_told_that_it_missed_something_and_keeps_nothing(bus: Bus) -> None:
    slow = bus.subscribe({"runs"}, lambda: None, capacity=3)
    for number in range(100):
        slow.put("runs", str(number))
        assert slow.waiting <= 3
    assert slow.take() == Heard(missed=True)
    assert bus.overflows == 1
    slow.put("runs", "again")
    assert bus.fullness == pytest.approx(1 / 3)
    assert slow.take() == Heard((("runs", "again"),))


def test_a_connection_that_was_away_means_that_something_was_missed(bus: Bus) -> None:
    subscription = bus.subscribe({"runs"}, lambda: None)
    subscription.put("runs", "a")
    subscription.put("", "")
    assert subscription.take() == Heard(missed=True)


def test_a_subscriber_that_fails_keeps_the_others_from_nothing(
    store: SqliteStore, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("its loop is closed")

    bus.subscribe({"runs"}, fail)
    other = bus.subscribe({"runs"}, lambda: None)
    with store.write() as transaction:
        transaction.announce("runs", "a")
    eventually(lambda: other.waiting == 1)
    assert "its loop is closed" in caplog.text


def test_who_unsubscribed_hears_no_more_and_what_it_missed_stays_counted(store: SqliteStore, bus: Bus) -> None:
    left, stays = bus.subscribe({"runs"}, lambda: None, capacity=1), bus.subscribe({"runs"}, lambda: None)
    left.put("runs", "a")
    left.put("runs", "b")
    bus.unsubscribe(left)
    bus.unsubscribe(left)
    with store.write() as transaction:
        transaction.announce("runs", "c")
    eventually(lambda: stays.waiting == 1)
    assert left.take() == Heard(missed=True)
    assert (bus.subscribers, bus.overflows) == (1, 1)
