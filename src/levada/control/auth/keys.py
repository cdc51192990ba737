"""API keys: made, listed, revoked, recognised. The table `api_keys` is written here and nowhere else."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from levada.control.auth.principals import Principal, checked_scopes
from levada.core.errors import ObjectAlreadyExists, RequestInvalid
from levada.core.ids import uuid7_bytes
from levada.wire.objects import ApiKeyView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada.store.base import Transaction

PREFIX: Final = "lvd_"
"""How the text of every key begins, so that scanners for leaked secrets can find it."""

_SHOWN: Final = len(PREFIX) + 6
_RANDOM_BYTES: Final = 32
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 43
"""Digits to base 62 that 32 bytes take."""

USE_NOTED_US: Final = 60_000_000
"""Microseconds within which further uses of a key are not noted."""

_SELECT: Final = "SELECT id, name, prefix, scopes, created, expires, last_used, revoked FROM api_keys"


def new_text(random: bytes | None = None) -> str:
    """The text of a key that nobody has; from these 32 bytes, or from fresh random ones."""
    number = int.from_bytes(random if random is not None else os.urandom(_RANDOM_BYTES), "big")
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return PREFIX + "".join(reversed(digits))


def digest(text: str) -> bytes:
    """What is kept of a key or a cookie.

    The text is 256 random bits: there is nothing to guess, so a slow hash would only slow us. It is looked up by an
    index over digests, whose timing says nothing of the text.
    """
    return hashlib.sha256(text.encode()).digest()


def create(
    transaction: Transaction, name: str, scopes: Sequence[str], expires: datetime | None
) -> tuple[ApiKeyView, str]:
    """Make a key; its text is here and nowhere else.

    Raises:
        RequestInvalid: there is no such scope, the name is empty, or the key would have expired already.
        ObjectAlreadyExists: a key of that name is there and not revoked.
    """
    good_for = checked_scopes(list(scopes))
    if not name.strip() or len(name) > 200:
        raise RequestInvalid("A key needs a name of at most 200 characters.", (("$.name", "empty or too long"),))
    ends = None if expires is None else _micros(expires)
    if ends is not None and ends <= transaction.now:
        raise RequestInvalid("A key cannot expire in the past.", (("$.expires", "is in the past"),))
    transaction.lock("api_keys")
    if transaction.execute("SELECT 1 FROM api_keys WHERE name = ? AND revoked IS NULL", (name,)):
        raise ObjectAlreadyExists(
            f"There is a key called {name!r} already. Revoke it first (`levada server api-key revoke`), or take "
            "another name."
        )
    text = new_text()
    transaction.execute(
        "INSERT INTO api_keys (id, name, prefix, hash, scopes, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            uuid7_bytes(transaction.now, os.urandom(8)),
            name,
            text[:_SHOWN],
            digest(text),
            " ".join(good_for),
            transaction.now,
            ends,
        ),
    )
    found = transaction.execute(_SELECT + " WHERE hash = ?", (digest(text),))
    return _view(found[0]), text


def read_all(transaction: Transaction) -> list[ApiKeyView]:
    """Every key, newest first, the revoked ones too."""
    return [_view(row) for row in transaction.execute(_SELECT + " ORDER BY id DESC")]


def revoke(transaction: Transaction, key: UUID) -> bool:
    """Make a key useless, with the sessions that were opened with it; False when there is none, or it was already."""
    transaction.lock("api_keys")
    if not transaction.execute("SELECT 1 FROM api_keys WHERE id = ? AND revoked IS NULL", (key.bytes,)):
        return False
    transaction.execute("UPDATE api_keys SET revoked = ? WHERE id = ?", (transaction.now, key.bytes))
    transaction.execute("DELETE FROM sessions WHERE api_key = ?", (key.bytes,))
    return True


def exist(transaction: Transaction) -> bool:
    """Whether there is a key that is not revoked."""
    return bool(transaction.execute("SELECT 1 FROM api_keys WHERE revoked IS NULL LIMIT 1"))


def recognise(transaction: Transaction, text: str) -> tuple[Principal, bool] | None:
    """Who comes with this text, and whether the use is to be noted; None when no key that is good has it."""
    rows = transaction.execute(
        "SELECT id, name, scopes, expires, last_used, revoked FROM api_keys WHERE hash = ?", (digest(text),)
    )
    if not rows:
        return None
    identifier, name, scopes, expires, last_used, revoked = rows[0]
    if revoked is not None or (expires is not None and expires <= transaction.now):
        return None
    unnoted = last_used is None or last_used < transaction.now - USE_NOTED_US
    return Principal(name, "key", frozenset(scopes.split()), UUID(bytes=bytes(identifier))), unnoted


def note_use(transaction: Transaction, key: UUID) -> None:
    """Note that a key was used now."""
    transaction.execute("UPDATE api_keys SET last_used = ? WHERE id = ?", (transaction.now, key.bytes))


def _view(row: tuple[object, ...]) -> ApiKeyView:
    identifier, name, prefix, scopes, created, expires, last_used, revoked = row
    assert isinstance(identifier, (bytes, memoryview))
    created_at = _moment(created)
    assert created_at is not None
    return ApiKeyView(
        id=UUID(bytes=bytes(identifier)),
        name=str(name),
        prefix=str(prefix),
        scopes=str(scopes).split(),
        created=created_at,
        expires=_moment(expires),
        last_used=_moment(last_used),
        revoked=_moment(revoked),
    )


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(micros: object) -> datetime | None:
    return _EPOCH + timedelta(microseconds=micros) if isinstance(micros, int) else None


def _micros(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise RequestInvalid("The end of a key needs a time zone.", (("$.expires", "has no time zone"),))
    return (moment - _EPOCH) // timedelta(microseconds=1)
