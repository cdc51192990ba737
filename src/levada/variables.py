"""Variables: small named values that flows and people share.

A variable is read and written in the store, at the moment of the call; it is not part of a run's record. Use a
parameter for what decides a run's outcome, and a variable for what changes between runs.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from levada.orchestration import get_client
from levada.wire.objects import VariableView

__all__ = ["Variable"]


class Variable(Struct):
    """A named value: anything JSON can hold, at most 5,000 characters of it.

    Attributes:
        name: lowercase letters, digits, dashes and underscores, at most 255.
        value: the value.
        tags: words to find it by.
    """

    name: str
    value: Any
    tags: list[str] = field(default_factory=list)

    @classmethod
    def get(cls, name: str, default: Any = None) -> Any:
        """The value of a variable, or `default` when there is none of that name."""
        with get_client(sync_client=True) as client:
            found = client.read_variable_by_name(name)
        return default if found is None else found.value

    @classmethod
    async def aget(cls, name: str, default: Any = None) -> Any:
        """`get`, for async code; the store is read in a thread."""
        async with get_client() as client:
            found = await client.read_variable_by_name(name)
        return default if found is None else found.value

    @classmethod
    def set(cls, name: str, value: Any, tags: list[str] | None = None, overwrite: bool = False) -> Variable:
        """Give a variable a value.

        Args:
            name: lowercase letters, digits, dashes and underscores, at most 255.
            value: anything JSON can hold, at most 5,000 characters of it.
            tags: words to find it by; with `overwrite`, None keeps those it has.
            overwrite: replace the value of a variable that is there.

        Raises:
            ValueError: there is a variable of that name and `overwrite` is not set, the name or the size is wrong.
            TypeError: JSON cannot hold the value.
        """
        with get_client(sync_client=True) as client:
            return cls._of(client.set_variable(name, value, tags, overwrite=overwrite))

    @classmethod
    async def aset(cls, name: str, value: Any, tags: list[str] | None = None, overwrite: bool = False) -> Variable:
        """`set`, for async code; the store is written in a thread."""
        async with get_client() as client:
            return cls._of(await client.set_variable(name, value, tags, overwrite=overwrite))

    @classmethod
    def unset(cls, name: str) -> bool:
        """Remove a variable; False when there was none of that name."""
        with get_client(sync_client=True) as client:
            return client.delete_variable_by_name(name)

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """`unset`, for async code; the store is written in a thread."""
        async with get_client() as client:
            return await client.delete_variable_by_name(name)

    @classmethod
    def _of(cls, found: VariableView) -> Variable:
        return cls(found.name, found.value, found.tags)
