"""`make screenshots`: the pictures of the page that the documentation shows, of each view, light and dark."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.browser import NARROW, browser
from tests.e2e.pages.view import View
from tests.e2e.seed import World, seeded

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
    }


def take(world: World, folder: Path) -> None:
    """Take them all, and two as on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as made:
        for dark in (False, True):
            with View(made, world.url, dark=dark, width=1280) as view:
                for name, path in wanted(world).items():
                    _picture(view, path, folder / f"{name}-{'dark' if dark else 'light'}.png")
        with View(made, world.url, width=NARROW) as view:
            for name in ("runs", "run"):
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
    with tempfile.TemporaryDirectory(prefix="levada-pictures-") as home, seeded(Path(home)) as world:
        take(world, FOLDER)


if __name__ == "__main__":
    main()
