"""Shows what a resume or a fork will do, does it, and says what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from levada.cli.output import print_json
from levada.cli.run import finish, show_traceback
from levada.core.errors import ScriptError

if TYPE_CHECKING:
    from levada.recovery import Plan, Resumed
    from levada.wire.objects import FlowRun

_MOST_SHOWN = 12


def resume(run: FlowRun, from_task: str | None, *, dry_run: bool, output: str) -> None:
    """Go on with a run; the process ends with what came of it."""
    from levada import recovery  # lazy: loads the engine

    plan = recovery.plan_resume(run.id, from_task)
    _show_plan(plan, f"Flow run {plan.run_name!r} of {plan.flow_name!r} goes on from {plan.state}", output)
    if not dry_run:
        _carry_out(lambda: recovery.resume(run.id, from_task))


def fork(run: FlowRun, from_task: str | None, *, dry_run: bool, output: str) -> None:
    """Begin a run that reuses what another recorded; the process ends with what came of it."""
    from levada import recovery  # lazy: loads the engine

    plan = recovery.plan_resume(run.id, from_task, fork=True)
    _show_plan(plan, f"A new run of {plan.flow_name!r} begins from what {plan.run_name!r} recorded", output)
    if not dry_run:
        _carry_out(lambda: recovery.fork(run.id, from_task))


def _show_plan(plan: Plan, what: str, output: str) -> None:
    if output == "json":
        print_json(plan)
        return
    click.echo(f"{what}:")
    click.echo(f"  {_count(len(plan.reuse))} reused{_listed(plan.reuse)}")
    click.echo(f"  {_count(len(plan.execute))} executed again, with all that was not recorded yet")
    for name, reason in list(plan.execute.items())[:_MOST_SHOWN]:
        click.echo(f"    {name}: {reason}")
    if len(plan.execute) > _MOST_SHOWN:
        click.echo(f"    and {len(plan.execute) - _MOST_SHOWN} more")
    if plan.changed:
        click.echo(f"  changed since they were recorded{_listed(plan.changed)}")


def _carry_out(act: Callable[[], Resumed]) -> None:
    try:
        done = act()
    except ScriptError as error:
        show_traceback(error.user_exc)
        click.echo(f"levada: {error}", err=True)
        sys.exit(1)
    click.echo(f"Flow run {done.run} reused {_count(done.reused)}.")
    if done.changed:
        click.echo(f"Their code had changed since they were recorded{_listed(done.changed)}", err=True)
    if done.unmatched:
        click.echo(f"Recorded, but not called by the code as it is now{_listed(done.unmatched)}", err=True)
    finish(done.state)


def _count(number: int) -> str:
    return f"{number} task run{'' if number == 1 else 's'}"


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f": {', '.join(names[:_MOST_SHOWN])}{more}"
