"""The ends of flow runs over HTTP: who asks is answered the moment one has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import anyio
from litestar import Request, Router, post

from levada.control.awaiting import TOPIC, check_number, concerned
from levada.control.bus import Bus
from levada.server.api.answers import answers
from levada.server.api.checks import checked
from levada.server.pattern import READ, ThePlane
from levada.server.stopping import Stopping
from levada.wire.objects import EndedRuns
from levada.wire.requests import AwaitedRuns

LONGEST_WAIT: Final = 30.0
"""Seconds for which an answer is held back."""

LOOK_AGAIN: Final = 5.0
"""Seconds after which the table is asked although nothing was announced."""

TOGETHER: Final = 0.02
"""Seconds that an answer waits for more runs that end just now, so that a crowd of them takes few answers."""


@post(
    "/flow_runs/await",
    operation_id="await_flow_runs",
    opt=READ,
    summary="Wait for flow runs to end",
    status_code=200,
    responses=answers(200, "Those that have ended, with their last state; none when the time was over.", EndedRuns),
)
async def await_flow_runs(plane: ThePlane, data: AwaitedRuns, request: Request[Any, Any, Any]) -> EndedRuns:
    """Wait until at least one of at most 200 flow runs has ended, for `wait` seconds at most (30 are the most).

    Ask again for those that are left. Runs that do not exist, or were deleted, are named under `unknown`.
    """
    asked = checked(data)
    check_number(asked.runs)
    deadline = time.monotonic() + min(max(asked.wait, 0.0), LONGEST_WAIT)
    ears = _Ears({run.bytes for run in asked.runs})
    with ears.listening(request.app.state.get("bus"), request.app.state["stopping"]):
        found = await anyio.to_thread.run_sync(plane.ended_of, asked.runs)
        while not (found.ended or found.unknown or ears.stopped) and (left := deadline - time.monotonic()) > 0:
            with anyio.move_on_after(min(LOOK_AGAIN, left)):
                await ears.woken.wait()
                await asyncio.sleep(TOGETHER)
            runs = ears.take() or asked.runs
            found = await anyio.to_thread.run_sync(plane.ended_of, runs)
    return found


class _Ears:
    """Hears of some runs."""

    def __init__(self, awaited: Collection[bytes]) -> None:
        self._awaited = awaited
        self._heard: set[bytes] = set()
        self.stopped = False
        self.woken = asyncio.Event()

    def take(self) -> list[UUID]:
        """The runs that were heard of since the last time."""
        self.woken.clear()
        heard, self._heard = self._heard, set()
        return [UUID(bytes=run) for run in heard]

    @contextmanager
    def listening(self, bus: Bus | None, stopping: Stopping) -> Iterator[None]:
        """Hear what the bus says, and that the server stops, while the block runs."""
        loop = asyncio.get_running_loop()

        def hear() -> None:  # on the bus's thread, for every run that changes: most concern nobody here
            about = set() if subscription is None else concerned(subscription.take(), self._awaited)
            if about:
                loop.call_soon_threadsafe(self._note, about)

        subscription = None if bus is None else bus.subscribe({TOPIC}, hear)
        forget = stopping.when(lambda: loop.call_soon_threadsafe(self._stop))
        try:
            yield
        finally:
            forget()
            if bus is not None and subscription is not None:
                bus.unsubscribe(subscription)

    def _note(self, about: set[bytes]) -> None:
        self._heard |= about
        self.woken.set()

    def _stop(self) -> None:
        self.stopped = True
        self.woken.set()


router = Router("/", route_handlers=[await_flow_runs], tags=["Flow runs"])
