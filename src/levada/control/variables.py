"""Variables: small named values in the store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from levada.core.errors import ObjectNotFound, VariableExistsError, VariableTooLargeError
from levada.core.naming import check_variable_name
from levada.core.states import datetime_of
from levada.store.variables import VariableRow, VariableTable
from levada.wire.objects import Page, VariableView

if TYPE_CHECKING:
    from levada.store.base import Store

LARGEST = 5000
"""Characters of a value, written as JSON."""


class Variables:
    """The variables of one store.

    Args:
        store: where they are.
        now_us: microseconds since 1970.
    """

    def __init__(self, store: Store, *, now_us: Callable[[], int] | None = None) -> None:
        self._store = store
        self._now_us = now_us or (lambda: time.time_ns() // 1000)

    def get(self, name: str) -> VariableView | None:
        """A variable, or None when there is none of that name."""
        with self._store.read() as transaction:
            row = VariableTable(transaction).get(name)
        return _view(row) if row is not None else None

    def page(self, limit: int = 200, cursor: str | None = None) -> Page:
        """A page of `VariableView` by name."""
        with self._store.read() as transaction:
            rows = VariableTable(transaction).page(cursor or "", limit + 1)
        return Page([_view(row) for row in rows[:limit]], rows[limit - 1].name if len(rows) > limit else None)

    def count(self) -> int:
        """How many there are."""
        with self._store.read() as transaction:
            return VariableTable(transaction).count()

    def set(self, name: str, value: Any, tags: list[str] | None = None, *, overwrite: bool = False) -> VariableView:
        """Give a variable a value.

        Args:
            name: lowercase letters, digits, dashes and underscores, at most 255.
            value: anything JSON can hold, at most 5,000 characters of it.
            tags: words to find it by; None keeps those it has.
            overwrite: whether one that is there may be replaced.

        Raises:
            InvalidNameError: the name has other characters.
            VariableExistsError: it is there, and may not be replaced.
            VariableTooLargeError: the value is too large.
            TypeError: JSON cannot hold the value.
        """
        check_variable_name(name)
        encoded = encode(name, value)
        now = self._now_us()
        with self._store.write() as transaction:
            table = VariableTable(transaction)
            before = table.get(name)
            if before is not None and not overwrite:
                raise VariableExistsError(
                    f"Variable {name!r} exists already; pass overwrite=True to replace its value."
                )
            kept = before.tags if before is not None else None
            row = VariableRow(
                name,
                encoded,
                kept if tags is None else msgspec.msgpack.encode(list(tags)),
                before.created if before is not None else now,
                now,
            )
            table.save(row)
        return _view(row)

    def change(
        self, name: str, *, value: Any = msgspec.UNSET, tags: list[str] | None = None, new_name: str | None = None
    ) -> VariableView:
        """Change what is given of a variable that is there.

        Raises:
            ObjectNotFound: there is none of that name.
            VariableExistsError: there is one of the new name already.
        """
        if new_name is not None:
            check_variable_name(new_name)
        with self._store.write() as transaction:
            table = VariableTable(transaction)
            before = table.get(name)
            if before is None:
                raise ObjectNotFound(f"There is no variable {name!r}.")
            if new_name is not None and new_name != name:
                if table.get(new_name) is not None:
                    raise VariableExistsError(f"Variable {name!r} cannot be renamed: {new_name!r} exists already.")
                table.rename(name, new_name)
            row = before._replace(
                name=new_name if new_name is not None else name,
                value=before.value if value is msgspec.UNSET else encode(name, value),
                tags=before.tags if tags is None else msgspec.msgpack.encode(list(tags)),
                updated=self._now_us(),
            )
            table.save(row)
        return _view(row)

    def unset(self, name: str) -> bool:
        """Remove a variable; False when there was none."""
        with self._store.write() as transaction:
            table = VariableTable(transaction)
            if table.get(name) is None:
                return False
            table.delete(name)
            return True


def encode(name: str, value: Any) -> bytes:
    """The value as it is stored.

    Raises:
        VariableTooLargeError: the value is too large.
        TypeError: JSON cannot hold the value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        encoded = msgspec.msgpack.encode(json.loads(text))
    except (TypeError, ValueError, OverflowError, RecursionError) as problem:
        raise TypeError(f"Variable {name!r} cannot hold this {type(value).__name__}: {problem}") from problem
    if len(text) > LARGEST:
        raise VariableTooLargeError(
            f"The value of variable {name!r} has {len(text)} characters as JSON; {LARGEST} is the most. "
            "Keep large values in result storage or a file, and their place in the variable."
        )
    return encoded


def _view(row: VariableRow) -> VariableView:
    return VariableView(
        name=row.name,
        value=msgspec.msgpack.decode(row.value),
        tags=msgspec.msgpack.decode(row.tags, type=list[str]) if row.tags is not None else [],
        created=datetime_of(row.created),
        updated=datetime_of(row.updated),
    )
