"""Log lines over HTTP: found by run, level, time and words, and taken away as files."""

from __future__ import annotations

from litestar import Router, post
from litestar.response import Stream

from levada.control.exports import MEDIA_TYPES, SUFFIXES, Form, export_logs
from levada.server.api.answers import answers
from levada.server.api.checks import checked
from levada.server.pattern import HEAVY, ThePlane, TheSettings
from levada.server.rendering import drawn_up
from levada.wire.filters import LogQuery
from levada.wire.objects import Page
from levada.wire.pages import LogPage


@post(
    "/filter",
    operation_id="read_logs",
    opt=HEAVY,
    summary="List log lines",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", LogPage),
    sync_to_thread=True,
)
@drawn_up
def read_logs(plane: ThePlane, data: LogQuery, settings: TheSettings) -> Page:
    """A page of the log lines for which every filter given holds, in the order they were written.

    `text` holds words that must all occur; `-word` must not, `"several words"` stand together, `a OR b` either.
    """
    return plane.read_logs(checked(data, most_per_page=settings.server.max_page_size))


@post(
    "/export",
    operation_id="export_logs",
    opt=HEAVY,
    summary="Export log lines",
    status_code=200,
    responses=answers(200, "A file.", bytes, media_type="text/plain"),
    sync_to_thread=True,
)
def export_log_lines(plane: ThePlane, data: LogQuery, form: Form = "text") -> Stream:
    """All log lines that the query finds as a file: text, CSV or NDJSON. Its limit and cursor are not looked at."""
    return Stream(
        export_logs(plane.read_logs, checked(data), form),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="logs.{SUFFIXES[form]}"'},
    )


router = Router("/logs", route_handlers=[read_logs, export_log_lines], tags=["Logs"])
