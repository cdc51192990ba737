"""Parameters of a flow as people write them on a command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import DecodeError, json

if TYPE_CHECKING:
    from levada.wire.deployments import Deployment


def given_parameters(
    pairs: Iterable[str], object_: str | None, is_text: Callable[[str], bool], option: str = "-p"
) -> dict[str, Any]:
    """The parameters that options name.

    Args:
        pairs: ``NAME=VALUE``; a value that is JSON is taken as JSON.
        object_: a JSON object, or ``@`` and a file with one; pairs go over it.
        is_text: whether a parameter is text, so that `-p code=007` stays what it is.
        option: what the pairs were given with, for the message.

    Raises:
        click.UsageError: they are not written so.
    """
    parameters = _from_object(object_)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {pair!r} is no NAME=VALUE.")
        parameters[name] = text if is_text(name) else _parsed(text)
    return parameters


def text_parameters(deployment: Deployment) -> set[str]:
    """Parameters of a deployment that are text, whatever their value looks like."""
    known = (deployment.spec.parameter_schema or {}).get("properties") or {}
    return {name for name, schema in known.items() if isinstance(schema, dict) and _is_text(schema)}


def _is_text(schema: dict[str, Any]) -> bool:
    if schema.get("type") == "string":
        return True
    parts = schema.get("anyOf") or ()
    return bool(parts) and {str(part.get("type")) for part in parts if isinstance(part, dict)} == {"string", "null"}


def _from_object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        content = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        found = json.decode(content)
    except OSError as error:
        raise click.UsageError(f"--params: {text[1:]} cannot be read: {error.strerror}.") from error
    except DecodeError as error:
        raise click.UsageError(f"--params is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"--params must be a JSON object, not {type(found).__name__}.")
    return found


def _parsed(text: str) -> Any:
    try:
        return json.decode(text.encode())
    except DecodeError:
        return text
