"""Concurrency and rate limits over HTTP: set, looked at, taken from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import anyio
from litestar import Request, Router, delete, get, patch, post, put

from levada.control.bus import Bus
from levada.control.limits import TOPIC
from levada.core.errors import ObjectNotFound
from levada.core.limits import Grant, Verdict
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import INGEST, READ, WAITING, ThePlane
from levada.wire.objects import Count, LimitView
from levada.wire.requests import (
    GivenLimit,
    LimitChange,
    LimitNames,
    NewLimit,
    SlotsAnswer,
    SlotsAsked,
    SlotsLook,
    SlotsPoured,
    SlotsRenewed,
)

LOOK_AGAIN = 1.0
"""Seconds after which one who waits asks again although nothing was announced: he must, to keep his place."""

_SLOTS = "Whether they were given; if not, which limits are full and when to ask again."


@get(
    "/",
    operation_id="limits_read_all",
    summary="List concurrency limits",
    responses=answers(200, "Every limit by name, with who holds its slots.", list[LimitView]),
    sync_to_thread=True,
)
def read_limits(plane: ThePlane) -> list[LimitView]:
    """Every limit by name, with those who hold its slots and how many wait."""
    return list(plane.limits.read_all())


@get(
    "/{name:str}",
    operation_id="limits_read",
    summary="Read a concurrency limit",
    responses=answers(200, "The limit.", LimitView, 404),
    sync_to_thread=True,
)
def read_limit(plane: ThePlane, name: str) -> LimitView:
    """One limit, with those who hold its slots and how many wait."""
    return plane.limits.read(named(name))


@post(
    "/",
    operation_id="limits_create",
    summary="Make a concurrency limit",
    status_code=201,
    responses=answers(201, "The limit.", LimitView, 409),
    sync_to_thread=True,
)
def create_limit(plane: ThePlane, data: NewLimit) -> LimitView:
    """Make a limit. With `decay` it is a rate limit: so many slots a second come free by themselves."""
    given = checked(data)
    return plane.limits.create(given.name, given.slots, active=given.active, decay=given.decay)


@put(
    "/{name:str}",
    operation_id="limits_upsert",
    summary="Make or change a concurrency limit",
    responses=answers(200, "The limit as it is now.", LimitView),
    sync_to_thread=True,
)
def upsert_limit(plane: ThePlane, name: str, data: GivenLimit) -> LimitView:
    """Make a limit, or change the one of that name; what is null stays as it is."""
    given = checked(data)
    return plane.limits.upsert(named(name), given.slots, active=given.active, decay=given.decay)


@patch(
    "/{name:str}",
    operation_id="limits_change",
    summary="Change a concurrency limit",
    responses=answers(200, "The limit as it is now.", LimitView, 404),
    sync_to_thread=True,
)
def change_limit(plane: ThePlane, name: str, data: LimitChange) -> LimitView:
    """Change what is given of a limit. Fewer slots than are held take nobody's away: new ones wait longer."""
    given = checked(data)
    return plane.limits.change(named(name), slots=given.slots, active=given.active, decay=given.decay)


