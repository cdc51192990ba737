"""Asks the process of a run to stop it, and waits to see that it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from levada.cancellation import request_cancel
from levada.core.states import FINAL_TYPES

if TYPE_CHECKING:
    from levada.wire.objects import FlowRun, TaskRun
    from levada.wire.verbs import Plane

_EVERY_SECONDS = 0.1


def cancel_flow_run(plane: Plane, run: FlowRun, wait: float) -> None:
    """Cancel a flow run.

    Args:
        plane: where it is recorded.
        run: which.
        wait: at most so many seconds until it has ended.

    Raises:
        ConfigurationError: it has ended already, or no process executes it.
    """
    title = f"Flow run {run.name!r}"
    request_cancel(run.id)
    _await(plane, lambda: plane.read_flow_run(run.id), title, wait)


def cancel_task_run(plane: Plane, run: TaskRun, wait: float) -> None:
    """Cancel a task run; the arguments are those of `cancel_flow_run`."""
    title = f"Task run {run.name!r}"
    request_cancel(run.id)
    _await(plane, lambda: plane.read_task_run(run.id), title, wait)


def _await(plane: Plane, read: Callable[[], FlowRun | TaskRun], title: str, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        plane.drain()
        run = read()
        if run.state_type in FINAL_TYPES:
            click.echo(f"{title} is {run.state_name}.")
            return
        if time.monotonic() >= deadline:
            click.echo(f"{title} was asked to end, and has not yet; `levada flow-run watch` follows it.")
            return
        time.sleep(_EVERY_SECONDS)
