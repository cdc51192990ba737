"""`levada flow-run`: look at flow runs, and do something about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from levada.cli.home import control_plane, find_flow_run, found_by, known_or_drained
from levada.cli.log_lines import LEVELS, chosen, print_lines
from levada.cli.main import Suggesting
from levada.cli.moving import move
from levada.cli.output import (
    Cell,
    ago,
    clock_time,
    confirm,
    id_cell,
    output_option,
    plain,
    print_details,
    print_json,
    print_table,
    size_text,
    state_cell,
    took,
)
from levada.cli.retrying import retry
from levada.cli.states import matching_states, state_options
from levada.core.errors import ObjectNotFound
from levada.wire.filters import FlowRunQuery, LogQuery

if TYPE_CHECKING:
    from levada.core.states import StateType
    from levada.wire.objects import FlowRun, StateView
    from levada.wire.verbs import Plane


@click.group("flow-run", cls=Suggesting)
def command() -> None:
    """Look at flow runs; resume, fork, cancel, delete and watch them.

    A run is named by its id, the beginning of its id, or its name.
    """


command.add_command(move)
command.add_command(retry)


@command.command("ls")
@click.option("--flow-name", "flows", multiple=True, metavar="NAME", help="Only runs of this flow; may be repeated.")
@state_options
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be repeated.")
@click.option("--name", metavar="TEXT", help="Only runs whose name contains this.")
@click.option("--deployment", "deployments", multiple=True, metavar="NAME", help="Only of this deployment.")
@click.option("--pool", "pools", multiple=True, metavar="NAME", help="Only in this work pool; may be repeated.")
@click.option("--top-level", is_flag=True, help="No subflow runs.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "all_", is_flag=True, help="All of them.")
@output_option
def ls(
    flows: tuple[str, ...],
    states: tuple[str, ...],
    state_types: tuple[str, ...],
    tags: tuple[str, ...],
    name: str | None,
    deployments: tuple[str, ...],
    pools: tuple[str, ...],
    top_level: bool,
    limit: int,
    all_: bool,
    output: str,
) -> None:
    """List flow runs, newest first."""
    query = FlowRunQuery(
        flow_names=list(flows) or None,
        tags_all=list(tags) or None,
        name_like=name,
        deployment_names=list(deployments) or None,
        work_pool_names=list(pools) or None,
        top_level=True if top_level else None,
        **matching_states(states, state_types),
    )
    with control_plane() as plane:
        found = found_by(plane.read_flow_runs, query, None if all_ else limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["ID", "Flow", "Name", "State", "When", "Took"],
        [
            [
                id_cell(run.id),
                run.flow_name,
                run.name,
                state_cell(run.state_type, run.state_name),
                ago(run.start_time or run.created),
                took(run.start_time, run.end_time),
            ]
            for run in found
        ],
        empty="No flow runs here; `levada run FILE` makes one."
        if query == FlowRunQuery()
        else "No flow run is like that.",
    )


@command.command("inspect")
@click.argument("run")
@output_option
def inspect(run: str, output: str) -> None:
    """Show everything about a flow run."""
    with control_plane() as plane:
        found = find_flow_run(plane, run)
        states = plane.flow_run_states(found.id)
        tasks = plane.task_run_state_counts(found.id)
        deployment = _deployment_of(plane, found) if output != "json" else None
    if output == "json":
        counts = {str(kind): count for kind, count in tasks.items()}
        print_json({**plain(found), "states": plain(states), "task_run_counts": counts})
        return
    print_details([*_details(found, tasks), *_where(found, deployment)])
    click.echo()
    print_table(*state_table(states), empty="No state is recorded.")


@command.command("logs")
@click.argument("run")
@click.option("--head", type=click.IntRange(min=1), metavar="N", help="Only the first so many lines.")
@click.option("-n", "--tail", type=click.IntRange(min=1), metavar="N", help="Only the last so many lines.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only lines of this level and above.")
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines that come, until the run ends.")
@output_option
def logs(run: str, head: int | None, tail: int | None, level: str | None, follow: bool, output: str) -> None:
    """Print the log lines of a flow run and its task runs, oldest first."""
    if head is not None and tail is not None:
        raise click.UsageError("Either --head or --tail.")
    if follow and (head is not None or output == "json"):
        raise click.UsageError("--follow goes with --tail and --level; programs follow a server at /api/logs/stream.")
    with control_plane() as plane:
        found = find_flow_run(plane, run)
        query = LogQuery(flow_run_ids=[found.id], min_level=level_number(level))
        if follow:
            from levada.cli.watching import follow_logs  # lazy: only this option needs it

            follow_logs(plane, found, query, tail)
        else:
            print_lines(plane, chosen(plane, query, head, tail), output)


@command.command("delete")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(runs: tuple[str, ...], yes: bool) -> None:
    """Delete flow runs with their subflow runs, task runs, logs and artifacts."""
    with control_plane() as plane:
        found = [find_flow_run(plane, run) for run in runs]
        names = ", ".join(f"{run.name!r} of {run.flow_name!r}" for run in found)
        confirm(f"Delete flow run{'s' if len(found) > 1 else ''} {names}, with all that they recorded?", yes=yes)
        for run in found:
            gone = plane.delete_flow_run(run.id)
            what = ", ".join(_counted(count, noun.replace("_", " ")) for noun, count in gone.items() if count)
            click.echo(f"Flow run {run.name!r} is deleted ({what}).")


@command.command("cancel")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--wait", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds to wait for it.")
def cancel(runs: tuple[str, ...], wait: float) -> None:
    """Ask flow runs to end: their tasks are stopped, hooks run, and the state becomes Cancelled."""
    from levada.cli.cancelling import cancel_flow_run  # lazy: only this verb needs it

    with control_plane(drain=False) as plane:
        for run in [known_or_drained(plane, find_flow_run, run) for run in runs]:
            cancel_flow_run(plane, run, wait)


@command.command("why")
@click.argument("run")
@output_option
@click.pass_context
def why(ctx: click.Context, run: str, output: str) -> None:
    """Say why a flow run is where it is, and what can be done about it."""
    from levada.cli.why import command as why_any  # lazy: the same command, under another name

    ctx.invoke(why_any, run=run, output=output)


@command.command("watch")
@click.argument("run")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after so long (exit code 1).")
def watch(run: str, timeout: float | None) -> None:
    """Follow the logs and states of a flow run until it ends.

    The exit code is 0 when it completed and 1 when it did not.
    """
    from levada.cli.watching import watch as follow  # lazy: only this verb needs it

    with control_plane() as plane:
        follow(plane, find_flow_run(plane, run), timeout)


@command.command("resume")
@click.argument("run")
@click.option("--from", "from_task", metavar="TASK", help="Also run this task again, and all that depended on it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be reused and what would be executed.")
@output_option
def resume(run: str, from_task: str | None, dry_run: bool, output: str) -> None:
    """Run a flow run again that did not complete; what it has completed is not executed again.

    TASK is the name, the key or the beginning of the id of a task run.
    """
    from levada.cli.resuming import resume as resume_run  # lazy: loads the engine and the author's file

    with control_plane() as plane:
        found = find_flow_run(plane, run)
    resume_run(found, from_task, dry_run=dry_run, output=output)


@command.command("fork")
@click.argument("run")
@click.option("--from", "from_task", metavar="TASK", help="Execute this task anew, and all that depended on it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be reused and what would be executed.")
@output_option
def fork(run: str, from_task: str | None, dry_run: bool, output: str) -> None:
    """Make a new flow run that reuses what another completed, and executes the rest.

    The other run stays as it is. TASK is the name, the key or the beginning of the id of a task run; without --from
    only what did not complete is executed.
    """
    from levada.cli.resuming import fork as fork_run  # lazy: loads the engine and the author's file

    with control_plane() as plane:
        found = find_flow_run(plane, run)
    fork_run(found, from_task, dry_run=dry_run, output=output)


def level_number(level: str | None) -> int | None:
    """The number that logging gives a level's name."""
    return None if level is None else 10 * (LEVELS.index(level.upper()) + 1)


