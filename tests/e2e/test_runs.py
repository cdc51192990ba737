"""Runs: what changes shows at once, is found again by its address, and can be acted upon."""

from __future__ import annotations

import os
import re
import time

import pytest
from playwright.sync_api import expect

from levada import get_client
from levada.settings import temporary_settings
from tests.e2e.pages.runs import RunsView
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
        view.open("/runs?flow=check-tables")
        view.page.get_by_role("group", name="States").get_by_role("button", name=re.compile("Failed")).click()
        expect(view.page).to_have_url(re.compile("FAILED"))
        rows = view.page.get_by_role("region", name="Runs").get_by_role("listitem")
        expect(rows).to_have_count(1, timeout=SOON)
        view.open(view.page.url.removeprefix(world.url))
        expect(rows).to_have_count(1, timeout=SOON)


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


@pytest.mark.parametrize(
    ("label", "value", "query"),
    [
        ("Parameter: name=value", "model=linear", {"parameters": {"model": "'linear'"}}),
        ("Error text", "503", {"error_like": "503"}),
        ("Flow", "check-tables, sensors", {"flow_names": ["check-tables", "sensors"]}),
        ("Deployment", "hourly", {"deployment_names": ["hourly"]}),
        ("Work pool", "gpu", {"work_pool_names": ["gpu"]}),
        ("Tag", "warehouse", {"tags_all": ["warehouse"]}),
        ("Version", "1", {"deployment_versions": [1]}),
        ("Longer than, in seconds", "0.2", {"min_seconds": 0.2}),
        ("Made by", "nobody", {"created_by": ["nobody"]}),
    ],
)
@LONG
def test_every_filter_finds_what_the_server_finds(world, chromium, label, value, query) -> None:
    with View(chromium, world.url) as view, temporary_settings({"api.url": f"{world.url}/api"}):
        shown = RunsView(view)
        shown.filter(label, value)
        with get_client(sync_client=True) as client:
            number = client.count_flow_runs(top_level=True, **query)
        expect(shown.page.get_by_text(f"{number} shown")).to_be_visible(timeout=SOON)
        assert view.complaints == []


def test_filters_that_cannot_be_used_are_left_out_and_named(world, chromium) -> None:
    with View(chromium, world.url) as view:
        shown = RunsView(view, "?min=soon&state=%5B%22failed%22%2C%22sleepy%22%5D&colour=red&range=30d")
        note = view.page.get_by_role("status").filter(has_text="Not used")
        expect(note).to_contain_text("min=soon, state=sleepy, colour=red", timeout=SOON)
        expect(shown.rows.first).to_contain_text("Failed", timeout=SOON)
        assert view.complaints == []


def test_chosen_runs_are_compared_cancelled_and_deleted_together(world, chromium) -> None:
    names = ["together-one", "together-two"]
    with View(chromium, world.url) as view, temporary_settings({"api.url": f"{world.url}/api"}):
        with get_client(sync_client=True) as client:
            rates = {"together-one": 0.5, "together-two": 0.25}
            for name in names:
                client.create_flow_run_from_deployment(
                    world.deployments["gpu"], name=name, parameters={"learning_rate": rates[name]}
                )
            shown = RunsView(view, "?name=together-")
            for name in names:
                shown.choose(name)
            view.page.get_by_role("button", name="Compare").click()
            expect(shown.dialog.get_by_role("row", name="learning_rate")).to_contain_text(
                re.compile("0.5.*0.25|0.25.*0.5")
            )
            expect(shown.dialog.get_by_role("row", name="deployment version")).to_be_visible()
            view.page.keyboard.press("Escape")
            shown.do("Cancel")
            expect(shown.rows.filter(has_text="Cancelled")).to_have_count(2, timeout=SOON)
            assert client.count_flow_runs(name_like="together-", state_types=["CANCELLED"]) == 2
            shown.do("Delete")
            expect(shown.rows).to_have_count(0, timeout=SOON)
            assert client.count_flow_runs(name_like="together-") == 0
        assert view.complaints == []


def test_a_view_is_saved_for_everybody_and_opened_again(world, chromium) -> None:
    with View(chromium, world.url) as view:
        shown = RunsView(view, "?state=FAILED&flow=check-tables")
        view.page.get_by_role("button", name="Saved views").click()
        shown.dialog.get_by_label("Save what is shown now as").fill("Checks that failed")
        shown.dialog.get_by_role("button", name="Save", exact=True).click()
        expect(shown.dialog).to_have_count(0, timeout=SOON)
        shown.open()
        view.page.get_by_role("button", name="Saved views").click()
        shown.dialog.get_by_role("button", name="Checks that failed", exact=True).click()
        expect(view.page).to_have_url(re.compile("FAILED.*check-tables|check-tables.*FAILED"))
        expect(shown.rows).to_have_count(1, timeout=SOON)
        view.page.get_by_role("button", name="Saved views").click()
        shown.dialog.get_by_role("button", name="Delete Checks that failed").click()
        expect(shown.dialog).to_contain_text("None yet.", timeout=SOON)
        assert view.complaints == []
