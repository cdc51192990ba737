"""One control plane twice: in this process, and behind a real server over HTTP, on the same database."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from levada.client.http import RemotePlane, Transport
from levada.control import ControlPlane
from levada.control.bus import Bus
from levada.core.settings import DatabaseSettings, Settings
from levada.server.app import create_app
from levada.server.stopping import Stopping
from levada.store.opening import open_store
from levada.wire.verbs import Plane


@dataclass
class Pair:
    """Both planes; rows that one writes are read by the other."""

    here: ControlPlane
    there: RemotePlane
    url: str

    def each(self) -> list[Plane]:
        return [self.here, self.there]


@contextmanager
def pair(home: Path, database_url: str | None) -> Iterator[Pair]:
    """A server on a port of its own, in a thread of this process, and what it stands on."""
    store = open_store(home, DatabaseSettings(url=database_url))
    with ControlPlane(home, store) as plane:
        bus = Bus(store)
        stopping = Stopping()
        app = create_app(plane, Settings(home=home), bus=bus, stopping=stopping)
        with _listening(app) as port:
            url = f"http://127.0.0.1:{port}/api"
            remote = RemotePlane(Transport(url, max_retries=0))
            try:
                yield Pair(plane, remote, url)
            finally:
                stopping.set()
                remote.close()
        bus.close()


@contextmanager
def _listening(app: Any) -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    began = threading.Event()
    # The socket is bound: who connects before the server accepts waits in the kernel's line.
    listener.listen(128)

    def serve() -> None:
        began.set()
        server.run(sockets=[listener])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    began.wait(10)
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
