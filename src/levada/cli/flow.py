"""`levada flow`: which flows there are."""

from __future__ import annotations

import click

from levada.cli.home import control_plane, pages
from levada.cli.main import Suggesting
from levada.cli.output import ago, output_option, print_json, print_table, state_cell


@click.group("flow", cls=Suggesting)
def command() -> None:
    """Look at flows: all runs of one name."""


@command.command("ls")
@click.option("--name", metavar="TEXT", help="Only those whose name contains this.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
@output_option
def ls(name: str | None, limit: int, output: str) -> None:
    """List the flows that ever ran, by name."""
    with control_plane() as plane:
        found = pages(lambda size, cursor: plane.read_flows(name_like=name, limit=size, cursor=cursor), limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Name", "Runs", "Last run", "Last state"],
        [
            [
                one.name,
                one.runs,
                ago(one.last_run),
                state_cell(one.last_state and one.last_state.upper(), one.last_state),
            ]
            for one in found
        ],
        empty="No flow ran here yet; `levada run FILE` runs one.",
    )
