"""`levada task-run`: look at task runs, and cancel them."""

from __future__ import annotations

from typing import Any

import click

from levada.cli.flow_run import level_number, state_table
from levada.cli.home import control_plane, find_flow_run, find_task_run, found_by, known_or_drained
from levada.cli.log_lines import LEVELS, chosen, print_lines
from levada.cli.main import Suggesting
from levada.cli.output import (
    Cell,
    ago,
    clock_time,
    id_cell,
    output_option,
    plain,
    print_details,
    print_json,
    print_table,
    state_cell,
    took,
)
from levada.cli.states import matching_states, state_options
from levada.wire.filters import LogQuery, TaskRunQuery
from levada.wire.objects import TaskRun


@click.group("task-run", cls=Suggesting)
def command() -> None:
    """Look at task runs, and cancel them.

    A run is named by its id, the beginning of its id, or its name.
    """


@command.command("ls")
@click.option("--flow-run", metavar="RUN", help="Only those of this flow run.")
@click.option("--task-key", "keys", multiple=True, metavar="KEY", help="Only runs of this task; may be repeated.")
@state_options
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; may be repeated.")
@click.option("--name", metavar="TEXT", help="Only runs whose name contains this.")
@click.option("--oldest-first", is_flag=True, help="In the order in which they were made.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "all_", is_flag=True, help="All of them.")
@output_option
def ls(
    flow_run: str | None,
    keys: tuple[str, ...],
    states: tuple[str, ...],
    state_types: tuple[str, ...],
    tags: tuple[str, ...],
    name: str | None,
    oldest_first: bool,
    limit: int,
    all_: bool,
    output: str,
) -> None:
    """List task runs, newest first."""
    query = TaskRunQuery(
        task_keys=list(keys) or None,
        tags_all=list(tags) or None,
        name_like=name,
        newest_first=not oldest_first,
        **matching_states(states, state_types),
    )
    with control_plane() as plane:
        if flow_run is not None:
            query.flow_run_ids = [find_flow_run(plane, flow_run).id]
        found = found_by(plane.read_task_runs, query, None if all_ else limit)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["ID", "Name", "State", "When", "Took", "Attempts"],
        [
            [
                id_cell(run.id),
                run.name,
                state_cell(run.state_type, run.state_name),
                ago(run.start_time or run.created),
                took(run.start_time, run.end_time),
                run.run_count or None,
            ]
            for run in found
        ],
        empty="No task run is like that.",
    )


@command.command("inspect")
@click.argument("run")
@output_option
def inspect(run: str, output: str) -> None:
    """Show everything about a task run."""
    with control_plane() as plane:
        found = find_task_run(plane, run)
        states = plane.task_run_states(found.id)
    if output == "json":
        print_json({**plain(found), "states": plain(states)})
        return
    print_details(_details(found))
    click.echo()
    print_table(*state_table(states), empty="No state is recorded.")


@command.command("logs")
@click.argument("run")
@click.option("--head", type=click.IntRange(min=1), metavar="N", help="Only the first so many lines.")
@click.option("-n", "--tail", type=click.IntRange(min=1), metavar="N", help="Only the last so many lines.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only lines of this level and above.")
@output_option
def logs(run: str, head: int | None, tail: int | None, level: str | None, output: str) -> None:
    """Print the log lines of a task run, oldest first."""
    if head is not None and tail is not None:
        raise click.UsageError("Either --head or --tail.")
    with control_plane() as plane:
        found = find_task_run(plane, run)
        query = LogQuery(task_run_ids=[found.id], min_level=level_number(level))
        print_lines(plane, chosen(plane, query, head, tail), output)


@command.command("cancel")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--wait", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds to wait for it.")
def cancel(runs: tuple[str, ...], wait: float) -> None:
    """Ask task runs to end; what depends on them is told so."""
    from levada.cli.cancelling import cancel_task_run  # lazy: only this verb needs it

    with control_plane(drain=False) as plane:
        for run in [known_or_drained(plane, find_task_run, run) for run in runs]:
            cancel_task_run(plane, run, wait)


def _details(run: TaskRun) -> list[tuple[str, Any]]:
    last = run.states[-1] if run.states else None
    upstream = [f"{name}={', '.join(map(str, ids))}" for name, ids in run.task_inputs.items()]
    return [
        ("Name", run.name),
        ("ID", run.id),
        ("Task", run.task_key),
        ("Flow run", run.flow_run_id),
        ("State", state_cell(run.state_type, run.state_name)),
        ("Message", last.message if last is not None else None),
        ("Parameters", Cell("\n".join(f"{name}={value}" for name, value in run.parameters.items()))),
        ("Fed by", Cell("\n".join(upstream))),
        ("Tags", ", ".join(run.tags)),
        ("Created", clock_time(run.created)),
        ("Started", clock_time(run.start_time)),
        ("Ended", clock_time(run.end_time)),
        ("Took", took(run.start_time, run.end_time)),
        ("Attempts", run.run_count or None),
        ("Cache key", run.cache_key),
        ("Subflow run", run.child_flow_run_id),
        ("Nested in", run.parent_task_run_id),
        ("Reused", "yes: answered from an earlier record" if run.reused else None),
        ("Result", last.result.preview if last is not None and last.result is not None else None),
    ]
