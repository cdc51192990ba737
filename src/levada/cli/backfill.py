"""`levada backfill`: run deployments over ranges of times gone by."""

from __future__ import annotations

import time
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

import click

from levada.cli.deployment_schedule import moment_of, zone_of
from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import Cell, ago, clock_time, id_cell, output_option, print_details, print_json, print_table
from levada.cli.parameters import given_parameters, text_parameters
from levada.core.errors import ObjectNotFound
from levada.wire.deployments import NewBackfill

if TYPE_CHECKING:
    from levada.wire.deployments import Backfill, Deployment
    from levada.wire.verbs import Plane

_COLORS = {"running": "blue", "paused": "yellow", "completed": "green", "cancelled": "yellow"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ENDED = ("completed", "cancelled")
_WHICH: Final[tuple[tuple[Literal["all", "missing", "failed"], str], ...]] = (
    ("all", "every_time"),
    ("missing", "missing"),
    ("failed", "only_failed"),
)


class Starting(Suggesting):
    """A group in which `levada backfill DEPLOYMENT …` stands for `levada backfill start DEPLOYMENT …`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; what has a slash, or is followed by a range, is a deployment."""
        known = self.get_command(ctx, args[0]) is not None
        if not known and ("/" in args[0] or any(arg.partition("=")[0] == "--from" for arg in args)):
            args = ["start", *args]
        return super().resolve_command(ctx, args)


@click.group("backfill", cls=Starting)
def command() -> None:
    """Run a deployment over a range of times gone by, a few at a time.

    `levada backfill etl/nightly --from 2026-01-01 --to 2026-02-01` is short for `levada backfill start …`.
    """


@command.command("start")
@click.argument("deployment")
@click.option("--from", "start", required=True, metavar="TIME", help="First time: 2026-01-31T18:00, see above.")
@click.option("--to", "end", required=True, metavar="TIME", help="End of the range; not in it.")
@click.option("--schedule", metavar="SLUG", help="Whose times it takes; the only schedule unless given.")
@click.option("--every", metavar="SPAN", help="Times so far apart in place of a schedule's: 30s, 10m, 2h, 1d.")
@click.option("--all", "every_time", is_flag=True, help="All times, those with runs too.")
@click.option("--missing", is_flag=True, help="Only times without a run; so it is unless you say otherwise.")
@click.option("--only-failed", is_flag=True, help="Only times whose last run did not complete.")
@click.option(
    "--max-concurrency", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Runs open at once."
)
@click.option("--newest-first", is_flag=True, help="Begin with the end of the range.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Of its runs; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.option("--watch", is_flag=True, help="Follow it until it ends; exit code 1 when a run did not complete.")
@output_option
def start_(deployment: str, params: tuple[str, ...], watch: bool, output: str, **given: Any) -> None:
    """Start a backfill of a deployment.

    Times without an offset are in the time zone of the schedule whose times are taken, and UTC with --every.
    """
    chosen = [which for which, flag in _WHICH if given[flag]]
    if len(chosen) > 1:
        raise click.UsageError("--all, --missing and --only-failed exclude each other; give one.")
    with control_plane() as plane:
        there = plane.read_deployment(deployment)
        zone = UTC if given["every"] is not None else _zone_of(there, given["schedule"])
        new = NewBackfill(
            start=moment_of(given["start"], "--from", zone),
            end=moment_of(given["end"], "--to", zone),
            schedule=given["schedule"],
            every=None if given["every"] is None else _seconds(given["every"]),
            which=chosen[0] if chosen else "missing",
            max_concurrency=given["max_concurrency"],
            newest_first=given["newest_first"],
            parameters=given_parameters(params, None, text_parameters(there).__contains__, "--param"),
            dry_run=given["dry_run"],
        )
        made = plane.start_backfill(there.id, new)
        if watch and not new.dry_run and output != "json":
            _follow(plane, made)
            return
    if output == "json":
        print_json(made)
    elif new.dry_run:
        _show_preview(made)
    elif made.state == "completed":
        click.echo(f"There is nothing to run: no time between {given['start']} and {given['end']} is {new.which}.")
    else:
        click.echo(f"Backfill {made.id}: {made.total} runs, {new.max_concurrency} at a time.")


@command.command("ls")
@click.argument("deployment", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@output_option
def ls(deployment: str | None, limit: int, output: str) -> None:
    """List backfills, the newest first."""
    with control_plane() as plane:
        found = plane.read_backfills(deployment, limit)
        names = _names(plane, found) if output != "json" else {}
    if output == "json":
        print_json(found)
        return
    print_table(
        ["ID", "Deployment", "From", "To", "State", "Times", "Completed", "Failed", "Started"],
        [
            [
                id_cell(one.id),
                names.get(one.deployment_id, one.deployment_id),
                clock_time(one.spec.start),
                clock_time(one.spec.end),
                Cell(one.state, _COLORS.get(one.state, "")),
                one.total,
                one.completed,
                one.failed or "",
                ago(one.created),
            ]
            for one in found
        ],
        empty="There are no backfills; `levada backfill DEPLOYMENT --from TIME --to TIME` starts one.",
    )


@command.command("inspect")
@click.argument("backfill", type=click.UUID)
@output_option
def inspect(backfill: UUID, output: str) -> None:
    """Show a backfill and how far it is."""
    with control_plane() as plane:
        found = plane.read_backfill(backfill)
        names = _names(plane, [found])
    if output == "json":
        print_json(found)
        return
    print_details(
        [
            ("ID", found.id),
            ("Deployment", names.get(found.deployment_id, found.deployment_id)),
            ("From", clock_time(found.spec.start)),
            ("To", clock_time(found.spec.end)),
            ("Times of", found.spec.schedule or (f"every {found.spec.every:g} s" if found.spec.every else "")),
            ("Which", found.spec.which),
            ("State", Cell(found.state, _COLORS.get(found.state, ""))),
            ("Times", found.total),
            ("Made", found.made),
            ("Completed", found.completed),
            ("Failed", found.failed),
            ("At once", found.spec.max_concurrency),
            ("Started", ago(found.created)),
            ("By", found.created_by),
        ]
    )


@command.command("watch")
@click.argument("backfill", type=click.UUID)
def watch_(backfill: UUID) -> None:
    """Follow a backfill until it ends; exit code 1 when a run of it did not complete."""
    with control_plane() as plane:
        _follow(plane, plane.read_backfill(backfill))


@command.command("pause")
@click.argument("backfill", type=click.UUID)
def pause(backfill: UUID) -> None:
    """Make no new runs of a backfill; those there are go on."""
    _steer(backfill, "pause")


@command.command("resume")
@click.argument("backfill", type=click.UUID)
def resume(backfill: UUID) -> None:
    """Let a paused backfill go on."""
    _steer(backfill, "resume")


@command.command("cancel")
@click.argument("backfill", type=click.UUID)
def cancel(backfill: UUID) -> None:
    """End a backfill; those of its runs that nobody has begun are cancelled."""
    _steer(backfill, "cancel")


def _zone_of(deployment: Deployment, slug: str | None) -> tzinfo:
    """The time zone of the schedule whose times a backfill takes; UTC when none can be meant, and then none begins."""
    found = [one.spec for one in deployment.schedules if slug is None or slug in (one.spec.slug, str(one.id))]
    return zone_of(found[0]) if len(found) == 1 else UTC


def _steer(backfill: UUID, action: str) -> None:
    with control_plane() as plane:
        found = plane.steer_backfill(backfill, action)
    click.echo(f"Backfill {found.id} is {found.state}: {found.made} of {found.total} runs made.")


def _follow(plane: Plane, found: Backfill) -> None:
    """Say how far a backfill is whenever that changes, until it ends."""
    told = None
    while True:
        now = (found.state, found.made, found.completed, found.failed)
        if now != told:
            told = now
            failed = f", {found.failed} failed" if found.failed else ""
            click.echo(f"{found.state}: {found.completed} of {found.total} completed{failed}")
        if found.state in _ENDED:
            break
        time.sleep(1.0)
        found = plane.read_backfill(found.id)
    if found.failed or found.state == "cancelled":
        raise SystemExit(1)


def _show_preview(found: Backfill) -> None:
    click.echo(f"{found.total} runs would be made.")
    for moment in found.examples:
        click.echo(f"  {moment:%Y-%m-%d %H:%M:%S} UTC")
    if found.total > len(found.examples):
        click.echo(f"  … and {found.total - len(found.examples)} more")


def _names(plane: Plane, found: list[Backfill]) -> dict[UUID, str]:
    names: dict[UUID, str] = {}
    for deployment in {one.deployment_id for one in found}:
        try:
            names[deployment] = plane.read_deployment(deployment).full_name
        except ObjectNotFound:
            names[deployment] = "(deleted)"
    return names


def _seconds(text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError as problem:
        raise click.UsageError(f"--every {text!r} is no span of time; write 30s, 10m, 2h or 1d.") from problem
