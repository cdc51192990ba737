"""Runs: what changes shows at once, is found again by its address, and can be acted upon."""

from __future__ import annotations

import os
import re
import time

import pytest
from playwright.sync_api import expect

from levada import get_client
from levada.settings import temporary_settings
from tests.e2e.pages.view import View

LONG = pytest.mark.skipif(os.environ.get("LEVADA_E2E") != "long", reason="the long form, make e2e, does it")
SOON = 20_000
"""Milliseconds on a machine that does other things; the test prints what it took."""


def test_a_run_that_is_made_and_one_that_is_cancelled_show_at_once(world, chromium, record_property) -> None:
    with View(chromium, world.url) as view, temporary_settings({"api.url": f"{world.url}/api"}):
        view.open("/runs")
        with get_client(sync_client=True) as client:
            run = client.create_flow_run_from_deployment(world.deployments["gpu"], name="watched-by-a-test")
            began = time.perf_counter()
            row = view.page.locator("li", has_text="watched-by-a-test")
            expect(row).to_contain_text("Scheduled", timeout=SOON)
            record_property("seconds_until_shown", round(time.perf_counter() - began, 3))
            client.cancel_flow_run(run.id)
            began = time.perf_counter()
            expect(row).to_contain_text("Cancelled", timeout=SOON)
            record_property("seconds_until_changed", round(time.perf_counter() - began, 3))
        assert view.complaints == []


@LONG
def test_filters_stand_in_the_address_and_come_back_with_it(world, chromium) -> None:
    with View(chromium, world.url) as view:
        view.open("/runs")
        view.page.get_by_role("group", name="States").get_by_role("button", name=re.compile("Failed")).click()
        expect(view.page).to_have_url(re.compile("FAILED"))
        rows = view.page.get_by_role("region", name="Runs").get_by_role("listitem")
        expect(rows).to_have_count(2)
        view.open(view.page.url.removeprefix(world.url))
        expect(rows).to_have_count(2)


@LONG
def test_the_palette_goes_anywhere_by_keyboard_alone(world, chromium) -> None:
    with View(chromium, world.url) as view:
        view.open("/")
        view.page.keyboard.press("Control+k")
        expect(view.page.get_by_role("combobox")).to_be_focused()
        view.page.keyboard.type("work pools")
        view.page.keyboard.press("Enter")
        expect(view.page).to_have_url(re.compile("/work-pools$"))
        view.page.keyboard.press("g")
        view.page.keyboard.press("r")
        expect(view.page).to_have_url(re.compile("/runs$"))
        view.page.keyboard.press("?")
        expect(view.page.get_by_role("dialog")).to_be_visible()
