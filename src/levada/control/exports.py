"""Log lines as files: text for people, CSV for tables, NDJSON for programs; page by page, whatever their number."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from logging import getLevelName
from typing import TYPE_CHECKING, Literal

from msgspec.json import Encoder
from msgspec.structs import replace

if TYPE_CHECKING:
    from levada.wire.filters import LogQuery
    from levada.wire.objects import Log, Page

Form = Literal["text", "csv", "ndjson"]

MEDIA_TYPES: dict[Form, str] = {
    "text": "text/plain",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
}

SUFFIXES: dict[Form, str] = {"text": "log", "csv": "csv", "ndjson": "ndjson"}

PAGE = 1000
"""Lines read at once."""

COLUMNS = ("timestamp", "level", "logger", "flow_run_id", "task_run_id", "attempt", "message")

_encode_lines = Encoder().encode_lines


def export_logs(read: Callable[[LogQuery], Page], query: LogQuery, form: Form) -> Iterator[bytes]:
    """The lines that a query finds, as parts of a file.

    Args:
        read: gives a page of `Log`.
        query: which lines; its limit and cursor are not looked at: all of them come.
        form: see `MEDIA_TYPES`.
    """
    page = read(replace(query, limit=PAGE, cursor=None))
    # The first page is read before the first part is given, so that what is wrong with a query is told as an error and
    # not as a file that breaks off.
    return _parts(read, query, form, page)


def _parts(read: Callable[[LogQuery], Page], query: LogQuery, form: Form, page: Page) -> Iterator[bytes]:
    if form == "csv":
        yield _table([COLUMNS])
    write = {"text": _text, "csv": _rows, "ndjson": _encode_lines}[form]
    while True:
        if page.items:
            yield write(page.items)
        if page.next is None:
            return
        page = read(replace(query, limit=PAGE, cursor=page.next))


def _text(lines: Sequence[Log]) -> bytes:
    return "".join(
        f"{line.timestamp.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        + f"Z {getLevelName(line.level):<8} {line.logger}: {line.message}\n"
        for line in lines
    ).encode("utf-8", "replace")


def _rows(lines: Sequence[Log]) -> bytes:
    return _table(
        [
            (
                line.timestamp.isoformat(),
                getLevelName(line.level),
                line.logger,
                line.flow_run_id or "",
                line.task_run_id or "",
                line.attempt,
                line.message,
            )
            for line in lines
        ]
    )


def _table(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
