"""What a server writes to its log: one line an event, `key=value`, so that people and machines can read it."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class LineFormatter(logging.Formatter):
    """Formats records as `at=… level=… logger=… message=…`; a traceback is a value, too, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        line = f"at={at} level={record.levelname.lower()} logger={record.name} message={quoted(record.getMessage())}"
        if record.exc_info:
            line += f" traceback={quoted(self.formatException(record.exc_info))}"
        return line


def quoted(text: str) -> str:
    """A value as it stands in a line: quoted where it holds blanks, quotes, `=` or ends of lines."""
    if text and not any(character in text for character in ' "=\n\r\t\\'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send what our loggers say, and the warnings of what serves HTTP, to standard error.

    Args:
        level: least level of our own loggers.
        stream: where to, if not standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    for name, least in (("levada", level), ("uvicorn", "WARNING"), ("asyncio", "WARNING"), ("litestar", "WARNING")):
        logger = logging.getLogger(name)
        logger.setLevel(least)
        logger.handlers = [handler]
        logger.propagate = False
