"""How one task call is carried out, written once for every colour.

The life of a call: answered from records → inputs ready → opened → slots → attempts (cached? function, outcome,
retry?) → hooks. `task_steps` is that list; each step is a function below it.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from levada.core.errors import LevadaError
from levada.core.retries import decide
from levada.core.states import State, StateType, datetime_of
from levada.engine import observers
from levada.engine.commands import Call, Command, Invoke, Iterate, Sleep, WaitFor
from levada.engine.context import TaskRunContext, task_var
from levada.engine.hooks import run_hooks
from levada.engine.inputs import NotReady, check_wait_for, resolve, result_for_input, upstream_error
from levada.engine.outcome import state_of_end, state_of_error, state_of_task_value, state_of_timeout
from levada.engine.remarks import engine_log
from levada.wire.records import Payload, TaskChanged, TaskReused

if TYPE_CHECKING:
    from levada.engine.calls import TaskCall
    from levada.engine.session import Limits

Steps = Generator[Command, Any, State]
_COMPLETED = StateType.COMPLETED
_NOT_KEPT = Payload("none", preview="persist_result=False")
STREAMED = Payload("none", preview="the items went to the caller as they came")


def task_steps(call: TaskCall) -> Steps:
    """Carry one task call out; returns its final state and raises only what must end the caller too."""
    known = call.known
    if known is not None and known.payload is not None and not call.streamed:
        reused = _reuse(call, known.payload)
        if reused is not None:
            return _told(call, reused)
    if call.inputs.rich or call.wait_for is not None:
        try:
            yield from _ready(call)
        except NotReady as reason:
            return _told(call, _not_ready(call, reason))
    if call.task.task_run_name is not None:
        yield from _rename(call)
    ctx = _context(call)
    try:
        call.lease = (yield from _slots(call)) if call.tags else None
    except Exception as error:  # noqa: BLE001 - a limit that can never be met, or a database that cannot be asked
        return _told(call, _refused(call, ctx, error))
    printed = None
    if ctx.log_prints:
        # Not left to the flow run: it may not log prints itself, or run in another process.
        from levada.engine.logs import capture_prints  # lazy: see `remarks`

        printed = capture_prints()
    try:
        state = yield from _attempts(call, ctx)
    finally:
        if printed is not None:
            printed()
        if call.lease is not None:
            call.session.limits().release(call.lease)
    return _told(call, state)


def _told(call: TaskCall, state: State) -> State:
    """The final state, after whoever watches was told of it."""
    if observers.active:
        observers.finished(call.task.name, state)
    return state


def _reuse(call: TaskCall, payload: Payload) -> State | None:
    """Answer the call with what an earlier epoch, or another run, recorded; None when that can no longer be read."""
    session = call.session
    try:
        value = session.results.load(payload)
    except (LevadaError, OSError) as error:
        engine_log(call, "warning", "The recorded result cannot be read, so the task runs again: %s", error)
        return None
    now = session.clock.now_us()
    known = call.known
    assert known is not None
    assert call.flow is not None
    call.flow.graph.recall.reused += 1
    call.name = known.name
    state = State(_COMPLETED, known.state_name or None, "Reused from the run's records.", timestamp_us=now)
    state.data = value
    call.returned_state = payload.in_state
    if known.forked:
        call.open(now, started=False)
        call.record(now, state, payload, {"reason": "reused from the run this one was forked from"})
    session.journal.append(TaskReused(call.task_id, call.run, call.epoch, call.next_n(), now, known.task))
    settle(call, state, payload)
    return state


def _ready(call: TaskCall) -> Generator[Command, Any, None]:
    """Wait for the call's inputs and put their results in place.

    Raises:
        NotReady: an input did not complete.
    """
    pending = [future for future in call.inputs.futures if not future.done()]
    if pending:
        if not call.opened:
            call.open(call.session.clock.now_us(), started=False)
        yield WaitFor(pending)
    call.parameters = {
        name: resolve(value, result_for_input) if value.__class__ is not str else value
        for name, value in call.parameters.items()
    }
    if call.wait_for is not None:
        check_wait_for(call.wait_for)


def _not_ready(call: TaskCall, reason: NotReady) -> State:
    """End a call whose upstream did not complete: a final state that names it."""
    now = call.session.clock.now_us()
    if not call.opened:
        call.open(now, started=False)
    state = State(StateType.FAILED, name="NotReady", message=str(reason), data=upstream_error(reason), timestamp_us=now)
    call.record(now, state, call.session.results.keep(state.data), {"reason": str(reason)})
    settle(call, state, None)
    engine_log(call, "warning", "%s It was not run.", str(reason))
    return state


def _rename(call: TaskCall) -> Generator[Command, Any, None]:
    """Give the run the name its author asked for; a template that fails leaves the plain name and says so."""
    try:
        name = yield Invoke(call.task.name_run, call.parameters)
    except Exception as error:  # noqa: BLE001 - a name must not decide about a run
        engine_log(call, "error", "The name of this task run could not be made: %r", error)
        return
    call.name = str(name)
    if call.opened:
        now = call.session.clock.now_us()
        call.session.journal.append(TaskChanged(call.task_id, call.run, call.epoch, call.next_n(), now, call.name))


def _context(call: TaskCall) -> TaskRunContext:
    ctx = TaskRunContext()
    task, flow = call.task, call.flow
    ctx.call = call
    ctx.task = task
    ctx.task_id = call.task_id
    ctx.run = call.run
    ctx.epoch = call.epoch
    ctx.identity = call.identity
    ctx.occurrence = call.occurrence
    ctx.name = call.name
    ctx.parameters = call.parameters
    ctx.flow_context = flow
    ctx.session = call.session
    ctx.tags = call.tags
    ctx.view = None
    ctx.transaction = None
    ctx.attempt = 0
    parent = call.parent or flow
    ctx.log_prints = task.log_prints if task.log_prints is not None else parent is not None and parent.log_prints
    ctx.persist_result = task.persists(parent)
    ctx.result_store = None
    return ctx


class _Acquire:
    """Wait for a slot of each limit.

    Async runs wait on their loop: waiters in its threads would leave none for the holders, and a cancelled one would
    go on waiting.
    """

    __slots__ = ("call", "limits", "names")

    def __init__(self, limits: Limits, names: list[str], call: TaskCall) -> None:
        self.limits = limits
        self.names = names
        self.call = call

    def run(self) -> Any:
        call = self.call
        return self.limits.acquire(self.names, 1, strict=False, timeout=None, run=call.run, task=call.task_id)

    async def arun(self) -> Any:
        call = self.call
        return await self.limits.aacquire(self.names, 1, strict=False, timeout=None, run=call.run, task=call.task_id)


def _slots(call: TaskCall) -> Generator[Command, Any, Any]:
    """Hold a slot of every concurrency limit that one of the call's tags has."""
    names = [f"tag:{tag}" for tag in sorted(call.tags)]
    limits = call.session.limits()
    if not limits.any(names):
        return None
    if not call.opened:
        call.open(call.session.clock.now_us(), started=False)
    try:
        return (yield _Acquire(limits, names, call))
    except Exception:
        raise
    except BaseException as error:
        call.record(call.session.clock.now_us(), state_of_end(error))
        raise


