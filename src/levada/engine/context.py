"""Where in which run the current code is: two context variables, carried into threads by copying the context."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.core.errors import MissingContextError

if TYPE_CHECKING:
    from levada.core.states import State
    from levada.engine.session import Session
    from levada.wire.objects import FlowRun, TaskRun
    from levada.wire.pools import WorkOrder


class FlowRunContext:
    """One epoch of a flow run, as seen from the code inside it.

    Attributes:
        flow: the `Flow` that runs.
        run: 16-byte run id.
        epoch: the lease epoch this process owns.
        attempt: 1 for the first execution of the function in this epoch, more on flow retries.
        parameters: the validated parameters.
        flow_run: the run as authors see it.
        session: clock, journal and results of this process.
        task_runner: made and started when something is first submitted.
        persist_result, result_store, log_prints: what tasks and subflows inherit.
        parent: the context of the flow run this is a subflow of.
    """

    __slots__ = (
        "attempt",
        "cancel_requested",
        "epoch",
        "flow",
        "flow_run",
        "graph",
        "log_prints",
        "loop",
        "order",
        "parameters",
        "parent",
        "parent_task",
        "persist_result",
        "recall",
        "result_store",
        "run",
        "sequence",
        "session",
        "start_us",
        "state",
        "tags",
        "task_runner",
        "thread",
    )

    flow: Any
    run: bytes
    epoch: int
    attempt: int
    parameters: dict[str, Any]
    flow_run: FlowRun
    session: Session
    task_runner: Any
    persist_result: bool | None
    result_store: Any
    log_prints: bool
    parent: FlowRunContext | None
    parent_task: TaskRunContext | None
    state: State
    start_us: int
    cancel_requested: bool
    tags: frozenset[str]
    graph: Any
    """The `RunGraph` of this run."""
    sequence: Any
    """Counts this run's own records."""
    recall: Any
    loop: Any
    thread: int
    order: WorkOrder | None
    """What a worker was given, of the run of a deployment; None of any other, and of subflow runs."""

    @classmethod
    def get(cls) -> FlowRunContext | None:
        """The context of the current flow run, if any."""
        return flow_var.get()

    @property
    def flow_run_id(self) -> UUID:
        """Id of the run."""
        return self.flow_run.id

    @property
    def deployed(self) -> WorkOrder | None:
        """The order behind this run, or behind the run that called it at any depth."""
        ctx: FlowRunContext | None = self
        while ctx is not None and ctx.order is None:
            ctx = ctx.parent
        return None if ctx is None else ctx.order


class TaskRunContext:
    """One attempt of a task run, as seen from the code inside it."""

    __slots__ = (
        "attempt",
        "call",
        "epoch",
        "flow_context",
        "identity",
        "log_prints",
        "name",
        "occurrence",
        "parameters",
        "persist_result",
        "result_store",
        "run",
        "session",
        "start_us",
        "state",
        "tags",
        "task",
        "task_id",
        "transaction",
        "view",
    )

    call: Any
    """The `TaskCall` that is carried out."""
    identity: bytes
    occurrence: int
    transaction: Any
    task: Any
    task_id: bytes
    run: bytes | None
    """The flow run it belongs to; None for a task called outside flows."""
    epoch: int
    name: str
    attempt: int
    parameters: dict[str, Any]
    flow_context: FlowRunContext | None
    session: Session
    result_store: Any
    persist_result: bool | None
    log_prints: bool
    state: State
    start_us: int
    tags: frozenset[str]
    view: TaskRun | None

    @classmethod
    def get(cls) -> TaskRunContext | None:
        """The context of the current task run, if any."""
        return task_var.get()

    @property
    def task_run(self) -> TaskRun:
        """The run as authors see it; built when first asked for."""
        if self.view is None:
            from levada.engine.views import task_run_view  # lazy: only hooks and contexts that look pay for it

            self.view = task_run_view(self)
        return self.view


flow_var: ContextVar[FlowRunContext | None] = ContextVar("levada_flow_run", default=None)
task_var: ContextVar[TaskRunContext | None] = ContextVar("levada_task_run", default=None)
tags_var: ContextVar[frozenset[str]] = ContextVar("levada_tags", default=frozenset())


def current_run() -> FlowRunContext | TaskRunContext:
    """The innermost run context.

    Raises:
        MissingContextError: no run is active here.
    """
    found = task_var.get() or flow_var.get()
    if found is None:
        raise MissingContextError("No run context available. You are not in a flow or task run context.")
    return found
