"""What the tables need of a database: a connection to run statements with, and its dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

Row = tuple[Any, ...]


class Dialect(Protocol):
    """What databases say differently."""

    def along(self, table: str, index: str) -> str:
        """A table to read from, with the index to walk where a statement may name one.

        Args:
            table: with its alias, e.g. `flow_runs AS r`.
            index: its name.
        """
        ...

    def through(self, first: str, table: str, index: str, on: str) -> str:
        """A join that walks `first` and looks the rows of `table` up by an index."""
        ...

    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """The condition that a column has one of the values, and its parameters."""
        ...

    def contains(self, column: str) -> str:
        """The condition that a column matches a pattern of LIKE, whatever its case; a backslash escapes."""
        ...

    def holds(self, column: str) -> str:
        """The condition that a column has a text in it, exactly."""
        ...

    @property
    def walks_states(self) -> bool:
        """Whether task runs of a run are one walk for each state (their index has the state before the id)."""
        ...

    @property
    def chunk(self) -> int:
        """How many values one statement may well have."""
        ...

    @property
    def has_text_index(self) -> bool:
        """Whether the index of log lines is a table of its own, to be asked first (`logs_text`, SQLite)."""
        ...


class Connection(Protocol):
    """A connection inside a transaction. Statements have `?` for parameters on every database."""

    @property
    def dialect(self) -> Dialect:
        """How this database wants things said."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and give all its rows; none when it gives none."""
        ...

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it touched."""
        ...

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of parameters."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows that are not there, in the fastest way."""
        ...

    def replace(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Put rows in the place of those with the same first column, or add them."""
        ...

    def insert_missing(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
        """Add those of the rows that are not there; how many that were."""
        ...


def chunks(connection: Connection, values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values, so many at a time as one statement may have."""
    iterator = iter(values)
    while chunk := list(islice(iterator, connection.dialect.chunk)):
        yield chunk


MOST_CHARACTERS = 500
"""Characters of a name that is looked for by an index; PostgreSQL refuses entries of more than about 2700 bytes."""


def fitting(name: str) -> str:
    """A name, cut to what an index can hold."""
    return name if len(name) <= MOST_CHARACTERS else name[:MOST_CHARACTERS]


def marks(values: Sequence[Any]) -> str:
    """As many `?` as there are values."""
    return ",".join("?" * len(values))


def upsert(table: str, columns: Sequence[str], count: int = 1) -> str:
    """The statement that inserts rows, or replaces those with the same first column."""
    values = ", ".join([f"({marks(columns)})"] * count)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} ON CONFLICT ({columns[0]}) DO UPDATE SET {changes}"
    )
