"""Looking into values: what is in a nesting of collections, and the same nesting with something else in its place.

Lists, tuples, sets, dictionaries (keys too), dataclasses, pydantic models and annotations are looked into, to any depth
and through cycles; generators, mocks and other objects are left alone, and so is what stands in `quote`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from levada.annotations import BaseAnnotation, opaque, quote

__all__ = ["ATOMS", "find", "replace"]

Kinds = type | tuple[type, ...]


class _Shape(NamedTuple):
    """How values of one type are taken apart and put together again."""

    parts: Callable[[Any], list[Any]]
    rebuild: Callable[[Any, list[Any]], Any]


ATOMS = frozenset({int, float, bool, str, bytes, complex, type(None), UUID})
"""Exact types that contain nothing and are never replaced."""


def find(value: Any, kinds: Kinds) -> list[Any]:
    """Every object of these types inside a value, each once; what is found is not looked into."""
    if value.__class__ in ATOMS:
        return []
    found: list[Any] = []
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if item.__class__ in ATOMS or id(item) in seen:
            continue
        if isinstance(item, kinds):
            seen.add(id(item))
            found.append(item)
            continue
        shape = _shape_of(item.__class__)
        if shape is not None:
            seen.add(id(item))
            parts = shape.parts(item)
            if not ATOMS.issuperset(map(type, parts)):
                parts.reverse()  # so that they leave the stack in their order
                stack += parts
    return found


def replace(value: Any, swap: Callable[[Any], Any], kinds: Kinds) -> Any:
    """The same value with every object of these types replaced by `swap(object)`.

    Collections are copied only where something in them changed; a value without any such object is given back as it
    is. A collection that contains itself contains the original in the copy.
    """
    if isinstance(value, kinds):
        return swap(value)
    found = find(value, kinds)
    if not found:
        return value
    new: dict[int, Any] = {id(item): swap(item) for item in found}
    for container, shape, parts in _containers(value, kinds):
        replaced = [new.get(id(part), part) for part in parts]
        if any(after is not before for after, before in zip(replaced, parts, strict=True)):
            new[id(container)] = shape.rebuild(container, replaced)
    return new.get(id(value), value)


def _containers(value: Any, kinds: Kinds) -> list[tuple[Any, _Shape, list[Any]]]:
    """Every collection inside a value with its parts, the inner ones first."""
    ordered: list[tuple[Any, _Shape, list[Any]]] = []
    seen: set[int] = set()
    stack: list[tuple[Any, tuple[Any, _Shape, list[Any]] | None]] = [(value, None)]
    while stack:
        item, opened = stack.pop()
        if opened is not None:
            ordered.append(opened)
            continue
        if item.__class__ in ATOMS or id(item) in seen or isinstance(item, kinds):
            continue
        shape = _shape_of(item.__class__)
        if shape is None:
            continue
        seen.add(id(item))
        parts = shape.parts(item)
        if not ATOMS.issuperset(map(type, parts)):
            stack.append((item, (item, shape, parts)))
            stack += [(part, None) for part in parts]
    return ordered


_SHAPES: dict[type, _Shape | None] = {}
_MOST_SHAPES = 4096


def _shape_of(kind: type) -> _Shape | None:
    try:
        return _SHAPES[kind]
    except KeyError:
        if len(_SHAPES) >= _MOST_SHAPES:  # a program that makes classes without end must not be held in memory
            _SHAPES.clear()
        shape = _SHAPES[kind] = _shape_for(kind)
        return shape


def _shape_for(kind: type) -> _Shape | None:
    if issubclass(kind, BaseAnnotation):
        return None if issubclass(kind, quote) else _OPAQUE if issubclass(kind, opaque) else _ANNOTATION
    if issubclass(kind, dict):
        return _Shape(lambda value: [*value, *value.values()], _rebuild_dict)
    if issubclass(kind, list):
        return _Shape(list, _rebuild_list)
    if issubclass(kind, tuple):
        return _Shape(list, lambda value, parts: tuple.__new__(value.__class__, parts))
    if issubclass(kind, (set, frozenset)):
        return _Shape(list, _rebuild_set)
    if hasattr(kind, "model_fields") and hasattr(kind, "model_copy"):
        return _Shape(lambda value: list(_model_fields(value).values()), _rebuild_model)
    if hasattr(kind, "__dataclass_fields__"):
        return _Shape(lambda value: list(_data_fields(value).values()), _rebuild_dataclass)
    return None


_ANNOTATION = _Shape(lambda value: [value.unwrap()], lambda value, parts: value.rewrap(parts[0]))
# What is directly in it is looked at, and not looked into.
_OPAQUE = _Shape(
    lambda value: [value.unwrap()] if _shape_of(value.unwrap().__class__) is None else [], _ANNOTATION.rebuild
)


def _rebuild_dict(value: dict[Any, Any], parts: list[Any]) -> Any:
    half = len(parts) // 2
    pairs = dict(zip(parts[:half], parts[half:], strict=True))
    if value.__class__ is dict:
        return pairs
    copied = copy.copy(value)  # keeps a defaultdict's factory and the like
    copied.clear()
    copied.update(pairs)
    return copied


def _rebuild_list(value: list[Any], parts: list[Any]) -> Any:
    if value.__class__ is list or getattr(value, "plain_when_rebuilt", False):
        return parts
    copied = copy.copy(value)
    copied[:] = parts
    return copied


def _rebuild_set(value: Any, parts: list[Any]) -> Any:
    if isinstance(value, frozenset) or value.__class__ is set:
        return value.__class__(parts)
    copied = copy.copy(value)
    copied.clear()
    copied.update(parts)
    return copied


def _data_fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__ if hasattr(value, name)}


def _rebuild_dataclass(value: Any, parts: list[Any]) -> Any:
    copied = copy.copy(value)
    for name, part in zip(_data_fields(value), parts, strict=True):
        object.__setattr__(copied, name, part)  # also for frozen ones; the copy belongs to nobody yet
    return copied


def _model_fields(value: Any) -> dict[str, Any]:
    return {**value.__dict__, **(value.__pydantic_extra__ or {})}


def _rebuild_model(value: Any, parts: list[Any]) -> Any:
    return value.model_copy(update=dict(zip(_model_fields(value), parts, strict=True)))
