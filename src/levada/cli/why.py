"""`levada why`: the reason a run is where it is."""

from __future__ import annotations

import click

from levada.cli.home import control_plane, find_any_run
from levada.cli.output import output_option, print_json


@click.command("why")
@click.argument("run")
@output_option
def command(run: str, output: str) -> None:
    """Say why a flow run or task run is where it is, and what can be done about it.

    RUN is an id, the beginning of one, or a name.
    """
    with control_plane() as plane:
        answer = plane.why(find_any_run(plane, run).id)
    if output == "json":
        print_json(answer)
        return
    click.echo(f"{answer.state}: {answer.summary}")
    for reason in answer.reasons:
        click.echo(f"  - {reason}")
    if answer.next_steps:
        click.echo("What can be done:")
        for step in answer.next_steps:
            click.echo(f"  - {step}")
