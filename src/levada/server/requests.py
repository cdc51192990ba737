"""Requests: their bodies are decoded once, strictly, straight into what the handler asked for."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from litestar import Request
from msgspec import DecodeError, ValidationError, json, msgpack

from levada.core.errors import RequestInvalid

MSGPACK = "application/msgpack"

_AT = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
"""How msgspec says what is wrong and where."""


class ApiRequest(Request[Any, Any, Any]):
    """A request whose body becomes the Struct that its handler calls `data`.

    Litestar would decode to dicts first and then convert them, text to numbers where they look like it; a body says
    what it means, so it is decoded strictly, and once.
    """

    async def body(self) -> bytes:
        """The body as it came; the door has read it already."""
        read: bytes | None = self.scope["state"].get("body")
        return await super().body() if read is None else read

    async def json(self) -> Any:
        """The body as the type of the handler's `data`, from JSON or (``application/msgpack``) MessagePack.

        Raises:
            RequestInvalid: it is not that.
        """
        body = await self.body()
        field = self.route_handler.parsed_data_field
        hint = Any if field is None else field.annotation
        kind = header(self, b"content-type").partition(";")[0].strip().lower()
        return decoded(body, hint, packed=kind in {MSGPACK, "application/x-msgpack"})


def header(request: Request[Any, Any, Any], name: bytes) -> str:
    """A header of a request, looked up in what the door has opened; empty when it did not come.

    Args:
        request: the request.
        name: in lower case.
    """
    headers = request.scope["state"].get("headers") or dict(request.scope["headers"])
    value: bytes = headers.get(name, b"")
    return value.decode("latin-1")


def decoded(body: bytes, hint: Any, *, packed: bool) -> Any:
    """The body of a request as a type.

    Args:
        body: its bytes.
        hint: the type.
        packed: whether it is MessagePack rather than JSON.

    Raises:
        RequestInvalid: it is neither, or does not fit; the message and `fields` say what and where.
    """
    try:
        return _decoder(hint, packed).decode(body)
    except ValidationError as error:
        message, path = told(str(error))
        raise RequestInvalid(f"The body of the request does not fit: {message} ({path}).", ((path, message),)) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestInvalid(
            f"The body of the request is no {'MessagePack' if packed else 'JSON'}: {error}.", (("$", str(error)),)
        ) from None


def told(message: str) -> tuple[str, str]:
    """What msgspec says is wrong, and the path of the field it says it of."""
    found = _AT.match(message)
    if found is None:
        return message, "$"
    return found["message"], found["path"] or "$"


@cache
def _decoder(hint: Any, packed: bool) -> Any:
    return msgpack.Decoder(hint) if packed else json.Decoder(hint)
