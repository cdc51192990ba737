"""`levada deployment schedule`: when deployments run by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

from levada.cli.deployment_options import schedule_fields, when_options
from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import Cell, clock_time, confirm, output_option, print_json, print_table
from levada.cli.parameters import given_parameters, text_parameters
from levada.core.errors import ObjectNotFound
from levada.wire.deployments import CronTiming, IntervalTiming, ScheduleChange, SchedulePreview

if TYPE_CHECKING:
    from levada.wire.deployments import Schedule, ScheduleSpec, Timing
    from levada.wire.verbs import Plane


@click.group("schedule", cls=Suggesting)
def schedule() -> None:
    """Make, look at, pause and delete the schedules of deployments.

    A schedule is named by its slug, or by its id.
    """


@schedule.command("create")
@click.argument("deployment")
@when_options
@click.option("--day-and", is_flag=True, help="With a day of the month and a day of the week, both must hold.")
@click.option("--slug", metavar="TEXT", help="Its name among the schedules of the deployment.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Of its runs; may be repeated.")
@click.option("--params", "object_", metavar="JSON|@FILE", help="Of its runs, as a JSON object, or a file with one.")
@click.option("--start", metavar="TIME", help="No run before: 2026-12-24T18:00, UTC unless it says otherwise.")
@click.option("--end", metavar="TIME", help="No run after.")
@click.option("--jitter", type=click.FloatRange(min=0), metavar="SECONDS", help="Runs are due up to so much later.")
@click.option("--blackout", multiple=True, metavar="DATE", help="A day on which nothing runs; may be repeated.")
@click.option(
    "--catchup",
    type=click.Choice(["none", "last", "all"]),
    help="What becomes of times at which no server was there; the last is run unless you say otherwise.",
)
@click.option("--max-active-runs", type=click.IntRange(min=1), help="Skip times at which so many have not ended.")
@click.option("--priority", type=int, help="Of its runs; that of the deployment unless given.")
@click.option("--inactive", is_flag=True, help="Let it stand still for now.")
@click.option("--replace", is_flag=True, help="Take all other schedules of the deployment away.")
@output_option
def create(
    deployment: str,
    params: tuple[str, ...],
    object_: str | None,
    inactive: bool,
    replace: bool,
    output: str,
    **given: Any,
) -> None:
    """Give a deployment one more schedule."""
    spec = _spec_of(given)
    spec.active = not inactive
    with control_plane() as plane:
        there = plane.read_deployment(deployment)
        spec.parameters = given_parameters(params, object_, text_parameters(there).__contains__, "--param")
        others = there.schedules if replace else []
        for one in others:
            if one.spec.slug == spec.slug:
                plane.delete_schedule(one.id)
        made = plane.create_schedule(deployment, spec)
        for one in others:
            if one.spec.slug != spec.slug:
                plane.delete_schedule(one.id)
    if output == "json":
        print_json(made)
        return
    following = f"its next time is {clock_time(made.next)}" if made.next else "it stands still, or its times are over"
    click.echo(f"Schedule {made.spec.slug!r} of {deployment} is made: {timing_text(made.spec.timing)}; {following}.")


@schedule.command("ls")
@click.argument("deployment")
@output_option
def ls(deployment: str, output: str) -> None:
    """List the schedules of a deployment by slug."""
    with control_plane() as plane:
        found = plane.read_deployment(deployment)
    if output == "json":
        print_json(found.schedules)
        return
    print_table(
        ["Slug", "When", "Time zone", "Next", "Catch-up", "Active"],
        [
            [
                one.spec.slug,
                timing_text(one.spec.timing),
                one.spec.timing.timezone,
                clock_time(one.next),
                one.spec.catchup,
                _standing(one, paused=found.paused),
            ]
            for one in found.schedules
        ],
        empty=f"{found.full_name} has no schedules; `levada deployment schedule create` makes one.",
    )


@schedule.command("pause")
@click.argument("deployment")
@click.argument("slug", required=False)
@click.option("--all", "every", is_flag=True, help="All schedules of the deployment.")
def pause(deployment: str, slug: str | None, every: bool) -> None:
    """Let a schedule stand still; what falls into the pause is not caught up."""
    _set_going(deployment, slug, every=every, active=False)


@schedule.command("resume")
@click.argument("deployment")
@click.argument("slug", required=False)
@click.option("--all", "every", is_flag=True, help="All schedules of the deployment.")
def resume(deployment: str, slug: str | None, every: bool) -> None:
    """Let a schedule go on from now."""
    _set_going(deployment, slug, every=every, active=True)


@schedule.command("delete")
@click.argument("deployment")
@click.argument("slug")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(deployment: str, slug: str, yes: bool) -> None:
    """Delete a schedule; the runs that it made stay."""
    with control_plane() as plane:
        (found,) = _schedules(plane, deployment, slug, every=False)
        confirm(f"Delete schedule {found.spec.slug!r} of {deployment}?", yes=yes)
        plane.delete_schedule(found.id)
    click.echo(f"Schedule {found.spec.slug!r} of {deployment} is deleted.")


@schedule.command("clear")
@click.argument("deployment")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def clear(deployment: str, yes: bool) -> None:
    """Delete all schedules of a deployment."""
    with control_plane() as plane:
        found = plane.read_deployment(deployment).schedules
        if found:
            confirm(f"Delete {len(found)} schedule{'' if len(found) == 1 else 's'} of {deployment}?", yes=yes)
        for one in found:
            plane.delete_schedule(one.id)
    click.echo(f"{deployment} has no schedules now; {len(found)} deleted.")


@schedule.command("preview")
@click.argument("deployment", required=False)
@click.argument("slug", required=False)
@when_options
@click.option("--day-and", is_flag=True, help="With a day of the month and a day of the week, both must hold.")
@click.option("--start", metavar="TIME", help="No run before.")
@click.option("--end", metavar="TIME", help="No run after.")
@click.option("--blackout", multiple=True, metavar="DATE", help="A day on which nothing runs; may be repeated.")
@click.option("--after", metavar="TIME", help="Times after this one; now unless given.")
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@output_option
def preview(deployment: str | None, slug: str | None, after: str | None, count: int, output: str, **given: Any) -> None:
    """Show the next times of a schedule: of one that a deployment has, or of one that options describe."""
    described = any(given[name] for name in ("cron", "interval", "rrule"))
    if described == (deployment is not None):
        raise click.UsageError("Name a deployment, or describe a schedule with --cron, --interval or --rrule.")
    moment = None if after is None else moment_of(after, "--after")
    with control_plane(drain=False) as plane:
        if deployment is None:
            spec = _spec_of(given)
        else:
            (found,) = _schedules(plane, deployment, slug, every=False)
            spec = found.spec
        times = plane.preview_schedule(SchedulePreview(spec=spec, after=moment, count=count))
    if output == "json":
        print_json(times)
        return
    zone = zone_of(spec)
    print_table(
        ["Time", "In UTC"],
        [[f"{one.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}", f"{one:%Y-%m-%d %H:%M:%S}"] for one in times],
        empty="No time will come.",
    )


def timing_text(timing: Timing) -> str:
    """A rule for people."""
    if isinstance(timing, CronTiming):
        return timing.cron
    if isinstance(timing, IntervalTiming):
        return f"every {timing.seconds:g} s"
    return timing.rrule.replace("\n", " ")


def moment_of(text: str, option: str, zone: tzinfo = UTC) -> datetime:
    """A moment that an option names; in the given time zone unless it says otherwise.

    Raises:
        click.UsageError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        raise click.UsageError(f"{option} {text!r} is no time; write 2026-12-24 or 2026-12-24T18:00.") from problem
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _spec_of(given: dict[str, Any]) -> ScheduleSpec:
    """The schedule that options describe.

    Raises:
        click.UsageError: they describe none.
        ConfigurationError: it cannot be used.
    """
    from levada.deployments.timing import as_spec  # lazy: it stands on all that deploys

    fields = schedule_fields(given)
    if not fields:
        raise click.UsageError("Say when: --cron, --interval or --rrule.")
    if given.get("day_and"):
        fields["day_or"] = False
    for name in ("slug", "jitter", "catchup", "max_active_runs", "priority"):
        if given.get(name) is not None:
            fields[name] = given[name]
    for name in ("start", "end"):
        if given.get(name) is not None:
            fields[name] = moment_of(given[name], f"--{name}")
    return as_spec({**fields, "blackout": list(given.get("blackout") or ())})


