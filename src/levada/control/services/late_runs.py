"""Marks scheduled runs that nobody started in time as Late."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.core.states import StateType, datetime_of
from levada.wire.changes import ProposedState
from levada.wire.filters import FlowRunQuery

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
        query = FlowRunQuery(
            state_types=[StateType.SCHEDULED],
            state_names=["Scheduled"],
            expected_before=datetime_of(now - int(self.config.after_seconds * 1e6)),
            oldest_first=True,
            limit=self.config.batch,
        )
        late = self.plane.read_flow_runs(query).items
        marked = 0
        for run in late:
            if self.stopping:
                break
            decision = self.plane.set_flow_run_state(
                run.id,
                ProposedState(
                    type=StateType.SCHEDULED,
                    name="Late",
                    message="It was not started in time.",
                    scheduled_time=run.expected_start_time,
                    transition_id=f"late:{run.id}:{run.expected_start_time}",
                ),
                by=self.name,
            )
            marked += decision.status == "accept" and decision.state_name == "Late"
        return Result(done=marked, more=marked == self.config.batch, counts={"marked": marked})
