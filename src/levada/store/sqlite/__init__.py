"""The store of a home: one SQLite file, through the standard library's driver.

One writer at a time (`BEGIN IMMEDIATE`), any number of readers beside it (WAL). Why not SQLAlchemy:
``docs/decisions/0005-sqlite-by-hand.md``.
"""

from __future__ import annotations

from levada.store.sqlite.database import SqliteStore as SqliteStore

__all__ = ["SqliteStore"]
