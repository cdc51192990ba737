"""The call of a deployment from a flow, as a call like any other: recorded, shown in the graph, answered on resume."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from levada.client.places import plane_of
from levada.core.states import DEFAULT_NAMES, State, StateType
from levada.deployments.running import run_inside
from levada.settings import get_current_settings
from levada.tasks import task
from levada.version import __version__
from levada.wire.deployments import NewDeploymentRun
from levada.wire.objects import FlowRun


@task(name="run-deployment", cache_policy=None, retries=0, log_prints=False)
def _call(name: str, new: NewDeploymentRun, timeout: float | None, every: float) -> State:
    run = run_inside(name, new, timeout, every)
    ended_badly = run.state_type in {StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
    kind = StateType.FAILED if ended_badly else StateType.COMPLETED
    # A run that failed is no answer for a resumed caller, who will want another one.
    message = f"Flow run {run.name!r} of {name} is {run.state_name}."
    return State(kind, DEFAULT_NAMES[kind], message, data=run.id)


def call_deployment(name: str, new: NewDeploymentRun, timeout: float | None, every: float) -> FlowRun:
    """Run a deployment as a call of the current flow run; the run as it was last seen."""
    called = _call.with_options(task_run_name=name.replace("{", "{{").replace("}", "}}"))
    state: Any = called(name, new, timeout, every, return_state=True)
    found = state.data if isinstance(state.data, UUID) else state.result()
    with plane_of(get_current_settings(), version=__version__) as plane:
        return plane.read_flow_run(found)
