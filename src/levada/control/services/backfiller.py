"""Makes the runs of backfills as earlier ones end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.backfilling import TOPIC, top_up
from levada.control.services.base import Result, Service, ServiceConfig
from levada.store.sql.backfills import BackfillTable

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class BackfillerConfig(ServiceConfig, frozen=True, kw_only=True):
    """How often it looks whether there is room."""

    interval: float = 2.0
    gap: float = 0.1
    """Runs end in crowds; one look serves all that ended since the last."""
    batch: int = 100
    """Backfills of one turn."""


class Backfiller(Service[BackfillerConfig]):
    """Keeps as many runs of each running backfill open as it may have; ends it when all have ended."""

    name: ClassVar[str] = "backfiller"
    does: ClassVar[str] = "Makes the runs of backfills as earlier ones end."
    topics: ClassVar[frozenset[str]] = frozenset({TOPIC, "work"})

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """There is nothing to configure."""
        del settings
        return cls(plane, BackfillerConfig())

    def run_once(self, now: int) -> Result:
        """Top all running backfills up."""
        del now
        with self.plane.store.read() as transaction:
            running = BackfillTable(transaction).in_state("running", self.config.batch)
        made = 0
        for backfill in running:
            if self.stopping:
                break
            made += self.plane.store.transact(lambda transaction, backfill=backfill: top_up(transaction, backfill))  # type: ignore[misc]
        return Result(done=made, more=made > 0, counts={"made": made})
