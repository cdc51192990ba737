"""Short text of a value, for people: bounded in length and in cost, whatever the value is."""

from __future__ import annotations

from typing import Any

from levada.serializers.culprit import type_name

PREVIEW_LENGTH = 120
"""Characters of a preview, at most."""

_ITEMS = 8
_DEPTH = 3
_SIMPLE = frozenset({type(None), bool, float, complex, type(...)})
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_SHOWN_WHOLE = frozenset(
    {
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("uuid", "UUID"),
        ("decimal", "Decimal"),
        ("builtins", "range"),
        ("pathlib", "PosixPath"),
        ("pathlib._local", "PosixPath"),
    }
)


def preview(value: Any, length: int = PREVIEW_LENGTH) -> str:
    """Short text of a value; never calls the `repr` of a class that is not known to be cheap."""
    return _cut(_text(value, length, _DEPTH), length)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _text(value: Any, length: int, depth: int) -> str:
    kind = type(value)
    if kind in _SIMPLE:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= 512 else f"int of {value.bit_length()} bits"
    if kind is str or kind is bytes:
        return repr(value if len(value) <= length else value[:length])
    if kind in _BRACKETS:
        return _collection(value, kind, length, depth)
    if kind is dict:
        return _mapping(value, length, depth)
    return _object(value, kind, length, depth)


def _collection(value: Any, kind: type, length: int, depth: int) -> str:
    opening, closing = _BRACKETS[kind]
    if not value and kind in {set, frozenset}:
        return f"{kind.__name__}()"
    if depth == 0:
        return f"{opening}…{closing}" if value else opening + closing
    parts = _first_items(value, length, depth)
    trailing = "," if kind is tuple and len(value) == 1 else ""
    return f"{opening}{', '.join(parts)}{trailing}{closing}" + _count(value, parts)


def _first_items(value: Any, length: int, depth: int) -> list[str]:
    parts: list[str] = []
    used = 0
    for item in value:
        if len(parts) == _ITEMS or used > length:
            parts.append("…")
            break
        parts.append(_text(item, length, depth - 1))
        used += len(parts[-1]) + 2
    return parts


def _count(value: Any, parts: list[str]) -> str:
    return f" {len(value)} items" if parts and parts[-1] == "…" else ""


def _mapping(value: dict[Any, Any], length: int, depth: int) -> str:
    if depth == 0:
        return "{…}" if value else "{}"
    parts: list[str] = []
    used = 0
    for key, item in value.items():
        if len(parts) == _ITEMS or used > length:
            parts.append("…")
            break
        parts.append(f"{_text(key, length, depth - 1)}: {_text(item, length, depth - 1)}")
        used += len(parts[-1]) + 2
    return f"{{{', '.join(parts)}}}" + _count(value, parts)


def _object(value: Any, kind: type, length: int, depth: int) -> str:
    if (kind.__module__, kind.__name__) in _SHOWN_WHOLE:
        return repr(value)
    if issubclass(kind, BaseException):
        arguments = ", ".join(_text(argument, length, 1) for argument in value.args[:3])
        return f"{kind.__qualname__}({arguments})"
    if issubclass(kind, type):
        return f"<class {value.__module__}.{value.__qualname__}>"
    shape = value.__dict__.get("shape") if hasattr(value, "__dict__") else None
    if _library(kind) in {"numpy", "pandas", "polars", "pyarrow", "torch", "jax", "tensorflow"}:
        shape = getattr(value, "shape", shape)
        return f"{kind.__qualname__} " + "×".join(map(str, shape)) if isinstance(shape, tuple) else kind.__qualname__
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "model_fields", None)
    if fields and depth > 0 and isinstance(fields, dict):
        named = value.__dict__ if hasattr(value, "__dict__") else {}
        parts = [f"{name}={_text(named[name], length, depth - 1)}" for name in list(fields)[:_ITEMS] if name in named]
        return f"{kind.__qualname__}({', '.join(parts)})"
    return f"<{type_name(value)}>"


def _library(kind: type) -> str:
    return kind.__module__.partition(".")[0]
