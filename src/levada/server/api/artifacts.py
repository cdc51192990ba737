"""Artifacts over HTTP."""

from __future__ import annotations

from litestar import Router, delete, get, post

from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, ThePlane, TheSettings
from levada.server.rendering import drawn_up
from levada.wire.filters import ArtifactQuery
from levada.wire.objects import ArtifactView, Page
from levada.wire.pages import ArtifactPage


@post(
    "/filter",
    operation_id="read_artifacts",
    opt=HEAVY,
    summary="List artifacts",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", ArtifactPage),
    sync_to_thread=True,
)
@drawn_up
def read_artifacts(plane: ThePlane, data: ArtifactQuery, settings: TheSettings) -> Page:
    """A page of the artifacts for which every filter given holds, newest first."""
    return plane.read_artifacts(checked(data, most_per_page=settings.server.max_page_size))


@get(
    "/{artifact:str}",
    operation_id="read_artifact",
    summary="Read an artifact",
    responses=answers(200, "The artifact.", ArtifactView, 404),
    sync_to_thread=True,
)
def read_artifact(plane: ThePlane, artifact: str) -> ArtifactView:
    """One artifact, named by key (then the latest of that key), by id, or by the beginning of its id."""
    return plane.read_artifact(named(artifact))


@delete(
    "/{artifact:str}",
    operation_id="delete_artifact",
    summary="Delete an artifact",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_artifact(plane: ThePlane, artifact: str) -> None:
    """Delete one artifact; an older one of its key becomes the latest again."""
    plane.delete_artifact(named(artifact))


router = Router("/artifacts", route_handlers=[read_artifacts, read_artifact, delete_artifact], tags=["Artifacts"])
