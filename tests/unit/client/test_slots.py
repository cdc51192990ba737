"""Slots as the engine asks for them: fast when there are no limits, given back whatever happens."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.client import limits as client_limits
from levada.client.limits import Slots, tag_limits
from levada.control import ControlPlane
from levada.control.limits import Limits
from levada.core import faults
from levada.core.errors import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from levada.core.ids import uuid7_bytes
from levada.engine.clock import SystemClock
from levada.journal.writer import JournalWriter

WRITER = uuid7_bytes(1_700_000_000_000_000, bytes(8))


@pytest.fixture
def journal(levada_home: Path) -> Iterator[JournalWriter]:
    with JournalWriter(levada_home, writer=WRITER) as opened:
        yield opened


@pytest.fixture
def slots(levada_home: Path, journal: JournalWriter) -> Slots:
    return Slots(levada_home, writer=lambda: journal.writer, clock=SystemClock())


@pytest.fixture
def limits(levada_home: Path) -> Iterator[Limits]:
    plane = ControlPlane(levada_home)
    yield plane.limits
    plane.close()


def take(slots: Slots, *names: str, strict: bool = False, timeout: float | None = 20):
    return slots.acquire(list(names), 1, strict=strict, timeout=timeout, run=None, task=None)


def test_where_no_limit_was_ever_made_no_database_is_opened(slots: Slots, levada_home: Path) -> None:
    assert not slots.any(["tag:a"])
    assert take(slots, "tag:a", "tag:b") is None
    assert not (levada_home / "levada.db").exists()


async def test_a_limit_that_did_not_exist_is_not_looked_for_again_for_a_while(
    slots: Slots, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits.create("db", 1)
    assert not slots.any(["tag:a"])
    limits.create("tag:a", 1)
    assert not slots.any(["tag:a"])
    assert take(slots, "tag:a") is None
    assert await slots.aacquire(["tag:a"], 1, strict=False, timeout=1, run=None, task=None) is None
    for name in slots._missing:
        slots._missing[name] -= client_limits.REMEMBER_MISSING
    assert slots.any(["tag:a"])
    slots.release(take(slots, "tag:a"))


def test_a_limit_that_exists_is_found_among_those_that_do_not(slots: Slots, limits: Limits) -> None:
    limits.create("tag:b", 1)
    held = take(slots, "tag:a", "tag:b", "tag:c")
    assert held.grant.names == ("tag:b",)
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        take(slots, "tag:b", timeout=0)
    slots.release(held)


def test_a_strict_wait_for_a_missing_limit_is_an_error_even_when_it_was_looked_for_before(slots: Slots) -> None:
    assert take(slots, "db") is None
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db'"):
        take(slots, "db", strict=True)


def test_the_holder_is_the_run_and_the_task_that_asked(slots: Slots, limits: Limits) -> None:
    limits.create("db", 1)
    run, task = bytes(15) + b"\x01", bytes(15) + b"\x02"
    held = slots.acquire(["db"], 1, strict=True, timeout=1, run=run, task=task)
    (holder,) = limits.read("db").holders
    assert (holder.flow_run_id.bytes, holder.task_run_id.bytes) == (run, task)
    slots.release(held)


def test_a_process_without_a_journal_holds_slots_too(levada_home: Path, limits: Limits) -> None:
    """Nobody can see whether it lives, so its slots end with their lease."""
    limits.create("db", 1)
    slots = Slots(levada_home, writer=lambda: bytes(16), clock=SystemClock())
    held = take(slots, "db")
    assert held.asker.writer is None
    assert limits.read("db").active_slots == 1
    slots.release(held)
    assert limits.read("db").active_slots == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_between_taking_and_knowing_leaves_nothing_behind(
    slots: Slots, limits: Limits, error: type[BaseException]
) -> None:
    """Ctrl-C strikes right after the slot was committed: the id of the lease was chosen before, so it is given back."""
    limits.create("db", 1)

    def strike() -> None:
        raise error

    faults.arm("limits.after_acquire", strike)
    try:
        with pytest.raises(error):
            take(slots, "db")
    finally:
        faults.disarm()
    assert limits.read("db").active_slots == 0


def test_releasing_twice_or_what_was_never_held_does_nothing(slots: Slots, limits: Limits) -> None:
    limits.create("db", 1)
    held = take(slots, "db")
    slots.release(held)
    other = take(slots, "db")
    slots.release(held)
    assert limits.read("db").active_slots == 1
    slots.release(other)
    slots.release(slots.prepare(["db"], 1, run=None, task=None))


class OnBadDisk(Slots):
    """Slots whose store fails twice when something is given back."""

    failures = 2

    def forget(self, lease: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")
        super().forget(lease)
        self.released.set()


def test_a_store_that_breaks_at_the_release_is_told_and_tried_again(
    levada_home: Path,
    journal: JournalWriter,
    limits: Limits,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the body raised, or returned, must not be hidden by a full disk at its end."""
    monkeypatch.setattr("levada.client.keeper.RETRY_SECONDS", 0.01)
    slots = OnBadDisk(levada_home, writer=lambda: journal.writer, clock=SystemClock())
    slots.released = threading.Event()
    limits.create("db", 1)
    slots.release(take(slots, "db"))
    assert slots.released.wait(20)
    assert limits.read("db").active_slots == 0
    assert "disk is full" in caplog.text


def test_limits_of_tags_are_called_after_them() -> None:
    assert tag_limits(["a", "b"]) == ["tag:a", "tag:b"]
