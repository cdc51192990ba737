"""Asking runs to stop: those of this process directly, those of other processes through their journal's inbox."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from msgspec import Struct

from levada.control import ControlPlane
from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.core.ids import as_bytes
from levada.core.states import FINAL_TYPES
from levada.engine import signals
from levada.journal.inbox import post_command
from levada.settings import get_current_settings
from levada.wire.objects import FlowRun, TaskRun


class CancelRequest(Struct):
    """What became of a request to cancel.

    Attributes:
        run: what was to be cancelled.
        name: its name.
        here: it ran in this process, and is stopping.
    """

    run: UUID
    name: str
    here: bool


def request_cancel(run: UUID | bytes | str) -> CancelRequest:
    """Ask a flow run or a task run to stop; it ends Cancelled, with everything inside it, and its hooks run.

    Args:
        run: id or beginning of an id of a flow run or a task run.

    Raises:
        ObjectNotFound: there is no such run.
        ConfigurationError: it has ended already, or no process on this machine executes it.
    """
    home = get_current_settings().home.expanduser()
    with ControlPlane(home) as plane:
        sent = None
        if isinstance(run, UUID):
            # A run that records so much that taking it in takes long can be stopped all the same.
            try:
                sent = _send(home, *_find(plane, run))
            except ObjectNotFound:
                pass  # it may be in a journal
        if sent is None:
            plane.drain()
            subject, owner = _find(plane, run)
            sent = _send(home, subject, owner)
            if sent is None:
                title = f"{'Flow' if subject is owner else 'Task'} run {subject.name!r}"
                if subject.state_type in FINAL_TYPES:
                    raise ConfigurationError(f"{title} has ended already: it is {subject.state_name}.")
                raise ConfigurationError(
                    f"{title} is {subject.state_name}, and no process on this machine executes it."
                )
    return sent


def _send(home: Path, subject: FlowRun | TaskRun, owner: FlowRun) -> CancelRequest | None:
    """Tell whoever executes a run; None when it has ended, or nobody does."""
    raw = as_bytes(subject.id)
    if subject.state_type in FINAL_TYPES:
        return None
    if signals.cancel(raw, "Cancelled on request.") or signals.cancel_task(raw):
        return CancelRequest(subject.id, subject.name, True)
    if owner.writer is None or not post_command(home, bytes.fromhex(owner.writer), f"{raw.hex()}.cancel"):
        return None
    return CancelRequest(subject.id, subject.name, False)


def _find(plane: ControlPlane, run: UUID | bytes | str) -> tuple[FlowRun | TaskRun, FlowRun]:
    """The run, and the flow run whose process executes it."""
    try:
        flow_run = plane.read_flow_run(run)
    except ObjectNotFound:
        task_run = plane.read_task_run(run)
    else:
        return flow_run, flow_run
    if task_run.flow_run_id is None:
        raise ConfigurationError(f"Task run {task_run.name!r} was called outside a flow; press Ctrl-C where it runs.")
    return task_run, plane.read_flow_run(task_run.flow_run_id)
