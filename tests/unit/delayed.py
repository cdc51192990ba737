"""Executes delayed calls in the process of a test, as a process that serves them does, without claims."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from levada.task_runs import queue_of
from levada.task_worker.calls import ServedTask
from levada.task_worker.hands import Calls
from levada.testing import Harness
from levada.wire.deployments import Code
from levada.wire.objects import FlowRun
from levada.wire.pools import WorkOrder

WORKER = UUID(int=7)


def order_of(run: FlowRun, epoch: int = 1, **more: Any) -> WorkOrder:
    """The order that a claim makes of a run that waits."""
    return WorkOrder(
        run=run.id,
        epoch=epoch,
        name=run.name,
        flow_name=run.flow_name,
        code=Code(entrypoint=run.entrypoint or ""),
        parameters=run.parameters_payload,
        tags=run.tags,
        job_variables=run.job_variables,
        **more,
    )


def calls_of(test_home: Harness, *tasks: Any, told: list[str] | None = None) -> Calls:
    """What sees the calls of these tasks through."""
    served = {queue_of(task): ServedTask(task) for task in tasks}
    return Calls(
        WORKER,
        lambda: None,
        tasks=served,
        plane=test_home.control,
        session=test_home.session,
        tell=(told if told is not None else []).append,
    )


def execute(test_home: Harness, *tasks: Any, told: list[str] | None = None) -> None:
    """Execute every call that waits."""
    calls = calls_of(test_home, *tasks, told=told)
    for run in test_home.flow_runs(state_names=["Scheduled"]):
        calls.begin(order_of(run))
    calls.await_all()
    calls.close()
    test_home.control.drain()
