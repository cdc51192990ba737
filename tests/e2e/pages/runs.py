"""The page of flow runs: filters, what they find, and what is done with many at once."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.e2e.pages.view import View


class RunsView:
    """The list of flow runs in a browser.

    Attributes:
        view: the window.
    """

    def __init__(self, view: View, search: str = "") -> None:
        self.view = view
        self.page = view.page
        self.open(search)

    def open(self, search: str = "") -> None:
        """Look at runs, filtered as an address says."""
        self.view.open(f"/runs{search}")

    @property
    def rows(self) -> Locator:
        """The runs that are shown."""
        return self.page.get_by_role("region", name="Runs").get_by_role("listitem")

    @property
    def dialog(self) -> Locator:
        """What is open over the page."""
        return self.page.get_by_role("dialog")

    def filter(self, label: str, value: str) -> None:
        """Fill in a filter and use it."""
        field = self.page.get_by_label(label, exact=True)
        if not field.is_visible():
            self.page.get_by_role("button", name="More filters").click()
        field.fill(value)
        field.press("Enter")

    def choose(self, name: str) -> None:
        """Tick a run."""
        self.rows.filter(has_text=name).get_by_role("checkbox").check()

    def do(self, action: str) -> None:
        """Do something with what is chosen, after the preview, and wait until it is done."""
        self.page.get_by_role("button", name=f"{action} chosen").click()
        self.dialog.get_by_role("button", name=action, exact=True).click()
        self.dialog.get_by_role("button", name="Done").click()
