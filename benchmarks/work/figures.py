"""The figures of work, as tables: a row for each figure, a column for each of those that are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.report import BEGIN, END
from benchmarks.servers.measure import Figure
from benchmarks.servers.report import shown

WARM, FRESH = "Levada, warm", "Levada, fresh process"
SERVE, PROCESS = "Prefect, serve", "Prefect, process worker"
SQLITE, POSTGRES = "Levada, SQLite", "Levada, PostgreSQL"

STARTING, SCHEDULES, CLAIMS = "Starting runs", "Schedules", "Claims"

BUDGETS: Mapping[tuple[str, str, str], tuple[float, bool]] = {
    ("due → function", "p95", WARM): (0.1, False),
    ("due → function", "p95", FRESH): (1.0, False),
    ("one worker", "runs", WARM): (50.0, True),
    ("past 100,000 queued and 100,000 blocked", "worst claim", SQLITE): (0.1, False),
    ("past 100,000 queued and 100,000 blocked", "worst claim", POSTGRES): (0.1, False),
    ("100 workers", "given out twice", SQLITE): (0, False),
    ("100 workers", "given out twice", POSTGRES): (0, False),
}
"""What the design demands: a limit, and whether it is one from below."""

Chapters = Mapping[str, list[Figure]]


def quantiles(scenario: str, target: str, values: Iterable[float], *, worst: bool = False) -> list[Figure]:
    """Median and 95th percentile of some seconds, and the worst of them."""
    ordered = sorted(values)
    parts = [("p50", 0.5), ("p95", 0.95), *([("worst", 1.0)] if worst else [])]
    return [
        Figure(scenario, target, name, ordered[min(len(ordered) - 1, int(part * len(ordered)))], "s")
        for name, part in parts
    ]


def missed(chapters: Chapters) -> list[Figure]:
    """The figures that are worse than the design demands."""
    return [figure for figures in chapters.values() for figure in figures if _is_kept(figure) is False]


def _is_kept(figure: Figure) -> bool | None:
    budget = BUDGETS.get((figure.scenario, figure.name, figure.target))
    if budget is None:
        return None
    limit, least = budget
    return figure.value >= limit if least else figure.value <= limit


def rows(figures: Iterable[Figure]) -> list[list[str]]:
    """Head and rows of one table."""
    found = list(figures)
    targets = list(dict.fromkeys(figure.target for figure in found))
    subjects = list(dict.fromkeys((figure.scenario, figure.name) for figure in found))
    table = [["what", "", *targets, "budget"]]
    for scenario, name in subjects:
        here = {f.target: f for f in found if (f.scenario, f.name) == (scenario, name)}
        cells = [_cell(here.get(target)) for target in targets]
        table.append([scenario, name, *cells, "; ".join(filter(None, map(_verdict, here.values())))])
    return table


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    slow = figure.unit == "/s" and figure.value < 10
    return " ".join(filter(None, (f"{figure.value:.2g}/s" if slow else shown(figure.value, figure.unit), figure.note)))


def _verdict(figure: Figure) -> str:
    kept = _is_kept(figure)
    if kept is None:
        return ""
    limit, least = BUDGETS[figure.scenario, figure.name, figure.target]
    who = figure.target.removeprefix("Levada, ")
    return f"{who} {'≥' if least else '≤'} {shown(limit, figure.unit)}: {'kept' if kept else 'missed'}"


def terminal(chapters: Chapters) -> str:
    """The tables in plain text."""
    lines = []
    for title, figures in chapters.items():
        table = rows(figures)
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines += ["", title, ""]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
    return "\n".join(lines)


def page(chapters: Chapters, facts: Mapping[str, str], command: str) -> str:
    """The measured part of the documentation's page."""
    lines = [BEGIN, "", f"Measured with `{command}`.", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    for title, figures in chapters.items():
        head, *body = rows(figures)
        lines += ["", f"## {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(cells)} |" for cells in body]
    return "\n".join([*lines, "", END])
