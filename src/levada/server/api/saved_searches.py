"""Saved searches over HTTP: the filters of a page under a name."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, delete, get, put

from levada.core.errors import ObjectNotFound
from levada.server.api.answers import answers
from levada.server.api.checks import checked
from levada.server.pattern import ThePlane
from levada.wire.changes import SavedSearch


@get(
    "/",
    operation_id="read_searches",
    summary="List saved searches",
    responses=answers(200, "Searches by page and name.", list[SavedSearch]),
    sync_to_thread=True,
)
def read_searches(plane: ThePlane, page: str | None = None) -> list[SavedSearch]:
    """Saved searches, of one page (`flow_runs`, `logs`, …) or of all."""
    return plane.read_searches(checked(page))


@put(
    "/",
    operation_id="write_search",
    summary="Save a search",
    responses=answers(200, "The search as it is kept.", SavedSearch),
    sync_to_thread=True,
)
def write_search(plane: ThePlane, data: SavedSearch) -> SavedSearch:
    """Save a search under its page and name; one that is there takes the new filters and keeps its id."""
    return plane.write_search(checked(data))


@delete(
    "/{search:uuid}",
    operation_id="delete_search",
    summary="Delete a saved search",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_search(plane: ThePlane, search: UUID) -> None:
    """Forget a saved search."""
    if not plane.delete_search(search):
        raise ObjectNotFound(f"There is no saved search {search}.")


router = Router("/saved_searches", route_handlers=[read_searches, write_search, delete_search], tags=["Saved searches"])
