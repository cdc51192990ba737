"""Backfills over HTTP: started, previewed, watched, paused, cancelled."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, By, ThePlane
from levada.wire.deployments import Backfill, NewBackfill


@post(
    "/deployments/{deployment:str}/backfills",
    operation_id="start_backfill",
    summary="Start a backfill",
    status_code=201,
    responses=answers(201, "The backfill; with `dry_run`, what it would run.", Backfill, 404, 413),
    sync_to_thread=True,
)
def start_backfill(plane: ThePlane, deployment: str, data: NewBackfill, by: By) -> Backfill:
    """Run a deployment over a range of times gone by, a few at a time."""
    return plane.start_backfill(named(deployment), checked(data), by=by)


@get(
    "/backfills",
    operation_id="read_backfills",
    opt=HEAVY,
    summary="List backfills",
    responses=answers(200, "The newest first.", list[Backfill], 404),
    sync_to_thread=True,
)
def read_backfills(
    plane: ThePlane,
    deployment: Annotated[str | None, Parameter(description="Of one deployment: its id, or `flow/name`.")] = None,
    limit: Annotated[int, Parameter(description="How many at most, 1 to 1,000.")] = 200,
) -> list[Backfill]:
    """Backfills with their progress."""
    return plane.read_backfills(checked(deployment), limit)


@get(
    "/backfills/{backfill:uuid}",
    operation_id="read_backfill",
    summary="Read a backfill",
    responses=answers(200, "The backfill with its progress.", Backfill, 404),
    sync_to_thread=True,
)
def read_backfill(plane: ThePlane, backfill: UUID) -> Backfill:
    """One backfill with its progress."""
    return plane.read_backfill(backfill)


@post(
    "/backfills/{backfill:uuid}/{action:str}",
    operation_id="steer_backfill",
    summary="Pause, resume or cancel a backfill",
    status_code=200,
    responses=answers(200, "The backfill as it is now.", Backfill, 404, 409),
    sync_to_thread=True,
)
def steer_backfill(plane: ThePlane, backfill: UUID, action: str, by: By) -> Backfill:
    """`pause`: no new runs; `resume`; `cancel`: no new runs, and those that nobody has begun are cancelled."""
    return plane.steer_backfill(backfill, checked(action), by=by)


router = Router(
    "/",
    route_handlers=[start_backfill, read_backfills, read_backfill, steer_backfill],
    tags=["Backfills"],
)
