"""The control plane, put together from its parts."""

from __future__ import annotations

from typing import Self

from levada.control.administering import Administering
from levada.control.auth.verbs import Admitting
from levada.control.awaiting import Awaiting
from levada.control.backfills import Backfilling
from levada.control.base import DATABASE
from levada.control.claiming import Working
from levada.control.deploying import Deploying
from levada.control.limits import Limits
from levada.control.reading import Reading
from levada.control.receiving import Receiving
from levada.control.schedules import Scheduling
from levada.control.variables import Variables

__all__ = ["DATABASE", "ControlPlane"]


class ControlPlane(Reading, Deploying, Working, Scheduling, Backfilling, Receiving, Awaiting, Administering, Admitting):
    """Answers for one home or one database: records in, rows, reasons and decisions out.

    It is `levada.wire.verbs.Plane`, carried out in this process. Reading verbs show what is in the store; call `drain`
    first to take in what the home's journals have gained since. A run may be named by its UUID, by text of it, or by
    the beginning of that text when only one run begins so. See `levada.control.base.PlanePart` for the arguments.
    """

    def close(self) -> None:
        """Let wishes that wait be carried out, and close the store's connections."""
        if "claims" in self.__dict__:
            self.claims.close()
        self.wishes.close()
        if "bus" in self.__dict__:
            self.bus.close()
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def limits(self) -> Limits:
        """Concurrency and rate limits."""
        return Limits(self.store, is_live=self.lives_here, now_us=self._given_clock)

    @property
    def variables(self) -> Variables:
        """Small named values."""
        return Variables(self.store, now_us=self._now_us)
