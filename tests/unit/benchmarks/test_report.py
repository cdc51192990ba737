from __future__ import annotations

import pytest

from benchmarks import report
from benchmarks.catalogue import WORKLOADS, Budget, Workload, chosen
from benchmarks.runner import SCRIPTS, Outcome, Sample

CALLS = Workload("calls", "a call", budgets=(Budget("p50", 60e-6),))
TITLES = {"bare": "bare Python", "levada": "Levada", "slow": "Slow | 1.0"}
MACHINE = {"processor": "a good one"}


def contents() -> list[report.Chapter]:
    outcomes = [
        Outcome("calls", "levada", [Sample(1.0, 0.5, 30e6, {"seconds": 0.5, "count": 1000, "p50": 5e-4})]),
        Outcome("calls", "slow", [Sample(9.0, 8.0, 90e6, {"seconds": 5.0, "count": 1000})]),
        Outcome("calls", "bare", [], "no interpreter"),
    ]
    return report.chapters([CALLS], outcomes)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (12.345, "12.3 s"), (0.0021, "2.1 ms"), (57e-6, "57 µs"), (99e-9, "99 ns"), (0.0, "0 ns")],
)
def test_a_time_is_shown_in_the_unit_that_reads_best(value, shown):
    assert report.seconds(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(7451.2, "7,451×"), (231.4, "231×"), (9.53, "9.5×"), (0.0066, "0.0066×")])
def test_a_ratio_has_as_many_digits_as_mean_something(value, shown):
    assert report.ratio(value) == shown


def test_the_terminal_shows_ratios_troubles_and_broken_budgets():
    shown = report.terminal(contents(), TITLES)

    assert "10×" in shown
    assert "bare Python was not measured: no interpreter" in shown
    assert "MISSED  calls: one operation, p50 500 µs, budget ≤ 60 µs" in shown


def test_a_page_keeps_what_was_written_by_hand_around_the_tables(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Title\n\nBefore.\n\n{report.BEGIN}\nold figures\n{report.END}\n\nAfter.\n", encoding="utf-8")

    report.write_page(path, report.page(contents(), TITLES, MACHINE, "python -m benchmarks"))

    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Title\n\nBefore.\n\n")
    assert text.endswith("\n\nAfter.\n")
    assert "old figures" not in text
    assert "| Slow \\| 1.0 | 1,000 × 1 | 5 ms |" in text


def test_a_page_without_the_lines_to_write_between_is_left_alone(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text("all by hand", encoding="utf-8")

    with pytest.raises(ValueError, match="has no lines"):
        report.write_page(path, "figures")

    assert path.read_text(encoding="utf-8") == "all by hand"


def test_every_workload_has_its_script_for_every_system_that_it_names():
    folders = {"prefect-temporary": "prefect"}
    missing = [
        f"{folders.get(system, system)}/{(workload.script or workload.name).replace('-', '_')}.py"
        for workload in WORKLOADS
        for system in workload.systems()
        if system not in workload.commands
    ]

    assert [name for name in missing if not (SCRIPTS / name).exists()] == []


def test_workloads_are_chosen_by_name_and_an_unknown_name_lists_the_known_ones():
    assert [workload.name for workload in chosen(["map", "import"])] == ["import", "map"]
    with pytest.raises(KeyError, match=r"'maps'; there are: import, help"):
        chosen(["maps"])
