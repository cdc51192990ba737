"""Log lines of runs: from `logging` into the journal and onto the console.

One handler does both. It sits on the ``levada`` logger and on those the author names (``logging.extra_loggers``). The
run a line belongs to is the one whose context the line was written in, so it works in threads, in coroutines and in
third-party code alike. A line is in the journal before the call that logged it returns.
"""

from __future__ import annotations

import builtins
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from levada.engine import session as sessions
from levada.engine.context import FlowRunContext, TaskRunContext, flow_var, task_var
from levada.engine.remarks import FLOW_RUNS as FLOW_RUNS
from levada.engine.remarks import TASK_RUNS as TASK_RUNS
from levada.wire.records import LogLine

if TYPE_CHECKING:
    from levada.engine.session import Session

ROOT = "levada"

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "asctime",
    "levada_name",
    "levada_run",
    "levada_task",
    "message",
    "send_to_api",
    "taskName",
}
"""Attributes of a record that are not fields the author added."""

_COLORS = {10: "\x1b[2m", 20: "\x1b[36m", 30: "\x1b[33m", 40: "\x1b[31m", 50: "\x1b[1;31m"}


class RunHandler(logging.Handler):
    """Writes each line into the journal of this process, with the run it belongs to, and shows it on the console."""

    def __init__(self, to_console: bool, colors: bool) -> None:
        super().__init__()
        self.to_console = to_console
        self.colors = colors

    def emit(self, record: logging.LogRecord) -> None:
        """Record and show one line."""
        try:
            self._emit(record)
        except Exception:  # noqa: BLE001 - logging's own convention: trouble with a line must not end the program
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        fields = record.__dict__
        given = fields.get("levada_run", fields)
        task: TaskRunContext | Any = None
        flow: FlowRunContext | Any = None
        if given is fields:
            task, flow = task_var.get(), flow_var.get()
            run_id = task.run if task is not None else None if flow is None else flow.run
            task_id = None if task is None else task.task_id
        else:
            run_id, task_id = given, fields.get("levada_task")
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message}\n{_traceback(record)}"
        session = sessions.existing()
        if session is not None and (run_id is not None or task_id is not None) and fields.get("send_to_api", True):
            extra = fields.keys() - _STANDARD
            session.journal.append(
                LogLine(
                    run_id,
                    task_id,
                    int(record.created * 1_000_000),
                    record.levelno,
                    record.name,
                    message,
                    0 if task is None else task.attempt,
                    {name: _field(fields[name]) for name in extra} if extra else None,
                )
            )
        if self.to_console and not _shown_elsewhere():
            self._show(record, message, fields.get("levada_name") or _title(flow, task))

    def _show(self, record: logging.LogRecord, message: str, title: str) -> None:
        stream: TextIO = sys.stderr
        clock = _clock_text(record.created)
        level = f"{record.levelname:<8}"
        if self.colors and stream.isatty():
            level = f"{_COLORS.get(record.levelno, '')}{level}\x1b[0m"
            title = f"\x1b[34m{title}\x1b[0m" if title else title
        stream.write(f"{clock} | {level}| {title}{' - ' if title else ''}{message}\n")


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_text and record.exc_info and record.exc_info[1] is not None:
        from levada.engine.tracebacks import authors_traceback  # lazy: only errors need it

        record.exc_text = authors_traceback(record.exc_info[1])
    return record.exc_text or ""


def _clock_text(created: float) -> str:
    import time  # lazy: time is always loaded; named here because only the console needs it

    return f"{time.strftime('%H:%M:%S', time.localtime(created))}.{int(created * 1000) % 1000:03d}"


def _title(flow: Any, task: Any) -> str:
    if task is not None:
        return f"Task run {task.name!r}"
    return f"Flow run {flow.flow_run.name!r}" if flow is not None else ""


def _field(value: Any) -> Any:
    """A field's value as the journal can keep it."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        return [_field(item) for item in value]
    if isinstance(value, dict) and len(value) <= 100:
        return {str(key): _field(item) for key, item in value.items()}
    return str(value)[:1000]


def _shown_elsewhere() -> bool:
    """Whether the program configured logging itself; then its own handlers show our lines, in its own format."""
    return bool(logging.root.handlers)


_handler: RunHandler | None = None
_printing = 0
_print_lock = threading.Lock()
_print = builtins.print


def set_up(session: Session) -> None:
    """Attach the handler to our loggers and to those the author names; done again when settings changed."""
    global _handler  # noqa: PLW0603 - logging itself is global to the process
    settings = session.settings
    level = "DEBUG" if settings.debug_mode else settings.logging.level
    if _handler is None:
        _handler = RunHandler(settings.logging.to_console, settings.logging.colors)
        logging.raiseExceptions = False
    _handler.to_console = settings.logging.to_console
    _handler.colors = settings.logging.colors
    for name in (ROOT, *settings.logging.extra_loggers):
        logger = logging.getLogger(name)
        if _handler not in logger.handlers:
            logger.addHandler(_handler)
        if name == ROOT or logger.level == logging.NOTSET:
            logger.setLevel(level)


def capture_prints() -> Callable[[], None]:
    """From now on `print` inside runs with `log_prints` becomes a log line; gives what ends that."""
    global _printing  # noqa: PLW0603 - builtins.print is global to the process
    with _print_lock:
        if _printing == 0:
            builtins.print = _logged_print
        _printing += 1
    return _release_prints


def _release_prints() -> None:
    global _printing  # noqa: PLW0603
    with _print_lock:
        _printing -= 1
        if _printing == 0:
            builtins.print = _print


def _logged_print(
    *values: Any, sep: str | None = None, end: str | None = None, file: Any = None, flush: bool = False
) -> None:
    ctx = task_var.get() or flow_var.get()
    if ctx is None or not ctx.log_prints or file not in (None, sys.stdout, sys.stderr):
        _print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    text = (" " if sep is None else sep).join(map(str, values)) + ("" if end in (None, "\n") else str(end))
    logging.getLogger(TASK_RUNS if isinstance(ctx, TaskRunContext) else FLOW_RUNS).info("%s", text)
