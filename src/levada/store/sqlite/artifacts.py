"""Artifacts in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from levada.store.base import ArtifactRow, RowPage
from levada.store.sqlite.selection import Arm, Filters, Selection, chunks, marks, raw, read_page
from levada.wire.filters import ArtifactQuery

_COLUMNS = ", ".join(f"r.{name}" for name in ArtifactRow._fields)
_INSERT = (
    f"INSERT INTO artifacts ({', '.join(ArtifactRow._fields)}) VALUES ({marks(ArtifactRow._fields)}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in ArtifactRow._fields[1:])}"
)
_LATEST = (
    "INSERT INTO artifact_collections (key, latest) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET latest = max(latest, excluded.latest)"
)


class SqliteArtifacts:
    """See `levada.store.base.ArtifactTable`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self, ids: Iterable[bytes]) -> dict[bytes, ArtifactRow]:
        found = {}
        for chunk in chunks(ids):
            sql = f"SELECT {_COLUMNS} FROM artifacts AS r WHERE id IN ({marks(chunk)})"
            for row in self._connection.execute(sql, chunk):
                found[row[0]] = ArtifactRow(*row)
        return found

    def save(self, rows: Sequence[ArtifactRow]) -> None:
        self._connection.executemany(_INSERT, rows)
        self._connection.executemany(_LATEST, [(row.key, row.id) for row in rows if row.key is not None])

    def page(self, query: ArtifactQuery) -> RowPage:
        rows, following = read_page(
            self._connection, select(query), _COLUMNS, query.limit, query.cursor, descending=True
        )
        return RowPage([ArtifactRow(*row) for row in rows], following)

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        sql = "SELECT id FROM artifacts WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._connection.execute(sql, (low, high, limit))]

    def delete_of_run(self, run: bytes) -> int:
        sql = "DELETE FROM artifacts INDEXED BY artifacts_by_run WHERE run = ? RETURNING key"
        return self._without(self._connection.execute(sql, (run,)).fetchall())

    def delete(self, artifact: bytes) -> bool:
        sql = "DELETE FROM artifacts WHERE id = ? RETURNING key"
        return self._without(self._connection.execute(sql, (artifact,)).fetchall()) > 0

    def _without(self, gone: list[tuple[str | None]]) -> int:
        """Look for the latest of each key of which a row is gone; how many rows are."""
        for key in {row[0] for row in gone} - {None}:
            self._connection.execute("DELETE FROM artifact_collections WHERE key = ?", (key,))
            self._connection.execute(
                "INSERT INTO artifact_collections (key, latest) "
                "SELECT key, id FROM artifacts INDEXED BY artifacts_by_key WHERE key = ? ORDER BY id DESC LIMIT 1",
                (key,),
            )
        return len(gone)


def select(query: ArtifactQuery) -> Selection:
    """Which rows a query wants, and along which index they are found."""
    filters = Filters()
    candidates = [
        ("artifacts_by_id", "id", None if query.ids is None else raw(query.ids)),
        ("artifacts_by_key", "key", query.keys),
        ("artifacts_by_run", "run", None if query.flow_run_ids is None else raw(query.flow_run_ids)),
        ("artifacts_by_kind", "kind", query.types),
    ]
    given = [(index, column, values) for index, column, values in candidates if values is not None]
    if query.latest_of_key and not given:
        source = "artifact_collections AS c CROSS JOIN artifacts AS r INDEXED BY artifacts_by_id ON r.id = c.latest"
        return Selection([Arm(source)], filters, "c.latest")
    if query.latest_of_key:
        filters.add("r.id = (SELECT c.latest FROM artifact_collections AS c WHERE c.key = r.key)")
    for _, column, values in given[1:]:
        filters.one_of(f"r.{column}", values)
    if not given:
        return Selection([Arm("artifacts AS r INDEXED BY artifacts_by_id")], filters, "r.id")
    index, column, values = given[0]
    source = f"artifacts AS r INDEXED BY {index}"
    return Selection([Arm(source, f"r.{column} = ?", (value,)) for value in dict.fromkeys(values)], filters, "r.id")
