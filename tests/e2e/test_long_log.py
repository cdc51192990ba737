"""A million lines of log: the first ones are there soon, any of them is a jump away, and memory stays small."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import expect

from levada import get_client
from levada.settings import temporary_settings
from tests.e2e import long_log
from tests.e2e.pages.view import View
from tests.e2e.seed import empty
from tests.e2e.test_runs import LONG, SOON

LINES = 1_000_000


@LONG
def test_a_million_lines_are_looked_at_without_pain(tmp_path, chromium, record_property) -> None:
    with empty(tmp_path) as world, temporary_settings({"api.url": f"{world.url}/api"}):
        with get_client(sync_client=True) as client:
            run = client.create_flow_run("long").id
        written = long_log.write(tmp_path, run, LINES)
        with View(chromium, world.url) as view:
            log = view.page.get_by_role("log")
            took: dict[str, float] = {"write": round(written, 1)}

            def measure(what: str, act: Callable[[], object], line: int) -> None:
                began = time.perf_counter()
                act()
                expect(log.get_by_text(f"line {line}:")).to_be_visible(timeout=SOON * 3)
                took[what] = round(time.perf_counter() - began, 3)

            press = view.page.get_by_role("button", name="Start", exact=True).click
            measure("first lines", lambda: view.open(f"/runs/{run}?tab=logs"), LINES - 1)
            measure("start", press, 0)
            measure("end", view.page.get_by_role("button", name="End", exact=True).click, LINES - 1)
            measure("search", lambda: search(view, '"line 765432"'), 765_432)
            log.get_by_role("button", name="link to this line").click()
            view.page.wait_for_url("**#line=*")
            measure("permalink", view.page.reload, 765_432)
            press()
            for _ in range(60):
                log.evaluate("box => { box.scrollTop = box.scrollHeight }")
                view.page.wait_for_function("() => !document.body.innerText.includes('loading …')")
            took["megabytes after 60 pages"] = view.page.evaluate("performance.memory.usedJSHeapSize / 1e6")
            print(took)
            record_property("seconds", took)
            assert view.complaints == []
            assert took["megabytes after 60 pages"] < 200


def search(view: View, words: str) -> None:
    view.page.get_by_label("Search the log").fill(words)
    view.page.keyboard.press("Enter")
