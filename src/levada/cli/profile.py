"""`levada profile`: named sets of settings, of which one is active."""

from __future__ import annotations

import click

from levada.cli.main import Suggesting
from levada.cli.output import Cell, confirm, output_option, print_json, print_table
from levada.core.errors import ConfigurationError, ObjectAlreadyExists
from levada.core.settings import names, setting
from levada.settings.profiles import Profile, load_profiles, save_profiles


@click.group("profile", cls=Suggesting)
def command() -> None:
    """Keep named sets of settings, and choose one."""


@command.command("ls")
@output_option
def ls(output: str) -> None:
    """List the profiles of this home."""
    profiles = load_profiles()
    if output == "json":
        print_json(
            [
                {"name": one.name, "active": one.name == profiles.active, "settings": len(one.settings)}
                for one in profiles.profiles.values()
            ]
        )
        return
    print_table(
        ["Name", "Active", "Settings"],
        [
            [one.name, Cell("*" if one.name == profiles.active else "", "green"), len(one.settings)]
            for one in profiles.profiles.values()
        ],
        empty="There are no profiles; `levada profile create NAME` makes one.",
    )


@command.command("create")
@click.argument("name")
@click.option("--from", "origin", metavar="PROFILE", help="Start with the settings of this profile.")
def create(name: str, origin: str | None) -> None:
    """Make a profile. The first one becomes active."""
    profiles = load_profiles()
    if name in profiles:
        raise ObjectAlreadyExists(f"There is a profile {name!r} already.")
    if not name.strip():
        raise click.UsageError("A profile needs a name.")
    settings = dict(profiles[origin].settings) if origin is not None else {}
    first = not profiles.profiles
    after = profiles.with_profile(Profile(name, settings))
    save_profiles(after.using(name) if first else after)
    click.echo(
        f"Profile {name!r} is made{' and active' if first else f'; `levada profile use {name}` makes it active'}."
    )


@command.command("use")
@click.argument("name")
def use(name: str) -> None:
    """Make a profile the active one."""
    save_profiles(load_profiles().using(name))
    click.echo(f"Profile {name!r} is active.")


@command.command("inspect")
@click.argument("name", required=False)
@click.option("--show-secrets", is_flag=True, help="Show keys and passwords in full.")
@output_option
def inspect(name: str | None, show_secrets: bool, output: str) -> None:
    """Show the settings of a profile; of the active one when no name is given."""
    profiles = load_profiles()
    name = name or profiles.active
    if name is None:
        raise ConfigurationError("No profile is active; name one.")
    shown = {
        key: "********" if key in names() and setting(key).secret and not show_secrets else value
        for key, value in profiles[name].settings.items()
    }
    if output == "json":
        print_json({"name": name, "active": name == profiles.active, "settings": shown})
    else:
        print_table(["Setting", "Value"], list(shown.items()), empty=f"Profile {name!r} sets nothing.")


@command.command("rename")
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a profile another name."""
    profiles = load_profiles()
    if new_name in profiles:
        raise ObjectAlreadyExists(f"There is a profile {new_name!r} already.")
    after = profiles.with_profile(Profile(new_name, profiles[name].settings)).without_profile(name)
    save_profiles(after.using(new_name) if profiles.active == name else after)
    click.echo(f"Profile {name!r} is now {new_name!r}.")


@command.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete a profile with its settings."""
    profiles = load_profiles()
    _ = profiles[name]
    confirm(f"Delete profile {name!r}?", yes=yes)
    save_profiles(profiles.without_profile(name))
    click.echo(f"Profile {name!r} is deleted.")
