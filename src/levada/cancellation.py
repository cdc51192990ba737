"""Asking runs to stop: those of this process directly, all others through the control plane, which finds their process.

With a server configured it is asked; otherwise the home's own control plane is. Either writes down who asked for it
and tells the process that executes the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from levada.client.places import plane_of
from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.core.ids import as_bytes
from levada.core.states import FINAL_TYPES, StateType
from levada.engine import signals
from levada.settings import get_current_settings
from levada.version import __version__
from levada.wire.changes import ProposedState
from levada.wire.objects import FlowRun

if TYPE_CHECKING:
    from levada.wire.objects import TaskRun
    from levada.wire.verbs import Plane


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
        ConfigurationError: it has ended already, or the control plane says why it cannot be cancelled.
    """
    with plane_of(get_current_settings(), version=__version__) as plane:
        subject = _known(plane, run)
        if subject.state_type not in FINAL_TYPES:
            raw = as_bytes(subject.id)
            if signals.cancel(raw, "Cancelled on request.") or signals.cancel_task(raw):
                return CancelRequest(subject.id, subject.name, True)
            if isinstance(subject, FlowRun):
                decision = plane.cancel_flow_run(subject.id)
            elif subject.flow_run_id is None:
                raise ConfigurationError(
                    f"Task run {subject.name!r} was called outside a flow; press Ctrl-C where it runs."
                )
            else:
                wish = ProposedState(type=StateType.CANCELLING, message="Cancelled on request.")
                decision = plane.set_task_run_state(subject.id, wish)
            if decision.status == "accept":
                return CancelRequest(subject.id, subject.name, False)
            if decision.state_type not in FINAL_TYPES:
                raise ConfigurationError(decision.reason)
            subject.state_name = decision.state_name
        title = f"{'Flow' if isinstance(subject, FlowRun) else 'Task'} run {subject.name!r}"
        raise ConfigurationError(f"{title} has ended already: it is {subject.state_name}.")


def _known(plane: Plane, run: UUID | bytes | str) -> FlowRun | TaskRun:
    """The run; what journals hold is taken in first when it must be looked for."""
    if isinstance(run, UUID):
        # A run that records so much that taking it in takes long can be stopped all the same.
        try:
            return _find(plane, run)
        except ObjectNotFound:
            pass  # it may be in a journal
    plane.drain()
    return _find(plane, run)


def _find(plane: Plane, run: UUID | bytes | str) -> FlowRun | TaskRun:
    try:
        return plane.read_flow_run(run)
    except ObjectNotFound:
        return plane.read_task_run(run)
