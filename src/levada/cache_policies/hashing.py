"""Hashes of values: equal values of equal types have equal hashes, in every process and on every machine.

The canonical bytes are those of `levada.core.identity`, with two kinds of objects taken by their content rather than by
how they happen to be stored: tables (pandas, polars, pyarrow) column by column, and pydantic models by their fields. A
value that has no content to be hashed (a lock, a connection, a generator) is an error that names it: a key made from
its type alone would answer one call with another's result.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from levada.core.errors import HashError
from levada.core.identity import Feeder

_TABLES = frozenset(
    {
        ("pandas", "DataFrame"),
        ("pandas", "Series"),
        ("pandas", "Index"),
        ("pandas", "RangeIndex"),
        ("pandas", "MultiIndex"),
        ("pandas", "DatetimeIndex"),
        ("polars", "DataFrame"),
        ("polars", "Series"),
        ("pyarrow", "Table"),
    }
)


class ContentFeeder(Feeder):
    """Feeds what equality looks at, for types whose pickles hold more than that.

    Attributes:
        culprit: the first value that had no content, for the error.
    """

    __slots__ = ("culprit",)

    def __init__(self) -> None:
        super().__init__()
        self.culprit: Any = None

    def aside(self, value: Any, depth: int) -> bytes:
        """The digest of one element of an unordered collection."""
        inner = type(self)()
        inner.active = self.active
        inner.feed(value, depth)
        if inner.opaque:
            self.opaque, self.culprit = True, inner.culprit
        return digest(inner)

    def other(self, value: Any, kind: type, depth: int) -> None:
        """Feed a value of a type that has no handler."""
        place = (kind.__module__.partition(".")[0], kind.__name__)
        if place in _TABLES:
            self.named(b"o", kind)
            _TABLE_FEEDERS[place[0]](self, value, depth)
        elif hasattr(kind, "__pydantic_validator__") and hasattr(kind, "model_fields"):
            self.named(b"o", kind)
            extra = getattr(value, "__pydantic_extra__", None)
            private = getattr(value, "__pydantic_private__", None)
            self.feed((value.__dict__, extra, private), depth)
        else:
            before = self.opaque
            super().other(value, kind, depth)
            if self.opaque and not before and self.culprit is None:
                self.culprit = value


def _feed_pandas(feeder: Feeder, value: Any, depth: int) -> None:
    if hasattr(value, "columns"):
        _feed_pandas_array(feeder, value.index, depth)
        _feed_pandas_array(feeder, value.columns, depth)
        for position in range(value.shape[1]):
            _feed_pandas_array(feeder, value.iloc[:, position], depth)
    elif hasattr(value, "index"):
        _feed_pandas_array(feeder, value.index, depth)
        _feed_pandas_array(feeder, value, depth)
    else:
        _feed_pandas_array(feeder, value, depth)


def _feed_pandas_array(feeder: Feeder, values: Any, depth: int) -> None:
    """One column or index: its names, its type, and its values."""
    feeder.feed(list(values.names) if hasattr(values, "names") else values.name, depth)
    dtype = getattr(values, "dtype", None)
    feeder.text(repr(dtype))
    plain = getattr(values, "to_numpy", None)
    if plain is not None and hasattr(dtype, "hasobject") and not getattr(dtype, "hasobject", True):
        array = plain()
        feeder.parts.append(digest_of_bytes(array.tobytes()))
    else:
        feeder.sequence(b"l", values.tolist(), depth)


def _feed_polars(feeder: Feeder, value: Any, depth: int) -> None:
    frame = value if hasattr(value, "columns") else value.to_frame()
    feeder.feed([(name, str(kind)) for name, kind in frame.schema.items()], depth)
    for column in frame.get_columns():
        feeder.sequence(b"l", column.to_list(), depth)


def _feed_arrow(feeder: Feeder, value: Any, depth: int) -> None:
    feeder.feed([(field.name, str(field.type)) for field in value.schema], depth)
    for column in value.columns:
        feeder.sequence(b"l", column.to_pylist(), depth)


_TABLE_FEEDERS = {"pandas": _feed_pandas, "polars": _feed_polars, "pyarrow": _feed_arrow}


def digest_of_bytes(content: bytes) -> bytes:
    """The 16-byte digest of some bytes."""
    return blake2b(content, digest_size=16).digest()


def digest(feeder: Feeder) -> bytes:
    """The 16-byte digest of what was fed."""
    return digest_of_bytes(b"".join(feeder.parts))


def hash_objects(*values: Any, raise_on_failure: bool = True, **named: Any) -> str | None:
    """A hash of values: 32 hexadecimal digits, the same in every process.

    Args:
        values, named: what to hash; names count, their order does not.
        raise_on_failure: give None instead of raising when a value cannot be hashed.

    Raises:
        HashError: a value has no content that could be hashed; names it.
    """
    try:
        return _hash(values, named)
    except HashError:
        if raise_on_failure:
            raise
        return None


def _hash(values: tuple[Any, ...], named: dict[str, Any]) -> str:
    feeder = ContentFeeder()
    labelled = [*((f"[{position}]", value) for position, value in enumerate(values)), *sorted(named.items())]
    for label, value in labelled:
        feeder.text(label)
        feeder.feed(value, 0)
        if feeder.opaque:
            raise _unhashable(label, value, feeder.culprit)
    return digest(feeder).hex()


def hash_inputs(inputs: dict[str, Any], scope: str) -> str:
    """A hash of a call's arguments by name, together with the name of what is called.

    Raises:
        HashError: names the argument that cannot be hashed, and what to do about it.
    """
    feeder = ContentFeeder()
    feeder.text(scope)
    for name in sorted(inputs):
        feeder.text(name)
        feeder.feed(inputs[name], 0)
        if feeder.opaque:
            raise _unhashable(repr(name), inputs[name], feeder.culprit)
    return digest(feeder).hex()


def _unhashable(label: str, value: Any, culprit: Any) -> HashError:
    kind = type(value if culprit is None else culprit)
    held = "" if culprit is None or culprit is value else f" holds a {kind.__module__}.{kind.__qualname__}, which"
    what = f"is a {kind.__module__}.{kind.__qualname__}, which" if not held else held.strip()
    return HashError(
        f"Unable to create hash: the argument {label} {what} cannot be hashed. Leave it out "
        '(cache_policy=INPUTS - "name"), make the key yourself (cache_key_fn), or do not cache (cache_policy=NO_CACHE).'
    )
