"""`levada work-pool`: where runs of deployments wait for workers, how many may run at once, and what is in line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import DecodeError, json

from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import (
    Cell,
    ago,
    clock_time,
    confirm,
    id_cell,
    output_option,
    print_details,
    print_json,
    print_table,
    state_cell,
)
from levada.core.errors import RequestInvalid
from levada.wire.deployments import DeploymentQuery
from levada.wire.pools import PoolChange, PoolSpec

if TYPE_CHECKING:
    from uuid import UUID

    from levada.wire.objects import FlowRun
    from levada.wire.pools import WorkPool
    from levada.wire.verbs import Plane

NO_LIMIT = -1

_STATUS = {"ready": "green", "paused": "yellow", "not_ready": "red"}
_MOST_SHOWN = 100


@click.group("work-pool", cls=Suggesting)
def command() -> None:
    """Make, look at, pause and limit work pools.

    A deployment names a pool; its runs wait there until a worker of the pool takes them.
    """


@command.command("ls")
@output_option
def ls(output: str) -> None:
    """List the pools by name."""
    with control_plane(drain=False) as plane:
        found = plane.read_work_pools()
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Name", "Type", "Status", "Workers", "Waiting", "Active", "Limit"],
        [
            [
                pool.spec.name,
                pool.spec.kind,
                status_cell(pool),
                pool.workers_online,
                waiting_text(pool.waiting),
                pool.active,
                limit_text(pool.spec.slots),
            ]
            for pool in found
        ],
        empty="There are no work pools; `levada work-pool create NAME` makes one.",
    )


@command.command("create")
@click.argument("name")
@click.option("-t", "--type", "kind", default="process", show_default=True, help="Which launchers its workers have.")
@click.option("-d", "--description", help="What it is for.")
@click.option("-l", "--limit", "slots", type=click.IntRange(min=0), help="How many runs may execute in it at once.")
@click.option("--launcher", default="process", show_default=True, help="How runs are started: process or warm.")
@click.option("--default-queue", default="default", show_default=True, help="Where runs go that name no queue.")
@click.option(
    "--cancel-grace", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to stop in."
)
@click.option("--base-job-template", "template", metavar="FILE", type=click.Path(dir_okay=False), help="JSON file.")
@click.option("--paused", is_flag=True, help="Give nothing out for now.")
@click.option("--overwrite", is_flag=True, help="Change the pool when there is one of this name.")
def create(name: str, overwrite: bool, template: str | None, **fields: Any) -> None:
    """Make a pool. A worker that is started for a pool that is not there makes it, too."""
    spec = PoolSpec(name=name, base_job_template=_template(template), **fields)
    with control_plane(drain=False) as plane:
        if overwrite and name in {pool.spec.name for pool in plane.read_work_pools()}:
            plane.change_work_pool(name, _change_of(spec))
            click.echo(f"Work pool {name!r} is changed.")
            return
        plane.create_work_pool(spec)
    click.echo(f"Work pool {name!r} is made. Start a worker for it: levada worker start --pool {name}")


@command.command("inspect")
@click.argument("name")
@output_option
def inspect(name: str, output: str) -> None:
    """Show a pool with its queues and workers."""
    with control_plane(drain=False) as plane:
        pool = plane.read_work_pool(name)
        workers = plane.read_workers(name)
    if output == "json":
        print_json({"pool": pool, "workers": workers})
        return
    spec = pool.spec
    print_details(
        [
            ("Name", spec.name),
            ("Description", spec.description),
            ("Type", spec.kind),
            ("Status", status_cell(pool)),
            ("Launcher", spec.launcher),
            ("Limit", limit_text(spec.slots)),
            ("Waiting", waiting_text(pool.waiting)),
            ("Active", pool.active),
            ("Default queue", spec.default_queue),
            ("Cancel grace", f"{spec.cancel_grace:g} s"),
            ("Template", "its own" if spec.base_job_template is not None else "that of its type"),
        ]
    )
    click.echo()
    print_table(
        ["Queue", "Priority", "Waiting", "Active", "Limit", "Paused"],
        [
            [
                queue.spec.name,
                queue.spec.priority,
                waiting_text(queue.waiting),
                queue.active,
                limit_text(queue.spec.slots),
                "yes" if queue.spec.paused else "",
            ]
            for queue in pool.queues
        ],
        empty="",
    )
    click.echo()
    print_table(
        ["Worker", "Status", "Runs", "Last asked", "Host"],
        [[one.name, one.status, len(one.runs), ago(one.seen), one.host] for one in workers],
        empty=f"No worker asks for its runs; `levada worker start --pool {name}` starts one.",
    )


@command.command("update")
@click.argument("name")
@click.option("-d", "--description", help="What it is for.")
@click.option("-l", "--limit", "slots", type=click.IntRange(min=0), help="How many runs may execute in it at once.")
@click.option("--launcher", help="How runs are started: process or warm.")
@click.option("--default-queue", help="Where runs go that name no queue.")
@click.option("--cancel-grace", type=click.FloatRange(min=0), help="Seconds to stop in.")
@click.option("--base-job-template", "template", metavar="FILE", type=click.Path(dir_okay=False), help="JSON file.")
def update(name: str, template: str | None, **fields: Any) -> None:
    """Change a pool; what is not given stays."""
    change = PoolChange(base_job_template=_template(template), **fields)
    if change == PoolChange():
        raise click.UsageError("Say what to change, e.g. --limit.")
    _change(name, change, "is changed")


@command.command("pause")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pause(names: tuple[str, ...]) -> None:
    """Give nothing of a pool out; what was taken goes on."""
    for name in names:
        _change(name, PoolChange(paused=True), "is paused")


@command.command("resume")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def resume(names: tuple[str, ...]) -> None:
    """Give runs of a pool out again."""
    for name in names:
        _change(name, PoolChange(paused=False), "gives runs out")


@command.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete pools with their queues; refused while deployments use one or runs of it have not ended."""
    with control_plane(drain=False) as plane:
        for name in names:
            plane.read_work_pool(name)
        confirm(f"Delete {', '.join(names)}?", yes=yes)
        for name in names:
            plane.delete_work_pool(name)
            click.echo(f"Work pool {name!r} is deleted.")


