"""What is done to a page, and which figures come of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from playwright.sync_api import Browser

from benchmarks.page import peer, seeding, views
from benchmarks.page.views import Place
from benchmarks.page.window import Visit, Window
from benchmarks.servers.targets import Levada, Prefect, Target
from benchmarks.work.api import Api, RefusedError
from tests.e2e.browser import browser


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        databases: that Levada is measured on.
        runs, tasks: flow runs, and task runs of each.
        peer_tasks: task runs of each flow run of a peer, None: the peer is left out.
        visits: of each view.
        changes, peer_changes: of a state, until they are on screen.
    """

    databases: tuple[str, ...]
    runs: int
    tasks: int
    peer_tasks: int | None
    visits: int
    changes: int
    peer_changes: int


QUICK = Plan(("sqlite",), 10_000, 10, 1, 1, 20, 3)
FULL = Plan(("sqlite", "postgresql"), 100_000, 10, 1, 3, 50, 5)
LONG = Plan(("postgresql",), 1_000_000, 10, None, 3, 50, 0)


@dataclass(frozen=True)
class Opened:
    """A view of a server's page that was opened; the median of some visits, or what came in their way."""

    target: str
    place: str
    visit: Visit
    trouble: str = ""


@dataclass(frozen=True)
class Changed:
    """Seconds from a request that changes a state to the new state on screen, in order."""

    target: str
    place: str
    seconds: list[float]


def measured(plan: Plan, say: Callable[[str], None]) -> Iterator[Opened | Changed]:
    """Every figure of every server; raises `UnavailableError` when one does not start."""
    for database in plan.databases:
        yield from _of_levada(Levada(database), plan, say)
    if plan.peer_tasks is not None:
        yield from _of_prefect(Prefect("sqlite"), plan, plan.peer_tasks, say)


def _of_levada(server: Levada, plan: Plan, say: Callable[[str], None]) -> Iterator[Opened | Changed]:
    server.start()
    try:
        say(f"{server.title}: {plan.runs:,} flow runs, {plan.runs * plan.tasks:,} task runs")
        seeded = seeding.fill(server.url, plan.runs, plan.tasks, say)
        yield from _visits(server, views.of_levada(seeded), plan.visits, say)
        api = Api(server.url)
        run = api.ask("POST", "/flow_runs", {"flow_name": "watched", "name": "watched-run"})["id"]
        places = (Place("Runs", "/runs", ("watched-run",)), Place("a run", f"/runs/{run}", ("watched-run",)))

        def change(name: str) -> None:
            api.ask("POST", f"/flow_runs/{run}/set_state", {"type": "RUNNING", "name": name})

        yield from _changes(server, places, plan.changes, change, say)
        api.close()
    finally:
        server.stop()


def _of_prefect(server: Prefect, plan: Plan, tasks: int, say: Callable[[str], None]) -> Iterator[Opened | Changed]:
    server.start()
    try:
        say(f"{server.title}: {plan.runs:,} flow runs, {plan.runs * tasks:,} task runs")
        run, name = peer.fill(server, plan.runs, tasks, say)
        yield from _visits(server, views.of_prefect(name, run), plan.visits, say)
        api = peer.Patient(server.url)
        flow = api.ask("POST", "/flows/", {"name": "watched"})["id"]
        run = api.ask("POST", "/flow_runs/", {"flow_id": flow, "name": "watched-run"})["id"]
        places = (
            Place("Runs", "/runs", ("watched-run",)),
            Place("a run", f"/runs/flow-run/{run}", ("watched-run",)),
        )

        def change(name: str) -> None:
            state = {"type": "RUNNING", "name": name}
            api.ask("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": True})

        yield from _changes(server, places, plan.peer_changes, change, say)
        api.close()
    finally:
        server.stop()


def _visits(server: Target, places: Iterable[Place], times: int, say: Callable[[str], None]) -> Iterator[Opened]:
    with browser() as made:
        for place in places:
            say(f"{server.title} · {place.name}")
            try:
                visits = [_visit(made, server, place) for _ in range(times)]
            except TimeoutError as trouble:
                yield Opened(server.title, place.name, Visit(), str(trouble))
            else:
                yield Opened(server.title, place.name, _median(visits))


def _visit(made: Browser, server: Target, place: Place) -> Visit:
    with Window(made, server.url.removesuffix("/api")) as window:
        return window.visit(place.path, *place.wanted)


def _median(visits: list[Visit]) -> Visit:
    """The visit that stands in the middle by its answers, with the medians of its moments."""
    middle = sorted(visits, key=lambda visit: sum(visit.answered))[len(visits) // 2]
    shown, ready = (statistics.median(getattr(visit, name) for visit in visits) for name in ("shown", "ready"))
    return replace(middle, shown=shown, ready=ready)


def _changes(
    server: Target, places: Iterable[Place], times: int, change: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[Changed]:
    with browser() as made:
        for place in places:
            say(f"{server.title} · {times} changes on {place.name}")
            seconds: list[float] = []
            with Window(made, server.url.removesuffix("/api")) as window:
                window.visit(place.path, *place.wanted)
                for number in range(times):
                    name = f"Step-{len(place.name)}-{number}-"
                    try:
                        seconds.append(window.change(name, lambda name=name: change(name)))  # type: ignore[misc]
                    except (TimeoutError, RefusedError) as trouble:
                        say(f"  {trouble}")
                        seconds.append(float("inf"))
            yield Changed(server.title, place.name, sorted(seconds))
