"""Who goes first: reads wait for their turn, so that they cannot slow execution.

All threads of a process share one interpreter. A list that is drawn up while a batch is taken in takes half of it away
from the batch, and 200 people who look would leave it nothing. So lists, counts and graphs pass a gate: few at once,
in order of arrival, as coroutines that cost nothing while they wait, and only while no batch and no change of state is
at work. Those that are inside pause for these (`levada.core.courtesy`). When the line has stood still for long, the
first passes anyway: a busy server is slow to read, but never silent.

Reads go in one by one, as two threads that want the interpreter cost a third more than one after the other. Another
goes in beside one that is slow, which waits for its database; while there is work now and then, only beside one that is
very slow: two of them, their database and whoever reads their answers would be in the way of the next batch. And then
nobody goes in for a while after one has left: reads that follow each other without a pause keep the database busy with
themselves, however politely they wait here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from levada.core.courtesy import Road, polite
from levada.core.errors import TooManyRequests
from levada.server.pattern import is_work
from levada.server.rendering import wanting

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_LINE: Final = 1000
"""Reads that may wait; more are sent away with 429."""

PATIENCE: Final = 0.25
"""Seconds for which the line stands still before its first passes although something else is at work."""

SLOW: Final = 0.02
"""Seconds for which the line stands still before another read goes in beside one that is slow."""

QUIET: Final = 1.0
"""Seconds without a batch or a change after which `SLOW` is enough again."""

RESPITE: Final = 2.0
"""While there is work now and then: for how many times as long as a read took nobody goes in after it."""


class Gate:
    """Admits reads.

    Args:
        places: how many at once.
        longest_line: how many may wait.
        patience: seconds for which the line stands still before its first passes whatever else goes on.
        slow: seconds for which it stands still before another read goes in beside one that is inside.
        quiet: seconds without work before which `patience` is needed for that, too.
        respite: until then, for how many times as long as a read took nobody goes in after it.
    """

    def __init__(
        self,
        places: int,
        longest_line: int = LONGEST_LINE,
        patience: float = PATIENCE,
        slow: float = SLOW,
        quiet: float = QUIET,
        respite: float = RESPITE,
    ) -> None:
        self.places = places
        self.longest_line = longest_line
        self.patience = patience
        self.slow = slow
        self.quiet = quiet
        self.respite = respite
        self.reading = 0
        """Reads inside."""
        self.road = Road()
        """On which batches and changes are; reads that are inside pause for them at every row."""
        self.refused = 0
        """Reads that were sent away, ever."""
        self._line: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._moved = self._worked = -math.inf
        """When a read was let in last, and when a batch or a change was done last."""
        self._rested = -math.inf
        """When the respite after the last read is over."""

    @property
    def waiting(self) -> int:
        """Reads in line."""
        return len(self._line)

    async def enter(self) -> None:
        """Wait for a place; `leave` gives it back.

        Raises:
            TooManyRequests: the line is full.
        """
        now = time.monotonic()
        if not self._line and self._open(now, now):
            self._let_in(now)
            return
        if len(self._line) >= self.longest_line:
            self.refused += 1
            raise TooManyRequests(
                f"{self.longest_line} lists, counts and graphs wait for their turn already; ask again later."
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((turn, now))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place came, and nobody is there to take it
            raise

    def leave(self) -> None:
        """Give a place back."""
        self.reading -= 1
        now = time.monotonic()
        self._rested = now + min(self.patience, self.respite * (now - self._moved))
        self._admit()

    def begin_work(self) -> None:
        """Say that a batch or a change is at work."""
        self.road.enter()

    def end_work(self) -> None:
        """Say that it is done."""
        self.road.leave()
        self._worked = time.monotonic()
        self._admit()

    def _open(self, since: float, now: float) -> bool:
        """Whether the first in line, who came at `since`, may pass."""
        if not self.reading and not self.road.urgent:
            return now >= self._rested or not self._is_busy(now)
        stood_still = now - max(since, self._moved) >= self._wait(now)
        return stood_still and self.reading < (1 if self.road.urgent else self.places)

    def _wait(self, now: float) -> float:
        """Seconds for which the line has to stand still before its first passes beside others."""
        return self.patience if self._is_busy(now) else self.slow

    def _is_busy(self, now: float) -> bool:
        """Whether there is work now and then."""
        return bool(self.road.urgent) or now - self._worked < self.quiet

    def _let_in(self, now: float) -> None:
        self.reading += 1
        self._moved = now

    def _admit(self) -> None:
        """Let in who may pass now, and come back when the line will have stood still for long enough."""
        now = time.monotonic()
        while self._line:
            turn, since = self._line[0]
            if not turn.done():  # otherwise who waited has gone away
                if not self._open(since, now):
                    break
                self._let_in(now)
                turn.set_result(None)
            self._line.popleft()
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._line or self.reading >= (1 if self.road.urgent else self.places):
            return  # somebody who leaves will look
        due = max(self._line[0][1], self._moved) + self._wait(now)
        if not self.reading and not self.road.urgent:
            due = self._rested
        self._timer = asyncio.get_running_loop().call_later(max(0.001, due - now), self._due)

    def _due(self) -> None:
        self._timer = None
        self._admit()


def gated(gate: Gate) -> Callable[..., Gated]:
    """What makes the middleware for each handler, all of them with one gate."""
    return partial(Gated, gate=gate)


class Gated:
    """Middleware that sends reads through the gate, and tells it of what goes ahead of them.

    Args:
        app: what comes next.
        gate: the gate of this process.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, when it is its turn."""
        opt: dict[str, Any] = scope["route_handler"].opt
        if opt.get("gate"):
            await self.gate.enter()
            state = scope["state"]
            with polite(self.gate.road), wanting(state.get("headers") or dict(scope["headers"])):
                await self._pass(scope, receive, send, self.gate.leave)
        elif is_work(str(scope.get("method", "GET")), opt):
            self.gate.begin_work()
            await self._pass(scope, receive, send, self.gate.end_work)
        else:
            await self.app(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, leave: Callable[[], None]) -> None:
        inside = True

        async def send_and_leave(message: Message) -> None:
            nonlocal inside
            if inside:
                # The answer is made; whether its receiver is slow to take it is nobody else's matter.
                inside = False
                leave()
            await send(message)

        try:
            await self.app(scope, receive, send_and_leave)
        finally:
            if inside:
                leave()
