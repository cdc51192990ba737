"""Schedules and backfills over HTTP; see `levada.wire.verbs.Deployments`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from levada.client.http.deployments import deployment_path
from levada.client.http.transport import Transport
from levada.wire.deployments import (
    Backfill,
    DeploymentQuery,
    NewBackfill,
    Schedule,
    ScheduleChange,
    SchedulePreview,
    ScheduleSpec,
    Upcoming,
)
from levada.wire.paths import segment


class RemoteSchedules:
    """The verbs of schedules and backfills; the server knows by whom it is asked."""

    transport: Transport

    def create_schedule(self, deployment: UUID | str, spec: ScheduleSpec, by: str = "") -> Schedule:
        """Give a deployment one more schedule."""
        del by
        path = f"{deployment_path(deployment)}/schedules"
        return self.transport.ask("POST", path, Schedule, body=spec, once=True)

    def change_schedule(self, schedule: UUID, change: ScheduleChange, by: str = "") -> Schedule:
        """Change a schedule."""
        del by
        return self.transport.ask("PATCH", f"/schedules/{schedule}", Schedule, body=change)

    def delete_schedule(self, schedule: UUID, by: str = "") -> None:
        """Delete a schedule."""
        del by
        self.transport.ask("DELETE", f"/schedules/{schedule}", once=True)

    def preview_schedule(self, preview: SchedulePreview) -> list[datetime]:
        """The next times of a schedule that need not exist."""
        return self.transport.ask("POST", "/schedules/preview", list[datetime], body=preview)

    def upcoming_runs(self, query: DeploymentQuery, until: datetime, limit: int = 200) -> list[Upcoming]:
        """Runs that schedules will make, the earliest first."""
        asked = {"until": until, "limit": limit}
        return self.transport.ask("POST", "/deployments/upcoming", list[Upcoming], query=asked, body=query)

    def start_backfill(self, deployment: UUID | str, new: NewBackfill, by: str = "") -> Backfill:
        """Start a backfill, or say what it would run."""
        del by
        path = f"{deployment_path(deployment)}/backfills"
        return self.transport.ask("POST", path, Backfill, body=new, once=not new.dry_run)

    def read_backfill(self, backfill: UUID) -> Backfill:
        """One backfill."""
        return self.transport.ask("GET", f"/backfills/{backfill}", Backfill)

    def read_backfills(self, deployment: UUID | str | None = None, limit: int = 200) -> list[Backfill]:
        """Backfills, the newest first."""
        whose = {} if deployment is None else {"deployment": str(deployment)}
        return self.transport.ask("GET", "/backfills", list[Backfill], query={**whose, "limit": limit})

    def steer_backfill(self, backfill: UUID, action: str, by: str = "") -> Backfill:
        """Pause, resume or cancel a backfill."""
        del by
        return self.transport.ask("POST", f"/backfills/{backfill}/{segment(action)}", Backfill)
