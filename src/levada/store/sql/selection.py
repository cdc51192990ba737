"""How a query becomes SQL whose plan is ours: arms, each served by one index, and keyset pages over them.

SQLite without statistics guesses, and a page of 200 out of a million rows cannot be left to a guess. So the most
selective filter of a query chooses the index (`Dialect.along`, which on SQLite fails loudly rather than scan), every
value of that filter is one *arm*, walked in key order from the cursor on, and all other filters only drop rows on the
way. PostgreSQL chooses by its statistics, among the same indexes. The plan of every list is held by
``tests/unit/store/test_query_plans.py``.
"""

from __future__ import annotations

import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec import DecodeError
from msgspec.msgpack import decode, encode

from levada.core.errors import ParameterError
from levada.core.states import DEFAULT_NAMES, NAMES_BY_TYPE, StateType
from levada.store.sql.connection import Connection, Dialect, Row, marks
from levada.wire.records import STATE_CODES

Statement = tuple[str, list[Any]]


@dataclass(frozen=True)
class Arm:
    """One walk along an index: the rows of `source` for which `condition` holds, in key order."""

    source: str
    condition: str = ""
    parameters: tuple[Any, ...] = ()


@dataclass
class Filters:
    """Conditions that drop rows on the way, joined by AND."""

    dialect: Dialect
    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    impossible: bool = False
    """No row can hold: one of no values is asked for. SQLite cannot plan that along an index that it is told to use."""

    def add(self, condition: str, *parameters: Any) -> None:
        """One more condition."""
        self.conditions.append(condition)
        self.parameters += parameters

    def one_of(self, column: str, values: Iterable[Any]) -> None:
        """The column has one of the values."""
        wanted = list(values)
        self.impossible = self.impossible or not wanted
        condition, parameters = self.dialect.one_of(column, wanted)
        self.add(condition, *parameters)

    def contains(self, column: str, text: str) -> None:
        """The column has the text in it, whatever its case."""
        self.add(self.dialect.contains(column), pattern(text))

    def between(self, column: str, low: Any, high: Any) -> None:
        """The column is at least `low` and below `high`; None is no bound."""
        if low is not None:
            self.add(f"{column} >= ?", low)
        if high is not None:
            self.add(f"{column} < ?", high)

    def begins(self, column: str, beginnings: Sequence[str]) -> None:
        """The column begins with one of the texts."""
        conditions = [f"substr({column}, 1, {len(text)}) = ?" for text in beginnings]
        self.add(f"({' OR '.join(conditions) or 'FALSE'})", *beginnings)


