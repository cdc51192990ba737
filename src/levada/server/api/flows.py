"""Flows over HTTP: listed, looked at."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.api.checks import checked, named, within
from levada.server.pattern import HEAVY, ThePlane, TheSettings
from levada.server.rendering import drawn_up
from levada.wire.objects import FlowView, Page
from levada.wire.pages import FlowPage


@get(
    "/",
    operation_id="read_flows",
    opt=HEAVY,
    summary="List flows",
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", FlowPage),
    sync_to_thread=True,
)
@drawn_up
def read_flows(
    plane: ThePlane,
    settings: TheSettings,
    name_like: str | None = None,
    limit: Annotated[int, Parameter(ge=1, description="Most flows of the page.")] = 200,
    cursor: str | None = None,
) -> Page:
    """A page of flows by name, each with how many runs it has and what its newest run says about it."""
    return plane.read_flows(
        name_like=checked(name_like), limit=within(limit, settings.server.max_page_size), cursor=checked(cursor)
    )


@get(
    "/{name:str}",
    operation_id="read_flow",
    summary="Read a flow",
    responses=answers(200, "The flow.", FlowView, 404),
    sync_to_thread=True,
)
def read_flow(plane: ThePlane, name: str) -> FlowView:
    """Read one flow by its name."""
    return plane.read_flow(named(name))


router = Router("/flows", route_handlers=[read_flows, read_flow], tags=["Flows"])
