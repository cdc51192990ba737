"""Shows the figures: a plain table for the terminal, a page for the documentation, JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.catalogue import OF_PROCESS, Workload
from benchmarks.figures import Figures, Verdict, figures, verdicts
from benchmarks.runner import Outcome

BEGIN = "<!-- measured: written by `python -m benchmarks`, do not edit -->"
END = "<!-- /measured -->"

FIGURES = {
    "p50": "one operation, p50",
    "wall": "time",
    "low": "fastest",
    "seconds": "time",
    "rss": "peak RSS",
    "bytes": "per task run",
}
HEADINGS = ("system", "n", "median", "lowest … highest", "p50", "CPU", "server CPU", "peak RSS", "to Levada")


@dataclass(frozen=True)
class Chapter:
    """One workload with the figures of every system that gave some, and the reasons of those that gave none."""

    workload: Workload
    by_system: dict[str, Figures]
    troubles: dict[str, str]

    def verdicts(self) -> list[Verdict]:
        """The budgets of this workload, judged."""
        return list(verdicts(self.workload, self.by_system))

    def rows(self, titles: dict[str, str]) -> Iterator[list[str]]:
        """The cells of the table, one row per system."""
        levada = self.by_system.get("levada")
        for name, found in self.by_system.items():
            yield [
                titles[name],
                f"{found.count:,} × {found.samples}" if found.count > 1 else f"{found.samples}",
                seconds(found.time),
                f"{seconds(found.low)} … {seconds(found.high)}",
                seconds(found.p50),
                seconds(found.cpu),
                seconds(found.server_cpu),
                f"{found.rss / 1e6:.0f} MB",
                ratio(found.time / levada.time) if levada and name != "levada" else "",
            ]

    def remarks(self, titles: dict[str, str]) -> Iterator[str]:
        """What the table has no column for."""
        if self.workload.note:
            yield self.workload.note
        for name, trouble in self.troubles.items():
            yield f"{titles[name]} was not measured: {trouble}"
        for name, found in self.by_system.items():
            if found.bytes is not None:
                yield (
                    f"{titles[name]}: {found.bytes:,.0f} bytes stored per task run, "
                    f"{found.records or 0:,.0f} of {found.count:,} records found."
                )


def chapters(workloads: Iterable[Workload], outcomes: list[Outcome]) -> list[Chapter]:
    """A chapter for each workload that was tried."""
    result = []
    for workload in workloads:
        mine = [outcome for outcome in outcomes if outcome.workload == workload.name]
        found = {outcome.system: figures(workload, outcome) for outcome in mine}
        result.append(
            Chapter(
                workload,
                {name: value for name, value in found.items() if value},
                {outcome.system: outcome.trouble for outcome in mine if outcome.trouble},
            )
        )
    return result


def terminal(contents: list[Chapter], titles: dict[str, str]) -> str:
    """Plain tables in columns."""
    parts = []
    for chapter in contents:
        rows = [list(HEADINGS), *chapter.rows(titles)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        remarks = [f"  {remark}" for remark in chapter.remarks(titles)]
        parts.append("\n".join([f"\n{chapter.workload.name}: {chapter.workload.title}", *lines, *remarks]))
    judged = [f"  {'kept  ' if verdict.kept else 'MISSED'}  {_words(verdict)}" for verdict in _all_verdicts(contents)]
    return "\n".join([*parts, "\nBudgets (DESIGN §9)", *judged])


def page(contents: list[Chapter], titles: dict[str, str], machine: dict[str, str], command: str) -> str:
    """The measured part of `docs/benchmarks.md`."""
    lines = [BEGIN, "", "## The run", "", *_table(("", ""), [[what, value] for what, value in machine.items()])]
    lines += [f"\nCommand: `{command}`", "", "## Budgets", ""]
    judged = [
        [verdict.workload.name, *_parts(verdict), "kept" if verdict.kept else "**missed**"]
        for verdict in _all_verdicts(contents)
    ]
    lines += _table(("workload", "figure", "budget", "measured", ""), judged)
    lines += ["", "## The tables"]
    for chapter in contents:
        lines += ["", f"### {chapter.workload.name}", "", _sentence(chapter.workload), ""]
        lines += _table(HEADINGS, chapter.rows(titles))
        for remark in chapter.remarks(titles):
            lines += ["", remark]
    return "\n".join([*lines, "", END])


def write_page(path: Path, measured: str) -> None:
    """Put the measured part into the page, in place of the former one; what was written by hand around it stays."""
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines {BEGIN} and {END} to write between")
    path.write_text(before + measured + after, encoding="utf-8")


def as_data(contents: list[Chapter], machine: dict[str, str], command: str) -> dict[str, Any]:
    """Everything as plain data, in seconds and bytes."""
    return {
        "machine": machine,
        "command": command,
        "workloads": [
            {
                "name": chapter.workload.name,
                "systems": {name: asdict(found) for name, found in chapter.by_system.items()},
                "troubles": chapter.troubles,
                "budgets": [
                    {"figure": judged.budget.figure, "limit": judged.budget.limit, "value": judged.value}
                    for judged in chapter.verdicts()
                ],
            }
            for chapter in contents
        ],
    }


def seconds(value: float | None) -> str:
    """A time in the unit that reads best."""
    if value is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.0f} ns"


def ratio(value: float) -> str:
    """How many times as long, with as many digits as mean something."""
    return f"{value:,.0f}×" if value >= 100 else f"{value:.2g}×"


def _all_verdicts(contents: list[Chapter]) -> list[Verdict]:
    return [verdict for chapter in contents for verdict in chapter.verdicts()]


def _words(verdict: Verdict) -> str:
    figure, limit, value = _parts(verdict)
    return f"{verdict.workload.name}: {figure} {value}, budget {limit}"


def _parts(verdict: Verdict) -> tuple[str, str, str]:
    budget = verdict.budget
    name = FIGURES.get(budget.figure, budget.figure) + (", over bare Python" if budget.over_bare else "")
    limit, value = (_shown(budget.figure, amount) for amount in (budget.limit, verdict.value))
    return name, f"{'≥' if budget.least else '≤'} {limit}", value


def _shown(figure: str, amount: float) -> str:
    if figure == "rate":
        return f"{amount:,.0f} per second"
    if figure == "rss":
        return f"{amount / 1e6:.0f} MB"
    return f"{amount:,.0f} bytes" if figure == "bytes" else seconds(amount)


def _sentence(workload: Workload) -> str:
    per = "" if workload.subject == OF_PROCESS else "; time of one" if workload.subject == "operation" else ""
    return f"{workload.title[:1].upper()}{workload.title[1:]}{per}."


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
