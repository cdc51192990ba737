"""Which task run made which object, so that a value passed on draws an edge in the run's graph.

Known by object identity. Weak references where the type allows; small built-in containers are held for a while
(the newest 1,024), so that a recycled id never draws a false edge. Numbers, strings and other plain immutables are not
tracked: equal ones are shared all over a program. Edges are for the graph and for ``--from``; what a call *is* depends
on its inputs' content alone.
"""

from __future__ import annotations

import sys
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any
from weakref import ref

_UNTRACKED = frozenset({int, float, bool, str, bytes, complex, type(None), type(Ellipsis), type})
_SHARED = (Enum, type, FunctionType, ModuleType)
"""What a program has one of, whoever returns it."""

_HELD = 1024
_HELD_BYTES = 64 * 1024
_LOOK_INTO = 64


class Lineage:
    """The producers of live objects of one flow run."""

    __slots__ = ("_strong", "_weak")

    def __init__(self) -> None:
        self._strong: dict[int, tuple[Any, bytes]] = {}
        self._weak: dict[int, tuple[ref[Any], bytes]] = {}

    def remember(self, value: Any, producer: bytes) -> None:
        """Note that a task run returned this object, and the objects directly inside it."""
        if value.__class__ in _UNTRACKED:
            return
        self._remember_one(value, producer)
        if type(value) in (list, tuple) and len(value) <= _LOOK_INTO:
            for item in value:
                if item.__class__ not in _UNTRACKED:
                    self._remember_one(item, producer)
        elif type(value) is dict and len(value) <= _LOOK_INTO:
            for item in value.values():
                if item.__class__ not in _UNTRACKED:
                    self._remember_one(item, producer)

    def _remember_one(self, value: Any, producer: bytes) -> None:
        if isinstance(value, _SHARED) or (type(value) in (tuple, frozenset) and not value):
            return  # the empty ones are shared like small numbers
        key = id(value)
        try:
            self._weak[key] = (ref(value, lambda _, gone=key: self._weak.pop(gone, None)), producer)  # type: ignore[misc]
        except TypeError:
            if sys.getsizeof(value) > _HELD_BYTES:
                return
            strong = self._strong
            strong.pop(key, None)
            strong[key] = (value, producer)
            if len(strong) > _HELD:
                strong.pop(next(iter(strong)), None)

    def producer_of(self, value: Any) -> bytes | None:
        """The task run that returned this object, if it is known."""
        key = id(value)
        held = self._strong.get(key)
        if held is not None:
            return held[1]
        weak = self._weak.get(key)
        return weak[1] if weak is not None and weak[0]() is value else None
