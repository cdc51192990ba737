"""`levada config`: what is set, by whom, and how to change it."""

from __future__ import annotations

import sys
from typing import Any

import click

from levada.cli.main import Suggesting
from levada.cli.output import output_option, print_json, print_table
from levada.core.errors import ConfigurationError
from levada.core.precedence import problems
from levada.core.settings import catalogue, dotted, setting, suggestion
from levada.settings import get_current_settings, refresh_settings
from levada.settings.sources import place, read_layers, with_profile


@click.group("config", cls=Suggesting)
def command() -> None:
    """Show and change settings.

    Sources, highest first: environment (LEVADA_...), .env, levada.toml, pyproject.toml ([tool.levada]), the profile,
    the default.
    """


@command.command("view")
@click.option("--show-defaults", is_flag=True, help="Also show settings that nobody changed.")
@click.option("--show-sources/--hide-sources", default=True, show_default=True, help="Say where each value comes from.")
@click.option("--show-secrets", is_flag=True, help="Show keys and passwords in full.")
@output_option
def view(show_defaults: bool, show_sources: bool, show_secrets: bool, output: str) -> None:
    """Show the settings that hold here."""
    settings = get_current_settings()
    shown: dict[str, dict[str, Any]] = {}
    for one in catalogue():
        source = settings.source(one.name)
        if source.kind != "default" or show_defaults:
            value = settings.value(one.name)
            hidden = one.secret and not show_secrets and value is not None
            shown[one.name] = {"value": "********" if hidden else value, "source": str(source)}
    if output == "json":
        print_json(shown if show_sources else {name: entry["value"] for name, entry in shown.items()})
        return
    columns = ["Setting", "Value", "Source"] if show_sources else ["Setting", "Value"]
    rows = [[name, _as_text(entry["value"]), entry["source"]][: len(columns)] for name, entry in shown.items()]
    print_table(columns, rows, empty="Every setting has its default; --show-defaults shows them.")


@command.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...")
def set_(settings: tuple[str, ...]) -> None:
    """Write settings into the profile that holds here.

    Names are dotted (tasks.default_retries) or those of the environment (LEVADA_TASKS_DEFAULT_RETRIES).
    """
    from levada.settings.profiles import update_current_profile  # lazy: loads a TOML parser

    updates: dict[str, Any] = {}
    for assignment in settings:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{assignment!r} is no NAME=VALUE.")
        updates[dotted(name)] = value
    profile = update_current_profile(updates)
    for name in updates:
        value = "********" if setting(name).secret else _as_text(profile.settings[name])
        click.echo(f"{name} = {value} (profile {profile.name!r})")
    _tell_what_still_wins(updates)


@command.command("unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def unset(names: tuple[str, ...]) -> None:
    """Take settings out of the profile that holds here."""
    from levada.settings.profiles import load_current_profile, update_current_profile  # lazy: loads a TOML parser

    profile = load_current_profile()
    wanted = {dotted(name): None for name in names}
    missing = [name for name in wanted if profile is None or name not in profile.settings]
    if profile is None or missing:
        where = f"profile {profile.name!r}" if profile is not None else "a profile; none is active"
        raise ConfigurationError(f"{', '.join(missing)} is not set in {where}.")
    update_current_profile(wanted)
    for name in wanted:
        click.echo(f"{name} is not set any more (profile {profile.name!r})")
    _tell_what_still_wins(wanted)


@command.command("validate")
def validate() -> None:
    """Check every source: values that do not fit, and names that are no settings.

    Values that do not fit fail the check; unknown names are warnings.
    """
    reading = with_profile(read_layers())
    wrong = [problem for layer in reading.layers for problem in problems(layer, place)]
    for source, names in reading.unknown.items():
        for name in names:
            click.echo(f"warning: {name} ({source}) is no setting of Levada.{suggestion(name)}", err=True)
    for problem in wrong:
        click.echo(f"error: {problem}", err=True)
    if wrong:
        sys.exit(1)
    unknown = sum(len(names) for names in reading.unknown.values())
    checked = sum(len(layer.values) for layer in reading.layers)
    click.echo(f"Settings given: {checked}; every one fits. Unknown names: {unknown}.")


def _tell_what_still_wins(names: dict[str, Any]) -> None:
    refresh_settings()
    settings = get_current_settings()
    for name in names:
        source = settings.source(name)
        if source.kind not in {"profile", "default"}:
            click.echo(f"Note: {name} is also set by {source}, which wins over the profile.", err=True)


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)
