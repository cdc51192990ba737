"""Wrappers that an author puts around an argument to say how Levada is to treat it.

======================  =====================================================================================
`unmapped(value)`       `map` gives the whole value to every call instead of spreading it
`allow_failure(future)` run even when that upstream failed, and pass its exception
`quote(value)`          do not look inside: no dependency tracking, no resolving of futures
`opaque(future)`        resolve the outermost future, and do not look inside its result
`freeze(value)`         a parameter of a deployment that runs may not override
======================  =====================================================================================
"""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar, final

T = TypeVar("T")

__all__ = ["BaseAnnotation", "NotSet", "Quote", "allow_failure", "freeze", "opaque", "quote", "unmapped"]


@final
class NotSet:
    """Stands for a value that was not given, where None is a value. Used as the class itself, never made."""


class BaseAnnotation(Generic[T]):
    """A value with a remark on it. Two annotations are equal when remark and value are.

    Attributes:
        value: what was annotated.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def unwrap(self) -> T:
        """The annotated value."""
        return self.value

    def rewrap(self, value: T) -> Self:
        """The same remark on another value."""
        return type(self)(value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value,)


class unmapped(BaseAnnotation[T]):  # noqa: N801 - used like a function, under the name authors know
    """Give the whole value to every call of a `map`."""

    __slots__ = ()

    def __getitem__(self, _: object) -> T:
        return self.value


class allow_failure(BaseAnnotation[T]):  # noqa: N801
    """Run although this upstream failed; the parameter then holds its exception.

    Crashed and cancelled upstreams are not accepted.
    """

    __slots__ = ()


class quote(BaseAnnotation[T]):  # noqa: N801
    """Pass the value as it is: nothing looks inside it for futures, so no dependency is recorded either.

    Saves the walk through a large collection.
    """

    __slots__ = ()

    def unquote(self) -> T:
        """The quoted value."""
        return self.value


class Quote(quote[T]):
    """The older spelling of `quote`."""

    __slots__ = ()


class opaque(BaseAnnotation[T]):  # noqa: N801
    """Resolve the outermost future or state, and do not look inside its result."""

    __slots__ = ()


class freeze(BaseAnnotation[T]):  # noqa: N801
    """A parameter value of a deployment that its runs may not override."""

    __slots__ = ()

    def unfreeze(self) -> T:
        """The frozen value."""
        return self.value
