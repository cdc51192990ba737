"""How commands show what they found: tables for people, JSON for programs.

On a terminal rich draws; into a pipe or a file go plain aligned columns, so that `grep` and `awk` work.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click
from msgspec import Struct, json

from levada.settings import get_current_settings
from levada.wire.records import Payload

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Command = TypeVar("Command", bound=Callable[..., Any])

_HIDDEN = frozenset({"live_state", "parameters_payload"})
"""Fields that mean something inside a process only."""

_NEVER_BROKEN = frozenset({"ID", "State", "When", "Took", "Attempts", "Time", "Attempt", "Updated", "Last run"})
"""Columns whose cells stand on one line even where width is dear."""

STATE_STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CRASHED": "bold red",
    "CANCELLED": "magenta",
    "CANCELLING": "magenta",
    "RUNNING": "blue",
    "PAUSED": "yellow",
    "PENDING": "cyan",
    "SCHEDULED": "cyan",
}


def output_option(command: Command) -> Command:
    """Give a command `--output table|json`."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people or for programs.",
    )
    return option(command)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.format(json.encode(plain(value)), indent=2).decode())


def plain(value: Any) -> Any:
    """A value as JSON can hold it; every field of a Struct is there, also those that have their default."""
    if isinstance(value, Payload):
        return {"serializer": value.serializer, "type": value.type, "size": value.size, "preview": value.preview}
    if isinstance(value, Struct):
        return {field: plain(getattr(value, field)) for field in value.__struct_fields__ if field not in _HIDDEN}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (UUID, Path)):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


class Cell:
    """Text for one place of a table.

    Attributes:
        text: what stands there.
        style: how a terminal shows it.
        short: what a terminal shows instead, where width is dear.
    """

    __slots__ = ("short", "style", "text")

    def __init__(self, text: str, style: str | None = None, short: str | None = None) -> None:
        self.text = text
        self.style = style
        self.short = text if short is None else short


def id_cell(identifier: UUID | None) -> Cell:
    """The id of a run: in full, but on a terminal as much of it as names the run (its time to the microsecond)."""
    text = "" if identifier is None else str(identifier)
    return Cell(text, short=text[:18])


def state_cell(state_type: Any, name: str | None) -> Cell:
    """The name of a state in its colour."""
    kind = str(state_type or "")
    return Cell(name or kind.title(), STATE_STYLES.get(kind))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under their column names.

    Args:
        columns: their names.
        rows: one sequence each; None shows as nothing.
        empty: what to say, on standard error, when there are no rows.
    """
    cells = [
        [item if isinstance(item, Cell) else Cell("" if item is None else str(item)) for item in row] for row in rows
    ]
    if not cells:
        click.echo(empty, err=True)
    elif on_terminal():
        _draw(columns, cells)
    else:
        _align([[column.upper() for column in columns], *([cell.text for cell in row] for row in cells)])


def print_details(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    kept = [
        (name, item if isinstance(item, Cell) else Cell(str(item))) for name, item in pairs if item not in {None, ""}
    ]
    width = max((len(name) for name, _ in kept), default=0)
    terminal = console() if on_terminal() else None
    for name, cell in kept:
        cell.text = cell.text.replace("\n", f"\n{'':<{width}}  ")
        if terminal is None:
            click.echo(f"{name:<{width}}  {cell.text}".rstrip())
        else:
            terminal.print(_text(f"{name:<{width}}  ", "dim"), _text(cell.text, cell.style), sep="", soft_wrap=True)


def on_terminal() -> bool:
    """Whether a person sees what we print."""
    return sys.stdout.isatty()


def console() -> Console:
    """What draws on the terminal."""
    from rich.console import Console  # lazy: 100 ms that pipes and JSON need not pay

    return Console(highlight=False, no_color=None if get_current_settings().cli.colors else True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed.

    Args:
        question: what is about to happen.
        yes: the person has said so already.

    Raises:
        click.Abort: the answer was no.
        click.UsageError: there is nobody to ask.
    """
    if yes:
        return
    prompt = get_current_settings().cli.prompt
    if prompt is False or (prompt is None and not sys.stdin.isatty()):
        raise click.UsageError(f"{question} There is no terminal to ask on; say --yes.")
    click.confirm(question, abort=True, err=True)


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago something was, for people."""
    if moment is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return "now" if seconds < 1 else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    for size, unit in ((86400 * 365, "year"), (86400, "day"), (3600, "hour"), (60, "min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 and unit != 'min' else ''}"
    return f"{int(seconds)} s"


def took(start: datetime | None, end: datetime | None) -> str:
    """How long something took, for people."""
    if start is None or end is None:
        return ""
    seconds = (end - start).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "<1 ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def clock_time(moment: datetime | None) -> str:
    """A moment in the local time zone, to the millisecond."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def size_text(count: int) -> str:
    """A number of bytes, for people."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{int(size)} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit takes everything")


def _text(text: str, style: str | None) -> Text:
    from rich.text import Text  # lazy: as `console`

    return Text(text, style=style or "")


def _draw(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    from rich.box import SIMPLE_HEAD  # lazy: as `console`
    from rich.table import Table  # lazy: as `console`

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, no_wrap=column in _NEVER_BROKEN, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell.short, cell.style) for cell in row))
    console().print(table)


def _align(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(f"{_one_line(text):<{width}}" for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")
