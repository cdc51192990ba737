"""How far journals have been taken in, and small values by name."""

from __future__ import annotations

from levada.store.base import WriterRow
from levada.store.sql.connection import Connection

_COLUMNS = 'number, segment, "offset", sequence, renewed, expires, host, pid'


class Writers:
    """See `levada.store.base.WriterTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, writer: bytes) -> WriterRow | None:
        found = self._connection.rows(f"SELECT {_COLUMNS} FROM writers WHERE id = ?", (writer,))
        return WriterRow(*found[0]) if found else None

    def get(self, writer: bytes) -> WriterRow:
        found = self.find(writer)
        if found is None:
            self._connection.insert_missing("writers", ("id",), [(writer,)])
            found = self.find(writer)
        assert found is not None, "a row was inserted and not found in one transaction"
        return found

    def advance(self, writer: bytes, segment: int, offset: int, sequence: int) -> None:
        sql = 'UPDATE writers SET segment = ?, "offset" = ?, sequence = ? WHERE id = ?'
        self._connection.run(sql, (segment, offset, sequence, writer))

    def renew(self, writer: bytes, now: int, expires: int | None, host: str, pid: int) -> None:
        self.get(writer)
        sql = "UPDATE writers SET renewed = ?, expires = ?, host = ?, pid = ? WHERE id = ?"
        self._connection.run(sql, (now, expires, host, pid, writer))

    def expired(self, now: int, limit: int) -> list[tuple[bytes, WriterRow]]:
        source = self._connection.dialect.along("writers AS r", "writers_by_expiry")
        sql = f"SELECT id, {_COLUMNS} FROM {source} WHERE r.expires <= ? ORDER BY r.expires LIMIT ?"
        return [(row[0], WriterRow(*row[1:])) for row in self._connection.rows(sql, (now, limit))]

    def keep_unread(self, writer: bytes, sequence: int, payload: bytes) -> None:
        row = (writer, sequence, payload)
        self._connection.insert_missing("unread_records", ("writer", "sequence", "payload"), [row])


class Meta:
    """See `levada.store.base.MetaTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> bytes | None:
        found = self._connection.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return bytes(found[0][0]) if found else None

    def set(self, key: str, value: bytes | None) -> None:
        if value is None:
            self._connection.run("DELETE FROM meta WHERE key = ?", (key,))
        else:
            sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            self._connection.run(sql, (key, value))
