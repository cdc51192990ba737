"""Live streams: what happens, told as it happens, as server-sent events.

A stream is a coroutine that waits for its place in a feed (`levada.control.feeds`): hundreds of idle ones cost nothing,
and a client that reads slowly is left behind in the ring and reads on from the tables, so that it costs no memory.
Every message has an `id`; a client that comes back with it (`Last-Event-ID`, which browsers send by themselves, or
`?after=`) goes on where it was. Streams end when the server stops; clients come back then, perhaps to another replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import anyio.to_thread
from litestar import Request, Router, get
from litestar.params import Parameter
from litestar.response import Stream

from levada.control.feeds import RING, Feed, News
from levada.control.streaming import EventsWanted, Feeds, LogsWanted, RunsWanted, Told
from levada.core.errors import RequestInvalid
from levada.core.states import StateType
from levada.server.api.answers import answers
from levada.server.rendering import as_json

HEARTBEAT_SECONDS: Final = 15.0
"""A stream that has nothing to tell says so often that it is there."""

RETRY_MS: Final = 1000
"""How long a browser should wait before it comes back."""

MEDIA_TYPE: Final = "text/event-stream"

_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}

After = Annotated[
    str | None,
    Parameter(
        description="Tell everything after the message with this `id` first, then go on live. "
        "A `Last-Event-ID` header counts before it."
    ),
]
_TOLD = "Server-sent events; each with `id`, `event` (its kind) and `data` (JSON)."


@get(
    "/events/stream",
    operation_id="stream_events",
    summary="Follow events",
    responses=answers(200, _TOLD, str, media_type=MEDIA_TYPE),
)
async def stream_events(
    request: Request[Any, Any, Any],
    event: Annotated[list[str] | None, Parameter(description="Beginnings of names.")] = None,
    resource: Annotated[list[str] | None, Parameter(description="Ids of resources; `*` at the end for all.")] = None,
    flow_run_id: list[UUID] | None = None,
    text: str = "",
    after: After = None,
) -> Stream:
    """Events as they are dispatched, without gaps: the `id` of a message is the event's position."""
    wanted = EventsWanted(tuple(event or ()), tuple(resource or ()), frozenset(flow_run_id or ()), text)
    return await _stream(request, "events", wanted, after)


@get(
    "/logs/stream",
    operation_id="stream_logs",
    summary="Follow log lines",
    responses=answers(200, _TOLD, str, media_type=MEDIA_TYPE),
)
async def stream_logs(
    request: Request[Any, Any, Any],
    flow_run_id: list[UUID] | None = None,
    task_run_id: list[UUID] | None = None,
    min_level: Annotated[int, Parameter(ge=0, le=1000, description="30 for warnings and worse.")] = 0,
    logger: list[str] | None = None,
    text: Annotated[str, Parameter(description="Words that all occur in the message.")] = "",
    after: After = None,
) -> Stream:
    """Lines of log as they arrive, late ones of a process that was cut off included.

    The `id` of a message is the line's time in microseconds, `-`, and its number; the time alone will do as `after`.
    """
    wanted = LogsWanted(
        frozenset(flow_run_id or ()), frozenset(task_run_id or ()), min_level, frozenset(logger or ()), text
    )
    return await _stream(request, "logs", wanted, after)


@get(
    "/runs/stream",
    operation_id="stream_runs",
    summary="Follow runs",
    responses=answers(200, _TOLD, str, media_type=MEDIA_TYPE),
)
async def stream_runs(
    request: Request[Any, Any, Any],
    flow_run_id: list[UUID] | None = None,
    flow_name: list[str] | None = None,
    state_type: Annotated[list[StateType] | None, Parameter(description="Of the state that was entered.")] = None,
    tag: Annotated[list[str] | None, Parameter(description="All of them.")] = None,
    tasks: Annotated[bool, Parameter(description="Also the task runs of the flow runs that are named.")] = False,
    after: After = None,
) -> Stream:
    """Flow runs as they change, each as it is now with its newest state; changes that follow fast may be one message.

    The `id` of a message is when the run changed, in microseconds. Who comes back is told the last seconds once more.
    """
    if tasks and not flow_run_id:
        raise RequestInvalid(
            "Task runs are followed by flow run; say which with `flow_run_id`.", (("$.flow_run_id", "is missing"),)
        )
    wanted = RunsWanted(
        frozenset(flow_run_id or ()),
        frozenset(flow_name or ()),
        frozenset(state_type or ()),
        frozenset(tag or ()),
        tasks,
    )
    return await _stream(request, "runs", wanted, after)


async def _stream(request: Request[Any, Any, Any], name: str, wanted: Any, after: str | None) -> Stream:
    feeds: Feeds = request.app.state["feeds"]
    # Browsers send by themselves where they were when they come back; that is later than where they began.
    after = request.headers.get("last-event-id") or after
    if after is not None:
        check_place(after)
    return Stream(messages(feeds.all[name], wanted, after), media_type=MEDIA_TYPE, headers=_HEADERS)


def check_place(after: str) -> None:
    """Do nothing when a client's place in a stream can be one.

    Raises:
        RequestInvalid: it cannot.
    """
    parts = after.split("-")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts):
        raise RequestInvalid(
            f"{after[:50]!r} is no place in a stream; give the `id` of a message of it.", (("$.after", "unknown"),)
        )


async def messages(
    feed: Feed[Any], wanted: Any, after: str | None, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """The text of a stream, in pieces, until the feed closes.

    Args:
        feed: what is followed.
        wanted: which of its news.
        after: id of the last message that the client had.
        heartbeat: seconds of silence after which a sign of life is given.
    """
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    follower = await _in_thread(feed.follow, wanted, partial(loop.call_soon_threadsafe, woken.set))
    try:
        last = after if after is not None else feed.marked
        behind = after is not None
        yield f"retry: {RETRY_MS}\nid: {last}\n\n".encode()
        while not feed.closed:
            woken.clear()
            # What was read from the tables may stand in the ring as well.
            told = Told(RING) if behind else None
            if behind:
                pages = feed.catch_up(last, wanted)
                while (page := await _in_thread(next, pages, None)) is not None:
                    last = page[-1].id
                    yield rendered([news for news in page if told is None or told.is_new(_key(news))])
            while True:
                marked = feed.marked
                pending, behind = feed.take(follower)
                fresh = [news for news in pending if told is None or told.is_new(_key(news))]
                if fresh:
                    last = fresh[-1].id
                    yield rendered(fresh)
                if not pending:
                    break
            if not behind and not await _until(woken, heartbeat):
                last = marked
                yield f": nothing new\nid: {marked}\n\n".encode()
    finally:
        feed.leave(follower)


def _key(news: News) -> tuple[str, Any]:
    return news.id, getattr(news.value, "id", None)


async def _until(woken: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _in_thread(call: Any, *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(partial(call, *arguments))


def rendered(news: list[News]) -> bytes:
    """Messages as they travel."""
    return b"".join(_lines(news))


def _lines(news: list[News]) -> Iterator[bytes]:
    for each in news:
        # JSON holds no line break, so one `data` line is the whole value.
        yield b"id: %b\nevent: %b\ndata: %b\n\n" % (each.id.encode(), each.kind.encode(), as_json(each.value))


router = Router("/", route_handlers=[stream_events, stream_logs, stream_runs], tags=["Streams"])
