"""Recording a value nobody asked to persist: exact, fast, and never a reason for a run to fail.

Builtin values become MessagePack, everything else pickle (see `levada.serializers.pickles`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.core.errors import MissingResult, SerializationError
from levada.results.preview import preview
from levada.serializers.culprit import type_name
from levada.serializers.exact import SCALARS, decode, encode, is_plain
from levada.serializers.pickles import pickled
from levada.wire.records import Payload

NOT_KEPT = "none"
"""The `serializer` of a payload whose value was not kept; its preview says why."""

_NONE = Payload("msgpack", data=b"\xc0", size=1, type="NoneType")
_BOOLEANS = {
    True: Payload("msgpack", data=b"\xc3", size=1, type="bool"),
    False: Payload("msgpack", data=b"\xc2", size=1, type="bool"),
}


def inline(value: Any, limit: int) -> Payload | None:
    """The payload of a small builtin value, or None for all others. The path that most results of tasks take."""
    kind = type(value)
    if value is None:
        return _NONE
    if kind is bool:
        return _BOOLEANS[value]
    if kind in SCALARS or is_plain(value):
        try:
            data = encode(value)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            return None  # pickle keeps wide integers, lone surrogates and deep nesting exactly
        size = len(data)
        if size <= limit:
            return Payload("msgpack", data, None, None, size, kind.__name__)
    return None


def serialize(value: Any) -> tuple[str, bytes]:
    """The name of a serializer and the bytes of any value.

    Raises:
        SerializationError: the value cannot be serialised.
    """
    if is_plain(value):
        try:
            return "msgpack", encode(value)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            pass  # as in `inline`
    try:
        return "pickle", pickled(value)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SerializationError(f"A {type_name(value)} cannot be pickled: {reason}") from error


def serialize_error(error: BaseException) -> tuple[str, bytes]:
    """`serialize` for exceptions, proved by reading it back: many exceptions pickle well and cannot be made again.

    Raises:
        SerializationError: the exception cannot be rebuilt.
    """
    name, data = serialize(error)
    try:
        rebuilt = deserialize(name, data)
    except SerializationError as failure:
        raise SerializationError(f"A {type_name(error)} can be pickled and not rebuilt: {failure}") from failure
    if not isinstance(rebuilt, BaseException):
        raise SerializationError(f"A {type_name(error)} is rebuilt as a {type_name(rebuilt)}")
    return name, data


def deserialize(serializer: str, data: bytes | memoryview) -> Any:
    """The value of recorded bytes.

    Raises:
        SerializationError: they cannot be read, for instance because a class moved.
    """
    if serializer == "msgpack":
        return decode(data)
    try:
        if serializer == "pickle":
            from pickle import loads  # lazy: import of the face must not pay for pickle

            return loads(data)
        from levada.serializers.base import resolve_serializer  # lazy: as above

        return resolve_serializer(serializer).loads(bytes(data))
    except SerializationError:
        raise
    except Exception as error:
        raise SerializationError(
            f"A result recorded with {serializer} cannot be read back: {type(error).__name__}: {error}"
        ) from error


def missing(payload: Payload) -> MissingResult:
    """The error for a payload whose value was not kept."""
    return MissingResult(
        f"The result (a {payload.type or 'value'}) was not kept: {payload.preview or 'no reason recorded'}"
    )


def not_kept(value: Any, reason: str) -> Payload:
    """The payload that says why a value was not kept."""
    return Payload(NOT_KEPT, type=type_name(value), preview=f"{preview(value, 60)} was not kept: {reason}")


_MEASURES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("builtins", "str"): len,
    ("builtins", "bytes"): len,
    ("builtins", "bytearray"): len,
    ("numpy", "ndarray"): lambda value: value.nbytes,
    ("pandas", "DataFrame"): lambda value: value.memory_usage(deep=False).sum(),
    ("pandas", "Series"): lambda value: value.memory_usage(deep=False),
    ("polars", "DataFrame"): lambda value: value.estimated_size(),
    ("pyarrow", "Table"): lambda value: value.nbytes,
}


def known_size(value: Any) -> int:
    """Bytes that the value takes at least, where that can be told without serialising it; 0 otherwise."""
    kind = value.__class__
    measure = _MEASURES.get((kind.__module__.partition(".")[0], kind.__name__))
    return 0 if measure is None else int(measure(value))
