"""The palette goes to things by name, and acts on them; all of it by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.pages.view import View

SOON = 20_000


def test_a_deployment_is_run_and_its_run_cancelled_from_the_palette(world, chromium) -> None:
    with View(chromium, world.url) as view:
        view.open("/settings")
        view.page.keyboard.press("Control+k")
        view.page.keyboard.type("run gpu now")
        choice = view.page.get_by_role("option", name="Run train-model / gpu now")
        expect(choice).to_be_visible(timeout=SOON)
        choice.click()
        expect(view.page).to_have_url(re.compile("/runs/[0-9a-f-]+"), timeout=SOON)
        expect(view.page.get_by_role("heading", level=1)).to_contain_text("Scheduled", timeout=SOON)
        view.page.keyboard.press("Control+k")
        view.page.keyboard.type("cancel")
        expect(view.page.get_by_role("option", name="Cancel train-model")).to_be_visible(timeout=SOON)
        view.page.keyboard.press("Enter")
        expect(view.page.get_by_role("heading", level=1)).to_contain_text("Cancelled", timeout=SOON)
        assert view.complaints == []
