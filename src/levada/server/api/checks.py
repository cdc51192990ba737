"""What is checked of every request before a verb sees it, beyond its types.

The types of a request say what it is; here stands what a database cannot hold (NUL in text, numbers of more than 64
bits, moments without a time zone or outside the calendar) and what would make one request arbitrarily expensive (pages
and lists without bound). Everything that is wrong is told at once, each with the path of its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from levada.core.errors import RequestInvalid
from levada.wire.paths import name_in

T = TypeVar("T")

MOST_VALUES = 1000
"""Most values of one filter, names of one request, tags of one run."""

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_LARGEST_SPAN = 1e12
"""Seconds; far above any duration, far below what microseconds in 64 bits hold."""

_DEEPEST = 100


def checked(value: T, *, most_per_page: int | None = None) -> T:
    """The body of a request, when it can be used.

    Args:
        value: the body, or the value of a parameter.
        most_per_page: largest `limit` of a query; other bodies have none.

    Raises:
        RequestInvalid: it cannot; all that is wrong is said.
    """
    problems = [] if _is_sound(value, 0) else list(_problems(value, "$", 0))
    limit = getattr(value, "limit", None) if most_per_page is not None else None
    if limit is not None and not 1 <= limit <= most_per_page:
        problems.append(("$.limit", f"must be between 1 and {most_per_page}"))
    if problems:
        path, problem = problems[0]
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RequestInvalid(f"{path} {problem}{more}.", tuple(problems))
    return value


def within(limit: int, most: int) -> int:
    """A page's size, when it may be so large.

    Raises:
        RequestInvalid: it may not.
    """
    if not 1 <= limit <= most:
        raise RequestInvalid(
            f"A page has 1 to {most} items; limit={limit} was asked for.",
            (("$.limit", f"must be between 1 and {most}"),),
        )
    return limit


def named(part: str) -> str:
    """The name or id that a part of a path stands for; see `levada.wire.paths`."""
    return checked(name_in(part))


def _is_sound(value: Any, depth: int) -> bool:
    """Whether nothing can be wrong with a value, at a glance; False says nothing. Most requests end here."""
    if depth > _DEEPEST:
        return False
    kind: type = value.__class__
    if value is None or kind is bool or kind is UUID:
        return True
    if kind is str:
        return "\x00" not in value
    if kind is int:
        fits: bool = _LOWEST <= value <= _HIGHEST
        return fits
    if kind is dict:
        return len(value) <= MOST_VALUES and all(
            _is_sound(key, depth + 1) and _is_sound(inner, depth + 1) for key, inner in value.items()
        )
    if kind is list:
        return len(value) <= MOST_VALUES and all(_is_sound(inner, depth + 1) for inner in value)
    if isinstance(value, Struct):
        return all(_is_sound(getattr(value, name), depth + 1) for name in value.__struct_fields__)
    return isinstance(value, Enum)


def _problems(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        yield path, f"is nested more than {_DEEPEST} levels deep"
    elif isinstance(value, str):
        if "\x00" in value:
            yield path, "contains a NUL character"
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not _LOWEST <= value <= _HIGHEST:
            yield path, "does not fit into 64 bits"
    elif isinstance(value, float):
        if not isfinite(value):
            yield path, "is not a finite number"
    elif isinstance(value, datetime):
        yield from _moment_problems(value, path)
    elif isinstance(value, Struct):
        yield from _field_problems(value, path, depth)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _problems(key, f"{path}[{key!r}]", depth + 1)
            yield from _problems(inner, f"{path}[{key!r}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _problems(inner, f"{path}[{number}]", depth + 1)


def _field_problems(value: Struct, path: str, depth: int) -> Iterator[tuple[str, str]]:
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        if isinstance(inner, (list, dict)) and len(inner) > MOST_VALUES and name not in _FREE:
            yield f"{path}.{name}", f"has {len(inner)} values; {MOST_VALUES} are the most"
        elif isinstance(inner, float) and name.endswith("seconds") and not abs(inner) <= _LARGEST_SPAN:
            yield f"{path}.{name}", "is longer than any time span can be"
        else:
            yield from _problems(inner, f"{path}.{name}", depth + 1)


_FREE = frozenset({"parameters", "value", "details", "payload", "inputs"})
"""Fields that hold what users give, whose size the body's limit bounds."""


def _moment_problems(moment: datetime, path: str) -> Iterator[tuple[str, str]]:
    if moment.tzinfo is None:
        yield path, "has no time zone; write `Z` after it for UTC"
        return
    try:
        moment.astimezone(UTC)
    except OverflowError:
        yield path, "lies outside the calendar"
