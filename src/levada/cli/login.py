"""`levada server login` and `logout`: which server commands and flows of this home talk to, kept in a profile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import click

from levada.cli.output import on_terminal
from levada.core.errors import ConfigurationError, NotAuthenticated
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from levada.settings.profiles import ProfilesCollection

_USUAL = "http://127.0.0.1:4200/api"


@click.command("login")
@click.option("--url", help="Address of the server; asked for when it is not given.")
@click.option("--key", help="API key; asked for, unseen, when the server wants one and it is not given.")
@click.option("--profile", "name", metavar="NAME", help="Keep it in this profile, made when there is none, and use it.")
def login(url: str | None, key: str | None, name: str | None) -> None:
    """Use a server: check that it answers and knows the key, and keep both in a profile.

    From then on flows of this home report to it and commands ask it. Only the owner of the home can read the profile.
    """
    settings = get_current_settings()
    if url is None:
        url = click.prompt("Address of the server", default=settings.api.url or _USUAL) if on_terminal() else None
    if url is None:
        raise click.UsageError("Say which server: --url http://HOST:4200/api.")
    url = _address(url)
    who = _who(url, key, settings.api.request_timeout)
    if not who.get("known"):
        if not on_terminal():
            raise NotAuthenticated(f"{url} wants to know who asks; give a key with --key.")
        key = click.prompt("API key", hide_input=True)
        who = _who(url, key, settings.api.request_timeout)
    if key is not None and who.get("kind") == "anonymous":
        click.echo(f"{url} asks nobody for a key, so it is kept but was not checked.", err=True)
    profile = _keep(url, key, name)
    known = f" as {who['name']!r}" if who.get("name") else ""
    scopes = ", ".join(who.get("scopes") or ()) or "nothing"
    click.echo(f"Logged in to {url}{known}; allowed: {scopes}. Kept in profile {profile!r}.")
    _tell_of_environment()


@click.command("logout")
def logout() -> None:
    """Use no server any more: take its address and key out of the profile that holds here.

    The key stays good for whoever else has it; `levada server api-key revoke` ends it.
    """
    from levada.settings.profiles import load_current_profile, update_current_profile  # lazy: loads a TOML parser

    current = load_current_profile()
    kept = {} if current is None else current.settings
    there = [one for one in ("api.url", "api.key", "api.auth_string") if one in kept]
    if current is None or not there:
        raise ConfigurationError("Nobody is logged in: no profile that holds here names a server or a key.")
    update_current_profile(dict.fromkeys(there))
    click.echo(
        f"Logged out of {kept.get('api.url', 'the server')}; runs are recorded in the home again. "
        "What was recorded for the server and has not reached it yet: `levada journal ship`."
    )
    _tell_of_environment()


def _address(text: str) -> str:
    """The address of the API, from what a person gives: with a scheme, and with /api when there is no path.

    Raises:
        click.UsageError: it is none.
    """
    parts = urlsplit(text if "//" in text else f"http://{text}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.UsageError(f"{text!r} is no address of a server; it is like {_USUAL}.")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/api", "", ""))


def _who(url: str, key: str | None, timeout: float) -> dict[str, Any]:
    """As whom the server knows a key.

    Raises:
        NotAuthenticated: it does not know the key.
        ServerUnavailable: it does not answer.
    """
    from levada.client.http import Transport  # lazy: `--help` needs no connections

    transport = Transport(url, key=key, timeout=min(timeout, 15.0), max_retries=1, version=__version__)
    try:
        return transport.ask("GET", "/session", dict[str, Any])
    except NotAuthenticated as problem:
        raise NotAuthenticated(
            f"{url} does not know this key. It may be mistyped, expired or revoked; on the server's machine "
            "`levada server api-key create NAME` makes another. Nothing was changed here."
        ) from problem
    finally:
        transport.close()


def _keep(url: str, key: str | None, name: str | None) -> str:
    """Write address and key into a profile; its name."""
    from levada.settings import profiles as stored  # lazy: loads a TOML parser

    if name is None:
        return stored.update_current_profile({"api.url": url, "api.key": key, "api.auth_string": None}).name
    there_are: ProfilesCollection = stored.load_profiles()
    values = dict(there_are[name].settings) if name in there_are else {}
    values.pop("api.auth_string", None)
    values.pop("api.key", None)
    values["api.url"] = url
    if key is not None:
        values["api.key"] = key
    stored.save_profiles(there_are.with_profile(stored.Profile(name, values)).using(name))
    return name


def _tell_of_environment() -> None:
    """Warn when the environment outvotes the profile."""
    for variable in ("LEVADA_API_URL", "LEVADA_API_KEY", "LEVADA_API_AUTH_STRING", "LEVADA_PROFILE"):
        if os.environ.get(variable):
            click.echo(f"{variable} is set in this environment and counts before the profile.", err=True)
