"""Bulk jobs over HTTP: one action on every flow run that a query finds, worked off by the server."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, get, post

from levada.server.api.answers import answers
from levada.server.api.checks import checked
from levada.server.pattern import By, ThePlane
from levada.wire.changes import BulkAction, BulkJob


@post(
    "/",
    operation_id="start_bulk",
    summary="Start a bulk job",
    status_code=201,
    responses=answers(201, "The job, or with `preview` what it would be about.", BulkJob),
    sync_to_thread=True,
)
def start_bulk(plane: ThePlane, data: BulkAction, by: By) -> BulkJob:
    """Cancel, retry, delete, suspend, tag or move every flow run that a query finds; first ask with `preview`."""
    return plane.start_bulk(checked(data), by=by)


@get(
    "/{job:uuid}",
    operation_id="read_bulk",
    summary="Read a bulk job",
    responses=answers(200, "The job, with how far it got.", BulkJob, 404),
    sync_to_thread=True,
)
def read_bulk(plane: ThePlane, job: UUID) -> BulkJob:
    """How far a bulk job got."""
    return plane.read_bulk(job)


@post(
    "/{job:uuid}/cancel",
    operation_id="cancel_bulk",
    summary="Cancel a bulk job",
    status_code=200,
    responses=answers(200, "The job; what it did stays done.", BulkJob, 404, 409),
    sync_to_thread=True,
)
def cancel_bulk(plane: ThePlane, job: UUID) -> BulkJob:
    """Stop a bulk job where it is; what it did stays done."""
    return plane.cancel_bulk(job)


router = Router("/bulk_jobs", route_handlers=[start_bulk, read_bulk, cancel_bulk], tags=["Bulk jobs"])