def _refused(call: TaskCall, ctx: TaskRunContext, error: Exception) -> State:
    """End a call that can never have the slots it needs."""
    state = state_of_error(error, "Task")
    state.timestamp_us = ctx.start_us = now = call.session.clock.now_us()
    if not call.opened:
        call.open(now, started=False)
    call.record(now, state, call.session.results.keep(error), {"reason": str(error)})
    settle(call, state, None)
    engine_log(call, "error", "%s", state.message)
    return state


def _attempts(call: TaskCall, ctx: TaskRunContext) -> Steps:
    """Call the function until it completes or its retries are used up."""
    task, session, clock = call.task, call.session, call.session.clock
    ctx.start_us = now = clock.now_us()
    if call.opened:
        call.record(now, State(StateType.RUNNING))
    else:
        call.open(now, started=True)
    failures = 0
    while True:
        call.attempt = ctx.attempt = failures + 1
        if task.on_running_hooks:
            ctx.state = State(StateType.RUNNING, "Retrying" if failures else None, timestamp_us=clock.now_us())
            yield from run_hooks(task.on_running_hooks, task, ctx, ctx.state)
        token = task_var.set(ctx) if not task.isgenerator else None
        try:
            state, payload = yield from _attempt(call, ctx)
        except GeneratorExit as error:  # the driver was abandoned, nothing can be yielded any more
            _end(call, ctx, state_of_end(error))
            raise
        except BaseException as error:
            state = state_of_end(error)
            _end(call, ctx, state)
            yield from run_hooks(task.hooks_for(state), task, ctx, state)
            raise
        finally:
            if token is not None:
                task_var.reset(token)
        if state.type is _COMPLETED or not state.is_failed():
            break
        failures += 1
        decided = yield from _retry(call, ctx, state, failures)
        if not decided:
            payload = session.results.keep(state.data)
            break
    call_state_details = None if state.type is _COMPLETED and not state.has_details else _details(state)
    state.timestamp_us = now = clock.now_us()
    ctx.state = state
    ctx.view = None
    if call.returned_state and payload is not None:
        payload = replace(payload, in_state=True)
    call.record(now, state, payload, call_state_details)
    settle(call, state, payload)
    if task.has_end_hooks:
        yield from run_hooks(task.hooks_for(state), task, ctx, state)
    return state


