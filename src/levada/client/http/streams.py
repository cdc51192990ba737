"""Server-sent events, read: messages of a stream, over as many connections as it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from levada.core.errors import ServerUnavailable, StoreUnavailable, TooManyRequests

if TYPE_CHECKING:
    from levada.client.http.transport import Transport

SILENCE_SECONDS: Final = 45.0
"""A stream says something every 15 seconds; one that is silent for so long is broken."""

PAUSE_SECONDS: Final = 1.0


class Message(NamedTuple):
    """One message of a stream."""

    id: str
    kind: str
    data: bytes


def messages(
    transport: Transport,
    path: str,
    query: Mapping[str, Any],
    *,
    after: str | None = None,
    timeout: float | None = None,
) -> Iterator[Message]:
    """The messages of a stream, each once in order, across lost connections and servers that start anew.

    Args:
        transport: to the server.
        path: of the stream.
        query: its filters.
        after: id of the last message that is known already.
        timeout: seconds without a message after which to end; None to go on for ever.
    """
    last = after
    heard = time.monotonic()

    def left() -> float:
        return SILENCE_SECONDS if timeout is None else timeout - (time.monotonic() - heard)

    while left() > 0:
        try:
            for message in _read(transport, path, query, last, min(SILENCE_SECONDS, left())):
                last = message.id or last
                if not message.data:
                    if left() <= 0:
                        return
                    continue
                heard = time.monotonic()
                yield message
        except (ServerUnavailable, StoreUnavailable, TooManyRequests):
            if timeout is not None and left() <= PAUSE_SECONDS:
                raise
        if left() > 0:
            time.sleep(min(PAUSE_SECONDS, max(0.0, left())))


def _read(
    transport: Transport, path: str, query: Mapping[str, Any], last: str | None, silence: float
) -> Iterator[Message]:
    """The messages of one connection; signs of life are messages without data."""
    identifier, kind = "", "message"
    data: list[bytes] = []
    for raw in transport.follow(path, query, last, silence):
        line = raw.rstrip(b"\r")
        if not line:
            yield Message(identifier, kind, b"\n".join(data))
            identifier, kind, data = "", "message", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"id":
            identifier = value.decode()
        elif field == b"event":
            kind = value.decode()
        elif field == b"data":
            data.append(value)
