"""A SQLite connection as the tables use it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from levada.store.sql.connection import Row, marks, upsert


class SqliteDialect:
    """See `levada.store.sql.connection.Dialect`; the index to walk is named: without statistics SQLite would guess."""

    chunk = 500
    """Far below what any SQLite allows."""
    has_text_index = True
    walks_states = True

    def along(self, table: str, index: str) -> str:
        """A table with the index to walk, which fails loudly when there is none."""
        return f"{table} INDEXED BY {index}"

    def through(self, first: str, table: str, index: str, on: str) -> str:
        """A join in this order: SQLite never turns a CROSS JOIN round."""
        return f"{first} CROSS JOIN {table} INDEXED BY {index} ON {on}"

    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """The condition that a column has one of the values, and its parameters."""
        return f"{column} IN ({marks(values)})", list(values)

    def contains(self, column: str) -> str:
        """LIKE, which minds no case of letters from A to Z."""
        return f"{column} LIKE ? ESCAPE '\\'"

    def holds(self, column: str) -> str:
        """The condition that a column has a text in it, exactly."""
        return f"instr({column}, ?) > 0"


DIALECT = SqliteDialect()


class SqliteConnection:
    """See `levada.store.sql.connection.Connection`."""

    dialect = DIALECT

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and give all its rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it touched."""
        return self._connection.execute(sql, parameters).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of parameters."""
        self._connection.executemany(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows that are not there."""
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)})"
        self._connection.executemany(sql, rows)

    def replace(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Put rows in the place of those with the same first column, or add them."""
        self._connection.executemany(upsert(table, columns), rows)

    def insert_missing(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
        """Add those of the rows that are not there; how many that were."""
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)}) ON CONFLICT DO NOTHING"
        return self._connection.executemany(sql, rows).rowcount
