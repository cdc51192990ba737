"""Sessions of browsers: a random cookie, of which the digest is kept. The table `sessions` is written here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from uuid import UUID

from levada.control.auth.keys import digest
from levada.control.auth.principals import Principal

if TYPE_CHECKING:
    from levada.store.base import Transaction

LIFETIME_SECONDS: Final = 12 * 3600
"""Seconds after which a browser has to log in again."""

_EVERY_SCOPE: Final = frozenset({"*"})
_BETWEEN: Final = "\n"


def begin(transaction: Transaction, principal: Principal, seal: str = "") -> str:
    """Begin a session; gives the text of its cookie.

    Args:
        transaction: a writing one.
        principal: who logged in.
        seal: `levada.control.auth.passwords.seal` when it was by password, so that a changed password ends it.
    """
    token = secrets.token_urlsafe(32)
    now = transaction.now
    transaction.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
    transaction.execute(
        "INSERT INTO sessions (hash, api_key, principal, created, expires) VALUES (?, ?, ?, ?, ?)",
        (
            digest(token),
            None if principal.key is None else principal.key.bytes,
            principal.name + _BETWEEN + seal,
            now,
            now + LIFETIME_SECONDS * 1_000_000,
        ),
    )
    return token


def recognise(transaction: Transaction, token: str, seal: str = "") -> Principal | None:
    """Who comes with this cookie; None when its session is over, its key no longer good, its password another."""
    rows = transaction.execute(
        "SELECT s.principal, s.expires, s.api_key, k.scopes, k.expires, k.revoked"
        " FROM sessions s LEFT JOIN api_keys k ON k.id = s.api_key WHERE s.hash = ?",
        (digest(token),),
    )
    if not rows:
        return None
    text, expires, key, scopes, key_expires, revoked = rows[0]
    name, _, sealed = text.partition(_BETWEEN)
    now = transaction.now
    if expires <= now:
        return None
    if key is None:
        fits = bool(seal) and hmac.compare_digest(sealed.encode(), seal.encode())
        return Principal(name, "session", _EVERY_SCOPE) if fits else None
    if scopes is None or revoked is not None or (key_expires is not None and key_expires <= now):
        return None
    return Principal(name, "session", frozenset(scopes.split()), UUID(bytes=bytes(key)))


def end(transaction: Transaction, token: str) -> None:
    """End a session; twice does nothing."""
    transaction.execute("DELETE FROM sessions WHERE hash = ?", (digest(token),))


def csrf_token(token: str) -> str:
    """What a page must send back in a header beside the cookie; made of the cookie, so nothing is kept."""
    return hmac.new(token.encode(), b"levada csrf", hashlib.sha256).hexdigest()
