"""`levada concurrency-limit`: how much of something may happen at once, and who holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import Cell, ago, confirm, id_cell, output_option, plain, print_details, print_json, print_table
from levada.core.errors import ObjectNotFound

if TYPE_CHECKING:
    from levada.wire.objects import LimitView
    from levada.wire.verbs import LimitVerbs


@contextmanager
def _limits() -> Iterator[LimitVerbs]:
    with control_plane(drain=False) as plane:
        yield plane.limits


@click.group("concurrency-limit", cls=Suggesting)
def command() -> None:
    """Make and look at concurrency limits, and who holds them.

    A limit called NAME bounds concurrency("NAME") and rate_limit("NAME"); one called tag:NAME bounds how many tasks
    of that tag run at once.
    """


@command.command("ls")
@output_option
def ls(output: str) -> None:
    """List the limits by name."""
    with _limits() as limits:
        found = limits.read_all()
    if output == "json":
        print_json([_as_json(one) for one in found])
        return
    print_table(
        ["Name", "Held", "Slots", "Active", "Decay/s"],
        [[one.name, _held(one), one.limit, _yes(one.active), one.slot_decay_per_second or ""] for one in found],
        empty="There are no concurrency limits; `levada concurrency-limit create NAME SLOTS` makes one.",
    )


@command.command("create")
@click.argument("name")
@click.argument("slots", type=click.IntRange(min=0))
@click.option("--decay", type=click.FloatRange(min=0), default=0.0, help="Slots a second that rate_limit gives back.")
@click.option("--inactive", is_flag=True, help="Let everybody pass for now.")
def create(name: str, slots: int, decay: float, inactive: bool) -> None:
    """Make a limit of so many slots."""
    with _limits() as limits:
        limits.create(name, slots, active=not inactive, decay=decay)
    click.echo(f"Concurrency limit {name!r} is made, with {slots} slot{'' if slots == 1 else 's'}.")


@command.command("inspect")
@click.argument("name")
@output_option
def inspect(name: str, output: str) -> None:
    """Show a limit, who holds it and who waits for it."""
    with _limits() as limits:
        found = limits.read(name)
    if output == "json":
        print_json(_as_json(found))
        return
    print_details(
        [
            ("Name", found.name),
            ("Slots", found.limit),
            ("Held", _held(found)),
            ("Active", _yes(found.active)),
            ("Decay/s", found.slot_decay_per_second or ""),
        ]
    )
    if found.holders:
        click.echo()
        print_table(
            ["Flow run", "Task run", "Slots", "Since", "Lease ends", "Owner"],
            [
                [
                    id_cell(holder.flow_run_id),
                    id_cell(holder.task_run_id),
                    holder.slots,
                    ago(holder.since),
                    ago(holder.expires),
                    holder.owner,
                ]
                for holder in found.holders
            ],
            empty="",
        )
    if found.waiters:
        click.echo()
        print_table(
            ["Waits: flow run", "Task run", "Slots", "Since", "Priority"],
            [
                [
                    id_cell(waiter.flow_run_id),
                    id_cell(waiter.task_run_id),
                    waiter.slots,
                    ago(waiter.since),
                    waiter.priority,
                ]
                for waiter in found.waiters
            ],
            empty="",
        )


@command.command("update")
@click.argument("name")
@click.option("--slots", type=click.IntRange(min=0), help="How many may be held.")
@click.option("--decay", type=click.FloatRange(min=0), help="Slots a second that rate_limit gives back.")
@click.option("--active/--inactive", default=None, help="Hold people back, or let everybody pass.")
def update(name: str, slots: int | None, decay: float | None, active: bool | None) -> None:
    """Change a limit. Fewer slots than are held takes nobody's away."""
    if slots is None and decay is None and active is None:
        raise click.UsageError("Say what to change: --slots, --decay, --active or --inactive.")
    with _limits() as limits:
        changed = limits.change(name, slots=slots, active=active, decay=decay)
    click.echo(f"Concurrency limit {name!r} has {changed.limit} slots{'' if changed.active else ' and is inactive'}.")


@command.command("delete")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete a limit with what is held of it."""
    with _limits() as limits:
        limits.read(name)
        confirm(f"Delete concurrency limit {name!r}?", yes=yes)
        if not limits.delete(name):
            raise ObjectNotFound(f"There is no concurrency limit {name!r}.")
    click.echo(f"Concurrency limit {name!r} is deleted.")


@command.command("reset")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def reset(name: str, yes: bool) -> None:
    """Take all slots of a limit back.

    A holder that is still at work takes its slots again when it next renews its lease, if there is room.
    """
    with _limits() as limits:
        limits.read(name)
        confirm(f"Take all slots of {name!r} back from those who hold them?", yes=yes)
        count = limits.reset(name)
    click.echo(f"{count} slot{'' if count == 1 else 's'} of {name!r} taken back.")


def _as_json(limit: LimitView) -> dict[str, object]:
    return {**plain(limit), "active_slots": limit.active_slots}


def _held(limit: LimitView) -> Cell:
    full = limit.active and limit.active_slots >= limit.limit
    return Cell(str(limit.active_slots), "yellow" if full else None)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
