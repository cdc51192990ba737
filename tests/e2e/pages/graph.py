"""The graph of a run in a browser: its picture, and what stands around it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, expect

from tests.e2e.pages.view import View

_COLOURS = """(canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Map();
    for (let at = 0; at < data.length; at += 4) {
        const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
        seen.set(colour, (seen.get(colour) ?? 0) + 1);
    }
    return [...seen.values()].sort((one, other) => other - one);
}"""


class GraphView:
    """The tab of a run that a view shows."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.page = view.page

    @property
    def picture(self) -> Locator:
        """What has the focus while the picture is walked."""
        return self.page.get_by_role("application")

    @property
    def panel(self) -> Locator:
        """About the node that is selected."""
        return self.page.get_by_role("complementary", name="The selected node")

    @property
    def legend(self) -> Locator:
        """The states with their counts."""
        return self.page.get_by_role("group", name="States in the graph")

    def open(self, run: object, **search: str) -> GraphView:
        """Go to the run and wait for its picture."""
        wanted = "&".join(f"{name}={value}" for name, value in search.items())
        self.view.open(f"/runs/{run}?{wanted}")
        return self.wait()

    def wait(self) -> GraphView:
        """Until there is a picture."""
        self.page.locator("[data-graph-ready=true] canvas").first.wait_for()
        return self

    def lay_out(self, name: str) -> None:
        """Choose a layout by what its button says."""
        self.page.get_by_role("group", name="Layout").get_by_role("button", name=name).click()

    def is_painted(self) -> bool:
        """Whether the picture has more in it than its ground and the lines of a scale."""
        counts: Any = self.page.locator("[data-graph-ready=true] > div > canvas").evaluate(_COLOURS)
        return len(counts) > 8 and sum(counts[1:]) > 500

    def find(self, text: str, found: str) -> None:
        """Search, until it is said how many were found."""
        box = self.page.get_by_role("searchbox", name="Find a task in the graph")
        box.fill("")
        box.fill(text)
        expect(self.page.get_by_text(found, exact=True)).to_be_visible()

    def expect_selected(self, name: str | re.Pattern[str]) -> None:
        """The panel is about this node."""
        expect(self.panel.get_by_role("heading", level=2)).to_have_text(name)

    def press(self, *keys: str) -> None:
        """Keys, while the picture has the focus."""
        self.picture.focus()
        for key in keys:
            self.page.keyboard.press(key)
