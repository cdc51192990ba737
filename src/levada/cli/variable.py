"""`levada variable`: small named values that flows and people share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from msgspec import DecodeError, json

from levada.cli.home import control_plane, pages
from levada.cli.main import Suggesting
from levada.cli.output import ago, confirm, output_option, print_details, print_json, print_table
from levada.core.errors import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada.wire.objects import VariableView
    from levada.wire.verbs import VariableVerbs


@contextmanager
def _variables() -> Iterator[VariableVerbs]:
    with control_plane(drain=False) as plane:
        yield plane.variables


@click.group("variable", cls=Suggesting)
def command() -> None:
    """Read and write variables: small named values that flows and people share."""


@command.command("ls")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
@output_option
def ls(limit: int, output: str) -> None:
    """List the variables by name."""
    with _variables() as variables:
        found = pages(variables.page, limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Name", "Value", "Tags", "Updated"],
        [[one.name, _shortened(one.value), ",".join(one.tags), ago(one.updated)] for one in found],
        empty="There are no variables; `levada variable set NAME VALUE` makes one.",
    )


@command.command("get")
@click.argument("name")
def get(name: str) -> None:
    """Print the value of a variable: text as it is, anything else as JSON."""
    value = _read(name).value
    click.echo(value if isinstance(value, str) else json.encode(value).decode())


@command.command("inspect")
@click.argument("name")
@output_option
def inspect(name: str, output: str) -> None:
    """Show everything about a variable."""
    found = _read(name)
    if output == "json":
        print_json(found)
        return
    print_details(
        [
            ("Name", found.name),
            ("Value", json.encode(found.value).decode()),
            ("Tags", ", ".join(found.tags)),
            ("Created", ago(found.created)),
            ("Updated", ago(found.updated)),
        ]
    )


@command.command("set")
@click.argument("name")
@click.argument("value")
@click.option("--text", is_flag=True, help="Take the value as text even if it is JSON (a number, a list, ...).")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be given several times.")
@click.option("--overwrite", is_flag=True, help="Replace the value of a variable that is there.")
def set_(name: str, value: str, text: bool, tags: tuple[str, ...], overwrite: bool) -> None:
    """Give a variable a value. What is JSON is taken as JSON, everything else as text."""
    with _variables() as variables:
        if not overwrite and variables.get(name) is not None:
            raise click.ClickException(f"Variable {name!r} exists already; --overwrite replaces its value.")
        variables.set(name, value if text else _parsed(value), list(tags) or None, overwrite=overwrite)
    click.echo(f"Variable {name!r} is set.")


@command.command("unset")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def unset(name: str, yes: bool) -> None:
    """Remove a variable."""
    _read(name)
    confirm(f"Remove variable {name!r}?", yes=yes)
    with _variables() as variables:
        variables.unset(name)
    click.echo(f"Variable {name!r} is removed.")


def _read(name: str) -> VariableView:
    with _variables() as variables:
        found = variables.get(name)
    if found is None:
        raise ObjectNotFound(f"There is no variable {name!r}; `levada variable ls` lists them.")
    return found


def _parsed(text: str) -> Any:
    try:
        return json.decode(text.encode())
    except DecodeError as problem:
        if text.lstrip().startswith(("{", "[", '"')):
            click.echo(
                f"The value looks like JSON but is none ({problem}), so it is kept as text; --text says so on purpose.",
                err=True,
            )
        return text


def _shortened(value: Any) -> str:
    text = value if isinstance(value, str) else json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
