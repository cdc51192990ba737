"""Closed-loop load: so many connections, each sending its next request when the answer to the last one is there."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request. `body` is JSON unless it is bytes."""

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self, host: str, prefix: str) -> bytes:
        """The bytes that go over the wire."""
        payload = (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )
        kind = () if isinstance(self.body, bytes) else (("content-type", "application/json"),)
        lines = [f"{self.method} {prefix}{self.path} HTTP/1.1", f"host: {host}", f"content-length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (*kind, *self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + payload


@dataclass
class Report:
    """What came back: seconds of each request, and how many answers had which status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def good(self) -> int:
        """Answers below 400."""
        return sum(count for status, count in self.statuses.items() if 0 < status < 400)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds if self.seconds else 0.0

    def percentile(self, share: int) -> float:
        """Seconds below which so many per cent of the requests stayed."""
        if len(self.latencies) < 2:
            return self.latencies[0] if self.latencies else 0.0
        return quantiles(self.latencies, n=100, method="inclusive")[share - 1]


class Connection:
    """One kept-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self.host, self.port, self.prefix = parts.hostname, parts.port or 80, parts.path.rstrip("/")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Send a request; status and body. Status 0 when the connection broke."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self.host, self.port, limit=2**24)
            reader, writer = self._streams
            writer.write(request.encoded(f"{self.host}:{self.port}", self.prefix))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await _body(reader, head)
            if "connection: close" in head:
                self.close()
            return int(head.split(" ", 2)[1]), body
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0, b""

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" in head:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    _, found, rest = head.partition("\r\ncontent-length:")
    return await reader.readexactly(int(rest.split("\r\n", 1)[0])) if found else b""


async def run(url: str, make: Callable[[int], Request], *, clients: int, seconds: float, most: int = 0) -> Report:
    """Ask with so many clients for so long, or `most` times."""
    report = Report()
    counter = iter(range(most or 2**62))
    end = time.perf_counter() + seconds
    started = time.perf_counter()

    async def client() -> None:
        connection = Connection(url)
        for number in counter:
            before = time.perf_counter()
            if before > end:
                break
            status, _ = await connection.ask(make(number))
            report.latencies.append(time.perf_counter() - before)
            report.statuses[status] += 1
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    report.seconds = time.perf_counter() - started
    return report


def load(url: str, make: Callable[[int], Request], *, clients: int, seconds: float, most: int = 0) -> Report:
    """`run`, for sync code."""
    return asyncio.run(run(url, make, clients=clients, seconds=seconds, most=most))


def ask(url: str, request: Request) -> Any:
    """One request; its JSON answer, or the bytes of another one. Raises `RuntimeError` when it is refused."""

    async def once() -> tuple[int, bytes]:
        connection = Connection(url)
        try:
            return await connection.ask(request)
        finally:
            connection.close()

    status, body = asyncio.run(once())
    if not 200 <= status < 300:
        raise RuntimeError(f"{request.method} {request.path}: {status} {body[:300]!r}")
    return json.loads(body) if body[:1] in {b"{", b"["} else body
