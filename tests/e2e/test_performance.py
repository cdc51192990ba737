"""What each view costs a server that is full: requests and streams are counted; `make bench` measures the times."""

from __future__ import annotations

import os

from benchmarks.page import seeding, views
from benchmarks.page.window import Window
from tests.e2e.browser import browser
from tests.e2e.seed import empty

LONG = os.environ.get("LEVADA_E2E") == "long"
HEAVY = {"Dashboard", "Runs", "a run's graph, 5,000 tasks"}
"""The short form opens these."""
MOST_REQUESTS = 8
MOST_STREAMS = 1
MOST_BYTES = 350_000
"""Of scripts, styles and pictures at the first visit, as they travel."""


def test_each_view_is_there_with_few_requests_and_one_stream_at_most(tmp_path, needs_browser) -> None:
    complaints: list[str] = []
    with empty(tmp_path) as server:
        seeded = seeding.fill(f"{server.url}/api", 200, 3, print, most_tasks=400, lines=2_000)
        with browser() as made:
            for place in views.of_levada(seeded):
                if not LONG and place.name not in HEAVY:
                    continue
                with Window(made, server.url) as window:
                    visit = window.visit(place.path, *place.wanted)
                counted = ((visit.requests, MOST_REQUESTS), (visit.streams, MOST_STREAMS), (visit.files, MOST_BYTES))
                names = ("requests", "streams", "bytes")
                complaints += [
                    f"{place.name}: {found:,} {name}, at most {most:,}"
                    for name, (found, most) in zip(names, counted, strict=True)
                    if found > most
                ]
    assert not complaints, "\n".join(complaints)