def state_table(states: list[StateView]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a history of states."""
    columns = ["Time", "State", "Attempt", "Message"]
    return columns, [
        [clock_time(state.timestamp), state_cell(state.type, state.name), state.attempt or None, _reason(state)]
        for state in states
    ]


def _counted(number: int, nouns: str) -> str:
    return f"{number} {nouns.removesuffix('s') if number == 1 else nouns}"


def _reason(state: StateView) -> str:
    reason = (state.details or {}).get("reason")
    if reason and state.message and str(reason).startswith(state.message.rstrip(".")):
        return str(reason)
    return " - ".join(str(part) for part in (state.message, reason) if part)


def _deployment_of(plane: Plane, run: FlowRun) -> str | None:
    """The name of the deployment of a run, as long as there is one."""
    if run.deployment_id is None:
        return None
    try:
        return plane.read_deployment(run.deployment_id).full_name
    except ObjectNotFound:
        return f"{run.deployment_id}, which was deleted"


def _where(run: FlowRun, deployment: str | None) -> list[tuple[str, Any]]:
    interval = run.data_interval
    return [
        ("Deployment", deployment),
        ("Deployed version", run.deployment_version),
        ("Pool", run.work_pool_name),
        ("Queue", run.work_queue_name),
        ("Priority", run.priority or None),
        ("Data interval", None if interval is None else f"{clock_time(interval[0])} to {clock_time(interval[1])}"),
    ]


def _used(run: FlowRun) -> str | None:
    """What the process of a run used, as its worker measured it."""
    seconds, peak = (run.labels.get(f"levada.process.{name}") for name in ("cpu-seconds", "memory-peak-bytes"))
    if seconds is None or peak is None:
        return None
    return f"{float(seconds):.1f} s of processor time, {size_text(int(peak))} of memory at most"


def _details(run: FlowRun, tasks: dict[StateType, int]) -> list[tuple[str, Any]]:
    counts = ", ".join(f"{count} {str(kind).lower()}" for kind, count in tasks.items())
    last = run.states[-1] if run.states else None
    return [
        ("Name", run.name),
        ("ID", run.id),
        ("Flow", run.flow_name),
        ("State", state_cell(run.state_type, run.state_name)),
        ("Message", last.message if last is not None else None),
        ("Task runs", counts),
        ("Parameters", Cell("\n".join(f"{name}={value}" for name, value in run.parameters.items()))),
        ("Tags", ", ".join(run.tags)),
        ("Created", clock_time(run.created)),
        ("Started", clock_time(run.start_time)),
        ("Ended", clock_time(run.end_time)),
        ("Took", took(run.start_time, run.end_time)),
        ("Times run", run.run_count or None),
        ("Epoch", run.epoch if run.epoch > 1 else None),
        ("Forked from", run.forked_from),
        ("Parent run", run.parent_flow_run_id),
        ("Entrypoint", run.entrypoint),
        ("Version", run.flow_version),
        ("Process", f"{run.host}:{run.pid}" if run.pid else None),
        ("Used", _used(run)),
        ("Result", last.result.preview if last is not None and last.result is not None else None),
    ]
