"""The current task run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.engine.context import TaskRunContext, task_var
from levada.runtime.lookup import look_up


def _of(read: Callable[[TaskRunContext], Any], empty: Any = None) -> Callable[[], Any]:
    def value() -> Any:
        ctx = task_var.get()
        if ctx is not None:
            return read(ctx)
        return empty() if callable(empty) else empty

    return value


FIELDS: dict[str, Callable[[], Any]] = {
    "id": _of(lambda ctx: str(ctx.task_run.id)),
    "tags": _of(lambda ctx: sorted(ctx.tags), list),
    "name": _of(lambda ctx: ctx.name),
    "parameters": _of(lambda ctx: ctx.parameters, dict),
    "run_count": _of(lambda ctx: ctx.attempt, 0),
    "task_name": _of(lambda ctx: ctx.task.name),
    "api_url": _of(lambda _: None),
    "ui_url": _of(lambda _: None),
}
"""Every attribute, and how it is read."""

__all__ = [*FIELDS]  # noqa: PLE0604 - the attributes are looked up when they are asked for


def __getattr__(name: str) -> Any:
    return look_up("task_run", FIELDS, name)


def __dir__() -> list[str]:
    return sorted(FIELDS)
