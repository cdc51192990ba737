"""`levada deployment`: look at deployments, run them, pause them, choose their versions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct, json, to_builtins

from levada.cli.deployment_files import apply, build
from levada.cli.deployment_schedule import schedule
from levada.cli.deployment_versions import diff, promote, rollback, versions
from levada.cli.home import control_plane, pages
from levada.cli.main import Suggesting
from levada.cli.output import (
    Cell,
    ago,
    clock_time,
    confirm,
    output_option,
    print_details,
    print_json,
    print_table,
    state_cell,
)
from levada.cli.parameters import given_parameters, text_parameters
from levada.core.errors import RequestInvalid
from levada.wire.deployments import CronTiming, DeploymentChange, DeploymentQuery, IntervalTiming, NewDeploymentRun

if TYPE_CHECKING:
    from levada.wire.deployments import Deployment, Schedule
    from levada.wire.objects import FlowRun

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group("deployment", cls=Suggesting)
def command() -> None:
    """Look at deployments; run, pause, schedule and delete them, and choose their versions.

    A deployment is named by flow/name, by its name when only one is called so, or by its id.
    """


for _verb in (build, apply, schedule, versions, promote, rollback, diff):
    command.add_command(_verb)


@command.command("ls")
@click.option("--flow-name", "flows", multiple=True, metavar="NAME", help="Only of this flow; may be repeated.")
@click.option("--pool", "pools", multiple=True, metavar="NAME", help="Only in this work pool; may be repeated.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only with this tag; may be repeated.")
@click.option("--name", metavar="TEXT", help="Only those whose flow/name contains this.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many.")
@output_option
def ls(
    flows: tuple[str, ...], pools: tuple[str, ...], tags: tuple[str, ...], name: str | None, limit: int, output: str
) -> None:
    """List deployments by flow and name."""

    def query(size: int, cursor: str | None) -> DeploymentQuery:
        return DeploymentQuery(
            flow_names=list(flows) or None,
            pools=list(pools) or None,
            tags=list(tags) or None,
            name_like=name,
            limit=size,
            cursor=cursor,
        )

    with control_plane() as plane:
        found = pages(lambda size, cursor: plane.read_deployments(query(size, cursor)), limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Name", "Schedule", "Pool", "Version", "Last run", "Status"],
        [
            [
                one.full_name,
                "; ".join(map(schedule_text, one.schedules)),
                _place(one),
                one.live,
                state_cell(one.last_state_type, one.last_state_name) if one.last_run is not None else None,
                _status(one),
            ]
            for one in found
        ],
        empty="There are no deployments; `levada deploy FILE:FLOW` makes one."
        if query(1, None) == DeploymentQuery(limit=1)
        else "No deployment is like that.",
    )


@command.command("inspect")
@click.argument("name")
@output_option
def inspect(name: str, output: str) -> None:
    """Show everything about a deployment."""
    with control_plane() as plane:
        found = plane.read_deployment(name)
    if output == "json":
        print_json(found)
        return
    print_details(_details(found))
    if found.schedules:
        click.echo()
        print_table(
            ["Schedule", "When", "Next", "Active"],
            [
                [one.spec.slug, schedule_text(one), clock_time(one.next), "yes" if one.spec.active else "no"]
                for one in found.schedules
            ],
            empty="",
        )


@command.command("run")
@click.argument("name")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--params", "object_", metavar="JSON|@FILE", help="Parameters as a JSON object, or a file with one.")
@click.option("--idempotency-key", metavar="TEXT", help="Asking again with the same one gives the same run.")
@click.option("--start-in", metavar="SPAN", help="Start later: 30s, 10m, 2h, 1d.")
@click.option("--start-at", metavar="TIME", help="Start at a time: 2026-12-24T18:00, local unless it says otherwise.")
@click.option(
    "--name", "run_name", metavar="TEXT", help="What the run is called; {flow_name} and parameters filled in."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Another tag of the run; may be repeated.")
@click.option("--job-variable", "variables", multiple=True, metavar="NAME=VALUE", help="For this run; may be repeated.")
@click.option("-q", "--queue", metavar="NAME", help="Another queue of its work pool.")
@click.option("--priority", type=int, help="Higher ones of a queue are taken first.")
@click.option("--retries", type=click.IntRange(min=0), help="Of the flow, for this run.")
@click.option("--version", "number", type=click.IntRange(min=1), help="Another version than the live one.")
@click.option("--watch", is_flag=True, help="Follow logs and states until it ends; exit code 1 unless it completed.")
@click.option("--watch-timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give --watch up after so long.")
@output_option
def run(
    name: str,
    params: tuple[str, ...],
    object_: str | None,
    variables: tuple[str, ...],
    start_in: str | None,
    start_at: str | None,
    watch: bool,
    watch_timeout: float | None,
    output: str,
    **given: Any,
) -> None:
    """Make a run of a deployment, which a worker of its pool takes."""
    if watch and output == "json":
        raise click.UsageError("Either --watch or -o json.")
    due = _due(start_in, start_at)
    with control_plane() as plane:
        deployment = plane.read_deployment(name)
        texts = text_parameters(deployment)
        new = NewDeploymentRun(
            parameters=given_parameters(params, object_, texts.__contains__),
            job_variables=given_parameters(variables, None, lambda _: False, "--job-variable"),
            name=given["run_name"],
            tags=list(given["tags"]),
            queue=given["queue"],
            priority=given["priority"],
            retries=given["retries"],
            version=given["number"],
            scheduled_time=due,
            idempotency_key=given["idempotency_key"],
        )
        try:
            made = plane.run_deployment(deployment.id, new)
        except RequestInvalid as problem:
            raise click.ClickException(_said(problem)) from problem
        if output == "json":
            print_json(made)
            return
        _tell(deployment, made, later=due is not None)
        if watch:
            from levada.cli.watching import watch as follow  # lazy: only this option needs it

            follow(plane, made, watch_timeout)


@command.command("pause")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pause(names: tuple[str, ...]) -> None:
    """Let the schedules of deployments stand still; they can still be run by hand."""
    _turn(names, DeploymentChange(paused=True), "is paused")


@command.command("resume")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def resume(names: tuple[str, ...]) -> None:
    """Let the schedules of deployments go on."""
    _turn(names, DeploymentChange(paused=False), "goes on")


@command.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete deployments with their versions and schedules. Runs that wait are cancelled, others stay as they are."""
    with control_plane() as plane:
        found = [plane.read_deployment(name) for name in names]
        listed = ", ".join(one.full_name for one in found)
        confirm(f"Delete deployment{'s' if len(found) > 1 else ''} {listed}, with versions and schedules?", yes=yes)
        for one in found:
            plane.delete_deployment(one.id)
            click.echo(f"Deployment {one.full_name} is deleted.")


