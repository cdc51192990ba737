"""How a query becomes SQL whose plan is ours: arms, each served by one named index, and keyset pages over them.

SQLite without statistics guesses, and a page of 200 out of a million rows cannot be left to a guess. So the most
selective filter of a query chooses the index (`INDEXED BY`, which fails loudly rather than scan), every value of that
filter is one *arm*, walked in key order from the cursor on, and all other filters only drop rows on the way. The plan
of every list is held by ``tests/unit/store/test_query_plans.py``.
"""

from __future__ import annotations

import heapq
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any
from uuid import UUID

from levada.core.errors import ParameterError
from levada.core.states import DEFAULT_NAMES, NAMES_BY_TYPE, StateType
from levada.wire.records import STATE_CODES

CHUNK = 500
"""Most `?` in one statement; far below what any SQLite allows."""

LOWEST_ID = bytes(16)
HIGHEST_ID = b"\xff" * 16


@dataclass(frozen=True)
class Arm:
    """One walk along an index: the rows of `source` for which `condition` holds, in key order."""

    source: str
    condition: str = ""
    parameters: tuple[Any, ...] = ()


@dataclass
class Filters:
    """Conditions that drop rows on the way, joined by AND."""

    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    def add(self, condition: str, *parameters: Any) -> None:
        """One more condition."""
        self.conditions.append(condition)
        self.parameters += parameters

    def one_of(self, column: str, values: Iterable[Any]) -> None:
        """The column has one of the values."""
        values = list(values)
        self.add(f"{column} IN ({marks(values)})", *values)

    def contains(self, column: str, text: str) -> None:
        """The column has the text in it, whatever its case."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        self.add(f"{column} LIKE ? ESCAPE '\\'", f"%{escaped}%")


@dataclass
class Selection:
    """What a query selects, ready to be read page by page or counted."""

    arms: list[Arm]
    filters: Filters
    key: str
    """Column that orders the pages and is unique."""
    low: Any = LOWEST_ID
    high: Any = HIGHEST_ID

    def _where(self, arm: Arm) -> tuple[str, list[Any]]:
        conditions = [arm.condition] if arm.condition else []
        conditions += [f"{self.key} >= ?", f"{self.key} <= ?", *self.filters.conditions]
        return " AND ".join(conditions), [*arm.parameters, self.low, self.high, *self.filters.parameters]

    def page_statements(
        self, columns: str, limit: int, after: bytes | None, descending: bool
    ) -> list[tuple[str, list[Any]]]:
        """The statements of one page, one for each arm."""
        direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
        statements = []
        for arm in self.arms:
            where, parameters = self._where(arm)
            if after is not None:
                where += f" AND {self.key} {beyond} ?"
                parameters.append(after)
            sql = f"SELECT {columns} FROM {arm.source} WHERE {where} ORDER BY {self.key} {direction} LIMIT ?"
            statements.append((sql, [*parameters, limit]))
        return statements

    def count_statements(self, group: str) -> list[tuple[str, list[Any]]]:
        """The statements that count rows by a column, one for each arm."""
        statements = []
        for arm in self.arms:
            where, parameters = self._where(arm)
            sql = f"SELECT {group}, count(*) FROM {arm.source} WHERE {where} GROUP BY {group}"
            statements.append((sql, parameters))
        return statements


def read_page(
    connection: sqlite3.Connection, selection: Selection, columns: str, limit: int, cursor: str | None, descending: bool
) -> tuple[list[tuple[Any, ...]], str | None]:
    """One page of raw rows, whose first column is the key, and the cursor of the next page."""
    after = decode_cursor(cursor, 16)
    limit = bounded(limit)
    arms = [
        connection.execute(sql, parameters).fetchall()
        for sql, parameters in selection.page_statements(columns, limit + 1, after, descending)
    ]
    found = list(islice(heapq.merge(*arms, key=itemgetter(0), reverse=descending), limit + 1))
    if len(found) <= limit:
        return found, None
    return found[:limit], encode_cursor(found[limit - 1][0])


def count_rows(connection: sqlite3.Connection, selection: Selection, group: str) -> dict[int, int]:
    """How many rows a selection has, by the value of a column."""
    totals: dict[int, int] = {}
    for sql, parameters in selection.count_statements(group):
        for value, count in connection.execute(sql, parameters):
            totals[value] = totals.get(value, 0) + count
    return totals


def bounded(limit: int) -> int:
    """A page's size, within reason."""
    if limit < 1:
        raise ParameterError(f"A page has at least one row; limit={limit} was asked for.")
    return min(limit, 10_000)


def encode_cursor(key: bytes) -> str:
    """The text of a place in a list."""
    return urlsafe_b64encode(key).decode().rstrip("=")


def decode_cursor(cursor: str | None, size: int) -> bytes | None:
    """The place that a cursor stands for.

    Raises:
        ParameterError: the text was not made by `encode_cursor` for this kind of list.
    """
    if cursor is None:
        return None
    try:
        key = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        key = b""
    if len(key) != size:
        raise ParameterError(f"{cursor!r} is no cursor of this list; pass on what the page before gave as `next`.")
    return key


def marks(values: Sequence[Any]) -> str:
    """As many `?` as there are values."""
    return ",".join("?" * len(values))


def chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    """The values, so many at a time that one statement can hold them."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def raw(ids: Iterable[UUID]) -> list[bytes]:
    """Ids as stored, each once."""
    return list(dict.fromkeys(identifier.bytes for identifier in ids))


def prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """The lowest and the highest id whose text begins so; dashes do not matter.

    Raises:
        ParameterError: no id begins so.
    """
    digits = prefix.replace("-", "").lower()
    if len(digits) > 32 or not all(digit in "0123456789abcdef" for digit in digits):
        raise ParameterError(f"{prefix!r} is not the beginning of an id: ids are written with 0-9, a-f and dashes.")
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def state_codes(types: Iterable[StateType] | None, names: Iterable[str] | None) -> list[int] | None:
    """Codes of the states that a query can find, None for any.

    A name that Levada itself gives belongs to one type, so that asking for it narrows the search.
    """
    if types is not None:
        return sorted({STATE_CODES[kind] for kind in types})
    if names is None:
        return None
    owners = {name: kind for kind, known in NAMES_BY_TYPE.items() for name in known}
    if not all(name in owners for name in names):
        return None
    return sorted({STATE_CODES[owners[name]] for name in names})


def filter_state_names(filters: Filters, names: Sequence[str] | None) -> None:
    """Keep rows in a state of one of these names; a default name is stored as NULL."""
    if names is None:
        return
    by_default = {name: STATE_CODES[kind] for kind, name in DEFAULT_NAMES.items()}
    alternatives, parameters = ["state_name IN (" + marks(names) + ")"], list[Any](names)
    for name in names:
        if name in by_default:
            alternatives.append("(state_name IS NULL AND state = ?)")
            parameters.append(by_default[name])
    filters.add(f"({' OR '.join(alternatives)})", *parameters)
