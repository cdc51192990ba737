"""`levada artifact`: what runs showed to people."""

from __future__ import annotations

from typing import Any

import click

from levada.cli.home import control_plane, find_flow_run, found_by
from levada.cli.main import Suggesting
from levada.cli.output import ago, clock_time, confirm, id_cell, output_option, print_details, print_json, print_table
from levada.wire.filters import ArtifactQuery


@click.group("artifact", cls=Suggesting)
def command() -> None:
    """Look at artifacts, and delete them.

    An artifact is named by its key (then the latest of that key is meant), its id, or the beginning of its id.
    """


@command.command("ls")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only those of this key; may be repeated.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only those of this type; may be repeated.")
@click.option("--flow-run", metavar="RUN", help="Only those of this flow run.")
@click.option("--latest", is_flag=True, help="Only the latest of each key.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "all_", is_flag=True, help="All of them.")
@output_option
def ls(
    keys: tuple[str, ...],
    types: tuple[str, ...],
    flow_run: str | None,
    latest: bool,
    limit: int,
    all_: bool,
    output: str,
) -> None:
    """List artifacts, newest first."""
    query = ArtifactQuery(keys=list(keys) or None, types=list(types) or None, latest_of_key=latest)
    with control_plane() as plane:
        if flow_run is not None:
            query.flow_run_ids = [find_flow_run(plane, flow_run).id]
        found = found_by(plane.read_artifacts, query, None if all_ else limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["ID", "Key", "Type", "Updated", "Description"],
        [[id_cell(one.id), one.key, one.type, ago(one.updated), _first_line(one.description)] for one in found],
        empty="There are no artifacts like that.",
    )


@command.command("inspect")
@click.argument("artifact")
@output_option
def inspect(artifact: str, output: str) -> None:
    """Show an artifact with its data."""
    with control_plane() as plane:
        found = plane.read_artifact(artifact)
    if output == "json":
        print_json(found)
        return
    print_details(
        [
            ("Key", found.key),
            ("ID", found.id),
            ("Type", found.type),
            ("Description", found.description),
            ("Created", clock_time(found.created)),
            ("Updated", clock_time(found.updated)),
            ("Flow run", found.flow_run_id),
            ("Task run", found.task_run_id),
        ]
    )
    click.echo()
    _show_data(found.type, found.data)


@command.command("delete")
@click.argument("artifact")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(artifact: str, yes: bool) -> None:
    """Delete one artifact. An older one of the same key becomes the latest again."""
    with control_plane() as plane:
        found = plane.read_artifact(artifact)
        title = f"{found.type} artifact {found.key or found.id}"
        confirm(f"Delete {title}?", yes=yes)
        plane.delete_artifact(found.id)
    click.echo(f"{title[0].upper()}{title[1:]} is deleted.")


def _show_data(kind: str, data: Any) -> None:
    if kind == "table" and isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        columns = list(dict.fromkeys(name for row in data for name in row))
        print_table(columns, [[row.get(name) for name in columns] for row in data], empty="")
    elif isinstance(data, str):
        click.echo(data)
    else:
        print_json(data)


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0] if lines else ""
