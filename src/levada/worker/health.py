"""Says over HTTP whether a worker's loop makes progress: ``GET /health``, 200 or 503, for those who restart it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import json

DEFAULT_PORT = 8080


class HealthServer:
    """Answers on a thread of its own.

    Args:
        health: what is answered; `alive` decides about the status.
        host, port: where it listens; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, health: Callable[[], dict[str, Any]], host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        class Handler(BaseHTTPRequestHandler):
            server_version = "levada-worker"
            sys_version = ""

            def do_GET(self) -> None:
                """Answer."""
                known = self.path.split("?")[0].rstrip("/") in {"", "/health"}
                found = health() if known else {"detail": "There is /health."}
                body = json.encode(found)
                self.send_response(404 if not known else 200 if found["alive"] else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody wants a line for each look."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="levada-worker-health", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/health"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
