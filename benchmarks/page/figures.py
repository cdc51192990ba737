"""The figures of the page, as tables: a row for each view of each server."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from benchmarks.page.measure import Changed, Opened
from benchmarks.page.window import PATIENCE, REST, Visit
from benchmarks.report import BEGIN, END
from benchmarks.servers.report import shown

MOST_STREAMS = 1
MOST_SECONDS = 1.0
MOST_BYTES = 350_000
"""What the design demands of Levada: streams of a view, seconds until a change shows, bytes of a first load."""

_One = TypeVar("_One", Opened, Changed)

_VIEWS = ("view", "server", "requests", "streams", "data", "page", "slowest answer", "all answers", "shown", "ready")
_CHANGES = ("view", "server", "changes", "p50", "p95", "worst")


def missed(found: Iterable[Opened | Changed]) -> list[str]:
    """What is worse than the design demands, in words."""
    said = []
    for one in found:
        if not one.target.startswith("Levada"):
            continue
        where = f"{one.target}, {one.place}"
        if isinstance(one, Changed):
            if quantile(one.seconds, 0.95) > MOST_SECONDS:
                said.append(f"{where}: a change shows after {quantile(one.seconds, 0.95):.2f} s")
        elif one.trouble:
            said.append(f"{where}: {one.trouble}")
        else:
            if one.visit.streams > MOST_STREAMS:
                said.append(f"{where}: {one.visit.streams} streams")
            if one.visit.files > MOST_BYTES:
                said.append(f"{where}: {one.visit.files:,} bytes of page")
    return said


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which this part of ordered values lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def tables(found: Sequence[Opened | Changed]) -> dict[str, list[list[str]]]:
    """Tables by title, each with its head."""
    opened = [one for one in found if isinstance(one, Opened)]
    changed = [one for one in found if isinstance(one, Changed)]
    made = {
        "Views": [list(_VIEWS), *(_row(one) for one in _by_place(opened))],
        "From a change to the screen": [list(_CHANGES), *(_change(one) for one in _by_place(changed))],
    }
    return {title: rows for title, rows in made.items() if len(rows) > 1}


def _by_place(found: list[_One]) -> list[_One]:
    places = list(dict.fromkeys(one.place for one in found))
    return sorted(found, key=lambda one: places.index(one.place))


def _row(one: Opened) -> list[str]:
    visit = one.visit
    if one.trouble:
        return [one.place, one.target, one.trouble, *[""] * (len(_VIEWS) - 3)]
    times = (max(visit.answered, default=0.0), sum(visit.answered), visit.shown)
    counts = [str(visit.requests), str(visit.streams), _kilobytes(visit.data), _kilobytes(visit.files)]
    return [one.place, one.target, *counts, *(shown(value, "s") for value in times), _ready(visit)]


def _ready(visit: Visit) -> str:
    return shown(visit.ready, "s") if visit.ready < math.inf else f"no rest in {REST:.0f} s"


def _change(one: Changed) -> list[str]:
    values = [*(quantile(one.seconds, part) for part in (0.5, 0.95)), one.seconds[-1]]
    words = [shown(value, "s") if value < math.inf else f"not within {PATIENCE:.0f} s" for value in values]
    return [one.place, one.target, str(len(one.seconds)), *words]


def _kilobytes(count: int) -> str:
    return f"{count / 1e3:,.0f} kB"


def terminal(found: Sequence[Opened | Changed]) -> str:
    """The tables in plain text."""
    lines = []
    for title, rows in tables(found).items():
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += ["", title, ""]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
    return "\n".join(lines)


def page(found: Sequence[Opened | Changed], facts: Mapping[str, str], command: str) -> str:
    """The measured part of the documentation's page."""
    lines = [BEGIN, "", f"Measured with `{command}`.", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    for title, (head, *body) in tables(found).items():
        lines += ["", f"## {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(cells)} |" for cells in body]
    return "\n".join([*lines, "", END])
