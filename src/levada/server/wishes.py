"""Wishes from the event loop: a handler awaits what became of its own, and needs no thread for it.

The combiner of the plane carries wishes out in a thread of its own, many at once (`levada.control.combining`). Its
answers come back through a box that is emptied once, however many lie in it, so that a round of fifty wakes the loop
once and not fifty times.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from litestar.concurrency import sync_to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar import Request

    from levada.control import ControlPlane
    from levada.control.sheet import Asked

A = TypeVar("A")

SMALL: Final = 16 * 1024
"""Bytes of a request's body up to which it is looked over on the event loop; larger ones would hold others up."""


class Desk:
    """Where an application hands wishes in.

    Args:
        plane: the control plane.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._box: _Box | None = None

    async def granted(self, wish: Asked[A]) -> A:
        """The answer to a wish, once it is committed.

        Raises:
            TooManyRequests: too many wait already.
            Exception: whatever is the wish's own error.
        """
        loop = asyncio.get_running_loop()
        box = self._box
        if box is None or box.loop is not loop:
            box = self._box = _Box(loop)
        future: asyncio.Future[Any] = loop.create_future()
        self._plane.wishes.offer(wish, partial(box.put, future))
        answer: A = await future
        return answer


class Wishes:
    """The wishes of one request.

    Args:
        desk: of the application.
        request: whose wishes they are.
        by: who asks.
    """

    __slots__ = ("_by", "_desk", "_request")

    def __init__(self, desk: Desk, request: Request[Any, Any, Any], by: str) -> None:
        self._desk = desk
        self._request = request
        self._by = by

    async def granted(self, wish: Callable[[str], Asked[A]]) -> A:
        """The answer to a wish, once it is committed.

        Args:
            wish: makes it, and checks what the request says; given who asks. Called in a thread when the request is
                large.

        Raises:
            TooManyRequests: too many wait already.
            Exception: whatever is the wish's own error.
        """
        small = len(await self._request.body()) <= SMALL
        made = wish(self._by) if small else await sync_to_thread(wish, self._by)
        return await self._desk.granted(made)


class _Box:
    """Answers on their way from the combiner's thread to an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._answers: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._called = False

    def put(self, future: asyncio.Future[Any], outcome: Any) -> None:
        """Called from the combiner's thread."""
        self._answers.append((future, outcome))
        if not self._called:
            self._called = True
            self.loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._called = False  # first: what is put from now on calls again
        while self._answers:
            future, outcome = self._answers.popleft()
            if future.done():
                continue  # whoever asked went away
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
