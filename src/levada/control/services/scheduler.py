"""Makes the runs of schedules when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.control.ticking import tick
from levada.store.sql.schedules import ScheduleTable

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class SchedulerConfig(ServiceConfig, frozen=True, kw_only=True):
    """How many schedules are attended at once."""

    interval: float = 30.0
    """It sleeps until the earliest schedule is due, and no longer than this, should an announcement be lost."""
    batch: int = 200
    """Schedules of one transaction."""


class Scheduler(Service[SchedulerConfig]):
    """Sleeps until a schedule is due, or somebody changes one; makes the runs of all that are due together."""

    name: ClassVar[str] = "scheduler"
    does: ClassVar[str] = "Makes the runs of schedules when they are due."
    topics: ClassVar[frozenset[str]] = frozenset({"schedules"})

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """There is nothing to configure."""
        del settings
        return cls(plane, SchedulerConfig())

    def moment(self) -> int:
        """By the clock of the store, which is the same for all replicas."""
        return store_moment(self.plane)()

    def run_once(self, now: int) -> Result:
        """Attend what is due at `now`, one batch of it."""
        with self.plane.store.read() as transaction:
            due = ScheduleTable(transaction).due(now, self.config.batch)
            earliest = None if due else ScheduleTable(transaction).earliest()
        if not due:
            return Result(next_in=None if earliest is None else max(0.0, (earliest - now) / 1e6))
        done = self.plane.store.transact(lambda transaction: tick(transaction, [schedule for schedule, _ in due]))
        counts = {
            "made": done.made,
            "caught_up": done.caught,
            "missed": done.missed,
            "skipped": done.skipped,
            "refused": done.refused,
            "late_ms": done.late // 1000,
        }
        # The next turn sees what is due next: one more look costs less than looking in each transaction.
        return Result(done=done.made, more=True, counts=counts)
