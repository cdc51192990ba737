"""Ends runs that were paused or suspended for longer than their author said they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.histories import moment_of
from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.core.states import StateType, datetime_of
from levada.store.bodies import DETAILS, RunBody
from levada.wire.changes import ProposedState
from levada.wire.filters import FlowRunQuery

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings
    from levada.store.base import FlowRunRow


class PauseExpiryConfig(ServiceConfig, frozen=True, kw_only=True):
    """How pauses are looked at."""

    interval: float = 5.0
    patience_seconds: float = 10.0
    """A process that waits in its pause ends it itself, and is given so long to say so."""
    page: int = 200
    """Runs read at once."""


class PauseExpiry(Service[PauseExpiryConfig]):
    """Proposes Failed for pauses that are over; the law decides, so that a run that just went on stays as it is."""

    name: ClassVar[str] = "pause-expiry"
    does: ClassVar[str] = "Fails runs that were paused or suspended and not resumed in time."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, PauseExpiryConfig())

    def moment(self) -> int:
        """By the clock of the store, which is the same for all replicas."""
        return store_moment(self.plane)()

    def run_once(self, now: int) -> Result:
        """End every pause that is over."""
        cursor: str | None = None
        expired = 0
        while not self.stopping:
            query = FlowRunQuery(
                state_types=[StateType.PAUSED], oldest_first=True, limit=self.config.page, cursor=cursor
            )
            with self.plane.store.read() as transaction:
                page = transaction.flow_runs.page(query)
            for row in page.rows:
                until = _until(row)
                if until is not None and until + int(self.config.patience_seconds * 1e6) <= now:
                    expired += self._expire(row, until)
            cursor = page.next
            if cursor is None:
                break
        return Result(done=expired, counts={"expired": expired})

    def _expire(self, row: FlowRunRow, until: int) -> bool:
        decision = self.plane.set_flow_run_state(
            row.id,
            ProposedState(
                type=StateType.FAILED,
                message=f"It was paused and not resumed before {datetime_of(until):%Y-%m-%d %H:%M:%S} UTC.",
                transition_id=f"pause-expired:{row.id.hex()}:{until}",
                epoch=row.epoch,
            ),
            by=self.name,
        )
        return decision.status == "accept" and decision.rule is None


def _until(row: FlowRunRow) -> int | None:
    """When the pause of a run is over; None when it may last for ever."""
    entries = RunBody.decode(row.body).entries
    details = entries[-1][DETAILS] if entries and len(entries[-1]) > DETAILS else None
    return moment_of(details.get("pause_timeout")) if details else None
