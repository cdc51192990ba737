"""Artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from levada.store.base import ArtifactRow, RowPage
from levada.store.sql.connection import Connection, Dialect, Row, chunks, fitting
from levada.store.sql.selection import Arm, Filters, Selection, raw_or_none, read_page, starting_with
from levada.wire.filters import ArtifactQuery

_COLUMNS = ", ".join(f"r.{name}" for name in ArtifactRow._fields)
_LATEST = (
    "INSERT INTO artifact_collections (key, latest) VALUES (?, ?) ON CONFLICT (key) DO UPDATE "
    "SET latest = excluded.latest WHERE excluded.latest > artifact_collections.latest"
)


class Artifacts:
    """See `levada.store.base.ArtifactTable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, ids: Iterable[bytes]) -> dict[bytes, ArtifactRow]:
        found = {}
        for chunk in chunks(self._connection, ids):
            condition, parameters = self._connection.dialect.one_of("r.id", chunk)
            for row in self._connection.rows(f"SELECT {_COLUMNS} FROM artifacts AS r WHERE {condition}", parameters):
                found[row[0]] = ArtifactRow(*row)
        return found

    def save(self, rows: Sequence[ArtifactRow]) -> None:
        rows = [row._replace(kind=fitting(row.kind), key=None if row.key is None else fitting(row.key)) for row in rows]
        self._connection.replace("artifacts", ArtifactRow._fields, rows)
        latest = [(row.key, row.id) for row in sorted(rows, key=lambda row: row.key or "") if row.key is not None]
        self._connection.many(_LATEST, latest)

    def select(self, query: ArtifactQuery) -> Selection:
        """Which rows a query wants, and along which index they are found."""
        return select(query, self._connection.dialect)

    def page(self, query: ArtifactQuery) -> RowPage:
        rows, following = read_page(
            self._connection,
            self.select(query),
            ArtifactRow._fields,
            query.limit,
            query.cursor,
            down=True,
        )
        return RowPage([ArtifactRow(*row) for row in rows], following)

    def starting_with(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        return starting_with(self._connection, "artifacts", low, high, limit)

    def delete_of_run(self, run: bytes) -> int:
        return self._without(self._connection.rows("DELETE FROM artifacts WHERE run = ? RETURNING key", (run,)))

    def delete(self, artifact: bytes) -> bool:
        return self._without(self._connection.rows("DELETE FROM artifacts WHERE id = ? RETURNING key", (artifact,))) > 0

    def _without(self, gone: list[Row]) -> int:
        """Look for the latest of each key of which a row is gone; how many rows are."""
        source = self._connection.dialect.along("artifacts AS r", "artifacts_by_key")
        for key in {row[0] for row in gone} - {None}:
            self._connection.run("DELETE FROM artifact_collections WHERE key = ?", (key,))
            self._connection.run(
                "INSERT INTO artifact_collections (key, latest) "
                f"SELECT r.key, r.id FROM {source} WHERE r.key = ? ORDER BY r.id DESC LIMIT 1",
                (key,),
            )
        return len(gone)


def select(query: ArtifactQuery, dialect: Dialect) -> Selection:
    """Which rows a query wants, and along which index they are found."""
    filters = Filters(dialect)
    candidates = [
        ("artifacts_by_id", "id", raw_or_none(query.ids)),
        ("artifacts_by_key", "key", query.keys),
        ("artifacts_by_run", "run", raw_or_none(query.flow_run_ids)),
        ("artifacts_by_kind", "kind", query.types),
    ]
    given = [(index, column, values) for index, column, values in candidates if values is not None]
    if query.latest_of_key and not given:
        source = dialect.through("artifact_collections AS c", "artifacts AS r", "artifacts_by_id", "r.id = c.latest")
        return Selection([Arm(source)], filters, "c.latest")
    if query.latest_of_key:
        filters.add("r.id = (SELECT c.latest FROM artifact_collections AS c WHERE c.key = r.key)")
    for _, column, values in given[1:]:
        filters.one_of(f"r.{column}", values)
    if not given:
        return Selection([Arm(dialect.along("artifacts AS r", "artifacts_by_id"))], filters, "r.id")
    index, column, values = given[0]
    source = dialect.along("artifacts AS r", index)
    return Selection([Arm(source, f"r.{column} = ?", (value,)) for value in dict.fromkeys(values)], filters, "r.id")
