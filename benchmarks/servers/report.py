"""Shows the figures of the servers: one table, a row for each figure, a column for each server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.report import BEGIN, END
from benchmarks.servers.measure import Figure

BUDGETS: Mapping[tuple[str, str], tuple[float, bool]] = {
    ("start", "healthy after"): (1.0, False),
    ("idle", "of a core"): (1.0, False),
    ("idle", "RSS"): (120e6, False),
    ("create a flow run", "rate"): (1_500, True),
    ("set the state of a flow run", "rate"): (1_500, True),
    ("a page of 200 flow runs", "p95"): (0.1, False),
    ("a page of 200 flow runs", "server CPU each"): (0.005, False),
    ("ingest", "task runs"): (20_000, True),
    ("200 readers", "change"): (10, False),
    ("lag", "10,000 tasks visible after exit"): (1.0, False),
    ("live log", "worst of 40"): (1.0, False),
    ("soak", "RSS a hour"): (1e6, False),
}
"""What the design demands: a limit, and whether it is one from below."""


def shown(value: float, unit: str) -> str:
    """A value for people."""
    match unit:
        case "s":
            return (
                f"{value:.2f} s"
                if value >= 1
                else f"{value * 1e3:.1f} ms"
                if value >= 1e-3
                else f"{value * 1e6:.0f} µs"
            )
        case "B":
            return f"{value / 1e6:.0f} MB"
        case "/s":
            return f"{value:,.0f}/s"
        case "%":
            return f"{value:.1f} %"
        case _:
            return f"{value:,.0f}"


def rows(figures: Iterable[Figure]) -> list[list[str]]:
    """Head and rows of the table."""
    found = list(figures)
    servers = list(dict.fromkeys(figure.target for figure in found))
    subjects = list(dict.fromkeys((figure.scenario, figure.name) for figure in found))
    table = [["what", "", *servers, "budget"]]
    for scenario, name in subjects:
        cells = []
        for server in servers:
            here = [f for f in found if (f.scenario, f.name, f.target) == (scenario, name, server)]
            cells.append(" ".join(filter(None, (shown(here[0].value, here[0].unit), here[0].note))) if here else "")
        table.append([scenario, name, *cells, _budget(scenario, name, found)])
    return table


def _budget(scenario: str, name: str, found: list[Figure]) -> str:
    budget = BUDGETS.get((scenario, name))
    ours = [f for f in found if (f.scenario, f.name) == (scenario, name) and f.target.startswith("Levada")]
    if budget is None or not ours:
        return ""
    limit, least = budget
    kept = all(f.value >= limit if least else f.value <= limit for f in ours)
    return f"{'≥' if least else '≤'} {shown(limit, ours[0].unit)}: {'kept' if kept else 'missed'}"


def terminal(figures: Iterable[Figure]) -> str:
    """The table in plain text."""
    table = rows(figures)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def page(figures: Iterable[Figure], facts: Mapping[str, str], command: str) -> str:
    """The measured part of the documentation's page."""
    head, *body = rows(figures)
    lines = [BEGIN, "", f"Measured with `{command}`.", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in body]
    return "\n".join([*lines, "", END])
