"""Takes back slots whose holders are gone, and wakes those who wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.services.base import Result, Service, ServiceConfig

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class LimitWaitersConfig(ServiceConfig, frozen=True, kw_only=True):
    """How often leases of slots are looked at when none is about to end."""

    interval: float = 2.0


class LimitWaiters(Service[LimitWaitersConfig]):
    """Removes leases that have ended and waiters that went away.

    Slots that are given back wake the next waiter by themselves; this is for those that nobody gives back.
    """

    name: ClassVar[str] = "limit-waiters"
    does: ClassVar[str] = "Takes back concurrency slots whose holders are gone and wakes those who wait for them."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, LimitWaitersConfig())

    def moment(self) -> int:
        """By the clock that the leases of slots run by."""
        return self.plane.limits.moment()

    def run_once(self, now: int) -> Result:
        """Clear up everything that has ended."""
        cleared = self.plane.limits.clear_up(now)
        soonest = None if cleared.next_end is None else max(0.05, (cleared.next_end - now) / 1e6)
        return Result(
            done=cleared.leases + cleared.waiters,
            next_in=soonest,
            counts={"leases_ended": cleared.leases, "waiters_removed": cleared.waiters},
        )
