"""Figures that the README shows are those that were measured: tied to the tables that `make bench` writes."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import DOCS, ROOT

UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
TIME = r"([\d.,]+) (µs|ms|s)\b"

# Row of the README → chapter of docs/benchmarks.md.
CHAPTERS = {
    "`python hello.py`, start to exit": "hello",
    "one task, one after the other": "sequential",
    "one task of a large `map`": "map",
    "a subflow": "subflows",
    "until all task runs can be queried": "visible",
}
SYSTEMS = {1: "Levada", 2: "DBOS 3.4, SQLite", 3: "Prefect 3.9, server"}

# How far a figure may be from the measured one: it is rounded, and a new run on another day is not a new claim.
NEAR = 0.25


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def seconds(text: str) -> list[float]:
    return [float(number.replace(",", "")) * UNITS[unit] for number, unit in re.findall(TIME, text)]


def shown() -> dict[str, list[str]]:
    """Rows of the README's comparison, by their first cell."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    comparison = text.split("## How it compares", 1)[1].split("\n## ", 1)[0]
    rows = [cells(line) for line in comparison.splitlines() if line.startswith("|")]
    return {row[0]: row for row in rows if row[0].strip("-")}


def measured(chapter: str) -> dict[str, dict[str, str]]:
    """The table of a chapter of the benchmarks: cells by column, by system."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    body = text.split(f"\n### {chapter}\n", 1)[1].split("\n### ", 1)[0]
    head, _, *rows = [cells(line) for line in body.splitlines() if line.startswith("|")]
    return {row[0]: dict(zip(head, row, strict=False)) for row in rows}


def test_every_row_of_the_comparison_has_its_measurement() -> None:
    assert set(shown()) == set(CHAPTERS)


@pytest.mark.parametrize("title", CHAPTERS)
@pytest.mark.parametrize("column", SYSTEMS)
def test_a_figure_of_the_readme_is_the_measured_one(title, column) -> None:
    cell = shown()[title][column]
    table = measured(CHAPTERS[title])[SYSTEMS[column]]
    claims = seconds(cell)
    if cell == "at once":
        assert seconds(table["median"])[0] < 0.01
        return
    assert claims, cell
    truths = [seconds(table["median"])[0], *(seconds(table["server CPU"]) if "server CPU" in cell else [])]
    assert claims == pytest.approx(truths, rel=NEAR), f"README: {cell}; docs/benchmarks.md: {truths}"
