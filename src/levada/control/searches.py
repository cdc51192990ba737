"""Saved searches: the filters of a page under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.msgpack import decode, encode

from levada.core.errors import RequestInvalid
from levada.core.ids import uuid7_bytes
from levada.core.states import datetime_of
from levada.wire.changes import SavedSearch

if TYPE_CHECKING:
    from levada.store.base import Transaction

LARGEST = 20_000
"""Bytes of the filters of one search."""

_SELECT = "SELECT id, page, name, query, created, updated FROM saved_searches"


def searches(transaction: Transaction, page: str | None) -> list[SavedSearch]:
    """All searches, or those of a page, by page and name."""
    if page is None:
        rows = transaction.execute(f"{_SELECT} ORDER BY page, name")
    else:
        rows = transaction.execute(f"{_SELECT} WHERE page = ? ORDER BY name", (page,))
    return [_view(row) for row in rows]


def save(transaction: Transaction, search: SavedSearch, entropy: bytes) -> SavedSearch:
    """Keep a search under its page and name; one that is there takes the new filters.

    Raises:
        RequestInvalid: it has no name or page, or its filters are too large.
    """
    problems = [(f"$.{part}", "must not be empty") for part in ("name", "page") if not getattr(search, part).strip()]
    query = encode(search.query)
    if len(query) > LARGEST:
        problems.append(("$.query", f"is too large: {len(query)} bytes, and {LARGEST} is the most"))
    if problems:
        raise RequestInvalid(f"The search {search.name!r} cannot be saved.", tuple(problems))
    now = transaction.now
    transaction.lock(f"search:{search.page}:{search.name}")
    there = transaction.execute(f"{_SELECT} WHERE page = ? AND name = ?", (search.page, search.name))
    if there:
        row = (*there[0][:3], query, there[0][4], now)
        transaction.execute("UPDATE saved_searches SET query = ?, updated = ? WHERE id = ?", (query, now, row[0]))
    else:
        row = (uuid7_bytes(now, entropy), search.page, search.name, query, now, now)
        transaction.execute(
            "INSERT INTO saved_searches (id, page, name, query, created, updated) VALUES (?, ?, ?, ?, ?, ?)", row
        )
    return _view(row)


def delete(transaction: Transaction, search: UUID) -> bool:
    """Forget a search; False when there was none."""
    if not transaction.execute("SELECT 1 FROM saved_searches WHERE id = ?", (search.bytes,)):
        return False
    transaction.execute("DELETE FROM saved_searches WHERE id = ?", (search.bytes,))
    return True


def _view(row: tuple[Any, ...]) -> SavedSearch:
    identifier, page, name, query, created, updated = row
    return SavedSearch(
        id=UUID(bytes=bytes(identifier)),
        page=page,
        name=name,
        query=decode(query),
        created=datetime_of(created),
        updated=datetime_of(updated),
    )
