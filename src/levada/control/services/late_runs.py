"""Marks scheduled runs that nobody started in time as Late."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.queue_reasons import why_in_queue
from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.core.states import StateType, datetime_of
from levada.wire.changes import ProposedState

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class LateRunsConfig(ServiceConfig, frozen=True, kw_only=True):
    """When a run is late."""

    interval: float = 5.0
    after_seconds: float
    batch: int = 200
    """Runs of one turn."""


class LateRuns(Service[LateRunsConfig]):
    """Proposes Late for runs whose time has passed; the law decides, so that a run that just started stays as it is."""

    name: ClassVar[str] = "late-runs"
    does: ClassVar[str] = "Marks scheduled runs that did not start in time as Late."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """Late after `services.late_after_seconds`."""
        return cls(plane, LateRunsConfig(after_seconds=settings.services.late_after_seconds))

    def moment(self) -> int:
        """By the clock of the store, which is the same for all replicas."""
        return store_moment(self.plane)()

    def run_once(self, now: int) -> Result:
        """Mark one batch."""
        before = now - int(self.config.after_seconds * 1e6)
        with self.plane.store.read() as transaction:
            # Those that wait for their own retry, or are Late already, have a name of their own.
            waiting = transaction.execute(
                "SELECT id, expected FROM flow_runs WHERE state = 0 AND expected <= ? AND state_name IS NULL "
                "ORDER BY expected LIMIT ?",
                (before, self.config.batch),
            )
        marked = 0
        for run, expected in waiting:
            if self.stopping:
                break
            due = datetime_of(expected)
            wish = ProposedState(
                type=StateType.SCHEDULED,
                name="Late",
                message=f"{self._reason(run)} It was to start at {due:%Y-%m-%d %H:%M:%S} UTC.".lstrip(),
                scheduled_time=due,
                transition_id=f"late:{expected}",
            )
            decision = self.plane.set_flow_run_state(run, wish, by=self.name)
            marked += decision.status == "accept" and decision.rule is None
        return Result(done=marked, more=marked == self.config.batch, counts={"marked": marked})

    def _reason(self, run: bytes) -> str:
        """What held it up when it became late; what holds it up later may be something else, and `why` tells."""
        with self.plane.store.read() as transaction:
            row = transaction.flow_runs.load([run]).get(run)
            if row is None or row.pool is None:
                return "It is in no work pool, so no worker takes it."
            return " ".join(why_in_queue(transaction, row).said[:1])
