"""Rows of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from levada.store.base import Transaction

_COLUMNS = "SELECT name, value, tags, created, updated FROM variables"


class VariableRow(NamedTuple):
    """A variable; value and tags are MessagePack."""

    name: str
    value: bytes
    tags: bytes | None
    created: int
    updated: int


class VariableTable:
    """The table `variables`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def get(self, name: str) -> VariableRow | None:
        """The variable of a name, or None."""
        rows = self._execute(f"{_COLUMNS} WHERE name = ?", (name,))
        return VariableRow(*rows[0]) if rows else None

    def page(self, after: str, limit: int) -> list[VariableRow]:
        """So many variables by name, from the one that follows `after`."""
        rows = self._execute(f"{_COLUMNS} WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
        return [VariableRow(*row) for row in rows]

    def count(self) -> int:
        """How many variables there are."""
        counted: int = self._execute("SELECT count(*) FROM variables")[0][0]
        return counted

    def save(self, row: VariableRow) -> None:
        """Insert a variable, or change the one of that name; when it was made stays."""
        self._execute(
            "INSERT INTO variables (name, value, tags, created, updated) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value, tags = excluded.tags, updated = excluded.updated",
            row,
        )

    def rename(self, name: str, new_name: str) -> None:
        """Call a variable otherwise; there must be none of the new name."""
        self._execute("UPDATE variables SET name = ? WHERE name = ?", (new_name, name))

    def delete(self, name: str) -> None:
        """Remove a variable."""
        self._execute("DELETE FROM variables WHERE name = ?", (name,))
