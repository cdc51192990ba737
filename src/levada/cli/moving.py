"""`levada flow-run move`: another priority, or another queue, for runs that wait."""

from __future__ import annotations

import click

from levada.cli.home import control_plane


@click.command("move")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--priority", type=int, help="Higher ones of a queue are taken first.")
@click.option("-q", "--queue", metavar="NAME", help="Another queue of the same work pool.")
def move(runs: tuple[str, ...], priority: int | None, queue: str | None) -> None:
    """Give runs that wait in a work pool another priority or queue."""
    if priority is None and queue is None:
        raise click.UsageError("Say where to: --priority or --queue.")
    with control_plane(drain=False) as plane:
        for run in runs:
            moved = plane.move_in_queue(run, priority, queue)
            click.echo(f"{moved.name}: queue {moved.work_queue_name!r}, priority {moved.priority}.")