def pattern(text: str) -> str:
    """The pattern of LIKE that finds a text anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@dataclass
class Selection:
    """What a query selects, ready to be read page by page or counted."""

    arms: list[Arm]
    filters: Filters
    key: str
    """Column that is unique, and orders the pages unless `sort` does."""
    low: Any = None
    high: Any = None
    sort: str | None = None
    """Expression that orders the pages before the key does."""
    order: str = "id"
    """Name of the order, by which a cursor of another one is told."""

    def _walks(self) -> list[Arm]:
        return [] if self.filters.impossible else self.arms

    def _where(self, arm: Arm) -> tuple[list[str], list[Any]]:
        conditions = [arm.condition] if arm.condition else []
        parameters = list(arm.parameters)
        for bound, sign in ((self.low, ">="), (self.high, "<=")):
            if bound is not None:
                conditions.append(f"{self.key} {sign} ?")
                parameters.append(bound)
        return [*conditions, *self.filters.conditions], [*parameters, *self.filters.parameters]

    def page_statements(
        self, columns: str, limit: int, after: Sequence[Any] | None, descending: bool
    ) -> list[Statement]:
        """The statements of one page, one for each arm; `after` is a place as `place_of` gives it."""
        direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
        order = [self.key] if self.sort is None else [self.sort, self.key]
        statements = []
        for arm in self._walks():
            where, parameters = self._where(arm)
            if after is not None and self.sort is None:
                where.append(f"{self.key} {beyond} ?")
                parameters += after
            elif after is not None:
                # The first half is what the index seeks by, the second tells rows of the same value apart.
                where.append(f"{self.sort} {beyond}= ? AND ({self.sort}, {self.key}) {beyond} (?, ?)")
                parameters += [after[0], *after]
            shown = ", ".join([columns, *order])
            ordered = ", ".join(f"{column} {direction}" for column in order)
            sql = f"SELECT {shown} FROM {arm.source} {_clause(where)} ORDER BY {ordered} LIMIT ?"
            statements.append((sql, [*parameters, limit]))
        return statements

    def count_statements(self, group: str) -> list[Statement]:
        """The statements that count rows by a column, one for each arm."""
        return self.grouped_statements(group, "count(*)")

    def grouped_statements(self, group: str, values: str) -> list[Statement]:
        """The statements that sum up rows by columns, one for each arm."""
        statements = []
        places = ", ".join(str(place + 1) for place in range(group.count(",") + 1))
        for arm in self._walks():
            where, parameters = self._where(arm)
            sql = f"SELECT {group}, {values} FROM {arm.source} {_clause(where)} GROUP BY {places}"
            statements.append((sql, parameters))
        return statements

    def bounded_statements(self, bound: int) -> list[Statement]:
        """The statements that count no further than to a bound, one for each arm."""
        statements = []
        for arm in self._walks():
            where, parameters = self._where(arm)
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {arm.source} {_clause(where)} LIMIT ?) AS found"
            statements.append((sql, [*parameters, bound]))
        return statements


def _clause(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def read_page(
    connection: Connection, selection: Selection, columns: Sequence[str], limit: int, cursor: str | None, down: bool
) -> tuple[list[Row], str | None]:
    """One page of raw rows and the cursor of the next page; `down` has the greatest first."""
    width = 1 if selection.sort is None else 2
    after = decode_place(cursor, selection.order, width)
    limit = bounded(limit)
    shown = ", ".join(f"r.{name}" for name in columns)
    statements = selection.page_statements(shown, limit + 1, after, down)
    arms = [rows for rows in (connection.rows(*each) for each in statements) if rows]
    if len(arms) > 1:
        found = list(islice(heapq.merge(*arms, key=lambda row: row[-width:], reverse=down), limit + 1))
    else:
        found = arms[0] if arms else []
    rows = [row[:-width] for row in found[:limit]]
    return rows, encode_place(selection.order, found[limit - 1][-width:]) if len(found) > limit else None


def count_rows(connection: Connection, selection: Selection, group: str) -> dict[Any, int]:
    """How many rows a selection has, by the value of a column."""
    totals: dict[Any, int] = {}
    for sql, parameters in selection.count_statements(group):
        for value, count in connection.rows(sql, parameters):
            totals[value] = totals.get(value, 0) + count
    return totals


def count_up_to(connection: Connection, selection: Selection, bound: int) -> int:
    """How many rows a selection has; `bound` when there are as many or more."""
    total = 0
    for sql, parameters in selection.bounded_statements(bound):
        total += connection.rows(sql, parameters)[0][0]
        if total >= bound:
            return bound
    return total


def changed(connection: Connection, table: str, run: bytes | None, since: int) -> Selection:
    """The rows of a table (of a flow run, unless that is None) that changed after a moment, in the order of change."""
    arm = Arm(connection.dialect.along(f"{table} AS r", f"{table}_by_changed"), "r.changed > ?", (since,))
    if run is not None:
        arm = Arm(arm.source, "r.run = ? AND r.changed > ?", (run, since))
    return Selection([arm], Filters(connection.dialect), "r.id", sort="r.changed", order="changed")


def starting_with(connection: Connection, table: str, low: bytes, high: bytes, limit: int) -> list[bytes]:
    """Ids of a table between two, both included."""
    sql = f"SELECT id FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
    return [row[0] for row in connection.rows(sql, (low, high, limit))]


def bounded(limit: int) -> int:
    """A page's size, within reason."""
    if limit < 1:
        raise ParameterError(f"A page has at least one row; limit={limit} was asked for.")
    return min(limit, 10_000)


def encode_place(order: str, place: Sequence[Any]) -> str:
    """The text of a place in a list.

    Args:
        order: name of the list's order.
        place: the values that order it, of its last row.
    """
    return urlsafe_b64encode(encode([order, *place])).decode().rstrip("=")


def decode_place(cursor: str | None, order: str, width: int) -> list[Any] | None:
    """The place that a cursor stands for.

    Raises:
        ParameterError: the text was not made by `encode_place` for this kind of list.
    """
    if cursor is None:
        return None
    try:
        place = decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, DecodeError):
        place = None
    if not isinstance(place, list) or len(place) != width + 1 or place[0] != order:
        raise ParameterError(f"{cursor!r} is no cursor of this list; pass on what the page before gave as `next`.")
    return place[1:]


def units(seconds: float, per_second: int) -> int:
    """Seconds in whole units of which each has so many, as far as a column can hold them."""
    return round(min(max(seconds, 0.0) * per_second, float(1 << 62)))


def raw(ids: Iterable[UUID]) -> list[bytes]:
    """Ids as stored, each once."""
    return list(dict.fromkeys(identifier.bytes for identifier in ids))


def raw_or_none(ids: Iterable[UUID] | None) -> list[bytes] | None:
    """Ids as stored, each once; None when any id will do."""
    return None if ids is None else raw(ids)


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
    alternatives, parameters = ["r.state_name IN (" + marks(names) + ")"], list[Any](names)
    for name in names:
        if name in by_default:
            alternatives.append("(r.state_name IS NULL AND r.state = ?)")
            parameters.append(by_default[name])
    if names:
        filters.add(f"({' OR '.join(alternatives)})", *parameters)
    else:
        filters.add("FALSE")
