"""The one password of a server: `user:password`, the setting `server.auth_string`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from levada.control.auth.principals import Principal

if TYPE_CHECKING:
    from typing import Final

_EVERY_SCOPE: Final = frozenset({"*"})


def recognise(given: str, auth_string: str | None) -> Principal | None:
    """Who comes with `user:password`; None when it is not the server's. Takes the same time however much fits."""
    if auth_string is None:
        return None
    # Digests, because comparing texts of different lengths would say how long ours is.
    fits = hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(auth_string.encode()).digest())
    return Principal(given.partition(":")[0], "password", _EVERY_SCOPE) if fits else None


def from_basic(value: str) -> str | None:
    """The `user:password` of an `Authorization: Basic` header's value; None when it is none."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def seal(auth_string: str | None) -> str:
    """What ties a session to the password it was opened with; empty when there is no password."""
    return "" if auth_string is None else hashlib.sha256(b"levada seal" + auth_string.encode()).hexdigest()[:32]
