"""The store of servers: PostgreSQL, through psycopg 3.

Any number of processes write at once. What must not happen at once locks a key first (`Transaction.lock`: advisory
locks, taken in one order); whatever PostgreSQL still breaks off, `transact` does again. Lists and counts have their own
connections, whose transactions only read and are given up after a while, so that they never keep a run waiting.
"""

from __future__ import annotations

from levada.store.postgres.database import PostgresStore as PostgresStore

__all__ = ["PostgresStore"]
