"""What is opened: the views of both pages, and the text that says that a view shows what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.page.seeding import Seeded


@dataclass(frozen=True)
class Place:
    """A view.

    Attributes:
        name: for the tables.
        path: its address.
        wanted: what must be on screen.
    """

    name: str
    path: str
    wanted: tuple[str, ...]


def of_levada(seeded: Seeded) -> Iterator[Place]:
    """Every view of Levada's page."""
    yield Place("Dashboard", "/", (seeded.newest, "ValueError: row", "flow-1"))
    yield Place("Runs", "/runs", (seeded.newest, "Completed"))
    yield Place("a run", f"/runs/{seeded.run}", (seeded.newest, "Failed"))
    yield Place("a run's graph, 5,000 tasks", f"/runs/{seeded.mapped}?tab=graph", (seeded.tasks,))
    yield Place("a run's logs, 50,000 lines", f"/runs/{seeded.logged}?tab=logs", ("row ",))
    yield Place("a run's task runs, 5,000", f"/runs/{seeded.mapped}?tab=tasks", ("extract-4",))
    yield Place("Flows", "/flows", ("flow-1", "flow-9"))
    yield Place("Deployments", "/deployments", ("daily-1",))
    yield Place("a deployment", f"/deployments/{seeded.deployment}", ("daily-0",))
    yield Place("Work pools", "/work-pools", ("crowd",))
    yield Place("a work pool", "/work-pools/crowd", ("crowd",))
    yield Place("Variables", "/variables", ("cutoff", "shops"))
    yield Place("Events", "/events", ("levada.",))
    yield Place("Concurrency", "/concurrency", ("bank-api",))
    yield Place("Artifacts", "/artifacts", ("Artifacts",))
    yield Place("Settings", "/settings", ("server",))


def of_prefect(newest: str, run: str) -> Iterator[Place]:
    """The views of Prefect's page that show the same."""
    yield Place("Dashboard", "/dashboard", ("flow-19", "crowd"))
    yield Place("Runs", "/runs", (newest,))
    yield Place("a run", f"/runs/flow-run/{run}", (newest,))
    yield Place("Flows", "/flows", ("flow-1", "flow-17"))
    yield Place("Deployments", "/deployments", ("daily-1",))
    yield Place("Work pools", "/work-pools", ("crowd",))
    yield Place("Variables", "/variables", ("cutoff", "shops"))
    yield Place("Concurrency", "/concurrency-limits", ("bank-api",))
