"""`levada deployment build` and `apply`: deployments in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from levada.cli.deployment_options import (
    add_parameters,
    entry_of,
    pool_of,
    schedule_fields,
    what_options,
    when_options,
    where_options,
)
from levada.cli.home import control_plane
from levada.cli.output import output_option, print_json
from levada.wire.deployments import SchedulePreview
from levada.wire.pools import DEFAULT_AGENT_POOL


@click.command("build")
@click.argument("entrypoint", metavar="FILE:FLOW")
@click.option("-n", "--name", required=True, metavar="NAME", help="What the deployment is called.")
@where_options
@when_options
@what_options
@click.option("--override", "overrides", multiple=True, metavar="NAME=VALUE", help="The same as --job-variable.")
@click.option("--output", "target", metavar="PATH", help="File to write; FLOW-deployment.yaml unless given.")
@click.option("--apply", "at_once", is_flag=True, help="Deploy it, too.")
@click.option("--skip-upload", is_flag=True, hidden=True, help="Not looked at: nothing is uploaded.")
def build(entrypoint: str, name: str, target: str | None, at_once: bool, **given: Any) -> None:
    """Write a deployment of a flow into a file, to be read, changed, and applied.

    Without -p its runs go to the pool default-agent-pool, which everybody has.
    """
    from levada.deployments.registering import next_steps, register  # lazy: usage errors need none of it
    from levada.deployments.timing import as_spec  # lazy: as above
    from levada.projects import Planned, Project  # lazy: as above
    from levada.projects.deploying import make  # lazy: as above

    given["variables"] = (*given["variables"], *given.pop("overrides"))
    entry = {"name": name, "entrypoint": entrypoint, **entry_of(given)}
    entry["work_pool"] = {"name": DEFAULT_AGENT_POOL, **pool_of(given)}
    if entry.get("schedules"):
        with control_plane(drain=False) as plane:  # what cannot be a schedule is told now, and not by `apply`
            plane.preview_schedule(SchedulePreview(spec=as_spec(schedule_fields(given)), count=1))
    deployment = make([Planned(Project(Path.cwd() / "levada.yaml", {}), (), entry)])[0]
    add_parameters(deployment, given)
    function = deployment.entrypoint.rpartition(":")[2].rpartition(".")[2]
    path = Path(target or f"{function}-deployment.yaml")
    deployment.to_yaml(path)
    click.echo(f"Deployment {deployment.full_name!r} is in {path}. To deploy it: levada deployment apply {path}")
    if at_once:
        with control_plane(drain=False) as plane:
            click.echo(next_steps(register([deployment], plane)))


@click.command("apply")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--upload", is_flag=True, hidden=True, help="Not looked at: code elsewhere is fetched by steps.")
@output_option
def apply(paths: tuple[str, ...], upload: bool, output: str) -> None:
    """Deploy what files say that `levada deployment build` wrote."""
    from levada.deployments.deployment import Deployment  # lazy: usage errors need none of it
    from levada.deployments.registering import next_steps, register  # lazy: as above

    del upload
    deployments = [Deployment.load_from_yaml(path) for path in paths]
    with control_plane(drain=False) as plane:
        taken = register(deployments, plane)
    if output == "json":
        print_json(taken)
    else:
        click.echo(next_steps(taken))
