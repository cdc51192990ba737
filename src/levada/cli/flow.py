"""`levada flow`: which flows there are; serving one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from levada.cli.deployment_options import add_parameters, entry_of, what_options, when_options
from levada.cli.home import control_plane, pages
from levada.cli.main import Suggesting
from levada.cli.output import ago, output_option, print_json, print_table, state_cell


@click.group("flow", cls=Suggesting)
def command() -> None:
    """Look at flows: all runs of one name; serve one."""


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


@command.command("serve")
@click.argument("entrypoint", metavar="FILE:FLOW")
@click.option("-n", "--name", required=True, metavar="NAME", help="What the deployment is called.")
@when_options
@what_options
@click.option("--limit", type=click.IntRange(min=1), help="How many runs at once; any number unless given.")
@click.option(
    "--pause-on-shutdown/--no-pause-on-shutdown",
    default=True,
    show_default=True,
    help="Whether its schedules stand still after the end.",
)
def serve(entrypoint: str, name: str, limit: int | None, pause_on_shutdown: bool, **given: Any) -> None:
    """Deploy a flow, and execute its runs in this process, until Ctrl-C."""
    from levada.projects import Planned, Project  # lazy: usage errors need none of it
    from levada.projects.deploying import make  # lazy: as above
    from levada.serving import serve as served  # lazy: as above

    entry = {"name": name, "entrypoint": entrypoint, **entry_of(given)}
    deployment = make([Planned(Project(Path.cwd() / "levada.yaml", {}), (), entry)])[0]
    add_parameters(deployment, given)
    served(deployment, pause_on_shutdown=pause_on_shutdown, limit=limit)
