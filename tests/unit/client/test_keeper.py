"""What is held is renewed; what goes wrong is told, tried again, and never raised."""

from __future__ import annotations

import logging

import pytest

from levada.client.keeper import RETRY_SECONDS, Keeper
from levada.client.limits import Holding
from levada.control.limits import Asker


class Shop:
    """Slots that do as they are told."""

    def __init__(self) -> None:
        self.renewed: list[Holding] = []
        self.released: list[bytes] = []
        self.problem: Exception | None = None
        self.lost: tuple[str, ...] = ()

    def renew(self, holding: Holding) -> tuple[str, ...]:
        if self.problem is not None:
            raise self.problem
        self.renewed.append(holding)
        return self.lost

    def forget(self, lease: bytes) -> None:
        if self.problem is not None:
            raise self.problem
        self.released.append(lease)


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class HandKeeper(Keeper):
    """A keeper without a thread: the test calls `work_off`."""

    def _wake(self, due: float) -> None:
        self.woken_for = due


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def keeper(shop: Shop, clock: Time) -> HandKeeper:
    return HandKeeper(shop, monotonic=clock)


def holding(seconds: float = 300.0) -> Holding:
    return Holding(["db"], 1, Asker(), seconds)


def test_a_holding_is_renewed_at_each_third_of_its_lease(shop: Shop, clock: Time, keeper: HandKeeper) -> None:
    held = holding(300)
    keeper.keep(held)
    assert keeper.woken_for == 200.0
    for moment, renewals in [(199, 0), (200, 1), (299, 1), (300, 2)]:
        clock.now = moment
        keeper.work_off()
        assert len(shop.renewed) == renewals


def test_a_holding_that_was_let_go_is_renewed_no_more(shop: Shop, clock: Time, keeper: HandKeeper) -> None:
    held = holding()
    keeper.keep(held)
    keeper.let_go(held)
    keeper.let_go(held)
    clock.now += 1000
    keeper.work_off()
    assert shop.renewed == []


def test_a_renewal_that_fails_is_told_and_tried_again_soon(
    shop: Shop, clock: Time, keeper: HandKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    held = holding(300)
    keeper.keep(held)
    shop.problem = OSError("disk full")
    clock.now = 200
    with caplog.at_level(logging.WARNING, "levada.concurrency"):
        keeper.work_off()
    assert "'db'" in caplog.text
    assert "disk full" in caplog.text
    shop.problem = None
    clock.now = 200 + RETRY_SECONDS
    keeper.work_off()
    assert shop.renewed == [held]


def test_lost_slots_are_told_once(
    shop: Shop, clock: Time, keeper: HandKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    held = holding(300)
    keeper.keep(held)
    shop.lost = ("db",)
    with caplog.at_level(logging.WARNING, "levada.concurrency"):
        for _ in range(3):
            clock.now += 100
            keeper.work_off()
    assert caplog.text.count("were lost while they were held") == 1
    assert held.lost == ("db",)


def test_a_release_that_failed_is_tried_until_it_succeeds(shop: Shop, clock: Time, keeper: HandKeeper) -> None:
    shop.problem = OSError("locked")
    keeper.release_later(b"lease")
    for _ in range(3):
        clock.now += RETRY_SECONDS
        keeper.work_off()
    shop.problem = None
    clock.now += RETRY_SECONDS
    keeper.work_off()
    keeper.work_off()
    assert shop.released == [b"lease"]


def test_the_thread_renews_by_itself_and_ends_when_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading  # lazy: only here a thread is waited for

    monkeypatch.setattr("levada.client.keeper.LINGER_SECONDS", 0.05)
    renewed = threading.Event()

    class Ringing(Shop):
        def renew(self, holding: Holding) -> tuple[str, ...]:
            renewed.set()
            return ()

    keeper = Keeper(Ringing())
    long, short = holding(3000), holding(0.03)
    keeper.keep(long)
    thread = keeper._thread
    keeper.keep(short)
    assert renewed.wait(20)
    keeper.let_go(short)
    keeper.let_go(long)
    # What it has left is the long one's due moment, unless it is stirred.
    keeper.keep(short)
    keeper.let_go(short)
    thread.join(20)
    assert not thread.is_alive()
