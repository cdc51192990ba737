"""The page of a flow run: what it shows, and what can be done with the run."""

from __future__ import annotations

import re
from uuid import UUID

from playwright.sync_api import Locator, expect

from tests.e2e.pages.view import View


class RunView:
    """A flow run in a browser.

    Attributes:
        view: the window.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.page = view.page

    def open(self, run: UUID, search: str = "") -> RunView:
        """Look at a run."""
        self.view.open(f"/runs/{run}{search}")
        return self

    @property
    def title(self) -> Locator:
        """Flow, run and state."""
        return self.page.get_by_role("heading", level=1)

    @property
    def dialog(self) -> Locator:
        """What is open over the page."""
        return self.page.get_by_role("dialog")

    @property
    def plan(self) -> Locator:
        """What a rerun would do."""
        return self.dialog.get_by_role("region", name="Plan")

    def press(self, name: str) -> None:
        """Press a button of the page."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str) -> None:
        """Choose from the menu of actions."""
        self.press("More actions")
        self.page.get_by_role("menuitem", name=name).click()

    def confirm(self, name: str) -> None:
        """Press a button of the dialog, which does it and goes."""
        self.dialog.get_by_role("button", name=name, exact=True).click()
        expect(self.dialog).to_have_count(0)

    def offers(self, name: str) -> bool:
        """Whether an action can be chosen; the menu is closed again."""
        self.press("More actions")
        item = self.page.get_by_role("menuitem", name=name)
        item.wait_for()
        refused = item.get_attribute("aria-disabled") == "true"
        self.page.keyboard.press("Escape")
        item.wait_for(state="detached")
        return not refused

    def told(self, text: str) -> None:
        """Wait for a notice that says so, and make sure that it is said once."""
        notice = self.page.locator("[data-sonner-toast]", has_text=text)
        expect(notice).to_have_count(1)

    def shown_run(self, other_than: UUID) -> UUID:
        """The run that the page went on to."""
        self.page.wait_for_url(lambda url: "/runs/" in url and str(other_than) not in url)
        found = re.search(r"/runs/([0-9a-f-]{36})", self.page.url)
        assert found is not None
        return UUID(found[1])
