"""Placeholders in steps and project files: ``{{ step-id.key }}``, ``{{ $VARIABLE }}``, ``{{ levada.variables.name }}``.

`levada.core.templates` says how they are filled; here is what the names stand for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from levada.core.errors import ConfigurationError
from levada.core.templates import MISSING, fill

_VARIABLES = ("levada.variables.", "prefect.variables.")
_BLOCKS = ("levada.blocks.", "prefect.blocks.")

Find = Callable[[str], Any]
"""What a name stands for; `MISSING` when it does not know the name."""


def filled(value: Any, find: Find) -> Any:
    """A value with its placeholders filled, at any depth; names that nobody knows stay as they are."""

    def known(name: str) -> Any:
        found = find(name)
        return f"{{{{ {name} }}}}" if found is MISSING else found

    return fill(value, known)


def from_environment(name: str) -> Any:
    """What ``$NAME`` stands for.

    Raises:
        ConfigurationError: there is no such environment variable.
    """
    if not name.startswith("$"):
        return MISSING
    if name[1:] not in os.environ:
        raise ConfigurationError(f"The environment variable {name[1:]} is named as {{{{ {name} }}}}, and is not set.")
    return os.environ[name[1:]]


def from_variables(name: str) -> Any:
    """What ``levada.variables.NAME`` stands for; its parts may be named, too.

    Raises:
        ConfigurationError: there is no such variable.
    """
    beginning = next((one for one in _VARIABLES if name.startswith(one)), None)
    if beginning is None:
        return MISSING
    from levada.variables import Variable  # lazy: few values name variables, and they are asked of the control plane

    wanted, *parts = name.removeprefix(beginning).split(".")
    found = Variable.get(wanted, default=MISSING)
    if found is MISSING:
        raise ConfigurationError(f"There is no variable {wanted!r}; `levada variable set {wanted} VALUE` makes it.")
    return within(found, parts, name)


def within(value: Any, parts: list[str], name: str) -> Any:
    """A part of a value, by keys and positions.

    Raises:
        ConfigurationError: it has no such part.
    """
    for part in parts:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ConfigurationError(f"{{{{ {name} }}}}: there is no {part!r} in it.") from None
    return value


def refuse_blocks(name: str) -> Any:
    """An error for blocks, which are not there yet.

    Raises:
        ConfigurationError: the name is that of a block.
    """
    if name.startswith(_BLOCKS):
        raise ConfigurationError(
            f"{{{{ {name} }}}} names a block, and this version of Levada has none. Keep plain values in variables "
            "({{ levada.variables.NAME }}) and secrets in the environment ({{ $NAME }})."
        )
    return MISSING


def first_of(*finds: Find) -> Find:
    """A finder that asks several, until one knows."""

    def find(name: str) -> Any:
        for one in finds:
            found = one(name)
            if found is not MISSING:
                return found
        return MISSING

    return find


RUN_TIME: Find = first_of(from_environment, from_variables, refuse_blocks)
"""What a process that runs steps knows."""


def expand(value: Any) -> Any:
    """A value with variables and environment put in place, as a process that runs steps does it."""
    return filled(value, RUN_TIME)
