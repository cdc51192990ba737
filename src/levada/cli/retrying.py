"""`levada flow-run retry`: ended runs of deployments, taken up again by the workers of their pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from levada.cli.home import control_plane, find_flow_run
from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.wire.objects import FlowRun
    from levada.wire.verbs import Plane


@click.command("retry")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--latest", is_flag=True, help="With the live version of the deployment in place of the run's own.")
@click.option("--watch", is_flag=True, help="Follow the run until it ends; exit code 1 unless it completed.")
def retry(runs: tuple[str, ...], latest: bool, watch: bool) -> None:
    """Have workers execute ended runs again; what a run has completed is not executed again.

    For runs of work pools. Other runs go on here: `levada flow-run resume`.
    """
    if watch and len(runs) > 1:
        raise click.UsageError("One run can be watched at a time.")
    with control_plane() as plane:
        found = [find_flow_run(plane, name) for name in runs]
        for run in found:
            _retry(plane, run, latest=latest)
        if watch:
            from levada.cli.watching import watch as follow  # lazy: only this option needs it

            follow(plane, plane.read_flow_run(found[0].id), None)


def _retry(plane: Plane, run: FlowRun, *, latest: bool) -> None:
    pool = run.work_pool_name
    if pool is None:
        raise ConfigurationError(
            f"Flow run {run.name!r} is of no work pool, so no worker would take it. To run it again here: "
            f"levada flow-run resume {run.id}"
        )
    decision = plane.retry_flow_run(run.id, latest=latest)
    if decision.status != "accept":
        raise ConfigurationError(f"Flow run {run.name!r} is not scheduled again: {decision.reason}")
    number = plane.read_flow_run(run.id).deployment_version
    version = "" if number is None else f", with version {number} of its deployment"
    click.echo(f"Flow run {run.name!r} is scheduled again in work pool {pool!r}{version}.")
