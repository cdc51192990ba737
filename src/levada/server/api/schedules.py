"""Schedules over HTTP: made, changed, previewed; the runs that they will make."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Router, delete, patch, post
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, READ, By, ThePlane
from levada.wire.deployments import DeploymentQuery, Schedule, ScheduleChange, SchedulePreview, ScheduleSpec, Upcoming


@post(
    "/deployments/{deployment:str}/schedules",
    operation_id="create_schedule",
    summary="Create a schedule",
    status_code=201,
    responses=answers(201, "The schedule with its next time.", Schedule, 404, 409, 413),
    sync_to_thread=True,
)
def create_schedule(plane: ThePlane, deployment: str, data: ScheduleSpec, by: By) -> Schedule:
    """Give a deployment one more schedule. Deploying with schedules replaces all of them."""
    return plane.create_schedule(named(deployment), checked(data), by=by)


@post(
    "/deployments/upcoming",
    operation_id="upcoming_runs",
    opt=HEAVY,
    summary="Upcoming runs",
    status_code=200,
    responses=answers(200, "The earliest first.", list[Upcoming]),
    sync_to_thread=True,
)
def upcoming_runs(
    plane: ThePlane,
    data: DeploymentQuery,
    until: Annotated[datetime, Parameter(description="No run at or after this moment.")],
    limit: Annotated[int, Parameter(description="How many at most, 1 to 1,000.")] = 200,
) -> list[Upcoming]:
    """Runs that schedules will make; they are reckoned, no rows of them exist."""
    return plane.upcoming_runs(checked(data), checked(until), limit)


@patch(
    "/schedules/{schedule:uuid}",
    operation_id="change_schedule",
    summary="Change a schedule",
    responses=answers(200, "The schedule as it is now.", Schedule, 404, 409, 413),
    sync_to_thread=True,
)
def change_schedule(plane: ThePlane, schedule: UUID, data: ScheduleChange, by: By) -> Schedule:
    """Pause, resume or rewrite a schedule; what fell into a pause is not caught up."""
    return plane.change_schedule(schedule, checked(data), by=by)


@delete(
    "/schedules/{schedule:uuid}",
    operation_id="delete_schedule",
    summary="Delete a schedule",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_schedule(plane: ThePlane, schedule: UUID, by: By) -> None:
    """Delete a schedule; the runs that it made stay."""
    plane.delete_schedule(schedule, by=by)


@post(
    "/schedules/preview",
    operation_id="preview_schedule",
    opt=READ,
    summary="Preview a schedule",
    status_code=200,
    responses=answers(200, "Its next times.", list[datetime]),
    sync_to_thread=True,
)
def preview_schedule(plane: ThePlane, data: SchedulePreview) -> list[datetime]:
    """The next times of a schedule that need not exist."""
    return plane.preview_schedule(checked(data))


router = Router(
    "/",
    route_handlers=[create_schedule, upcoming_runs, change_schedule, delete_schedule, preview_schedule],
    tags=["Schedules"],
)
