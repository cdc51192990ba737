"""Loggers that belong to runs. What is logged inside a run is recorded with it, and shown on the console."""

from __future__ import annotations

import logging as _logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from levada.core.errors import MissingContextError
from levada.engine.context import FlowRunContext, TaskRunContext, flow_var, task_var
from levada.engine.logs import FLOW_RUNS, ROOT, TASK_RUNS

_disabled = 0


class RunLogger(_logging.LoggerAdapter[_logging.Logger]):
    """A logger of one run. Fields given with `extra=` are recorded as structured data.

    Attributes:
        extra: ids and names of the run, and the fields that this logger adds to every line.
    """

    def __init__(self, logger: _logging.Logger, fields: dict[str, Any], run: dict[str, str] | None = None) -> None:
        super().__init__(logger, {**(run or {}), **fields})
        self._fields = fields
        self._run = run

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add this logger's own fields to those of the call."""
        if self._fields:
            kwargs["extra"] = {**self._fields, **(kwargs.get("extra") or {})}
        return msg, kwargs

    def getChild(self, suffix: str, extra: dict[str, Any] | None = None) -> RunLogger:  # noqa: N802 - logging's name
        """A logger below this one."""
        return RunLogger(self.logger.getChild(suffix), {**self._fields, **(extra or {})}, self._run)


def get_run_logger(context: Any = None, **extra: Any) -> RunLogger:
    """The logger of the current task run, or else of the current flow run.

    Args:
        context: take the logger of this run context instead.
        extra: recorded with every line.

    Raises:
        MissingContextError: outside runs.
    """
    found = context
    if found is None:
        found = task_var.get() or flow_var.get()
    if found is None:
        if _disabled:
            return RunLogger(_silent(), extra)
        raise MissingContextError("There is no active flow or task run context.")
    if not isinstance(found, (FlowRunContext, TaskRunContext)):
        raise TypeError(f"Received unexpected type {type(found).__name__!r} for context. Expected a run context.")
    name = TASK_RUNS if isinstance(found, TaskRunContext) else FLOW_RUNS
    if context is not None:
        extra = {**_of(found), **extra}
    return RunLogger(_logging.getLogger(name), extra, _described(found))


def _described(ctx: FlowRunContext | TaskRunContext) -> dict[str, str]:
    """Ids and names of a run, as text."""
    flow = ctx if isinstance(ctx, FlowRunContext) else ctx.flow_context
    described: dict[str, str] = {}
    if flow is not None:
        described = {
            "flow_run_id": str(flow.flow_run.id),
            "flow_run_name": flow.flow_run.name,
            "flow_name": flow.flow.name,
        }
    if isinstance(ctx, TaskRunContext):
        described |= {
            "task_run_id": str(UUID(bytes=ctx.task_id)),
            "task_run_name": ctx.name,
            "task_name": ctx.task.name,
        }
    return described


def _of(ctx: FlowRunContext | TaskRunContext) -> dict[str, Any]:
    if isinstance(ctx, TaskRunContext):
        return {"levada_run": ctx.run, "levada_task": ctx.task_id, "levada_name": f"Task run {ctx.name!r}"}
    return {"levada_run": ctx.run, "levada_task": None, "levada_name": f"Flow run {ctx.flow_run.name!r}"}


def get_logger(name: str | None = None) -> _logging.Logger:
    """A logger below ``levada``; what it logs inside a run is recorded with the run."""
    if name is None:
        return _logging.getLogger(ROOT)
    return _logging.getLogger(name if name == ROOT or name.startswith(f"{ROOT}.") else f"{ROOT}.{name}")


def _silent() -> _logging.Logger:
    logger = _logging.getLogger("null")
    logger.disabled = True
    return logger


@contextmanager
def disable_logger(name: str) -> Iterator[None]:
    """Silence one logger inside the block."""
    logger = _logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Silence run loggers inside the block, and let `get_run_logger` work outside runs: for tests of ``task.fn``."""
    global _disabled  # noqa: PLW0603 - loggers are global to the process
    _disabled += 1
    try:
        with disable_logger(FLOW_RUNS), disable_logger(TASK_RUNS):
            yield
    finally:
        _disabled -= 1


class LogEavesdropper(_logging.Handler):
    """Collects what a logger says inside a block.

    Args:
        eavesdrop_on: name of the logger.
        level: lowest level that is collected.
    """

    def __init__(self, eavesdrop_on: str, level: int = _logging.NOTSET) -> None:
        super().__init__(level)
        self.eavesdrop_on = eavesdrop_on
        self._lines: list[str] = []

    def emit(self, record: _logging.LogRecord) -> None:
        """Collect one line."""
        self._lines.append(self.format(record))

    def text(self) -> str:
        """What was said, a line each."""
        return "\n".join(self._lines)

    def __enter__(self) -> LogEavesdropper:
        _logging.getLogger(self.eavesdrop_on).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _logging.getLogger(self.eavesdrop_on).removeHandler(self)


def flow_run_logger(flow_run: Any, flow: Any = None, **extra: Any) -> RunLogger:
    """The logger of a flow run that is not the current one, for hooks and tools."""
    fields = {"levada_run": flow_run.id.bytes, "levada_task": None, "levada_name": f"Flow run {flow_run.name!r}"}
    del flow
    return RunLogger(_logging.getLogger(FLOW_RUNS), {**fields, **extra})


def task_run_logger(task_run: Any, task: Any = None, flow_run: Any = None, flow: Any = None, **extra: Any) -> RunLogger:
    """The logger of a task run that is not the current one, for hooks and tools."""
    run = task_run.flow_run_id or (flow_run.id if flow_run is not None else None)
    fields = {
        "levada_run": None if run is None else run.bytes,
        "levada_task": task_run.id.bytes,
        "levada_name": f"Task run {task_run.name!r}",
    }
    del task, flow
    return RunLogger(_logging.getLogger(TASK_RUNS), {**fields, **extra})


__all__ = [
    "LogEavesdropper",
    "RunLogger",
    "disable_logger",
    "disable_run_logger",
    "flow_run_logger",
    "get_logger",
    "get_run_logger",
    "task_run_logger",
]
