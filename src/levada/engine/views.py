"""A live task run as authors see it in hooks and contexts."""

from __future__ import annotations

from uuid import UUID

from levada.core.states import State, StateType, datetime_of
from levada.engine.context import TaskRunContext
from levada.wire.objects import TaskRun


def task_run_view(ctx: TaskRunContext) -> TaskRun:
    """The task run that is executing in a context."""
    call = ctx.call
    state = getattr(ctx, "state", None)
    if state is None:
        state = State(StateType.RUNNING, "Retrying" if ctx.attempt > 1 else None, timestamp_us=ctx.start_us)
    edges = call.inputs.edges or {}
    return TaskRun(
        id=UUID(bytes=ctx.task_id),
        name=ctx.name,
        task_key=ctx.task.task_key,
        flow_run_id=None if ctx.run is None else UUID(bytes=ctx.run),
        epoch=ctx.epoch,
        dynamic_key=f"{ctx.identity.hex()[:8]}-{ctx.occurrence}",
        identity=ctx.identity.hex(),
        occurrence=ctx.occurrence,
        state_type=state.type,
        state_name=state.name,
        parameters=ctx.parameters,
        tags=sorted(ctx.tags),
        run_count=ctx.attempt,
        created=datetime_of(ctx.start_us),
        start_time=datetime_of(ctx.start_us),
        end_time=state.timestamp if state.is_final() else None,
        parent_task_run_id=None if call.parent is None else UUID(bytes=call.parent.task_id),
        task_inputs={name: [UUID(bytes=source) for source in sources] for name, sources in edges.items()},
        cache_key=state.details.cache_key if state.has_details else None,
        code=ctx.task.code,
        opaque=call.opaque,
        live_state=state,
    )
