"""What a run asks its driver for: the only things that can block or await.

Everything else a run does (append a record, decide about a retry, build a context) is plain code in the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol


class Call:
    """Call the user's function and reply with what it returns (awaited, if it is a coroutine)."""

    __slots__ = ("args", "function", "kwargs", "timeout")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.timeout = timeout


class Iterate:
    """Run the user's generator function, handing each item to the caller; reply with what the generator returned."""

    __slots__ = ("args", "context", "function", "kwargs", "on_item", "timeout")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout: float | None,
        context: tuple[Any, Any],
        on_item: Callable[[Any], None],
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.timeout = timeout
        self.context = context
        self.on_item = on_item


class Sleep:
    """Wait so many seconds on the session's clock."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class WaitFor:
    """Wait until all these futures are done."""

    __slots__ = ("futures",)

    def __init__(self, futures: Iterable[Any]) -> None:
        self.futures = list(futures)


class Do:
    """Do something that may block for a moment: storage, a lock, a slot. In async runs it goes to a thread."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = function
        self.args = args


class Invoke:
    """Call a user's callable that may be sync or async (hooks, conditions); reply with what it returns."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs


class Step(Protocol):
    """Any other piece of work that may block, as the rooms below write it (see `levada.results.steps`)."""

    def run(self) -> Any:
        """Do it on this thread."""
        ...

    async def arun(self) -> Any:
        """Do it without blocking the event loop."""
        ...


Command = Call | Iterate | Sleep | WaitFor | Do | Invoke | Step