def schedule_text(schedule: Schedule) -> str:
    """When a schedule runs, for people."""
    timing = schedule.spec.timing
    if isinstance(timing, CronTiming):
        text = timing.cron
    elif isinstance(timing, IntervalTiming):
        text = f"every {_span_text(timing.seconds)}"
    else:
        text = " ".join(timing.rrule.split())
    zone = "" if timing.timezone == "UTC" else f" ({timing.timezone})"
    return f"{text}{zone}{'' if schedule.spec.active else ' [off]'}"


def _turn(names: tuple[str, ...], change: DeploymentChange, what: str) -> None:
    with control_plane() as plane:
        for name in names:
            changed = plane.change_deployment(name, change)
            click.echo(f"Deployment {changed.full_name} {what}.")


def _place(deployment: Deployment) -> str:
    spec = deployment.spec
    if spec.pool is None:
        return ""
    return spec.pool if spec.queue in {None, "default"} else f"{spec.pool}/{spec.queue}"


def _status(deployment: Deployment) -> Cell:
    if deployment.paused:
        return Cell("paused", "yellow")
    return Cell("ready", "green") if deployment.status == "ready" else Cell("no worker", "red")


def _details(deployment: Deployment) -> list[tuple[str, Any]]:
    spec, code = deployment.spec, deployment.spec.code
    limit = None
    if spec.concurrency_limit is not None:
        limit = f"{spec.concurrency_limit} at once, then {spec.collision_strategy}"
    commit = f"{code.commit[:12]}{' with changes' if code.dirty else ''}" if code.commit else None
    return [
        ("Name", deployment.full_name),
        ("ID", deployment.id),
        ("Description", spec.description),
        ("Status", _status(deployment)),
        ("Pool", spec.pool),
        ("Queue", spec.queue),
        ("Live version", f"{deployment.live}{f' ({spec.version})' if spec.version else ''}"),
        ("Entrypoint", code.entrypoint),
        ("Code", code.path or "; ".join(map(_step_text, code.pull or ()))),
        ("Commit", " ".join(part for part in (commit, code.branch) if part)),
        ("Parameters", _json(spec.parameters)),
        ("Job variables", _json(spec.job_variables)),
        ("Tags", ", ".join(spec.tags)),
        ("Environment", _fields(spec.environment)),
        ("Needs", _fields(spec.needs)),
        ("Concurrency", limit),
        ("Start deadline", f"{spec.start_deadline:g} s after its time" if spec.start_deadline else None),
        ("Priority", spec.priority or None),
        ("Retries", spec.retries),
        ("Crash retries", spec.crash_retries),
        ("Launcher", spec.launcher),
        ("Waiting runs", deployment.waiting or None),
        ("Active runs", deployment.active or None),
        ("Last run", deployment.last_run),
        ("Last state", deployment.last_state_name),
        ("Created", ago(deployment.created)),
        ("Updated", ago(deployment.updated)),
    ]


