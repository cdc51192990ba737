"""Answers: JSON, or MessagePack for who prefers that, compressed for who can read it so."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from litestar.response import Response
from litestar.response.base import ASGIResponse
from msgspec import json, msgpack

from levada.server.requests import MSGPACK, header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar import Request

JSON: Final = "application/json"

_WORTH_COMPRESSING = 2048
"""Bytes; below, a packet is a packet."""
_TEXT = ("application/json", "application/problem+json", MSGPACK, "text/", "application/x-ndjson")


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    # What users log and put into artifacts may hold what JSON cannot, also as the key of a mapping. Shown as text: one
    # line or artifact of somebody's must not break the page on which it stands, for everybody.
    if value is None or isinstance(value, bool):
        return json.encode(value).decode()
    if isinstance(value, (tuple, list, dict)):
        return str(value)
    if isinstance(value, msgpack.Ext):
        return f"<{len(bytes(value.data))} bytes of extension type {value.code}>"
    raise NotImplementedError(f"Answers hold no {type(value).__name__}.")


_json = json.Encoder(enc_hook=_plain)
_msgpack = msgpack.Encoder(enc_hook=_plain)


class Answer(Response[Any]):
    """What a handler gave, as bytes."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The answer for this request.

        Args:
            app: nothing; Litestar's former way to hand the application over.
            request: says in which form the answer is wanted.
            **options: headers, cookies and status, as Litestar's own responses take them.
        """
        headers = {**(options.pop("headers", None) or {}), **self.headers}
        media_type = str(self.media_type or JSON)
        content = self.content
        status = self.status_code or options.get("status_code") or 200
        if isinstance(content, (bytes, str)):
            body = content.encode() if isinstance(content, str) else content
            media_type = str(self.media_type or options.get("media_type") or "text/plain")
        elif content is None and status in {204, 304}:
            body = b""
        elif media_type == MSGPACK or (media_type == JSON and wants_msgpack(header(request, b"accept"))):
            body, media_type = _msgpack.encode(content), MSGPACK
        else:
            body = _json.encode(content)
        if len(body) >= _WORTH_COMPRESSING and media_type.startswith(_TEXT):
            headers["vary"] = "accept, accept-encoding"
            if "gzip" in header(request, b"accept-encoding") and "content-encoding" not in headers:
                body = gzip.compress(body, compresslevel=1, mtime=0)
                headers["content-encoding"] = "gzip"
        cookies: Iterable[Any] = [*self.cookies, *(options.pop("cookies", None) or ())]
        return ASGIResponse(
            background=self.background or options.get("background"),
            body=body,
            cookies=cookies,
            encoded_headers=options.get("encoded_headers"),
            headers=headers,
            is_head_response=options.get("is_head_response", False),
            media_type=media_type,
            status_code=status,
        )


def wants_msgpack(accept: str) -> bool:
    """Whether an `Accept` header names MessagePack before JSON, or alone."""
    for part in accept.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in {MSGPACK, "application/x-msgpack"}:
            return True
        if kind in {JSON, "*/*"}:
            return False
    return False


def as_json(value: Any) -> bytes:
    """A value as the server writes JSON."""
    return _json.encode(value)
