"""Answers: JSON, or MessagePack for who prefers that, compressed for who can read it so."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec

from litestar.response import Response
from litestar.response.base import ASGIResponse
from msgspec import json, msgpack

from levada.core.courtesy import give_way
from levada.server.requests import MSGPACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from litestar import Request

P = ParamSpec("P")

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


class Wanted(NamedTuple):
    """In which form whoever asks takes an answer."""

    packed: bool
    compressed: bool

    @classmethod
    def by(cls, headers: Mapping[bytes, bytes]) -> Wanted:
        """What the headers of a request say."""
        accept = headers.get(b"accept", b"").decode("latin-1")
        return cls(wants_msgpack(accept), b"gzip" in headers.get(b"accept-encoding", b""))


class Rendered(NamedTuple):
    """An answer as bytes."""

    body: bytes
    media_type: str
    headers: dict[str, str]


_wanted: ContextVar[Wanted | None] = ContextVar("levada_wanted_form", default=None)


@contextmanager
def wanting(headers: Mapping[bytes, bytes]) -> Iterator[None]:
    """Handlers that `drawn_up` marks make bytes of what they find, in the form that these headers ask for."""
    token = _wanted.set(Wanted.by(headers))
    try:
        yield
    finally:
        _wanted.reset(token)


def drawn_up(handler: Callable[P, Any]) -> Callable[P, Any]:
    """A handler whose answer is made into bytes in its own thread, where what it found is at hand.

    On the loop, which all requests share, a large answer would hold up all others, and cost three times as much: what
    it is made of lies in the cache of another core.
    """

    @wraps(handler)
    def found(*args: P.args, **kwargs: P.kwargs) -> Any:
        give_way()
        content, wanted = handler(*args, **kwargs), _wanted.get()
        if wanted is None:
            return content
        give_way()  # while text is made of it, nobody else has a turn
        return rendered(content, JSON, wanted)

    return found


def rendered(content: Any, media_type: str, wanted: Wanted) -> Rendered:
    """An answer as bytes, packed and compressed as it is wanted.

    Args:
        content: text or bytes as they are, or a value.
        media_type: of text and bytes; of values only JSON becomes something else when that is wanted.
        wanted: in which form.
    """
    headers: dict[str, str] = {}
    if isinstance(content, (bytes, str)):
        body = content.encode() if isinstance(content, str) else content
    elif media_type == MSGPACK or (media_type == JSON and wanted.packed):
        body, media_type = _msgpack.encode(content), MSGPACK
    else:
        body = _json.encode(content)
    if len(body) >= _WORTH_COMPRESSING and media_type.startswith(_TEXT):
        headers["vary"] = "accept, accept-encoding"
        if wanted.compressed:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["content-encoding"] = "gzip"
    return Rendered(body, media_type, headers)


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
        content = self.content
        status = self.status_code or options.get("status_code") or 200
        if isinstance(content, Rendered):
            made = content
        elif content is None and status in {204, 304}:
            made = Rendered(b"", str(self.media_type or JSON), {})
        else:
            plain = (options.get("media_type") or "text/plain") if isinstance(content, (bytes, str)) else JSON
            wanted = Wanted.by(request.scope["state"].get("headers") or dict(request.scope["headers"]))
            if "content-encoding" in headers:
                wanted = wanted._replace(compressed=False)
            made = rendered(content, str(self.media_type or plain), wanted)
        headers.update(made.headers)
        cookies: Iterable[Any] = [*self.cookies, *(options.pop("cookies", None) or ())]
        background = self.background or options.get("background")
        if made.body and not cookies and background is None and not options.get("is_head_response"):
            return _Plain(status, made, headers)
        return ASGIResponse(
            background=background,
            body=made.body,
            cookies=cookies,
            encoded_headers=options.get("encoded_headers"),
            headers=headers,
            is_head_response=options.get("is_head_response", False),
            media_type=made.media_type,
            status_code=status,
        )


class _Plain(ASGIResponse):
    """What almost every answer is: a status, a few headers, a body; made at a third of what it costs otherwise."""

    def __init__(self, status: int, made: Rendered, headers: Mapping[str, str]) -> None:
        self.background = None
        self.body = made.body
        self.status_code = status
        kind = f"{made.media_type}; charset=utf-8" if made.media_type.startswith("text/") else made.media_type
        given = {"content-type": kind, "content-length": str(len(made.body))}
        given.update((name.lower(), value) for name, value in headers.items())
        self._start = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self._start})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


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
