"""The figures of the page: what is demanded is told, and what never came is not a number."""

from __future__ import annotations

import math

from benchmarks.page.figures import missed, page, quantile, tables
from benchmarks.page.measure import Changed, Opened
from benchmarks.page.window import Visit


def test_a_second_stream_a_heavy_page_and_a_slow_change_are_told() -> None:
    found = [
        Opened("Levada, SQLite", "Runs", Visit(streams=2, files=400_000)),
        Opened("Levada, SQLite", "Flows", Visit(), "it does not show it"),
        Changed("Levada, SQLite", "Runs", [0.1, math.inf]),
        Opened("Prefect 3.9, SQLite", "Runs", Visit(streams=7, files=9_000_000)),
    ]
    assert [line.partition(": ")[2] for line in missed(found)] == [
        "2 streams",
        "400,000 bytes of page",
        "it does not show it",
        "a change shows after inf s",
    ]


def test_rows_of_one_view_stand_together_and_what_never_came_is_said_in_words() -> None:
    found = [
        Opened("Levada", "Runs", Visit(requests=3, answered=[0.1, 0.2], shown=0.5, ready=math.inf)),
        Opened("Levada", "Flows", Visit()),
        Opened("Prefect", "Runs", Visit()),
        Changed("Levada", "Runs", [0.1, math.inf]),
    ]
    views = tables(found)["Views"]
    assert [row[:2] for row in views[1:]] == [["Runs", "Levada"], ["Runs", "Prefect"], ["Flows", "Levada"]]
    assert views[1][6:] == ["200.0 ms", "300.0 ms", "500.0 ms", "no rest in 10 s"]
    assert "not within 60 s" in page(found, {"processor": "one"}, "python -m benchmarks page")


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert quantile([3.0], 0.95) == 3.0
