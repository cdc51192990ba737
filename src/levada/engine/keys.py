"""Templates of result storage keys: over the parameters, and what runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from levada.engine.calls import TaskCall
    from levada.engine.context import TaskRunContext


def storage_key(template: str, call: TaskCall, ctx: TaskRunContext) -> str:
    """The key that a template makes.

    It may name parameters, `parameters[...]`, `flow_run`, `task_run` and `prefect.runtime`.

    Raises:
        KeyError: it names something else.
    """
    flow = call.flow
    flow_run = SimpleNamespace(
        id="" if flow is None else str(flow.flow_run.id),
        name="" if flow is None else flow.flow_run.name,
        flow_name="" if flow is None else flow.flow.name,
        parameters={} if flow is None else flow.parameters,
    )
    task_run = SimpleNamespace(
        id=str(ctx.task_run.id), name=ctx.name, task_name=call.task.name, parameters=call.parameters
    )
    runtime = SimpleNamespace(flow_run=flow_run, task_run=task_run)
    named: dict[str, Any] = {
        **call.parameters,
        "parameters": call.parameters,
        "flow_run": flow_run,
        "task_run": task_run,
        "levada": SimpleNamespace(runtime=runtime),
        "prefect": SimpleNamespace(runtime=runtime),
    }
    return template.format(**named)
