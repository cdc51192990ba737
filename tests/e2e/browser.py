"""A real Chromium: the machine's own, never one that is fetched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NARROW = 390
"""Pixels: a phone."""
WIDE = 1440


def executable() -> str | None:
    """The Chromium of this machine; None when it has none."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


def has_page() -> bool:
    """Whether there is a built page that a server can show."""
    return (Path(__file__).resolve().parents[2] / "src" / "levada" / "server" / "page" / "index.html").is_file()


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        # In containers there is no user namespace for its sandbox; it shows our own page alone.
        made = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield made
        finally:
            made.close()


def context(made: Browser, *, dark: bool = False, width: int = WIDE, height: int = 900) -> BrowserContext:
    """A window of a person, with nothing remembered."""
    options: dict[str, Any] = {"locale": "en-GB", "timezone_id": "Europe/Lisbon", "reduced_motion": "reduce"}
    return made.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **options
    )


def settle(page: Page) -> None:
    """Wait until what is shown has arrived: nothing says that it loads."""
    page.locator("#root > *").first.wait_for()
    page.locator('[role="status"][aria-label="Loading"]').first.wait_for(state="detached")
    page.evaluate("document.fonts.ready")
