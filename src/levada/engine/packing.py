"""Task calls that cross to another process and come back as states.

The child has a journal of its own; it goes on numbering the task run's records where the parent stopped, and the
parent, should it have to speak for a dead child, speaks after everything the child can have said.
"""

from __future__ import annotations

import copy
from contextvars import copy_context
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from levada.core.states import State, StateDetails, StateType
from levada.engine import session as sessions
from levada.engine.calls import RunGraph, TaskCall
from levada.engine.context import FlowRunContext, flow_var, tags_var, task_var
from levada.engine.drivers import adrive, drive
from levada.engine.inputs import Inputs, NotReady, check_wait_for, resolve, result_for_input, upstream_error
from levada.engine.recall import Recall
from levada.engine.task_run import task_steps

if TYPE_CHECKING:
    from levada.engine.session import Session

_AFTER_THE_CHILD = 1_000_000
"""Records of one task run that a child may write before the parent's own would sort among them."""

_GRACE = 3.0
"""Seconds that what a task submitted has to stop when the task was ended from outside."""

_MOST_PACKED_TASKS = 64
"""Tasks that a flow run keeps packed."""


def pack(call: TaskCall) -> bytes:
    """A task call as bytes for another process: the task, its parameters with results in place, where it stands.

    Raises:
        Exception: something in it cannot be pickled.
    """
    import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # lazy: only process runners need it

    flow = call.flow
    parameters = call.parameters
    failed: str | None = None
    try:
        if call.inputs.rich:
            parameters = {name: resolve(value, result_for_input) for name, value in parameters.items()}
        if call.wait_for is not None:
            check_wait_for(call.wait_for)
    except NotReady as reason:
        parameters, failed = {}, str(reason)
    message = {
        "task": _packed_task(call.task, flow, cloudpickle),
        "parameters": parameters,
        "not_ready": failed,
        "place": (call.run, call.epoch, call.task_id, call.identity, call.occurrence, call.opaque, call.n, call.name),
        "tags": call.tags,
        "map": (call.map_id, call.map_index),
        "parent": None if call.parent is None else call.parent.task_id,
        "flow": None if flow is None else _packed_flow(flow, cloudpickle),
        "settings": call.session.settings,
    }
    packed: bytes = cloudpickle.dumps(message)
    call.n += _AFTER_THE_CHILD
    return packed


def _packed_task(task: Any, ctx: FlowRunContext | None, cloudpickle: Any) -> bytes:
    """The task; made once for each flow run, because a map packs it thousands of times."""
    kept = {} if ctx is None else ctx.graph.packed_tasks
    found = kept.get(id(task))
    if found is None:
        if len(kept) >= _MOST_PACKED_TASKS:  # methods and `with_options` make a task of their own at each use
            kept.pop(next(iter(kept)), None)
        # The task is kept beside its bytes: as long as it lives, nothing else has its id.
        found = kept[id(task)] = (task, bytes(cloudpickle.dumps(task)))
    packed: bytes = found[1]
    return packed


def _packed_flow(ctx: FlowRunContext, cloudpickle: Any) -> bytes:
    """The flow run as a child needs to know it; made once for each flow run."""
    if ctx.graph.packed is None:
        view = copy.copy(ctx.flow_run)
        view.live_state = None
        ctx.graph.packed = cloudpickle.dumps({
            "flow": ctx.flow.with_options(task_runner=None),
            "run": ctx.run,
            "epoch": ctx.epoch,
            "attempt": ctx.attempt,
            "parameters": ctx.parameters,
            "view": view,
            "tags": ctx.tags,
            "log_prints": ctx.log_prints,
            "persist_result": ctx.persist_result,
        })  # fmt: skip
    packed: bytes = ctx.graph.packed
    return packed


def run_packed(blob: bytes) -> bytes:
    """Carry a packed call out in this process; gives its final state, packed."""
    import pickle  # lazy: only the children of process runners need it

    message = pickle.loads(blob)
    session = sessions.current()
    session.settings = message["settings"]
    session.on_run()
    call = _unpacked_call(message, session)
    if message["not_ready"] is not None:
        reason = NotReady("", None)
        reason.args = (message["not_ready"],)
        state = State(StateType.FAILED, "NotReady", message["not_ready"], upstream_error(reason))
        call.record(session.clock.now_us(), state, session.results.keep(state.data))
        return pack_state(state)
    try:
        state = copy_context().run(_run, call)
    except BaseException:
        _close_runner(call, grace=_GRACE)
        raise
    _close_runner(call, grace=None)
    return pack_state(state)


