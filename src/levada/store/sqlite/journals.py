"""How far journals have been taken in, and small values by name, in SQLite."""

from __future__ import annotations

import sqlite3

from levada.store.base import WriterRow


class SqliteWriters:
    """See `levada.store.base.WriterTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, writer: bytes) -> WriterRow | None:
        sql = "SELECT number, segment, offset, sequence, renewed, expires, host, pid FROM writers WHERE id = ?"
        found = self._connection.execute(sql, (writer,)).fetchone()
        return None if found is None else WriterRow(*found)

    def get(self, writer: bytes) -> WriterRow:
        found = self.find(writer)
        if found is None:
            self._connection.execute("INSERT INTO writers (id) VALUES (?)", (writer,))
            found = self.find(writer)
        assert found is not None, "a row was inserted and not found in one transaction"
        return found

    def advance(self, writer: bytes, segment: int, offset: int, sequence: int) -> None:
        sql = "UPDATE writers SET segment = ?, offset = ?, sequence = ? WHERE id = ?"
        self._connection.execute(sql, (segment, offset, sequence, writer))

    def renew(self, writer: bytes, now: int, expires: int | None, host: str, pid: int) -> None:
        self.get(writer)
        sql = "UPDATE writers SET renewed = ?, expires = ?, host = ?, pid = ? WHERE id = ?"
        self._connection.execute(sql, (now, expires, host, pid, writer))

    def expired(self, now: int, limit: int) -> list[tuple[bytes, WriterRow]]:
        sql = (
            "SELECT id, number, segment, offset, sequence, renewed, expires, host, pid "
            "FROM writers INDEXED BY writers_by_expiry WHERE expires <= ? ORDER BY expires LIMIT ?"
        )
        return [(row[0], WriterRow(*row[1:])) for row in self._connection.execute(sql, (now, limit))]

    def keep_unread(self, writer: bytes, sequence: int, payload: bytes) -> None:
        sql = "INSERT OR IGNORE INTO unread_records (writer, sequence, payload) VALUES (?, ?, ?)"
        self._connection.execute(sql, (writer, sequence, payload))


class SqliteMeta:
    """See `levada.store.base.MetaTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> bytes | None:
        found = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def set(self, key: str, value: bytes | None) -> None:
        if value is None:
            self._connection.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            self._connection.execute(sql, (key, value))
