"""The result store that applies to a run: its own storage and serializer, else those of what it runs in."""

from __future__ import annotations

from typing import Any

from levada.engine.context import FlowRunContext, TaskRunContext


def store_of(ctx: FlowRunContext | TaskRunContext) -> Any:
    """The store of a run, with the task's or the flow's own storage and serializer applied."""
    if isinstance(ctx, FlowRunContext):
        return ctx.result_store or ctx.session.results
    if ctx.result_store is None:
        flow = ctx.flow_context
        base = ctx.session.results if flow is None or flow.result_store is None else flow.result_store
        task = ctx.task
        own = task.result_storage is not None or task.result_serializer is not None
        policy = own or task.transactional or ctx.persist_result
        ctx.result_store = base.update_for_task(task) if policy else base
    return ctx.result_store
