"""The graph of a run: drawn in both layouts, searched, walked, opened; a great run is watched while it goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from levada import get_client
from levada.settings import temporary_settings
from levada.testing import eventually
from tests.e2e.browser import NARROW
from tests.e2e.pages.graph import GraphView
from tests.e2e.pages.view import View

LONG = pytest.mark.skipif(os.environ.get("LEVADA_E2E") != "long", reason="the long form, make e2e, does it")
ITEMS = 5_000
MOST_BUSY = 1.0
"""Seconds that the page may be busy at a stretch while it watches, on a machine that runs the flow too."""


def test_a_graph_is_drawn_searched_and_walked_by_keyboard(world, chromium) -> None:
    with View(chromium, world.url) as view:
        graph = GraphView(view).open(world.runs["completed"])
        assert graph.is_painted()
        graph.lay_out("Dependencies")
        expect(view.page).to_have_url(re.compile("layout=dependencies"))
        graph.wait()
        assert graph.is_painted()
        graph.find("store", "1 of 1")
        graph.expect_selected("store-0")
        expect(view.page).to_have_url(re.compile("node="))
        graph.press("ArrowLeft", "+", "-", "0")
        graph.expect_selected(re.compile("shop-orders"))
        graph.press("ArrowRight")
        graph.expect_selected(re.compile("store-0|report-0"))
        assert view.barriers() == []
        graph.press("Escape")
        expect(graph.panel).to_have_count(0)
        assert view.complaints == []


def test_a_map_and_a_subflow_are_opened_where_they_are(world, chromium) -> None:
    with View(chromium, world.url) as view:
        graph = GraphView(view).open(world.runs["mapped"])
        expect(graph.legend).to_contain_text("Completed200")
        graph.find("measure", "1 of 1")
        graph.expect_selected("measure × 200")
        graph.panel.get_by_role("button", name="Open the map").click()
        graph.find("measure-117", "1 of 1")
        graph.expect_selected("measure-117")
        expect(graph.legend).to_contain_text("Completed200")
        assert graph.is_painted()
        fold = view.page.get_by_role("button", name="Fold all maps and subflows")
        fold.click()
        expect(fold).to_be_disabled()

        graph.open(world.runs["completed"], layout="dependencies")
        graph.find("shop", "1 of 2")
        graph.press("Enter")
        graph.find("fetch", "1 of 6")
        graph.find("fetch_order-3", "1 of 1")
        graph.expect_selected("fetch_order-3")
        expect(graph.panel.get_by_role("log")).to_be_visible()
        assert view.complaints == []


def test_a_graph_is_of_use_on_a_phone(world, chromium) -> None:
    with View(chromium, world.url, dark=True, width=NARROW) as view:
        graph = GraphView(view).open(world.runs["failed"], layout="dependencies")
        assert graph.is_painted()
        graph.find("check", "1 of 3")
        expect(graph.panel).to_be_visible()
        assert view.barriers() == []
        assert view.page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert view.complaints == []


@LONG
def test_five_thousand_tasks_are_watched_from_start_to_end(world, chromium, tmp_path, record_property) -> None:
    env = {"LEVADA_HOME": str(tmp_path), "LEVADA_API_URL": f"{world.url}/api"}
    code = f"from tests.e2e import flows; flows.parcels({ITEMS})"
    with (
        temporary_settings({"api.url": f"{world.url}/api"}),
        get_client(sync_client=True) as client,
        View(chromium, world.url) as view,
        subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **env}, stderr=subprocess.DEVNULL) as flow,
    ):
        run = eventually(lambda: next(iter(client.read_flow_runs(flow_names=["parcels"])), None), timeout=60)
        view.page.add_init_script(
            "window.busy = []; new PerformanceObserver((list) => busy.push(...list.getEntries().map((one) => "
            "one.duration))).observe({ type: 'longtask', buffered: true })"
        )
        graph = GraphView(view).open(run.id)
        graph.find("weigh", "1 of 1")
        graph.panel.get_by_role("button", name="Open the map").click()
        assert flow.wait(timeout=300) == 0
        expect(graph.legend).to_have_text(f"✓Completed{ITEMS:,}", timeout=60_000)
        expect(view.page.get_by_role("heading", level=1)).to_contain_text("Completed")
        assert graph.is_painted()
        busy = max(view.page.evaluate("busy"), default=0.0) / 1000
        record_property("longest_task_of_the_page_in_seconds", round(busy, 3))
        view.page.get_by_role("tab", name="Logs").click()
        view.page.get_by_text(f"All {ITEMS:,} parcels are weighed.").wait_for()
        assert view.complaints == []
        assert busy < MOST_BUSY
