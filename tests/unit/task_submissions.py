"""Stand-ins for submitted task calls, and what tests of task runners need around them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from levada.core.errors import RunCancelled
from levada.core.states import State, StateType
from levada.engine.guard import current_guard
from levada.engine.outcome import state_of_end
from levada.futures import Future

_numbers = itertools.count(1)


class Call:
    """A submission that runs a plain function; what the engine does around a body is reduced to states."""

    def __init__(
        self,
        body: Callable[[], Any],
        upstream: tuple[Future[Any], ...] = (),
        is_async: bool = False,
        timeout: float | None = None,
    ) -> None:
        number = next(_numbers)
        self.name = f"call-{number}"
        self.future: Future[Any] = Future(number.to_bytes(16, "big"), name=self.name)
        self.upstream = tuple(future for future in upstream if not future.done())
        self.is_async = is_async
        self.timeout = timeout
        self.body = body
        self.abandoned: str | None = None
        self.ended: State | None = None

    def run(self) -> State:
        guard = current_guard()
        try:
            value = self.body() if guard is None else guard.call(self.body, (), {})
        except Exception as error:
            return State(StateType.FAILED, data=error)
        except RunCancelled as error:
            return state_of_end(error)
        return State(StateType.COMPLETED, data=value)

    async def arun(self) -> State:
        try:
            value = await self.body()
        except Exception as error:
            return State(StateType.FAILED, data=error)
        return State(StateType.COMPLETED, data=value)

    def pack(self) -> bytes:
        raise NotImplementedError

    def ended_elsewhere(self, state: State) -> State:
        return state

    def abandon(self, reason: str) -> State:
        self.abandoned = reason
        return State(StateType.CANCELLED, message=reason)

    def end(self, state: State) -> State:
        self.ended = state
        return state

    def crash(self, error: BaseException) -> State:
        return state_of_end(error)


def submit(runner: Any, body: Callable[[], Any], *upstream: Future[Any]) -> Future[Any]:
    return runner.submit_prepared(Call(body, upstream))


def asubmit(runner: Any, body: Callable[[], Any], *upstream: Future[Any]) -> Future[Any]:
    return runner.submit_prepared(Call(body, upstream, is_async=True))


class Meter:
    """Counts how many bodies run at the same time."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


LONG = 30.0
"""Seconds after which a test that waits is wrong."""
