"""A PostgreSQL connection as the tables use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import psycopg

from levada.store.sql.connection import Row, marks, upsert

FEW = 8
"""Up to so many rows stand in one INSERT; more are worth a COPY."""


class PostgresDialect:
    """See `levada.store.sql.connection.Dialect`; which index to walk PostgreSQL knows from its statistics."""

    chunk = 20_000
    has_text_index = False
    walks_states = False

    def along(self, table: str, index: str) -> str:
        """The table alone."""
        return table

    def through(self, first: str, table: str, index: str, on: str) -> str:
        """A join."""
        return f"{first} JOIN {table} ON {on}"

    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """The condition that a column has one of the values, which are one parameter."""
        return f"{column} = ANY(?)", [list(_clean(values))]

    def contains(self, column: str) -> str:
        """ILIKE, whose escape is a backslash anyway."""
        return f"{column} ILIKE ?"

    def holds(self, column: str) -> str:
        """The condition that a column has a text in it, exactly."""
        return f"strpos({column}, ?) > 0"


DIALECT = PostgresDialect()


@lru_cache(maxsize=2048)
def translated(sql: str) -> str:
    """A statement with the parameters of psycopg in the place of `?`."""
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresConnection:
    """See `levada.store.sql.connection.Connection`.

    Args:
        connection: inside a transaction.
        types: the type of every column, by table; filled when first asked for, and shared by all connections.
    """

    dialect = DIALECT

    def __init__(self, connection: psycopg.Connection[Any], types: dict[str, dict[str, str]]) -> None:
        self._connection = connection
        self._types = types

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and give all its rows."""
        cursor = self._connection.execute(translated(sql), _clean(parameters))
        return cursor.fetchall() if cursor.description is not None else []

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it touched."""
        return self._connection.execute(translated(sql), _clean(parameters)).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of parameters."""
        rows = [_clean(row) for row in rows]
        if len(rows) == 1:
            self._connection.execute(translated(sql), rows[0])
        elif rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(translated(sql), rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows that are not there: few in one statement, many by COPY."""
        if len(rows) <= FEW:
            self._insert_few(table, columns, rows, "")
        else:
            self._copy(table, table, columns, rows)

    def replace(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Put rows in the place of those with the same first column, or add them."""
        if not rows:
            return
        if len(rows) <= FEW:
            values = [value for row in rows for value in _clean(row)]
            self._connection.execute(translated(upsert(table, columns, len(rows))), values)
            return
        # Nothing of a row would stay where it is anyway: its time of change is in an index.
        self._connection.execute(f"DELETE FROM {table} WHERE {columns[0]} = ANY(%s)", ([row[0] for row in rows],))
        self._copy(table, table, columns, rows)

    def insert_missing(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
        """Add those of the rows that are not there; how many that were."""
        if len(rows) <= FEW:
            return self._insert_few(table, columns, rows, "ON CONFLICT DO NOTHING")
        # COPY knows no conflicts, so rows come into a table of this transaction first.
        names = ", ".join(_quoted(columns))
        self._connection.execute(
            f"CREATE TEMPORARY TABLE arriving ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
        )
        self._copy("arriving", table, columns, rows)
        sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM arriving ON CONFLICT DO NOTHING"
        added = self._connection.execute(sql).rowcount
        self._connection.execute("DROP TABLE arriving")
        return added

    def _insert_few(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], rest: str) -> int:
        if not rows:
            return 0
        values = ", ".join([f"({marks(columns)})"] * len(rows))
        sql = f"INSERT INTO {table} ({', '.join(_quoted(columns))}) VALUES {values} {rest}"
        return self._connection.execute(translated(sql), [value for row in rows for value in _clean(row)]).rowcount

    def _copy(self, to: str, like: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        types = self._types_of(like)
        sql = f"COPY {to} ({', '.join(_quoted(columns))}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types([types[name] for name in columns])
            for row in rows:
                copy.write_row(_clean(row))

    def _types_of(self, table: str) -> dict[str, str]:
        known = self._types.get(table)
        if known is None:
            sql = (
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
                "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            )
            known = self._types[table] = dict(self._connection.execute(sql, (table,)).fetchall())
        return known


def _quoted(columns: Sequence[str]) -> list[str]:
    return [f'"{name}"' for name in columns]


def _clean(row: Sequence[Any]) -> Sequence[Any]:
    """The row with a mark in the place of zero characters, which texts of PostgreSQL cannot hold."""
    for value in row:
        if value.__class__ is str and "\0" in value:
            return [one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row]
    return row
