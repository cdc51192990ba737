"""MessagePack that gives back exactly what was put in, and refuses what it could not.

Plain MessagePack returns tuples and sets as lists and knows no datetime with a zone. Those are written as extension
types here, so that types survive; anything that is not one of the builtin types below (a subclass of one included) is
refused with the path to it, never bent.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from levada.core.errors import SerializationError
from levada.serializers.base import Serializer
from levada.serializers.culprit import explain

SCALARS = frozenset({type(None), bool, int, float, str, bytes})
"""Types that MessagePack keeps exactly (integers within 64 bits, text without lone surrogates)."""

CONTAINERS = frozenset({list, dict})
_PLAIN = SCALARS | CONTAINERS
_KEYS = frozenset({str})

MOST_PLAIN_ITEMS = 10_000
"""Containers with more items in all are not examined item by item: pickling them is as fast."""

encode = msgspec.msgpack.Encoder().encode
"""Writes a value for which `is_plain` holds."""


def is_plain(value: Any) -> bool:
    """Whether `encode` keeps the value exactly, without extension types; made to be fast for small values.

    A value that holds itself, or more than `MOST_PLAIN_ITEMS` items, is not plain.
    """
    kind = type(value)  # not __class__, which may say anything
    if kind in SCALARS:
        return True
    if kind not in CONTAINERS:
        return False
    pending = [value]
    items = 0
    for container in pending:  # grows while it is walked
        if type(container) is dict:
            if not _KEYS.issuperset(map(type, container)):
                return False
            inside = container.values()
        else:
            inside = container
        kinds = set(map(type, inside))
        if not kinds <= SCALARS:
            if not kinds <= _PLAIN:
                return False
            pending.extend([item for item in inside if item.__class__ in CONTAINERS])
        items += len(container)
        if items > MOST_PLAIN_ITEMS:
            return False
    return True


_TUPLE, _SET, _FROZENSET, _INTEGER, _DATETIME, _DATE, _TIME, _DURATION, _UUID, _DECIMAL, _COMPLEX = range(1, 12)
_BYTEARRAY, _RANGE, _MAPPING, _TEXT, _PATH, _PURE_PATH, _ELLIPSIS = range(12, 19)

_INT64 = range(-(2**63), 2**64)


def _wrap(value: Any) -> Any:
    """The value with everything that MessagePack would bend put into extension types."""
    kind = value.__class__
    if kind is int:
        return (
            value
            if value in _INT64
            else _ext(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
        )
    if kind is str:
        return _wrap_text(value)
    if kind in SCALARS:
        return value
    if kind is list:
        return [_wrap(item) for item in value]
    if kind is dict:
        return _wrap_mapping(value)
    if kind in _WRAPPERS:
        code, pack = _WRAPPERS[kind]
        return _ext(code, encode(pack(value)))
    return _wrap_rarer(value)


def _ext(code: int, data: bytes) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, data)


def _wrap_text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return _ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    return value


def _wrap_mapping(value: dict[Any, Any]) -> Any:
    if _KEYS.issuperset(map(type, value)) and all(_wrap_text(key) is key for key in value):
        return {key: _wrap(item) for key, item in value.items()}
    return _ext(_MAPPING, encode([part for key, item in value.items() for part in (_wrap(key), _wrap(item))]))


def _items(value: Any) -> list[Any]:
    return [_wrap(item) for item in value]


def _pack_moment(value: Any) -> list[Any]:
    """A datetime or time, with its zone by key where it has one."""
    zone = value.tzinfo
    if zone is None or repr(zone) == repr(_fixed(value)):
        return [value.isoformat(), value.fold, None]
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and isinstance(key, str):
        return [value.replace(tzinfo=None).isoformat(), value.fold, key]
    raise TypeError(f"the time zone {zone!r} cannot be rebuilt exactly; use datetime.timezone or zoneinfo.ZoneInfo")


def _fixed(value: Any) -> timezone | None:
    offset = value.utcoffset()
    return None if offset is None else timezone(offset)


def _read_moment(kind: Any, data: bytes) -> Any:
    text, fold, key = decode(data)
    moment = kind.fromisoformat(text).replace(fold=fold)
    if key is None:
        return moment
    from zoneinfo import ZoneInfo  # lazy: only moments in named zones need it

    return moment.replace(tzinfo=ZoneInfo(key))


_WRAPPERS: dict[type, tuple[int, Any]] = {
    tuple: (_TUPLE, _items),
    set: (_SET, _items),
    frozenset: (_FROZENSET, _items),
    datetime: (_DATETIME, _pack_moment),
    time: (_TIME, _pack_moment),
    date: (_DATE, date.isoformat),
    timedelta: (_DURATION, lambda value: [value.days, value.seconds, value.microseconds]),
    UUID: (_UUID, lambda value: value.bytes),
    Decimal: (_DECIMAL, str),
    complex: (_COMPLEX, lambda value: [value.real, value.imag]),
    bytearray: (_BYTEARRAY, bytes),
    range: (_RANGE, lambda value: _items([value.start, value.stop, value.step])),
    type(...): (_ELLIPSIS, lambda _: None),
}


def _wrap_rarer(value: Any) -> Any:
    import pathlib  # lazy: paths are rare, and so is what ends here

    if type(value) is type(pathlib.Path()):
        return _ext(_PATH, encode(str(value)))
    if type(value) is pathlib.PurePosixPath:
        return _ext(_PURE_PATH, encode(str(value)))
    kind = type(value)
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} is no builtin type that msgpack can rebuild exactly")


def _read_path(kind: str, data: bytes) -> Any:
    import pathlib  # lazy: paths are rare

    return getattr(pathlib, kind)(decode(data))


def _pairs(data: bytes) -> dict[Any, Any]:
    flat = decode(data)
    return dict(zip(flat[::2], flat[1::2], strict=True))


_READERS: dict[int, Any] = {
    _TUPLE: lambda data: tuple(decode(data)),
    _SET: lambda data: set(decode(data)),
    _FROZENSET: lambda data: frozenset(decode(data)),
    _INTEGER: lambda data: int.from_bytes(data, "big", signed=True),
    _DATETIME: lambda data: _read_moment(datetime, data),
    _TIME: lambda data: _read_moment(time, data),
    _DATE: lambda data: date.fromisoformat(decode(data)),
    _DURATION: lambda data: timedelta(*decode(data)),
    _UUID: lambda data: UUID(bytes=decode(data)),
    _DECIMAL: lambda data: Decimal(decode(data)),
    _COMPLEX: lambda data: complex(*decode(data)),
    _BYTEARRAY: lambda data: bytearray(decode(data)),
    _RANGE: lambda data: range(*decode(data)),
    _MAPPING: _pairs,
    _TEXT: lambda data: bytes(data).decode("utf-8", "surrogatepass"),
    _PATH: lambda data: _read_path("Path", data),
    _PURE_PATH: lambda data: _read_path("PurePosixPath", data),
    _ELLIPSIS: lambda _: ...,
}


def decode(data: bytes | memoryview) -> Any:
    """Read what `encode` or `MsgpackSerializer` wrote."""
    return _decode(data)


def _read_extension(code: int, data: memoryview) -> Any:
    reader = _READERS.get(code)
    if reader is None:
        raise SerializationError(f"unknown MessagePack extension type {code}; a newer Levada may have written it")
    return reader(data)


_decode = msgspec.msgpack.Decoder(ext_hook=_read_extension).decode


class MsgpackSerializer(Serializer[Any]):
    """Builtin values, exactly as they were: of the same types, in the same order.

    Takes None, bool, int of any size, float, str, bytes, bytearray, list, tuple, dict with any of these as keys, set,
    frozenset, datetime (naive, with a fixed offset or a ZoneInfo), date, time, timedelta, UUID, Decimal, complex,
    range, Path and Ellipsis. Refuses all else, subclasses included. Reading it runs no code.
    """

    type: str = "msgpack"

    def dumps(self, obj: Any) -> bytes:
        """The bytes of a builtin value."""
        if is_plain(obj):
            try:
                return encode(obj)
            except (OverflowError, UnicodeEncodeError):
                pass  # a wide integer or a lone surrogate, which need an extension type
        with explain(_dump, obj, self.type):
            return _dump(obj)

    def loads(self, blob: bytes) -> Any:
        """The value of bytes that `dumps` made."""
        with explain(None, blob, self.type):
            return decode(blob)


def _dump(value: Any) -> bytes:
    return encode(_wrap(value))
