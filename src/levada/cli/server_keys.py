"""`levada server api-key`: keys for the API, made on the server's own machine or, with LEVADA_API_URL, through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from levada.cli.main import Suggesting
from levada.cli.output import Cell, ago, clock_time, confirm, output_option, print_json, print_table
from levada.core.errors import ObjectNotFound
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from levada.wire.objects import ApiKeyView
    from levada.wire.verbs import Administration

_SCOPES = ("*", "read", "write", "ingest", "admin")


@click.group("api-key", cls=Suggesting)
def api_key() -> None:
    """Make, list and revoke keys for the API.

    On the server's machine this works on its database, also when no server runs. Where LEVADA_API_URL names a server,
    that is asked, and the key that LEVADA_API_KEY holds must have the scope `admin`.
    """


@api_key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    help="What the key is good for; repeatable. `ingest` is what flows need that report. Default: everything.",
)
@click.option("--expires-in", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Days until it ends.")
@output_option
def create(name: str, scopes: tuple[str, ...], expires_in: float | None, output: str) -> None:
    """Make a key called NAME, and print its text: this once, for only its digest is kept."""
    expires = None if expires_in is None else datetime.now(UTC) + timedelta(days=expires_in)
    with _administration() as plane:
        key, text = plane.create_api_key(name, scopes or ("*",), expires)
    if output == "json":
        print_json({"key": key, "text": text})
        return
    click.echo(text)
    click.echo(
        f"This is the key {name!r} for {', '.join(key.scopes)}"
        f"{'' if expires is None else f', until {clock_time(expires)}'}. It is not shown again. "
        "Programs use it as LEVADA_API_KEY.",
        err=True,
    )


@api_key.command("ls")
@output_option
def ls(output: str) -> None:
    """List the keys, newest first; their text is nowhere."""
    with _administration() as plane:
        found = plane.read_api_keys()
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Key", "Begins", "Scopes", "State", "Made", "Last used", "Id"],
        [
            [
                one.name,
                f"{one.prefix}…",
                " ".join(one.scopes),
                _state(one),
                ago(one.created),
                ago(one.last_used),
                one.id,
            ]
            for one in found
        ],
        empty="There are no keys. `levada server api-key create NAME` makes one.",
    )


@api_key.command("revoke")
@click.argument("key")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def revoke(key: str, yes: bool) -> None:
    """Make a key useless. KEY is its name, its id, or how its text begins."""
    with _administration() as plane:
        found = _find(plane.read_api_keys(), key)
        confirm(f"Revoke the key {found.name!r} ({found.prefix}…)?", yes=yes)
        plane.revoke_api_key(found.id)
    click.echo(f"The key {found.name!r} opens nothing any more; servers know within five seconds.")


def _find(keys: list[ApiKeyView], text: str) -> ApiKeyView:
    live = [one for one in keys if one.revoked is None]
    matching = [one for one in live if text in {one.name, str(one.id), one.prefix} or text.startswith(one.prefix)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ObjectNotFound(f"Several keys could be meant by {text!r}; name one by its id.")
    raise ObjectNotFound(f"There is no key {text!r} that could be revoked; `levada server api-key ls` lists them.")


def _state(key: ApiKeyView) -> Cell:
    if key.revoked is not None:
        return Cell("revoked", "red")
    if key.expires is not None and key.expires <= datetime.now(UTC):
        return Cell("expired", "yellow")
    return Cell("good" if key.expires is None else f"good until {clock_time(key.expires)}", "green")


@contextmanager
def _administration() -> Iterator[Administration]:
    from levada.client.places import plane_of  # lazy: `--help` needs no database

    with plane_of(get_current_settings(), version=__version__) as plane:
        yield plane
