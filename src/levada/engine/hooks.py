"""Hooks: what authors want called when a run enters a state.

They run in registration order, inside the run's context (so that `get_run_logger` works in them), and can be sync or
async. What a hook raises is logged and recorded; it never changes the state.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from levada.core.states import State
from levada.engine.commands import Command, Invoke
from levada.engine.context import FlowRunContext, TaskRunContext, flow_var, task_var
from levada.engine.remarks import engine_log


def run_hooks(
    hooks: Sequence[Any], definition: Any, ctx: FlowRunContext | TaskRunContext, state: State
) -> Generator[Command, Any, None]:
    """Call each hook with the flow or task, its run, and the state it entered."""
    if not hooks:
        return
    is_task = isinstance(ctx, TaskRunContext)
    run = ctx.task_run if isinstance(ctx, TaskRunContext) else ctx.flow_run
    variable: Any = task_var if is_task else flow_var
    for hook in hooks:
        name = getattr(hook, "__name__", None) or type(hook).__name__
        token = variable.set(ctx)
        try:
            engine_log(ctx, "debug", "Running hook %r in response to entering state %r", name, state.name)
            yield Invoke(hook, definition, run, state)
        except Exception as error:  # noqa: BLE001 - the author's hook; see the module's docstring
            engine_log(ctx, "error", "An error was encountered while running hook %r", name, error=error)
        finally:
            variable.reset(token)
