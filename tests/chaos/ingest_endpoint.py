"""A server that only takes records in, `ControlPlane.take_in` behind `POST /api/ingest`, on a bad network.

It lets tests lose answers, repeat and reorder batches, go away and come back, all from inside the test's process.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from levada.control import ControlPlane
from levada.core.settings import DatabaseSettings, LeaseSettings
from levada.store.opening import open_store
from levada.wire.ingest import IngestBatch


class Endpoint:
    """The server, and what became of what it was sent.

    Args:
        home: where its database is, unless another is given.
        leases: what writers are told.
        database: address of a PostgreSQL database.

    Attributes:
        plane: the control plane behind it.
        lost: share of requests that are dropped, half of them after they were carried out.
        repeated: share of requests after which an older batch is taken in once more.
        batches: everything that arrived.
    """

    def __init__(self, home: Path, leases: LeaseSettings | None = None, database: str | None = None) -> None:
        self.plane = ControlPlane(home, open_store(home, DatabaseSettings(url=database)))
        self.plane.leases = leases or LeaseSettings(renew_seconds=0.2)
        self.lost = 0.0
        self.repeated = 0.0
        self.batches: list[IngestBatch] = []
        self._random = Random(7)
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api"

    def come(self) -> None:
        """Listen, at the same address each time."""
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take_in(self, body: bytes) -> bytes | None:
        """What is answered; None when the connection breaks instead."""
        batch = msgspec.msgpack.decode(body, type=IngestBatch)
        with self._lock:
            fate, again = self._random.random(), self._random.random() < self.repeated
            older = self._random.choice(self.batches) if again and self.batches else None
            self.batches.append(batch)
        if self._server is None or fate < self.lost / 2:
            return None
        if older is not None:
            self.plane.take_in(msgspec.structs.replace(older, ended=False, closing=False))
        answer = msgspec.msgpack.encode(self.plane.take_in(batch))
        return None if fate < self.lost else answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.endpoint.take_in(
            gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        )
        if answer is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/msgpack")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def endpoint(home: Path, leases: LeaseSettings | None = None, database: str | None = None) -> Iterator[Endpoint]:
    """A server that is there."""
    made = Endpoint(home, leases, database)
    made.come()
    try:
        yield made
    finally:
        made.go()
        made.plane.close()