def _attempt(call: TaskCall, ctx: TaskRunContext) -> Generator[Command, Any, tuple[State, Payload | None]]:
    """One attempt: its state, and the recorded result when it completed."""
    task, session = call.task, call.session
    try:
        if task.transactional or ctx.persist_result or task.in_transaction():
            from levada.engine.caching import transacted  # lazy: only cached, persisted or transactional tasks pay

            return (yield from transacted(call, ctx))
        value = yield from function_of(call, ctx)
        state = state_of_task_value(value)
        call.returned_state = value.__class__ is State
        if state.type is not _COMPLETED:
            return state, None
        if call.streamed:
            return state, STREAMED
        payload = session.results.keep(state.data) if ctx.persist_result is not False else _NOT_KEPT
    except TimeoutError as error:
        if task.timeout_seconds and getattr(error, "levada_timeout", False):
            return state_of_timeout(error, "Task", task.timeout_seconds), None
        return state_of_error(error, "Task"), None
    except Exception as error:  # noqa: BLE001 - whatever the author's function raises is the run's failure
        return state_of_error(error, "Task"), None
    return state, payload


def function_of(call: TaskCall, ctx: TaskRunContext) -> Generator[Command, Any, Any]:
    """Call the author's function with the call's parameters."""
    task = call.task
    args, kwargs = task.signature.unbind(call.parameters)
    if task.isgenerator:
        lineage = None if call.flow is None else call.flow.graph.lineage

        def on_item(item: Any) -> None:
            if lineage is not None:
                lineage.remember(item, call.task_id)

        return (yield Iterate(task.fn, args, kwargs, task.timeout_seconds, (call.flow, ctx), on_item))
    return (yield Call(task.fn, args, kwargs, task.timeout_seconds))


def _retry(call: TaskCall, ctx: TaskRunContext, state: State, failures: int) -> Generator[Command, Any, bool]:
    """Decide about another attempt; if there is one, record why, and wait until it is due."""
    task, clock = call.task, call.session.clock
    error = state.data if isinstance(state.data, BaseException) else None
    now = clock.now_us()
    decision = decide(task.retry_policy, failures, error, random=random.random, now=datetime_of(now))
    reason, retry = decision.reason, decision.retry
    if retry and task.retry_condition_fn is not None:
        state.timestamp_us = now
        ctx.state, ctx.view = state, None
        try:
            retry = bool((yield Invoke(task.retry_condition_fn, task, ctx.task_run, state)))
            reason = reason if retry else "not retried, because retry_condition_fn said so"
        except Exception as problem:  # noqa: BLE001 - the author's condition; a broken one must not retry in silence
            retry, reason = False, f"not retried, because retry_condition_fn raised {problem!r}"
            engine_log(call, "error", "retry_condition_fn raised %r; the task is not retried.", problem)
    state.details.reason = reason
    if not retry:
        why = f"; {reason}" if task.most_retries else ""
        engine_log(call, "error", "%s", f"{state.message or state.name}{why}", error=error)
        return False
    engine_log(call, "warning", "%s", f"{state.message}; {reason}")
    delay = decision.delay
    waiting = State(
        StateType.SCHEDULED if delay > 0 else StateType.RUNNING, "AwaitingRetry" if delay > 0 else "Retrying"
    )
    waiting.message = state.message
    details: dict[str, Any] = {"reason": reason, "rule": decision.rule, "failure": state.name}
    if delay > 0:
        due = datetime_of(now) + timedelta(seconds=delay)
        details["scheduled_time"] = due.isoformat()
    call.record(now, waiting, call.session.results.keep(error) if error is not None else None, details)
    if delay > 0:
        lease, call.lease = call.lease, None
        if lease is not None:  # others may have the slots while this call only waits
            call.session.limits().release(lease)
        yield Sleep(delay)
        if lease is not None:
            call.lease = yield from _slots(call)
        call.attempt = failures + 1
        call.record(clock.now_us(), State(StateType.RUNNING, "Retrying"))
    return True


def _details(state: State) -> dict[str, Any] | None:
    details = state.details
    kept = {
        name: value for name in ("reason", "cache_key", "pause_key") if (value := getattr(details, name)) is not None
    }
    return kept or None


def _end(call: TaskCall, ctx: TaskRunContext, state: State) -> None:
    """Record the state of a call that something other than an `Exception` ended."""
    state.timestamp_us = now = call.session.clock.now_us()
    ctx.state = state
    ctx.view = None
    payload = call.session.results.keep(state.data) if state.is_completed() else None
    call.record(now, state, payload, {"reason": state.message})
    settle(call, state, payload)


def settle(call: TaskCall, state: State, payload: Payload | None) -> None:
    """Make the ended call known to the run: who made the result, and what a later attempt may reuse."""
    state.call_identity = call.identity + call.occurrence.to_bytes(4, "big") if call.identity else None
    state.origin = (call.run, call.task_id)
    flow = call.flow
    if flow is None:
        return
    if state.type is _COMPLETED:
        flow.graph.lineage.remember(state.data, call.task_id)
    if flow.graph.memory:
        # What a failed call left is its exception: no result that another attempt of the flow could take.
        kept = payload if state.type is _COMPLETED else None
        flow.graph.recall.note(call.identity, call.occurrence, call.task_id, call.n, kept, call.name)
