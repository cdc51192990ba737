"""Every view opens, on data and without, for everybody, and with few requests."""

from __future__ import annotations

import os

import pytest

from tests.e2e.browser import NARROW
from tests.e2e.pages.view import View
from tests.e2e.seed import World

LONG = os.environ.get("LEVADA_E2E") == "long"
PLACES = (
    "/",
    "/runs",
    "/flows",
    "/deployments",
    "/work-pools",
    "/variables",
    "/events",
    "/concurrency",
    "/artifacts",
    "/settings",
)
MOST_REQUESTS = 9
"""Of one view, streams included."""
MOST_STREAMS = 1
"""Of one view; the subflows of a run are other runs, and have their own."""


def views(world: World) -> list[str]:
    runs, deployments = world.runs, world.deployments
    return [
        *PLACES,
        "/work-pools/warehouse",
        f"/deployments/{deployments['nightly']}",
        f"/runs/{runs['failed']}",
        f"/runs/{runs['completed']}?tab=graph",
        *(f"/runs/{runs['completed']}?tab={tab}" for tab in ("logs", "tasks", "subflows", "artifacts", "parameters")),
    ]


def test_every_view_opens_without_a_complaint_and_keeps_nobody_out(world, chromium) -> None:
    complaints: list[str] = []
    with View(chromium, world.url) as view:
        for path in views(world):
            view.open(path)
            complaints += [f"{path}: {one}" for one in [*view.complaints, *view.barriers()]]
            view.complaints.clear()
            if len(view.requests) > MOST_REQUESTS:
                complaints.append(f"{path}: {len(view.requests)} requests: {', '.join(view.requests)}")
            streams = [one for one in view.requests if "/stream" in one]
            if len(streams) > MOST_STREAMS + path.endswith("tab=subflows"):
                complaints.append(f"{path}: {len(streams)} streams: {', '.join(streams)}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.skipif(not LONG, reason="the long form, make e2e, looks at it")
@pytest.mark.parametrize(("dark", "width"), [(True, 1440), (False, NARROW), (True, NARROW)])
def test_every_view_is_as_good_in_the_dark_and_on_a_phone(world, chromium, dark, width) -> None:
    complaints: list[str] = []
    with View(chromium, world.url, dark=dark, width=width) as view:
        for path in views(world):
            view.open(path)
            complaints += [f"{path}: {one}" for one in [*view.complaints, *view.barriers()]]
            view.complaints.clear()
            wide = view.page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                complaints.append(f"{path}: is {wide} pixels wide where there are {width}")
    assert not complaints, "\n".join(complaints)
