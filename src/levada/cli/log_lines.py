"""Log lines as `logs` and `watch` show them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from msgspec.structs import replace

from levada.cli.output import clock_time, on_terminal, print_json
from levada.wire.filters import LogQuery, TaskRunQuery

if TYPE_CHECKING:
    from levada.wire.objects import Log
    from levada.wire.verbs import Plane

LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_COLORS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "DEBUG": "bright_black"}


def lines(plane: Plane, query: LogQuery) -> Iterator[Log]:
    """All lines that a query finds, read page by page as they are wanted."""
    cursor: str | None = None
    while True:
        page = plane.read_logs(replace(query, cursor=cursor))
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def chosen(plane: Plane, query: LogQuery, head: int | None, tail: int | None) -> Iterable[Log]:
    """The first or last so many lines that a query finds, or all of them.

    Args:
        plane: where they are.
        query: which run's, oldest first.
        head: only so many from the beginning.
        tail: only so many from the end.
    """
    if head is not None:
        return islice(lines(plane, query), head)
    if tail is not None:
        return list(islice(lines(plane, replace(query, newest_first=True)), tail))[::-1]
    return lines(plane, query)


class Printer:
    """Prints lines with the name of the task run that each belongs to; every line once."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._names: dict[UUID, str] = {}
        self._terminal = on_terminal()

    def show(self, found: Iterable[Log]) -> None:
        """Print lines."""
        for log in found:
            level = logging.getLevelName(log.level)
            title = self._title(log.task_run_id)
            if self._terminal:
                level = click.style(f"{level:<8}", fg=_COLORS.get(level))
                title = click.style(title, fg="blue") if title else ""
            else:
                level = f"{level:<8}"
            click.echo(f"{clock_time(log.timestamp)} | {level} | {title}{' - ' if title else ''}{log.message}")

    def _title(self, task: UUID | None) -> str:
        if task is None:
            return ""
        if task not in self._names:
            found: list[Any] = self._plane.read_task_runs(TaskRunQuery(ids=[task], limit=1)).items
            self._names[task] = found[0].name if found else str(task)
        return f"Task run {self._names[task]!r}"


def print_lines(plane: Plane, found: Iterable[Log], output: str) -> None:
    """Print lines for people or as JSON."""
    if output == "json":
        print_json(list(found))
    else:
        Printer(plane).show(found)
