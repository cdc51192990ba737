"""Gives events their place in the order of delivery, and wakes those who read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.services.base import Result, Service, ServiceConfig
from levada.core import faults

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings
    from levada.store.base import Transaction


class OutboxConfig(ServiceConfig, frozen=True, kw_only=True):
    """How the outbox is dispatched."""

    interval: float = 1.0
    gap: float = 0.02
    """Each turn costs the same for one event and for fifty."""
    batch: int = 1000
    """Events of one transaction."""


class Outbox(Service[OutboxConfig]):
    """Dispatches events; positions are gapless however many replicas run it."""

    name: ClassVar[str] = "outbox"
    does: ClassVar[str] = "Gives new events their place in the order of delivery and wakes the streams."
    topics: ClassVar[frozenset[str]] = frozenset({"outbox"})

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, OutboxConfig())

    def run_once(self, now: int) -> Result:
        """Dispatch one batch."""
        with self.plane.store.read() as transaction:
            if not transaction.execute("SELECT 1 FROM events WHERE position IS NULL LIMIT 1"):
                return Result()  # the writing transaction, which others would wait for, is spared
        dispatched = self.plane.store.transact(self._dispatch)
        return Result(done=dispatched, more=dispatched == self.config.batch, counts={"dispatched": dispatched})

    def _dispatch(self, transaction: Transaction) -> int:
        # Two dispatchers that see the same events would give them two positions.
        transaction.lock("outbox")
        rows = transaction.events.dispatch(self.config.batch)
        if rows:
            transaction.announce("events")
            if faults.armed:
                faults.reach("control.outbox.before_commit")
        return len(rows)
