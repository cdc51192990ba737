"""In which run the current code is, and the tags that runs made here get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import wraps
from typing import Any, TypeVar

from levada.engine.context import FlowRunContext, TaskRunContext, current_run, flow_var, tags_var, task_var

F = TypeVar("F", bound=Callable[..., Any])

EngineContext = FlowRunContext


def get_run_context() -> FlowRunContext | TaskRunContext:
    """The context of the innermost run: the task's inside a task, else the flow's.

    Raises:
        MissingContextError: outside runs.
    """
    return current_run()


def get_flow_run_context() -> FlowRunContext | None:
    """The context of the flow run this code is in, if any."""
    return flow_var.get()


def get_task_run_context() -> TaskRunContext | None:
    """The context of the task run this code is in, if any."""
    return task_var.get()


@contextmanager
def tags(*new_tags: str) -> Iterator[set[str]]:
    """Give tags to every flow run and task run made inside the block; nested blocks add to each other.

    Yields:
        All tags that hold inside.
    """
    combined = tags_var.get() | frozenset(new_tags)
    token = tags_var.set(combined)
    try:
        yield set(combined)
    finally:
        tags_var.reset(token)


def with_context(fn: F) -> F:
    """Make a function run in the context it is wrapped in, whatever thread calls it."""
    context = copy_context()

    @wraps(fn)
    def inside(*args: Any, **kwargs: Any) -> Any:
        return context.copy().run(fn, *args, **kwargs)

    return inside  # type: ignore[return-value]


__all__ = [
    "EngineContext",
    "FlowRunContext",
    "TaskRunContext",
    "get_flow_run_context",
    "get_run_context",
    "get_task_run_context",
    "tags",
    "with_context",
]
