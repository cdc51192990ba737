"""`levada work-queue`: the queues of a work pool, and the runs in them."""

from __future__ import annotations

from typing import Any

import click

from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import confirm, output_option, print_details, print_json, print_table
from levada.cli.work_pool import NO_LIMIT, limit_text, print_queued, waiting_text
from levada.wire.pools import DEFAULT_AGENT_POOL, QueueChange, QueueSpec, WorkQueue

_pool = click.option(
    "-p", "--pool", metavar="NAME", default=DEFAULT_AGENT_POOL, show_default=True, help="The work pool."
)


@click.group("work-queue", cls=Suggesting)
def command() -> None:
    """Make, look at, pause and limit the queues of a work pool; that of priority 1 is served first."""


@command.command("ls")
@click.option("-p", "--pool", metavar="NAME", help="Only of this work pool.")
@output_option
def ls(pool: str | None, output: str) -> None:
    """List queues, in the order in which they are served."""
    with control_plane(drain=False) as plane:
        pools = plane.read_work_pools() if pool is None else [plane.read_work_pool(pool)]
    found = [queue for one in pools for queue in one.queues]
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Pool", "Name", "Priority", "Waiting", "Active", "Limit", "Paused"],
        [
            [
                one.pool,
                one.spec.name,
                one.spec.priority,
                waiting_text(one.waiting),
                one.active,
                limit_text(one.spec.slots),
                "yes" if one.spec.paused else "",
            ]
            for one in found
        ],
        empty="There are no work queues; `levada work-pool create NAME` makes a pool with one.",
    )


@command.command("create")
@click.argument("name")
@_pool
@click.option("--priority", type=click.IntRange(min=1), default=1, show_default=True, help="1 is served first.")
@click.option("-l", "--limit", "slots", type=click.IntRange(min=0), help="How many of its runs may execute at once.")
@click.option("-d", "--description", help="What it is for.")
@click.option("--paused", is_flag=True, help="Give nothing out for now.")
def create(name: str, pool: str, **fields: Any) -> None:
    """Make a queue of a pool."""
    with control_plane(drain=False) as plane:
        plane.create_work_queue(pool, QueueSpec(name=name, **fields))
    click.echo(f"Work pool {pool!r} has a queue {name!r} now.")


@command.command("inspect")
@click.argument("name")
@_pool
@output_option
def inspect(name: str, pool: str, output: str) -> None:
    """Show a queue."""
    with control_plane(drain=False) as plane:
        found = plane.read_work_queue(pool, name)
    if output == "json":
        print_json(found)
        return
    spec = found.spec
    print_details(
        [
            ("Name", spec.name),
            ("Pool", found.pool),
            ("Description", spec.description),
            ("Priority", spec.priority),
            ("Waiting", waiting_text(found.waiting)),
            ("Active", found.active),
            ("Limit", limit_text(spec.slots)),
            ("Paused", "yes" if spec.paused else "no"),
        ]
    )


@command.command("set-priority")
@click.argument("name")
@click.argument("priority", type=click.IntRange(min=1))
@_pool
def set_priority(name: str, priority: int, pool: str) -> None:
    """Serve a queue earlier or later; 1 is served first."""
    _change(name, pool, QueueChange(priority=priority), f"has priority {priority}")


@command.command("pause")
@click.argument("name")
@_pool
def pause(name: str, pool: str) -> None:
    """Give nothing of a queue out; what was taken goes on."""
    _change(name, pool, QueueChange(paused=True), "is paused")


@command.command("resume")
@click.argument("name")
@_pool
def resume(name: str, pool: str) -> None:
    """Give runs of a queue out again."""
    _change(name, pool, QueueChange(paused=False), "gives runs out")


@command.command("set-concurrency-limit")
@click.argument("name")
@click.argument("slots", type=click.IntRange(min=0))
@_pool
def set_limit(name: str, slots: int, pool: str) -> None:
    """Let at most so many runs of a queue execute at once."""
    _change(name, pool, QueueChange(slots=slots), f"lets {slots} run{'' if slots == 1 else 's'} execute at once")


@command.command("clear-concurrency-limit")
@click.argument("name")
@_pool
def clear_limit(name: str, pool: str) -> None:
    """Let any number of runs of a queue execute at once."""
    _change(name, pool, QueueChange(slots=NO_LIMIT), "has no limit")


@command.command("delete")
@click.argument("name")
@_pool
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(name: str, pool: str, yes: bool) -> None:
    """Delete a queue; runs that wait in it go to the default queue of the pool."""
    with control_plane(drain=False) as plane:
        plane.read_work_queue(pool, name)
        confirm(f"Delete queue {name!r} of work pool {pool!r}?", yes=yes)
        plane.delete_work_queue(pool, name)
    click.echo(f"Queue {name!r} of work pool {pool!r} is deleted.")


@command.command("read-runs")
@click.argument("name")
@_pool
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@output_option
def read_runs(name: str, pool: str, limit: int, output: str) -> None:
    """Show the runs that wait in a queue, in the order in which they would be taken."""
    with control_plane(drain=False) as plane:
        runs = plane.queued_runs(pool, name, limit)
    if output == "json":
        print_json(runs)
        return
    print_queued(runs, f"Nothing waits in queue {name!r} of work pool {pool!r}.")


def _change(name: str, pool: str, change: QueueChange, said: str) -> WorkQueue:
    with control_plane(drain=False) as plane:
        changed = plane.change_work_queue(pool, name, change)
    click.echo(f"Queue {name!r} of work pool {pool!r} {said}.")
    return changed
