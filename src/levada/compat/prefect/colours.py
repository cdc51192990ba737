"""Functions that answer in the colour of their caller, as files written for Prefect expect.

In code that runs on an event loop, inside an async run or outside runs, the call gives a coroutine; elsewhere it gives
the value. Levada's own functions never do this; see `docs/prefect.md`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

from levada.engine.context import flow_var, task_var


def in_async_code() -> bool:
    """Whether the caller is taken to be async: a loop runs here, and the innermost run is not a sync one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    task, flow = task_var.get(), flow_var.get()
    if task is not None:
        return bool(task.task.isasync)
    return flow is None or bool(flow.flow.isasync)


def either(sync: Callable[..., Any], asynchronous: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls one of two, by the colour of its caller; `_sync=` decides when given."""

    @wraps(sync)
    def call(*args: Any, _sync: bool | None = None, **kwargs: Any) -> Any:
        is_async = in_async_code() if _sync is None else not _sync
        return (asynchronous if is_async else sync)(*args, **kwargs)

    call.aio = asynchronous  # type: ignore[attr-defined]
    return call


def both_ways(owner: type, *names: str) -> type:
    """A subclass whose methods of these names answer in the colour of their caller, by their twins called ``a…``."""
    body: dict[str, Any] = {
        "__module__": owner.__module__,
        "__qualname__": owner.__qualname__,
        "__doc__": owner.__doc__,
    }
    made = type(owner.__name__, (owner,), body)
    for name in names:
        is_class_method = isinstance(owner.__dict__.get(name), classmethod)
        guess = either(_plain(owner, name), _plain(owner, f"a{name}"))
        setattr(made, name, classmethod(guess) if is_class_method else guess)
    return made


def _plain(owner: type, name: str) -> Callable[..., Any]:
    """A method as a plain function of its first argument."""
    found = owner.__dict__[name] if name in owner.__dict__ else getattr(owner, name)
    function: Callable[..., Any] = found.__func__ if isinstance(found, classmethod) else found
    return function
