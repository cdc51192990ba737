"""Keeps what this process holds: renews leases, and gives back what could not be given back at once.

One daemon thread a process, started when something is held and ended when nothing has been for a while. Whatever goes
wrong with the store here is told in the log and tried again; it never reaches the run that holds the slots.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from levada.client.limits import Holding

RETRY_SECONDS = 2.0
"""After a renewal or release that failed."""

LINGER_SECONDS = 5.0
"""How long the thread waits for work before it ends."""

_log = logging.getLogger("levada.concurrency")


class Slots(Protocol):
    """Who can renew and release."""

    def renew(self, holding: Holding) -> tuple[str, ...]:
        """Hold for longer; the limits in which the slots are lost."""
        ...

    def forget(self, lease: bytes) -> None:
        """Release a lease."""
        ...


class Keeper:
    """Renews each holding at a third of its lease.

    Args:
        slots: who can renew and release.
        monotonic: seconds that never go back; given by tests.
    """

    def __init__(self, slots: Slots, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._due: dict[Holding, float] = {}
        self._unreleased: dict[bytes, float] = {}
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0

    def keep(self, holding: Holding) -> None:
        """Renew a holding until it is let go."""
        with self._changed:
            due = self._due[holding] = self._monotonic() + holding.lease_seconds / 3
            self._wake(due)

    def let_go(self, holding: Holding) -> None:
        """Renew a holding no more."""
        with self._changed:
            self._due.pop(holding, None)

    def release_later(self, lease: bytes) -> None:
        """Release a lease whose release failed just now."""
        with self._changed:
            due = self._unreleased[lease] = self._monotonic() + RETRY_SECONDS
            self._wake(due)

    def _wake(self, due: float) -> None:
        """See to it that the thread looks at `due`; it is not disturbed when it looks earlier by itself."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="levada-lease-keeper", daemon=True)
            self._thread.start()
        elif due < self._looks_at:
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                now = self._monotonic()
                soonest = min([*self._due.values(), *self._unreleased.values()], default=None)
                if soonest is None or soonest > now:
                    self._looks_at = now + LINGER_SECONDS if soonest is None else soonest
                    stirred = self._changed.wait(self._looks_at - now)
                    if soonest is None and not stirred and not self._due and not self._unreleased:
                        self._thread = None
                        return
                    continue
            self.work_off()

    def work_off(self) -> None:
        """Do what is due now; called by the thread, and by tests that own the time."""
        now = self._monotonic()
        with self._changed:
            holdings = [holding for holding, due in self._due.items() if due <= now]
            leases = [lease for lease, due in self._unreleased.items() if due <= now]
        for holding in holdings:
            pause = self._renew(holding)
            with self._changed:
                if holding in self._due:
                    self._due[holding] = now + pause
        for lease in leases:
            released = self._release(lease)
            with self._changed:
                if released:
                    self._unreleased.pop(lease, None)
                else:
                    self._unreleased[lease] = now + RETRY_SECONDS

    def _renew(self, holding: Holding) -> float:
        third = holding.lease_seconds / 3
        try:
            lost = self._slots.renew(holding)
        except Exception as problem:  # noqa: BLE001 - a hiccup of the store must not end the run that holds the slots
            _log.warning("The lease on %s could not be renewed and is tried again: %s", holding.shown, problem)
            return min(RETRY_SECONDS, third)
        if lost and not holding.lost:
            names = ", ".join(repr(name) for name in lost)
            _log.warning(
                "Slots of concurrency limit %s were lost while they were held, and are now taken by others; "
                "the run goes on. The limit was reset, or this machine stood still for longer than the lease.",
                names,
            )
        holding.lost = lost
        return third

    def _release(self, lease: bytes) -> bool:
        try:
            self._slots.forget(lease)
        except Exception as problem:  # noqa: BLE001 - the lease ends by itself in any case
            _log.warning("A concurrency slot could not be given back and is tried again: %s", problem)
            return False
        return True