def _close_runner(call: TaskCall, grace: float | None) -> None:
    """Wait for what the task submitted in this process: its flow run knows nothing of it, and waits for the task."""
    flow = call.flow
    if flow is not None and flow.task_runner is not None:
        runner, flow.task_runner = flow.task_runner, None
        runner.close(cancel=grace is not None or call.session.settings.flows.leftovers == "cancel", grace=grace)


def _run(call: TaskCall) -> State:
    flow_var.set(call.flow)
    task_var.set(None)
    tags_var.set(call.tags - call.task.tags)
    steps = task_steps(call)
    if call.task.isasync:
        import asyncio  # lazy: only async tasks need it

        state: State = asyncio.run(adrive(steps, call.session.clock))
    else:
        state = drive(steps, call.session.clock)
    return state


def _unpacked_call(message: dict[str, Any], session: Session) -> TaskCall:
    call = TaskCall()
    call.task = _loaded(message["task"])
    call.parameters = message["parameters"]
    call.wait_for = None
    call.session = session
    call.flow = _unpacked_flow(message["flow"], session) if message["flow"] is not None else None
    call.parent = None
    place = message["place"]
    call.run, call.epoch, call.task_id, call.identity, call.occurrence, call.opaque, call.n, call.name = place
    call.known = None
    call.inputs = Inputs()
    call.tags = message["tags"]
    call.opened = True
    call.returned_state = call.muted = call.streamed = False
    call.attempt = 0
    call.map_id, call.map_index = message["map"]
    return call


@lru_cache(maxsize=32)
def _loaded(blob: bytes) -> Any:
    """What a child was sent before need not be read again."""
    import pickle  # lazy: as in `run_packed`

    return pickle.loads(blob)


def _unpacked_flow(blob: bytes, session: Session) -> FlowRunContext:
    message = _loaded(blob)
    ctx = FlowRunContext()
    ctx.flow = message["flow"]
    ctx.session = session
    ctx.run, ctx.epoch, ctx.attempt = message["run"], message["epoch"], message["attempt"]
    ctx.parameters = message["parameters"]
    ctx.flow_run = copy.copy(message["view"])
    ctx.tags = message["tags"]
    ctx.log_prints = message["log_prints"]
    ctx.persist_result = message["persist_result"]
    ctx.parent = ctx.parent_task = None
    ctx.graph = RunGraph(Recall(), memory=False)
    ctx.sequence = count(_AFTER_THE_CHILD)
    ctx.task_runner = None
    ctx.result_store = ctx.flow.store_for(None, session)
    ctx.cancel_requested = False
    ctx.loop = None
    ctx.thread = 0
    ctx.state = State(StateType.RUNNING)
    ctx.start_us = 0
    return ctx


def pack_state(state: State) -> bytes:
    """A final state as bytes; data that cannot be pickled becomes an error that says so."""
    import cloudpickle  # lazy: as in `pack`

    details = state.details if state.has_details else None
    parts = [state.type.value, state.name, state.message, state.timestamp_us, details, state.call_identity]
    try:
        return bytes(cloudpickle.dumps([*parts, state.has_data(), state.data if state.has_data() else None]))
    except Exception as error:  # noqa: BLE001 - whatever pickle refuses, the parent must learn how the run ended
        if isinstance(state.data, BaseException):
            substitute: Any = RuntimeError(f"{type(state.data).__name__}: {state.data} (could not be pickled: {error})")
            return bytes(cloudpickle.dumps([*parts, True, substitute]))
        message = f"The result could not be sent back from the process: {type(error).__name__}: {error}"
        parts[:3] = [StateType.FAILED.value, "Failed", message]
        return bytes(cloudpickle.dumps([*parts, True, TypeError(message)]))


def unpack_state(blob: bytes) -> State:
    """The state that `pack_state` made bytes of."""
    import pickle  # lazy: as in `run_packed`

    parts = pickle.loads(blob)
    kind, name, message, at, details, identity, has_data, data = parts
    assert details is None or isinstance(details, StateDetails)
    state = State(kind, name, message, data if has_data else UNSET, at, details)
    state.call_identity = identity
    return state
