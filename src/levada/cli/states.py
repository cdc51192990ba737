"""Choosing runs by their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from levada.core.states import NAMES_BY_TYPE, StateType

Command = TypeVar("Command", bound=Callable[..., Any])

_KNOWN = {name.casefold(): name for names in NAMES_BY_TYPE.values() for name in names}


def state_options(command: Command) -> Command:
    """Give a command `--state NAME` and `--state-type TYPE`."""
    by_type = click.option(
        "--state-type",
        "state_types",
        multiple=True,
        type=click.Choice([kind.value for kind in StateType], case_sensitive=False),
        help="Only runs of this kind of state; may be repeated.",
    )
    by_name = click.option(
        "--state",
        "states",
        multiple=True,
        metavar="NAME",
        help="Only runs in this state, e.g. Failed or TimedOut; may be repeated.",
    )
    return by_name(by_type(command))


def matching_states(states: tuple[str, ...], state_types: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a query that stand for what was asked for."""
    return {
        "state_names": [_KNOWN.get(name.casefold(), name) for name in states] or None,
        "state_types": [StateType(kind.upper()) for kind in state_types] or None,
    }
