"""What a call of a flow or a task does; loaded by the first call, so that importing and decorating stay light.

A call makes a run (a generator of commands) and gives it to the driver of its colour. What comes back depends on the
function alone: a value for a sync one, a coroutine for an async one, a generator for a generator.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from levada.core.errors import MissingContextError
from levada.core.states import State
from levada.engine import session as sessions
from levada.engine import signals
from levada.engine.calls import TaskCall, prepare
from levada.engine.context import FlowRunContext, flow_var
from levada.engine.drivers import adrive, aiterate, drive, drive_flow, iterate
from levada.engine.flow_run import FlowOutcome, Start, flow_steps
from levada.engine.task_run import task_steps

if TYPE_CHECKING:
    from levada.flows import Flow
    from levada.tasks import Task


def call_task(
    task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], return_state: bool, wait_for: Any
) -> Any:
    """What `Task.__call__` does."""
    call = prepare(task, task.signature.bind(args, kwargs), wait_for, sessions.current())
    steps = task_steps(call)
    clock = call.session.clock
    if task.isgenerator:
        call.streamed = True
        return _aiterated_task(steps, clock) if task.isasync else _iterated_task(steps, clock)
    if task.isasync:
        return _awaited_task(call, steps, return_state)
    state = drive(steps, clock)
    return state if return_state else _value_of(call, state)


def _value_of(call: TaskCall, state: State) -> Any:
    """What an inline call gives for the final state of its run: the result, or the state that the author returned."""
    return state if call.returned_state else state.result()


async def _awaited_task(call: TaskCall, steps: Any, return_state: bool) -> Any:
    state = await adrive(steps, call.session.clock)
    return state if return_state else _value_of(call, state)


def _iterated_task(steps: Any, clock: Any) -> Generator[Any, Any, Any]:
    state = yield from iterate(steps, clock)
    return state.result()


async def _aiterated_task(steps: Any, clock: Any) -> Any:
    ended: list[State] = []
    async with aclosing(aiterate(steps, clock, ended.append)) as items:
        async for item in items:
            yield item
    for state in ended:
        state.result()  # raises what the run raised; the value of an async generator is nobody's


_DOING = {"submit": "submission", "map": "mapped task runs"}


def flow_for(task: Task[Any, Any], verb: str) -> FlowRunContext:
    """The flow run in which a task is submitted.

    Raises:
        MissingContextError: there is none.
    """
    flow = flow_var.get()
    if flow is None:
        raise MissingContextError(
            f"Unable to determine task runner to use for {_DOING[verb]}: task {task.name!r} can be given to `{verb}` "
            "only inside a flow. Call it directly to run it here, or use `.delay` to hand it to a worker."
        )
    return flow


def runner_of(flow: FlowRunContext) -> Any:
    """The task runner of a flow run; made and started when something is first submitted, by whatever thread."""
    runner = flow.task_runner
    if runner is None:
        with flow.graph.lock:
            runner = flow.task_runner
            if runner is None:
                runner = flow.flow.task_runner.duplicate()
                runner.__enter__()
                flow.task_runner = runner
    return runner


def run_flow(
    flow: Flow[Any, Any],
    parameters: dict[str, Any],
    start: Start | None = None,
    *,
    return_state: bool = False,
    wait_for: Any = None,
) -> Any:
    """Run a flow with parameters by name: new, or as a later epoch of a recorded run, as `start` says."""
    session = sessions.current()
    session.on_run()
    steps = flow_steps(flow, parameters, wait_for, session, start or Start())
    clock = session.clock
    if flow.isgenerator:
        return _aiterated_flow(steps, clock) if flow.isasync else _iterated_flow(steps, clock)
    if flow.isasync:
        return _awaited_flow(steps, clock, return_state)
    return _ended(drive_flow(steps, clock), return_state)


def _ended(outcome: FlowOutcome, return_state: bool) -> Any:
    """What a call of a flow gives, or raises, when its run has ended."""
    if outcome.error is not None:
        signals.die_by(outcome.error)
        raise signals.onwards(outcome.error)
    state = outcome.state
    if return_state:
        return state
    if not state.is_completed():
        if isinstance(outcome.value, (list, tuple, set)) and state.data is outcome.value:
            return outcome.value
        return state.result()
    return state.result() if outcome.value is state else outcome.value


async def _awaited_flow(steps: Any, clock: Any, return_state: bool) -> Any:
    return _ended(await adrive(steps, clock), return_state)


def _iterated_flow(steps: Any, clock: Any) -> Any:
    outcome = yield from iterate(steps, clock)
    return _ended(outcome, False)


async def _aiterated_flow(steps: Any, clock: Any) -> Any:
    ended: list[FlowOutcome] = []
    async with aclosing(aiterate(steps, clock, ended.append)) as items:
        async for item in items:
            yield item
    for outcome in ended:
        _ended(outcome, False)  # raises what the run raised; the value of an async generator is nobody's
