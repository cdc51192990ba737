"""`make screenshots`: the pictures of the page that the documentation shows, of each view, light and dark."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.browser import NARROW, browser
from tests.e2e.pages.view import View
from tests.e2e.seed import World, empty, seeded

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images" / "ui"


def wanted(world: World) -> dict[str, str]:
    """What is pictured, by name."""
    run, deployment = world.runs["completed"], world.deployments["nightly"]
    return {
        "dashboard": "/",
        "runs": "/runs",
        "run": f"/runs/{world.runs['failed']}",
        "run-graph": f"/runs/{run}?tab=graph",
        "run-logs": f"/runs/{run}?tab=logs",
        "run-artifacts": f"/runs/{run}?tab=artifacts",
        "flows": "/flows",
        "deployments": "/deployments",
        "deployment": f"/deployments/{deployment}",
        "work-pools": "/work-pools",
        "work-pool": "/work-pools/warehouse",
        "variables": "/variables",
        "events": "/events",
        "concurrency": "/concurrency",
        "artifacts": "/artifacts",
        "settings": "/settings",
    }


def take(world: World, folder: Path, first_visit: World, guarded: World) -> None:
    """Take them all, two as on a phone, the first page that is ever seen, and the door of a server that has one."""
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as made:
        for dark in (False, True):
            with View(made, world.url, dark=dark, width=1180) as view:
                for name, path in wanted(world).items():
                    _picture(view, path, folder / f"{name}-{'dark' if dark else 'light'}.png")
            for name, server, path in (("first-visit", first_visit, "/"), ("sign-in", guarded, "/sign-in")):
                with View(made, server.url, dark=dark, width=1180) as view:
                    _picture(view, path, folder / f"{name}-{'dark' if dark else 'light'}.png")
        with View(made, world.url, width=NARROW) as view:
            for name in ("dashboard", "runs", "run"):
                _picture(view, wanted(world)[name], folder / f"{name}-phone.png")


def _picture(view: View, path: str, out: Path) -> None:
    view.open(path)
    view.page.wait_for_load_state("load")
    view.page.screenshot(path=out)
    print(f"{out.name}: {out.stat().st_size // 1024} kB")
    if view.complaints:
        print(f"  {path}: {'; '.join(view.complaints)}")
        view.complaints.clear()


def main() -> None:
    """Take the pictures of a server that is made for them."""
    with (
        tempfile.TemporaryDirectory(prefix="levada-pictures-") as home,
        seeded(Path(home)) as world,
        empty(Path(home) / "empty") as first_visit,
        empty(Path(home) / "guarded", LEVADA_SERVER_AUTH_STRING="anna:water") as guarded,
    ):
        take(world, FOLDER, first_visit, guarded)


if __name__ == "__main__":
    main()
