"""One text for sync and async: work is written as a generator of steps, and driven in either colour.

A *step* has `run()`, which blocks, and `arun()`, which is awaited; both give the same reply, which the generator is
sent, or raise the same error, which is thrown into it. The engine, whose runs are generators too, may `yield from` such
work and drive its steps with its own commands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Step(Protocol):
    """One piece of work that may block."""

    def run(self) -> Any:
        """Do it here and now."""
        ...

    async def arun(self) -> Any:
        """Do it without blocking the event loop."""
        ...


Steps = Generator[Step, Any, T]
"""Work that gives a `T` in the end."""


class Call:
    """A step that calls a function, which may be a coroutine function or return an awaitable.

    Args:
        function: what to call.
        args: its arguments.
        quick: call it on the event loop's own thread (user hooks, which may belong to it, and small local files);
            otherwise async drivers call it in a thread.
    """

    __slots__ = ("args", "function", "quick")

    def __init__(self, function: Callable[..., Any], *args: Any, quick: bool = False) -> None:
        self.function = function
        self.args = args
        self.quick = quick

    def run(self) -> Any:
        """Call it, and run what it returns to its end if that is awaitable."""
        result = self.function(*self.args)
        return settle(result) if isawaitable(result) else result

    async def arun(self) -> Any:
        """Call it, in a thread unless it is quick, and await what it returns if that is awaitable."""
        if self.quick or iscoroutinefunction(self.function):
            result = self.function(*self.args)
        else:
            import asyncio  # lazy: only async authors pay for it

            result = await asyncio.to_thread(self.function, *self.args)
        return await result if isawaitable(result) else result

    def __repr__(self) -> str:
        return f"Call({self.function!r}, {', '.join(map(repr, self.args))})"


def settle(awaitable: Awaitable[T]) -> T:
    """Run an awaitable to its end from code that cannot await; in a thread of its own when a loop runs in this one."""
    import asyncio  # lazy: only async storages and hooks in sync code need it
    from contextvars import copy_context  # lazy: as above

    async def wait() -> T:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    from threading import Thread  # lazy: as above

    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((asyncio.run(wait()), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            outcome.append((None, error))

    thread = Thread(target=copy_context().run, args=(work,), name="levada-settle")
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # it came out of `wait`


def drive(steps: Steps[T]) -> T:
    """Do the work in this thread."""
    try:
        step = next(steps)
        while True:
            try:
                reply = step.run()
            except BaseException as error:  # noqa: BLE001 - the work decides what an error means
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the generator returns


async def adrive(steps: Steps[T]) -> T:
    """Do the work in this coroutine."""
    try:
        step = next(steps)
        while True:
            try:
                reply = await step.arun()
            except BaseException as error:  # noqa: BLE001 - the work decides what an error means
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the generator returns
