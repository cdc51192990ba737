"""Bodies of requests, read whole before anything else is done for them.

Who sends slowly thereby holds nobody up: no thread, no place at the gate. The limit of the size holds for what is sent
and for what comes out when it is unpacked, piece by piece, so that a bomb goes off in no more than one piece.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any, Final

from levada.core.errors import RequestInvalid, RequestTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import Receive

SECONDS: Final = 60.0
"""How long a body may take to arrive."""

_PIECE: Final = 256 * 1024
_PACKINGS: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})


class GoneError(Exception):
    """Whoever asked went away before the request was complete."""


async def read(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The body of a request, unpacked.

    Args:
        headers: of the request.
        receive: gives its parts.
        limit: most bytes.

    Raises:
        GoneError: it never came to its end, or not in time.
        RequestTooLarge: it is longer than the limit, or comes out longer.
        RequestInvalid: it is packed in a way we do not know, or damaged.
    """
    packing = headers.get(b"content-encoding", b"").strip().lower()
    if packing not in _PACKINGS | {b"", b"identity"}:
        raise RequestInvalid(f"Content-Encoding {packing.decode('latin-1')!r} is not understood; use gzip or none.")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(SECONDS):
            raw = await _whole(receive, limit)
    except TimeoutError:
        raise GoneError from None
    return _unpacked(raw, limit) if packing in _PACKINGS else raw


async def _whole(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise GoneError
        part = message.get("body", b"")
        length += len(part)
        if length > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacked(raw: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    parts: list[bytes] = []
    length = 0
    left = raw
    try:
        while not unpacker.eof:
            part = unpacker.decompress(left, min(_PIECE, limit - length + 1))
            left = unpacker.unconsumed_tail
            length += len(part)
            if length > limit:
                raise _too_large(limit)
            if not part and not left and not unpacker.eof:
                raise RequestInvalid("The compressed body of the request ends too early.")
            parts.append(part)
    except zlib.error as error:
        raise RequestInvalid(f"The body of the request is damaged: {error}.") from error
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read, and then whatever comes after it."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The body of the request is larger than {limit} bytes (setting server.max_body_bytes).")