@command.command("set-concurrency-limit")
@click.argument("name")
@click.argument("slots", type=click.IntRange(min=0))
def set_limit(name: str, slots: int) -> None:
    """Let at most so many runs of a pool execute at once."""
    _change(name, PoolChange(slots=slots), f"lets {slots} run{'' if slots == 1 else 's'} execute at once")


@command.command("clear-concurrency-limit")
@click.argument("name")
def clear_limit(name: str) -> None:
    """Let any number of runs of a pool execute at once."""
    _change(name, PoolChange(slots=NO_LIMIT), "has no limit")


@command.command("preview")
@click.argument("name")
@click.option("-q", "--queue", metavar="NAME", help="Only this queue.")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.option(
    "-h", "--hours", type=click.FloatRange(min=0), default=1.0, show_default=True, help="How far to look ahead."
)
@output_option
def preview(name: str, queue: str | None, limit: int, hours: float, output: str) -> None:
    """Show what is in line, in the order in which it would be taken, and what schedules will add."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    with control_plane(drain=False) as plane:
        runs = plane.queued_runs(name, queue, limit)
        coming = plane.upcoming_runs(DeploymentQuery(pools=[name]), until, limit)
    if output == "json":
        print_json({"queued": runs, "upcoming": coming})
        return
    print_queued(runs, f"Nothing waits in work pool {name!r}.")
    if coming:
        click.echo()
        print_table(
            ["Upcoming", "Deployment"],
            [[clock_time(one.nominal), f"{one.flow_name}/{one.deployment_name}"] for one in coming],
            empty="",
        )


@command.command("slots")
@click.argument("name")
@output_option
def slots(name: str, output: str) -> None:
    """Show which runs hold the slots of a pool, by worker."""
    with control_plane(drain=False) as plane:
        pool = plane.read_work_pool(name)
        held = _held(plane, name)
    if output == "json":
        print_json({"limit": pool.spec.slots, "active": pool.active, "runs": [run for _, run in held]})
        return
    most = "" if pool.spec.slots is None else f" of {pool.spec.slots}"
    click.echo(f"{pool.active}{most} slots of work pool {name!r} are held.")
    print_table(
        ["ID", "Name", "State", "Queue", "Worker"],
        [
            [
                id_cell(run.id),
                run.name,
                state_cell(run.state_type, run.state_name),
                run.work_queue_name or "",
                worker,
            ]
            for worker, run in held
        ],
        empty="No worker has a run of it.",
    )


@command.command("get-default-base-job-template")
@click.option("-t", "--type", "kind", default="process", show_default=True, help="The type of pool.")
@click.option("-f", "--file", "file", type=click.Path(dir_okay=False, writable=True), help="Write it there.")
def default_template(kind: str, file: str | None) -> None:
    """Print the template of pools that have none of their own."""
    from levada.control.templates import default_template as template_of  # lazy: only this command needs it

    text = json.format(json.encode(template_of(kind)), indent=2).decode()
    if file is None:
        click.echo(text)
        return
    Path(file).write_text(text + "\n", encoding="utf-8")
    click.echo(f"Written: {file}")


def _held(plane: Plane, name: str) -> list[tuple[str, FlowRun]]:
    pairs: list[tuple[str, UUID]] = [(one.name, run) for one in plane.read_workers(name) for run in one.runs]
    return [(worker, plane.read_flow_run(run)) for worker, run in pairs[:_MOST_SHOWN]]


def _change(name: str, change: PoolChange, said: str) -> None:
    with control_plane(drain=False) as plane:
        plane.change_work_pool(name, change)
    click.echo(f"Work pool {name!r} {said}.")


def _change_of(spec: PoolSpec) -> PoolChange:
    """What makes a pool that is there be as another one is described."""
    return PoolChange(
        description=spec.description,
        slots=NO_LIMIT if spec.slots is None else spec.slots,
        paused=spec.paused,
        launcher=spec.launcher,
        base_job_template=spec.base_job_template,
        cancel_grace=spec.cancel_grace,
    )


def _template(file: str | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        return json.decode(Path(file).read_bytes(), type=dict[str, Any])
    except (OSError, DecodeError) as problem:
        raise RequestInvalid(f"The template cannot be read from {file}: {problem}") from problem


def print_queued(runs: list[FlowRun], empty: str) -> None:
    """Print runs that are in line."""
    print_table(
        ["ID", "Name", "Flow", "Queue", "Priority", "State", "Due"],
        [
            [
                id_cell(run.id),
                run.name,
                run.flow_name,
                run.work_queue_name or "",
                run.priority,
                state_cell(run.state_type, run.state_name),
                ago(run.expected_start_time),
            ]
            for run in runs
        ],
        empty=empty,
    )


def status_cell(pool: WorkPool) -> Cell:
    """The status of a pool in its colour."""
    return Cell(pool.status.replace("_", " "), _STATUS.get(pool.status))


def limit_text(slots: int | None) -> str:
    """A number of slots, for people."""
    return "none" if slots is None else str(slots)


def waiting_text(count: int) -> str:
    """A number of runs that were counted up to 1,000."""
    return f"{count}+" if count >= 1000 else str(count)
