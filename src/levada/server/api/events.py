"""Events over HTTP: found, counted, added. The live stream is in `levada.server.streams`."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Router, post
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.api.checks import checked, within
from levada.server.pattern import HEAVY, ThePlane, TheSettings
from levada.server.rendering import drawn_up
from levada.wire.events import Event, EventCount, EventQuery
from levada.wire.objects import Count, Page
from levada.wire.pages import EventPage

MOST_EVENTS = 1000
"""Most events of one request."""


@post(
    "/filter",
    operation_id="read_events",
    opt=HEAVY,
    summary="List events",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", EventPage),
    sync_to_thread=True,
)
@drawn_up
def read_events(plane: ThePlane, data: EventQuery, settings: TheSettings) -> Page:
    """A page of the events for which every filter given holds, newest first unless asked otherwise."""
    return plane.read_events(checked(data, most_per_page=settings.server.max_page_size))


@post(
    "/count_by/{kind:str}",
    operation_id="count_events",
    opt=HEAVY,
    summary="Count events",
    status_code=200,
    responses=answers(200, "Numbers: by time in order, otherwise the most frequent first.", list[EventCount]),
    sync_to_thread=True,
)
@drawn_up
def count_events(
    plane: ThePlane,
    kind: Literal["time", "event", "resource"],
    data: EventQuery,
    buckets: Annotated[int, Parameter(ge=1, le=1000, description="Into how many parts to cut the time range.")] = 50,
) -> list[EventCount]:
    """How many events the query finds, by part of its time range, by name, or by what they happened to."""
    return plane.count_events(checked(data), kind, buckets)


@post(
    "/",
    operation_id="emit_events",
    summary="Add events",
    status_code=200,
    responses=answers(200, "How many were new.", Count, 413),
    sync_to_thread=True,
)
def emit_events(plane: ThePlane, data: list[Event]) -> Count:
    """Add events; one whose id is there already stays as it is. Their `position` is given by the server."""
    if data:
        within(len(data), MOST_EVENTS)
    return Count(plane.emit_events(checked(data)))


router = Router("/events", route_handlers=[read_events, count_events, emit_events], tags=["Events"])
