"""What tests in a browser stand on. On a laptop without one they are skipped; in CI it has to be there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import browser as browsers
from tests.e2e.seed import World, seeded


def _missing() -> str | None:
    if browsers.executable() is None:
        return "there is no Chromium on this machine (apt-get install chromium)"
    return None if browsers.has_page() else "the page is not built (make ui)"


@pytest.fixture(scope="session")
def needs_browser() -> None:
    """Skip what asks for it where there is no browser, or nothing to show in it."""
    missing = _missing()
    if missing is not None and os.environ.get("CI"):
        pytest.fail(f"The tests of the page cannot run: {missing}.")
    if missing is not None:
        pytest.skip(missing)


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory, needs_browser: None) -> Iterator[World]:
    """A server that looks used."""
    del needs_browser
    with seeded(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def chromium() -> Iterator[browsers.Browser]:
    """A browser for one test: while one is open, no other test of the process could run a loop of its own."""
    with browsers.browser() as made:
        yield made
