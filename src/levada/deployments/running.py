"""Running a deployment from a program, as an own run or as a part of the run that asks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from levada.client.places import plane_of
from levada.core.errors import ObjectNotFound
from levada.core.states import FINAL_TYPES, StateType
from levada.deployments.options import json_parameters
from levada.engine import session as sessions
from levada.engine.context import flow_var, task_var
from levada.session import deliver
from levada.settings import get_current_settings
from levada.version import __version__
from levada.wire.deployments import NewDeploymentRun
from levada.wire.objects import FlowRun

if TYPE_CHECKING:
    from levada.engine.context import TaskRunContext
    from levada.wire.verbs import Plane


_MOST_PAUSE = 10.0

_HELD_SECONDS = 20.0
"""How long a request may be held back that waits for the end of a run."""


def run_deployment(
    name: str | UUID,
    client: Any = None,
    parameters: dict[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = None,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool | None = True,
    job_variables: dict[str, Any] | None = None,
    *,
    version: int | None = None,
    priority: int | None = None,
    retries: int | None = None,
) -> FlowRun:
    """Have a deployment run, and wait for the run to end.

    Inside a flow or task the new run counts as a subflow run: it is shown in the graph of the run that asked, and when
    that is resumed or retried after a crash, it finds the run that it asked for before and asks for no second one.

    Args:
        name: ``flow/deployment``, or the id of the deployment.
        client: not looked at; there for programs written for other orchestrators.
        parameters: over those of the deployment.
        scheduled_time: when it is due; now unless given. A time without a time zone is local.
        flow_run_name: what the run is called.
        timeout: wait so many seconds at most; 0 does not wait at all, None waits for ever.
        poll_interval: how long one request waits for the end, 20 s unless given; the end is known at once either way.
        tags: on top of those of the deployment.
        idempotency_key: asking again with the same key gives the run that the first asking made.
        work_queue_name: another queue than the deployment's.
        as_subflow: whether the run belongs to the run that asks.
        job_variables: over those of the deployment.
        version: number of the version to execute; the live one unless given.
        priority: of this run; higher ones are taken first.
        retries: flow retries of this run.

    Returns:
        The flow run as it was last seen; ended unless `timeout` came first. It is not raised when it failed: look at
        `run.state`.

    Raises:
        ObjectNotFound: there is no such deployment.
        ParameterTypeError: parameters do not fit the flow's.
    """
    del client
    new = _wanted(parameters, scheduled_time, flow_run_name, tags, idempotency_key, work_queue_name, job_variables)
    new = replace(new, version=version, priority=priority, retries=retries)
    every = _HELD_SECONDS if poll_interval is None else max(float(poll_interval), 0.05)
    if not as_subflow or (flow_var.get() is None and task_var.get() is None):
        with _plane() as plane:
            return _run(plane, name, new, timeout, every)
    if task_var.get() is not None:
        return run_inside(name, new, timeout, every)
    from levada.deployments.calls import call_deployment  # lazy: only flows that run deployments have the task

    return call_deployment(str(name), new, timeout, every)


async def arun_deployment(name: str | UUID, client: Any = None, **options: Any) -> FlowRun:
    """`run_deployment` for async code; the arguments are the same, by name."""
    import asyncio  # lazy: only async callers need a loop

    return await asyncio.to_thread(lambda: run_deployment(name, client, **options))


def run_inside(name: str | UUID, new: NewDeploymentRun, timeout: float | None, every: float) -> FlowRun:
    """`run_deployment` from inside a task run, to which the new run will belong."""
    task = task_var.get()
    assert task is not None
    new = replace(new, parent_task_run_id=UUID(bytes=task.task_id))
    with _plane() as plane:
        if new.idempotency_key is not None:
            return await_end(plane, _ask(plane, name, new), timeout, every)
        asked = _asked(plane, name, new, _call_name(task))
        return await_end(plane, asked, timeout, every)


def _asked(plane: Plane, name: str | UUID, new: NewDeploymentRun, call: str) -> FlowRun:
    """The run for which a call asks: one that it asked for before and that goes on or completed, else a new one."""
    for nth in count():
        asked = _ask(plane, name, replace(new, idempotency_key=f"{call}-{nth}"))
        if asked.state_type not in FINAL_TYPES or asked.state_type is StateType.COMPLETED:
            return asked
        # It did not complete, and the caller is retried: now there is another one.
    raise AssertionError("there is always one number more")


def _ask(plane: Plane, name: str | UUID, new: NewDeploymentRun) -> FlowRun:
    """Ask for a run that belongs to a task run, of which the server may not have heard yet."""
    caller, pause = new.parent_task_run_id, 0.1
    assert caller is not None
    while True:
        try:
            return plane.run_deployment(name, new)
        except ObjectNotFound:
            session = sessions.existing()
            if session is None or pause > _MOST_PAUSE or _knows(plane, caller):
                raise
            session.clock.sleep(pause)
            deliver(session)
            pause *= 2


def _knows(plane: Plane, task: UUID) -> bool:
    try:
        plane.read_task_run(task)
    except ObjectNotFound:
        return False
    return True


def _call_name(task: TaskRunContext) -> str:
    """Names the call in the same way in every epoch of the run that makes it."""
    call = task.identity or task.task_id
    return f"call-{'' if task.run is None else task.run.hex()}-{call.hex()}"


def _run(plane: Plane, name: str | UUID, new: NewDeploymentRun, timeout: float | None, every: float) -> FlowRun:
    return await_end(plane, plane.run_deployment(name, new), timeout, every)


def await_end(plane: Plane, run: FlowRun, timeout: float | None = None, every: float = _HELD_SECONDS) -> FlowRun:
    """Wait until a flow run has ended, and give it as it was last seen.

    Args:
        plane: asked for it, in requests that it holds back until the run has ended.
        run: the flow run.
        timeout: seconds to wait at most; None for ever.
        every: seconds that one request may be held back.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while run.state_type not in FINAL_TYPES:
        left = every if deadline is None else min(every, deadline - time.monotonic())
        if left <= 0:
            break
        found = plane.await_flow_runs([run.id], left)
        if found.ended or found.unknown:
            return plane.read_flow_run(run.id)
    # A run that has not ended is looked at once more, so that what is given is what is true now.
    return run if timeout is not None and timeout <= 0 else plane.read_flow_run(run.id)


def _wanted(
    parameters: dict[str, Any] | None,
    scheduled_time: datetime | None,
    flow_run_name: str | None,
    tags: Iterable[str] | None,
    idempotency_key: str | None,
    work_queue_name: str | None,
    job_variables: dict[str, Any] | None,
) -> NewDeploymentRun:
    due = scheduled_time
    return NewDeploymentRun(
        parameters=json_parameters(parameters or {}),
        name=flow_run_name,
        tags=sorted(set(tags or ())),
        scheduled_time=due.astimezone() if due is not None and due.tzinfo is None else due,
        idempotency_key=idempotency_key,
        queue=work_queue_name,
        job_variables=dict(job_variables or {}),
    )


def _plane() -> Plane:
    """The control plane, told of all that this process has recorded: it must know the task run that calls."""
    settings = get_current_settings()
    session = sessions.existing()
    if session is not None:
        deliver(session)
    plane = plane_of(settings, version=__version__)
    if not settings.api.url:
        plane.drain()
    return plane
