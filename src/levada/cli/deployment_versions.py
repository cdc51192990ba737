"""Verbs of `levada deployment` about versions: what was deployed when, which is live, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from msgspec import json

from levada.cli.home import control_plane
from levada.cli.output import ago, output_option, print_json, print_table
from levada.core.errors import ObjectNotFound

if TYPE_CHECKING:
    from levada.wire.deployments import DeploymentVersion

_SHOWN = 12


@click.command("versions")
@click.argument("name")
@output_option
def versions(name: str, output: str) -> None:
    """List what was deployed under a name, the newest first."""
    with control_plane(drain=False) as plane:
        found = plane.read_versions(name)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Version", "Live", "Label", "Code", "Commit", "By", "When"],
        [
            [
                one.number,
                "live" if one.live else None,
                one.spec.version,
                (one.spec.code.digest or "")[:_SHOWN],
                _commit(one),
                one.created_by,
                ago(one.created),
            ]
            for one in found
        ],
        empty="It has no versions.",
    )


@click.command("promote")
@click.argument("name")
@click.argument("number", type=click.IntRange(min=1))
def promote(name: str, number: int) -> None:
    """Have new runs execute version NUMBER. Runs that exist keep theirs."""
    with control_plane(drain=False) as plane:
        changed = plane.promote_version(name, number)
    click.echo(f"Version {changed.live} of {changed.full_name} is live.")


@click.command("rollback")
@click.argument("name")
def rollback(name: str) -> None:
    """Have new runs execute the version before the live one. Runs that exist keep theirs."""
    with control_plane(drain=False) as plane:
        found = plane.read_versions(name)
        live = _live(found)
        before = [one.number for one in found if one.number < live.number]
        if not before:
            raise click.ClickException(f"Version {live.number} is live, and there is none before it.")
        changed = plane.promote_version(name, before[0])
    click.echo(f"Version {changed.live} of {changed.full_name} is live again.")


@click.command("diff")
@click.argument("name")
@click.argument("before", type=click.IntRange(min=1), required=False)
@click.argument("after", type=click.IntRange(min=1), required=False)
@output_option
def diff(name: str, before: int | None, after: int | None, output: str) -> None:
    """Show where two versions differ: the live one and that before it unless BEFORE and AFTER are given."""
    from levada.client.differences import differences  # lazy: only this verb needs it

    with control_plane(drain=False) as plane:
        found = plane.read_versions(name)
    new = _numbered(found, after) if after is not None else _live(found)
    older = [one for one in found if one.number < new.number]
    if before is None and not older:
        raise click.ClickException(f"There is no version before {new.number}.")
    old = _numbered(found, before) if before is not None else older[0]
    changes = differences(old.spec, new.spec)
    if output == "json":
        print_json([change._asdict() for change in changes])
        return
    print_table(
        ["What", f"Version {old.number}", f"Version {new.number}"],
        [[change.path, _value(change.before), _value(change.after)] for change in changes],
        empty=f"Versions {old.number} and {new.number} are the same.",
    )


def _live(found: list[DeploymentVersion]) -> DeploymentVersion:
    return next(one for one in found if one.live)


def _numbered(found: list[DeploymentVersion], number: int) -> DeploymentVersion:
    for one in found:
        if one.number == number:
            return one
    raise ObjectNotFound(f"There is no version {number}; there are {', '.join(str(one.number) for one in found)}.")


def _commit(version: DeploymentVersion) -> str:
    code = version.spec.code
    return f"{(code.commit or '')[:_SHOWN]}{'+' if code.commit and code.dirty else ''}"


def _value(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.encode(value).decode()
