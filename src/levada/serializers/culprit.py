"""Finding the part of a value that cannot be serialised, so that the error can name it.

The value is probed from the top: the first child that fails alone is followed down, until a value fails all of whose
children pass. That value is the culprit. Only failures pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from levada.core.errors import SerializationError

MOST_PROBES = 10_000
"""Calls of the serializer that one search may cost; then the deepest failing part found so far is named."""


class explain:  # noqa: N801 - reads as a word of the `with` statement
    """Turns any error of a serializer into a SerializationError that says what could not be serialised.

    Args:
        dumps: the function that failed, called again on parts of the value; None when bytes were being read.
        value: the value (or the bytes).
        kind: the serializer's type, for the message.
    """

    __slots__ = ("dumps", "kind", "value")

    def __init__(self, dumps: Callable[[Any], object] | None, value: Any, kind: str) -> None:
        self.dumps = dumps
        self.value = value
        self.kind = kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, SerializationError):
            return
        if self.dumps is None:
            raise SerializationError(f"These bytes cannot be read as {self.kind}: {_text(error)}") from error
        path, culprit, reason = find_culprit(self.dumps, self.value, error)
        raise SerializationError(
            f"{path} (a {type_name(culprit)}) cannot be serialized with {self.kind}: {_text(reason)}"
        ) from error


def find_culprit(
    dumps: Callable[[Any], object], value: Any, error: Exception, *, name: str = "result"
) -> tuple[str, Any, Exception]:
    """The path to the innermost part that `dumps` refuses, that part, and the error it gave.

    Args:
        dumps: raises for what it cannot take.
        value: a value it refused.
        error: the error it gave for the whole value.
        name: what to call the whole value.
    """
    path, seen, probes = name, {id(value)}, 0
    while True:
        for step, child in children(value):
            if id(child) in seen:
                continue
            probes += 1
            if probes > MOST_PROBES:
                return path, value, error
            failure = _failure(dumps, child)
            if failure is not None:
                path, value, error = path + step, child, failure
                seen.add(id(child))
                break
        else:
            return path, value, error


def _failure(dumps: Callable[[Any], object], value: Any) -> Exception | None:
    try:
        dumps(value)
    except Exception as error:  # noqa: BLE001 - whatever a serializer raises is the answer
        return error
    return None


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value, each with the text that leads to it: ``[3]``, ``['key']``, ``.attribute``."""
    if isinstance(value, str | bytes | bytearray | memoryview | int | float):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"[{_key_text(key)}]", item
        for key in value:
            if not isinstance(key, str | int):
                yield f".keys()[{_key_text(key)}]", key
    elif isinstance(value, list | tuple):
        names = getattr(value, "_fields", None)
        for index, item in enumerate(value):
            yield (f".{names[index]}" if names else f"[{index}]"), item
    elif isinstance(value, set | frozenset):
        for index, item in enumerate(value):
            yield f"{{{index}}}", item
    else:
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, type) or callable(value):
        return
    found = dict(getattr(value, "__dict__", None) or {})
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in {"__dict__", "__weakref__"} and hasattr(value, slot):
                found.setdefault(slot, getattr(value, slot))
    for name, item in found.items():
        yield f".{name}", item


def _key_text(key: Any) -> str:
    if isinstance(key, str | int | float | bool | None):
        text = repr(key)
        return text if len(text) <= 60 else text[:57] + "..."
    return type_name(key)


def type_name(value: Any) -> str:
    """The value's type: bare for builtins, with its module otherwise."""
    kind = value.__class__
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
