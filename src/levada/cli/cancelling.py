"""Asks the process of a run to stop it, and waits to see that it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from levada.core.errors import ConfigurationError
from levada.core.states import FINAL_TYPES

if TYPE_CHECKING:
    from levada.control import ControlPlane
    from levada.wire.objects import FlowRun, TaskRun

_EVERY_SECONDS = 0.1


def cancel_flow_run(plane: ControlPlane, run: FlowRun, wait: float) -> None:
    """Cancel a flow run.

    Args:
        plane: where it is recorded.
        run: which.
        wait: at most so many seconds until it has ended.

    Raises:
        ConfigurationError: it has ended already, or no process executes it.
    """
    title = f"Flow run {run.name!r}"
    _ask(plane, run, run.writer, title)
    _await(plane, lambda: plane.read_flow_run(run.id), title, wait)


def cancel_task_run(plane: ControlPlane, run: TaskRun, wait: float) -> None:
    """Cancel a task run; the arguments are those of `cancel_flow_run`."""
    title = f"Task run {run.name!r}"
    if run.flow_run_id is None:
        raise ConfigurationError(f"{title} was called outside a flow; press Ctrl-C where it runs.")
    _ask(plane, run, plane.read_flow_run(run.flow_run_id).writer, title)
    _await(plane, lambda: plane.read_task_run(run.id), title, wait)


def _ask(plane: ControlPlane, run: FlowRun | TaskRun, writer: str | None, title: str) -> None:
    from levada.journal import post_command  # lazy: only these two verbs write into a journal's inbox

    if run.state_type in FINAL_TYPES:
        raise ConfigurationError(f"{title} has ended already: it is {run.state_name}.")
    if writer is None or not post_command(plane.home, bytes.fromhex(writer), f"{run.id.hex}.cancel"):
        raise ConfigurationError(f"{title} is {run.state_name}, and no process on this machine executes it.")


def _await(plane: ControlPlane, read: Callable[[], FlowRun | TaskRun], title: str, wait: float) -> None:
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