@delete(
    "/{name:str}",
    operation_id="limits_delete",
    summary="Delete a concurrency limit",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_limit(plane: ThePlane, name: str) -> None:
    """Remove a limit with what is held of it."""
    if not plane.limits.delete(named(name)):
        raise ObjectNotFound(f"There is no concurrency limit {named(name)!r}.")


@post(
    "/{name:str}/reset",
    operation_id="limits_reset",
    summary="Take all slots of a limit back",
    status_code=200,
    responses=answers(200, "How many slots were held.", Count, 404),
    sync_to_thread=True,
)
def reset_limit(plane: ThePlane, name: str) -> Count:
    """Take all slots of a limit back; a holder at work takes its slots again when it renews, if there is room."""
    return Count(plane.limits.reset(named(name)))


@post(
    "/known",
    operation_id="limits_known",
    opt=READ,
    summary="Which limits exist",
    status_code=200,
    responses=answers(200, "Those of the names for which there is a limit.", list[str]),
    sync_to_thread=True,
)
def known_limits(plane: ThePlane, data: LimitNames) -> list[str]:
    """Those of the names for which there is a limit."""
    return sorted(plane.limits.known(checked(data).names))


@post(
    "/look",
    operation_id="limits_look",
    opt=READ,
    summary="Look whether slots are free",
    status_code=200,
    responses=answers(200, _SLOTS, SlotsAnswer, 409),
    sync_to_thread=True,
)
def look(plane: ThePlane, data: SlotsLook) -> SlotsAnswer:
    """What an acquire would be answered now; nothing is taken."""
    asked = checked(data)
    return SlotsAnswer.of(plane.limits.look(asked.names, asked.slots, _raw(asked.lease)))


@post(
    "/acquire",
    operation_id="limits_acquire",
    opt=WAITING,
    summary="Take slots of limits",
    status_code=200,
    responses=answers(200, _SLOTS, SlotsAnswer, 409),
)
async def acquire(plane: ThePlane, data: SlotsAsked, request: Request[Any, Any, Any]) -> SlotsAnswer:
    """Take slots in all the limits, or in none.

    Who is refused and gave a `lease` stands on the list of those who wait, first come first served: ask again with the
    same lease at least once a second, or let the answer wait with `wait` (at most 30 seconds), and delete the lease to
    leave.
    """
    asked = checked(data)
    answer = await anyio.to_thread.run_sync(_acquire, plane, asked)
    if isinstance(answer, Grant) or asked.lease is None or not asked.wait:
        return SlotsAnswer.of(answer)
    deadline = time.monotonic() + asked.wait
    with _ear(request.app.state.get("bus")) as woken, _watched(request, woken) as hung_up:
        while (left := deadline - time.monotonic()) > 0 and not isinstance(answer, Grant):
            with anyio.move_on_after(min(LOOK_AGAIN, left, answer.retry_after or LOOK_AGAIN)):
                await woken.wait()
            woken.clear()  # before looking, so that what happens while we look wakes us again
            if hung_up.done():
                break  # a slot that is given to somebody who is gone lies idle until its lease ends
            answer = await anyio.to_thread.run_sync(_acquire, plane, asked)
    return SlotsAnswer.of(answer)


@contextmanager
def _ear(bus: Bus | None) -> Iterator[asyncio.Event]:
    """An event that is set whenever slots of some limit may have come free; never without a bus."""
    woken = asyncio.Event()
    if bus is None:
        yield woken
        return
    loop = asyncio.get_running_loop()
    subscription = bus.subscribe({TOPIC}, lambda: loop.call_soon_threadsafe(woken.set), capacity=0)
    try:
        yield woken
    finally:
        bus.unsubscribe(subscription)


@contextmanager
def _watched(request: Request[Any, Any, Any], woken: asyncio.Event) -> Iterator[asyncio.Future[None]]:
    """A future that is done, and has rung, when who asked has hung up."""

    async def until_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        woken.set()

    watching = asyncio.ensure_future(until_gone())
    try:
        yield watching
    finally:
        watching.cancel()


def _acquire(plane: ThePlane, asked: SlotsAsked) -> Grant | Verdict:
    return plane.limits.acquire(
        asked.names,
        asked.slots,
        asked.asker.value(),
        strict=asked.strict,
        lease=_raw(asked.lease),
        lease_seconds=asked.lease_seconds,
    )


@post(
    "/pour",
    operation_id="limits_pour",
    opt=INGEST,
    summary="Use slots of rate limits up",
    status_code=200,
    responses=answers(200, _SLOTS, SlotsAnswer, 409),
    sync_to_thread=True,
)
def pour(plane: ThePlane, data: SlotsPoured) -> SlotsAnswer:
    """Take slots that nobody gives back: they run out of the limits' buckets by themselves, `decay` a second."""
    asked = checked(data)
    return SlotsAnswer.of(plane.limits.pour(asked.names, asked.slots, strict=asked.strict))


@post(
    "/leases/{lease:uuid}/renew",
    operation_id="limits_renew",
    opt=INGEST,
    summary="Hold slots for longer",
    status_code=200,
    responses=answers(200, "The limits in which the slots are lost.", list[str]),
    sync_to_thread=True,
)
def renew(plane: ThePlane, lease: UUID, data: SlotsRenewed) -> Sequence[str]:
    """Hold slots for longer; those lost meanwhile are taken again where there is room."""
    asked = checked(data)
    grant = Grant(lease.bytes, tuple(asked.names), asked.slots)
    return list(plane.limits.renew(grant, asked.asker.value(), lease_seconds=asked.lease_seconds))


@delete(
    "/leases/{lease:uuid}",
    operation_id="limits_release",
    opt=INGEST,
    summary="Give slots back",
    status_code=204,
    responses=answers(204, "They are free, or were before."),
    sync_to_thread=True,
)
def release(plane: ThePlane, lease: UUID) -> None:
    """Give slots back, or wait for them no longer; doing so twice does nothing."""
    plane.limits.release(lease.bytes)


@get(
    "/waits/{subject:uuid}",
    operation_id="limits_waits_of",
    summary="What a run waits for",
    responses=answers(200, "Names of limits, each with since when.", dict[str, datetime]),
    sync_to_thread=True,
)
def waits_of(plane: ThePlane, subject: UUID) -> dict[str, datetime]:
    """The limits for which a flow run or a task run waits, and since when."""
    return dict(plane.limits.waits_of(subject.bytes))


def _raw(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


router = Router(
    "/concurrency_limits",
    route_handlers=[
        read_limits,
        read_limit,
        create_limit,
        upsert_limit,
        change_limit,
        delete_limit,
        reset_limit,
        known_limits,
        look,
        acquire,
        pour,
        renew,
        release,
        waits_of,
    ],
    tags=["Concurrency limits"],
)
