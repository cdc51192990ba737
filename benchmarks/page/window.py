"""One view in a browser: its requests, and the moments at which it shows what it is for and can be worked with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, Request
from playwright.sync_api import Error as BrowserError

from tests.e2e.browser import context

PATIENCE = 60.0
"""Seconds until a view that does not show what it is for is given up."""

REST = 10.0
"""Seconds after which a view that is still busy counts as one that does not come to rest."""

QUIET_MS = 500.0
"""So long without a request and without a long task, and a view counts as done."""

_WATCH = """
window.__busy = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.__busy = Math.max(window.__busy, one.startTime + one.duration);
}).observe({ type: "longtask", buffered: true });
window.__seen = (wanted, since) => new Promise((resolve) => {
  const look = () => {
    const text = document.body === null ? "" : document.body.textContent;
    if (wanted.every((one) => text.includes(one))) resolve(since === "page" ? performance.now() : Date.now());
    else requestAnimationFrame(look);
  };
  look();
});
"""


@dataclass
class Visit:
    """What a view did when it was opened.

    Attributes:
        requests: of the API, streams aside.
        streams: that stay open.
        answered: seconds from a request to the first byte of its answer, of each.
        data: bytes of answers of the API, as they went over the wire.
        files: bytes of the page itself.
        shown: seconds from the address to what the view is for, on screen.
        ready: seconds until it can be worked with: shown, and no script ran long since.
    """

    requests: int = 0
    streams: int = 0
    answered: list[float] = field(default_factory=list)
    data: int = 0
    files: int = 0
    shown: float = 0.0
    ready: float = 0.0


class Window:
    """A window with nothing remembered. Ends with the block."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self._context = context(browser)
        self._context.add_init_script(_WATCH)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE * 1_000)
        self._sockets = 0
        self._asked: list[Request] = []
        self._done: set[Request] = set()
        self._moved = time.monotonic()
        self.page.on("request", self._begin)
        self.page.on("websocket", lambda _: self._count_socket())
        for name in ("requestfinished", "requestfailed"):
            self.page.on(name, self._end)

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def visit(self, path: str, *wanted: str) -> Visit:
        """Open an address, and wait until all that is wanted is on screen and the view is at rest.

        Raises:
            TimeoutError: it does not show it.
        """
        self._asked.clear()
        self._done.clear()
        self._sockets = 0
        self.page.goto(f"{self.url}{path}", wait_until="commit")
        shown = float(self._seen(list(wanted), "page"))
        busy = self._rest()
        visit = Visit(streams=self._sockets, shown=shown / 1e3, ready=max(shown, busy) / 1e3)
        for request in self._asked:
            self._add(visit, request)
        return visit

    def change(self, wanted: str, act: Callable[[], None]) -> float:
        """Seconds from the beginning of an act to its trace on screen."""
        self.page.evaluate("(wanted) => { window.__change = window.__seen([wanted], 'clock'); }", wanted)
        began = time.time()
        act()
        return float(self._bounded("window.__change")) / 1e3 - began

    def _seen(self, wanted: list[str], since: str) -> Any:
        arguments = ", ".join((repr(wanted), repr(since)))
        return self._bounded(f"window.__seen({arguments})")

    def _bounded(self, promise: str) -> Any:
        """What a promise comes to in the browser, within the patience."""
        limit = f"new Promise((_, refuse) => setTimeout(() => refuse(new Error('not shown')), {PATIENCE * 1e3:.0f}))"
        try:
            return self.page.evaluate(f"Promise.race([{promise}, {limit}])")
        except BrowserError as error:
            raise TimeoutError(f"{self.page.url} does not show it: {error.message.splitlines()[0]}") from error

    def _rest(self) -> float:
        """Wait until nothing happens; the end of the last long task, in milliseconds of the view, or infinity."""
        end = time.monotonic() + REST
        while True:
            now, busy = self.page.evaluate("[performance.now(), window.__busy]")
            calm = (time.monotonic() - self._moved) * 1e3 > QUIET_MS and now - busy > QUIET_MS
            if calm and not self._open():
                return float(busy)
            if time.monotonic() > end:
                return math.inf
            self.page.wait_for_timeout(50)

    def _open(self) -> list[Request]:
        return [one for one in self._asked if one not in self._done and not _is_stream(one)]

    def _begin(self, request: Request) -> None:
        self._asked.append(request)
        self._moved = time.monotonic()

    def _end(self, request: Request) -> None:
        self._done.add(request)
        self._moved = time.monotonic()

    def _count_socket(self) -> None:
        self._sockets += 1

    def _add(self, visit: Visit, request: Request) -> None:
        if _is_stream(request):
            visit.streams += 1
            return
        is_data = "/api/" in request.url
        visit.requests += is_data
        if request not in self._done:
            return
        sizes, timing = request.sizes(), request.timing
        size = sizes["responseBodySize"] + sizes["responseHeadersSize"]
        if not is_data:
            visit.files += size
            return
        visit.data += size
        if timing["responseStart"] >= 0:
            visit.answered.append((timing["responseStart"] - timing["requestStart"]) / 1e3)


def _is_stream(request: Request) -> bool:
    return request.resource_type == "eventsource"
