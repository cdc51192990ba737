"""Placeholders in steps and project files: ``{{ step-id.key }}``, ``{{ $VARIABLE }}``, ``{{ levada.variables.name }}``.

A text that is nothing but one placeholder takes the type of what stands for it; one inside a text becomes text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from levada.core.errors import ConfigurationError

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_VARIABLES = ("levada.variables.", "prefect.variables.")
_BLOCKS = ("levada.blocks.", "prefect.blocks.")

LEFT = object()
"""What a finder gives for a name that it does not know: the placeholder stays as it is."""

Find = Callable[[str], Any]


def fill(value: Any, find: Find) -> Any:
    """A value with its placeholders filled, at any depth of dicts and lists.

    Args:
        value: text, dict, list, or anything else, which stays as it is.
        find: gives what a name stands for, or `LEFT`.
    """
    if isinstance(value, Mapping):
        return {fill(key, find): fill(item, find) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(item, find) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole is not None:
        found = find(whole[1])
        return value if found is LEFT else found

    def put(match: re.Match[str]) -> str:
        found = find(match[1])
        return match[0] if found is LEFT else "" if found is None else str(found)

    return _PLACEHOLDER.sub(put, value)


def from_environment(name: str) -> Any:
    """What ``$NAME`` stands for.

    Raises:
        ConfigurationError: there is no such environment variable.
    """
    if not name.startswith("$"):
        return LEFT
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
        return LEFT
    from levada.variables import Variable  # lazy: few values name variables, and they are asked of the control plane

    wanted, *parts = name.removeprefix(beginning).split(".")
    found = Variable.get(wanted, default=LEFT)
    if found is LEFT:
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
    return LEFT


def first_of(*finds: Find) -> Find:
    """A finder that asks several, until one knows."""

    def find(name: str) -> Any:
        for one in finds:
            found = one(name)
            if found is not LEFT:
                return found
        return LEFT

    return find


RUN_TIME: Find = first_of(from_environment, from_variables, refuse_blocks)
"""What a process that runs steps knows."""


def expand(value: Any) -> Any:
    """A value with variables and environment put in place, as a process that runs steps does it."""
    return fill(value, RUN_TIME)