def _step_text(step: dict[str, Any]) -> str:
    """A pull step on a line: what it does, and with which values."""
    for name, inputs in step.items():
        said = inputs.items() if isinstance(inputs, dict) else ()
        return " ".join([name.rpartition(".")[2], *(f"{key}={value}" for key, value in said)])
    return ""


def _fields(value: Struct | None) -> str:
    """What of a value is not as it is unless somebody says so."""
    return _json({} if value is None else to_builtins(value))


def _json(value: dict[str, Any]) -> str:
    return json.encode(value).decode() if value else ""


def _tell(deployment: Deployment, made: FlowRun, *, later: bool) -> None:
    when = f", due {clock_time(made.expected_start_time)}" if later else ""
    click.echo(
        f"Flow run {made.name!r} ({made.id}) of {deployment.full_name}, version {made.deployment_version}{when}."
    )
    if deployment.status != "ready":
        pool = deployment.spec.pool
        who = f"`levada worker start --pool {pool}` starts one" if pool else "the process that serves it must run"
        click.echo(f"No worker is there to take it now: {who}.", err=True)


def _said(problem: RequestInvalid) -> str:
    if len(problem.fields) < 2:
        return str(problem)
    return "\n".join([str(problem), *(f"  {path} {what}" for path, what in problem.fields)])


def _due(start_in: str | None, start_at: str | None) -> datetime | None:
    if start_in is not None and start_at is not None:
        raise click.UsageError("Either --start-in or --start-at.")
    if start_in is not None:
        found = _SPAN.fullmatch(start_in.strip())
        if found is None:
            raise click.UsageError(f"--start-in {start_in!r} is no span of time; write 30s, 10m, 2h or 1d.")
        return datetime.now(UTC) + timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    if start_at is None:
        return None
    try:
        moment = datetime.fromisoformat(start_at)
    except ValueError as problem:
        raise click.UsageError(f"--start-at {start_at!r} is no time; write 2026-12-24T18:00.") from problem
    return moment.astimezone(UTC)


def _span_text(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
