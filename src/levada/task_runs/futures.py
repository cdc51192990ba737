"""What `task.delay` gives: a future whose run may be executed by any process, today or tomorrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from uuid import UUID

from levada.core.states import State, StateType
from levada.futures import Future

R_co = TypeVar("R_co", covariant=True)


class Watcher(Protocol):
    """Who waits for the ends of flow runs on behalf of futures."""

    def watch(self, future: DelayedFuture[Any]) -> None:
        """End this future when its run has ended; twice does nothing."""
        ...

    def cancel(self, run: UUID) -> bool:
        """Ask for a run to be cancelled; False when it is too late."""
        ...


class DelayedFuture(Future[R_co]):
    """The outcome of a delayed call.

    It can be waited for, awaited, and handed to `wait`, `as_completed` and `gather` like any future; it can be pickled
    and waited for elsewhere. Nobody who only delays pays for waiting: the control plane is asked from the first time
    that somebody wants to know.

    Attributes:
        flow_run_id: the flow run that stands for the call.
    """

    __slots__ = ("flow_run_id", "watcher")

    def __init__(self, flow_run_id: UUID, task_id: bytes, name: str, watcher: Watcher) -> None:
        super().__init__(task_id, None, name)
        self.flow_run_id = flow_run_id
        self.watcher = watcher
        self.keeper = _Keeper(self)
        self._latest = State(StateType.SCHEDULED)

    @property
    def state(self) -> State:
        """The state the call is known to be in: Scheduled until it is known to have ended. Never blocks."""
        self.ask()
        return super().state

    def done(self) -> bool:
        """Whether the call is known to have ended. Never blocks; whoever asks is told soon after it ends."""
        self.ask()
        return super().done()

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call `fn(future)` once when the run has ended, on a thread of Levada's own."""
        super().add_done_callback(fn)
        self.ask()

    def ask(self) -> None:
        """Have the control plane asked from now on."""
        if self._final is None:
            self.watcher.watch(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.flow_run_id, self.task_id, self.name)

    def __repr__(self) -> str:
        name = (self._final or self._latest or State(StateType.SCHEDULED)).name
        return f"{type(self).__name__}({self.name or self.flow_run_id!s}, {name})"


class _Keeper:
    """Ends a future by having its run watched."""

    def __init__(self, future: DelayedFuture[Any]) -> None:
        self._future = future

    def before_block(self) -> None:
        """Somebody waits now."""
        self._future.ask()

    def cancel(self) -> bool:
        """Have the run cancelled, wherever it is."""
        return self._future.watcher.cancel(self._future.flow_run_id)


def _again(flow_run_id: UUID, task_id: bytes, name: str) -> DelayedFuture[Any]:
    from levada.task_runs.delaying import delayer  # lazy: who unpickles a future may never wait for it

    return DelayedFuture(flow_run_id, task_id, name, delayer().watcher)
