"""A task call on its way to a task runner: made here, carried out where and when the runner says."""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import Any

from levada.core.states import State, StateType
from levada.engine import calls, observers
from levada.engine import session as sessions
from levada.engine.calls import TaskCall
from levada.engine.context import flow_var, tags_var, task_var
from levada.engine.drivers import adrive, drive
from levada.engine.outcome import state_of_end
from levada.engine.task_run import settle, task_steps
from levada.futures import Future


class Submission:
    """One submitted task call.

    Attributes:
        future: ends when the call has ended.
        upstream: futures among its inputs that are not done yet; the call can be carried out when all are.
        is_async: the task is a coroutine function.
        name: of the task run.
        timeout: seconds that one attempt may take, or None.
    """

    __slots__ = ("call", "context", "future", "is_async", "name", "timeout", "upstream")

    def __init__(self, call: TaskCall, context: Context | None) -> None:
        self.call = call
        self.context = context
        identity = call.identity + call.occurrence.to_bytes(4, "big") if call.identity else None
        self.future: Future[Any] = Future(call.task_id, identity, call.name)
        self.upstream = tuple(future for future in call.inputs.futures if not future.done())
        self.is_async = call.task.isasync
        self.name = call.name
        self.timeout: float | None = call.task.timeout_seconds or None

    def run(self) -> State:
        """Carry the call out on this thread, in the context it was made in."""
        context = self.context or copy_context()
        state: State = context.run(drive, task_steps(self.call), self.call.session.clock)
        return state

    async def arun(self) -> State:
        """Carry the call out on this event loop, in the context it was made in."""
        flow_token, task_token = flow_var.set(self.call.flow), task_var.set(self.call.parent)
        tags_token = tags_var.set(self.context[tags_var]) if self.context and tags_var in self.context else None
        try:
            state: State = await adrive(task_steps(self.call), self.call.session.clock)
        finally:
            if tags_token is not None:
                tags_var.reset(tags_token)
            task_var.reset(task_token)
            flow_var.reset(flow_token)
        return state

    def pack(self) -> bytes:
        """The call for another process, where `levada.engine.packing.run_packed` carries it out."""
        from levada.engine.packing import pack  # lazy: only process runners need it

        packed: bytes = pack(self.call)
        return packed

    def ended_elsewhere(self, state: State) -> State:
        """Make the outcome known here of a call that another process carried out and recorded."""
        call = self.call
        memory = call.flow is not None and call.flow.graph.memory
        settle(call, state, call.session.results.keep(state.data) if memory and state.is_completed() else None)
        if observers.active:
            observers.finished(self.call.task.name, state)
        return state

    def abandon(self, reason: str) -> State:
        """End a call that was never started: it is recorded as cancelled, so that nothing vanishes."""
        return self.end(State(StateType.CANCELLED, message=reason))

    def end(self, state: State) -> State:
        """Record how a call ended that could not record it itself (never started, or its process died)."""
        call = self.call
        now = call.session.clock.now_us()
        if not call.opened:
            call.open(now, started=False)
        state.timestamp_us = now
        state.origin = (call.run, call.task_id)
        call.record(now, state, None, {"reason": state.message})
        call.muted = True
        if observers.active:
            observers.finished(call.task.name, state)
        return state

    def crash(self, error: BaseException) -> State:
        """Record that something other than an `Exception` ended the call."""
        return self.end(state_of_end(error))


def prepare(
    task: Any,
    parameters: dict[str, Any],
    wait_for: Any = None,
    dependencies: Any = None,
    item: calls.Item | None = None,
) -> Submission:
    """Make a call of a task for a runner; its task run is recorded from now on.

    Args:
        task: what is called.
        parameters: by name.
        wait_for: what must be done before, besides the inputs.
        dependencies: ignored.
        item: as of `levada.engine.calls.prepare`.
    """
    session = sessions.current()
    call = calls.prepare(task, parameters, wait_for, session, item)
    if call.known is None or call.known.payload is None:
        call.open(session.clock.now_us(), started=False)
    if observers.active:
        observers.submitted(task.name, None)
    return Submission(call, copy_context())
