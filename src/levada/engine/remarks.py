"""What the engine itself has to say about a run, as log lines of that run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from levada.engine.context import FlowRunContext

FLOW_RUNS = "levada.flow_runs"
TASK_RUNS = "levada.task_runs"
_SHOWN = "_levada_shown"


def engine_log(where: Any, level: str, message: str, *args: Any, error: BaseException | None = None) -> None:
    """Log what the engine has to say about a run.

    Args:
        where: the task call, or the context of the run.
        level: name of the level, in lower case.
        message: with %-style places for `args`.
        args: for the message.
        error: shown with its traceback, the first time that it is logged: an error passes through many runs.
    """
    is_flow = isinstance(where, FlowRunContext)
    import logging  # lazy: loaded by the first run, not by the import of the package

    logger = logging.getLogger(FLOW_RUNS if is_flow else TASK_RUNS)
    number = logging.getLevelName(level.upper())
    if not logger.isEnabledFor(number):
        return
    name = where.flow_run.name if is_flow else where.name
    extra = {
        "levada_run": where.run,
        "levada_task": None if is_flow else where.task_id,
        "levada_name": f"{'Flow' if is_flow else 'Task'} run {name!r}",
    }
    exc_info = None
    if error is not None and not getattr(error, _SHOWN, False):
        exc_info = (type(error), error, error.__traceback__)
        with suppress(AttributeError):  # an error that takes no attributes is shown again further up
            setattr(error, _SHOWN, True)
    logger.log(number, message, *args, extra=extra, exc_info=exc_info)
