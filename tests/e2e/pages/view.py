"""One view in a browser, and everything that went wrong on it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, TimeoutError

from tests.e2e.browser import WIDE, context, settle

_AXE = Path(__file__).resolve().parents[3] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
_LOOK = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.map((one) =>
    `${one.id}: ${one.help} at ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`)"""


class View:
    """A window on a server.

    Attributes:
        page: Playwright's handle of what is shown.
        complaints: exceptions, errors on the console, refused requests; who expects one takes it out.
        requests: what was asked of the API since the last `open`.
    """

    def __init__(self, browser: Browser, url: str, *, dark: bool = False, width: int = WIDE) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._window = context(browser, dark=dark, width=width)
        self.page: Page = self._window.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("console", self._hear)
        self.page.on("response", self._note)
        self.page.on("request", self._count)

    def __enter__(self) -> View:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._window.close()

    def open(self, path: str) -> View:
        """Go to an address as if it was typed."""
        self.requests.clear()
        self.page.goto(f"{self.url}{path}", wait_until="domcontentloaded")
        settle(self.page)
        try:
            self.page.get_by_role("heading", level=1).first.wait_for(timeout=20_000)
        except TimeoutError:
            self.complaints.append("it has no heading")
        return self

    def barriers(self) -> list[str]:
        """What keeps people out who cannot see or point, as axe finds it."""
        self.page.evaluate(_AXE.read_text())
        found: Any = self.page.evaluate(_LOOK)
        return list(found)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"console: {said.text}")

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")

    def _count(self, request: Request) -> None:
        if "/api/" in request.url:
            self.requests.append(f"{request.method} {request.url.removeprefix(self.url)}")