def _schedules(plane: Plane, deployment: str, slug: str | None, *, every: bool) -> list[Schedule]:
    """The schedules that a command means: the named one, all, or the only one."""
    found = plane.read_deployment(deployment).schedules
    if every:
        return found
    there_are = ", ".join(one.spec.slug for one in found) or "none"
    if slug is None:
        if len(found) != 1:
            raise click.UsageError(f"Say which schedule of {deployment}; there are: {there_are}.")
        return found
    named = [one for one in found if slug in (one.spec.slug, str(one.id))]
    if not named:
        raise ObjectNotFound(f"{deployment} has no schedule {slug!r}; there are: {there_are}.")
    return named


def _set_going(deployment: str, slug: str | None, *, every: bool, active: bool) -> None:
    with control_plane() as plane:
        for one in _schedules(plane, deployment, slug, every=every):
            changed = plane.change_schedule(one.id, ScheduleChange(active=active))
            what = f"goes on; its next time is {clock_time(changed.next)}" if active else "stands still"
            click.echo(f"Schedule {changed.spec.slug!r} of {deployment} {what}.")


def _standing(one: Schedule, *, paused: bool) -> Cell:
    if not one.spec.active:
        return Cell("no", "yellow")
    return Cell("deployment paused", "yellow") if paused else Cell("yes", "green")


def zone_of(spec: ScheduleSpec) -> tzinfo:
    """The time zone whose clocks a schedule follows."""
    from zoneinfo import ZoneInfo  # lazy: only previews and backfills name zones

    return ZoneInfo(spec.timing.timezone)
