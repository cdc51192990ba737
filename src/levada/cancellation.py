"""Asking runs to stop: those of this process directly, those of other processes through their journal's inbox."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from levada.control import ControlPlane
from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.core.ids import as_bytes
from levada.core.states import FINAL_TYPES
from levada.engine import session as sessions
from levada.engine import signals
from levada.journal.inbox import post_command
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
        ConfigurationError: it has ended already, or nobody can be asked.
    """
    home = sessions.current().home
    with ControlPlane(home) as plane:
        plane.drain()
        subject: FlowRun | TaskRun
        try:
            subject = plane.read_flow_run(run)
            owner = subject
        except ObjectNotFound:
            subject = plane.read_task_run(run)
            if subject.flow_run_id is None:
                raise ConfigurationError(
                    f"Task run {subject.name!r} was called outside a flow; only submitted task runs of a flow can be "
                    "cancelled one by one."
                ) from None
            owner = plane.read_flow_run(subject.flow_run_id)
    if subject.state_type in FINAL_TYPES:
        raise ConfigurationError(f"Run {subject.name!r} has ended already ({subject.state_name}).")
    raw = as_bytes(subject.id)
    if signals.cancel(raw, "Cancelled on request.") or signals.cancel_task(raw):
        return CancelRequest(subject.id, subject.name, True)
    if owner.writer is None or not post_command(home, bytes.fromhex(owner.writer), f"{raw.hex()}.cancel"):
        raise ConfigurationError(f"The process of run {owner.name!r} cannot be reached from here.")
    return CancelRequest(subject.id, subject.name, False)
