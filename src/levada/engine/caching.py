"""Attempts of tasks that are cached, persisted, or part of a transaction.

The order is the promise: look the key up → call the function → serialise → write (or hand to the transaction around)
→ only then is the run Completed. A result that cannot be serialised fails the attempt and names the culprit.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from levada.core.states import State, StateType, datetime_of
from levada.engine.commands import Command
from levada.engine.context import TaskRunContext, task_var
from levada.engine.outcome import state_of_task_value
from levada.engine.remarks import engine_log
from levada.engine.store_of import store_of
from levada.engine.task_run import STREAMED, function_of
from levada.transactions import activate, begin, deactivate, set_opener
from levada.wire.records import Payload

if TYPE_CHECKING:
    from levada.engine.calls import TaskCall

_COMPLETED = StateType.COMPLETED


class _NotCompleted(Exception):  # noqa: N818 - a message from the attempt to its transaction
    """The function returned a state that is not Completed: nothing it did may be committed."""

    def __init__(self, state: State) -> None:
        self.state = state


def transacted(call: TaskCall, ctx: TaskRunContext) -> Generator[Command, Any, tuple[State, Payload | None]]:
    """One attempt inside a transaction of its own."""
    task, session = call.task, call.session
    store = store_of(ctx)
    # The items of a generator go to the caller as they come: nothing could answer for them later.
    key, looks_up = _key(call, ctx) if ctx.persist_result and not call.streamed else (None, False)
    refresh = task.refresh_cache if task.refresh_cache is not None else session.settings.tasks.refresh_cache
    expiration = None
    if task.cache_expiration is not None:
        expiration = datetime_of(session.clock.now_us()) + timedelta(seconds=task.cache_expiration.total_seconds())
    transaction = begin(
        asynchronous=task.isasync,
        key=key,
        store=store,
        isolation_level=getattr(task.cache_policy, "isolation_level", None) if looks_up else None,
        overwrite=bool(refresh) or not looks_up,
        expiration=expiration,
        on_end=lambda ended: _ended(call, ctx, ended),
    )
    yield from transaction.enter()
    if transaction.is_committed() and transaction.found is not None:
        return _cached(call, store, transaction.found, key)
    token = activate(transaction)
    ctx.transaction = transaction
    try:
        value = yield from function_of(call, ctx)
        state = state_of_task_value(value)
        call.returned_state = value.__class__ is State
        if state.type is not _COMPLETED:
            raise _NotCompleted(state)
        record = state.data if key is None else store.prepare(key, state.data, expiration=expiration)
        transaction.stage(record, on_rollback_hooks=task.on_rollback_hooks, on_commit_hooks=task.on_commit_hooks)
        yield from transaction.leave()
    except _NotCompleted as error:
        yield from transaction.leave(error)
        return error.state, None
    except BaseException as error:
        yield from transaction.leave(error)
        raise
    finally:
        deactivate(token)
    if key is not None:
        state.details.cache_key = key if looks_up else None
    if call.streamed:
        return state, STREAMED
    return state, transaction.payload or session.results.keep(state.data)


def _cached(call: TaskCall, store: Any, payload: Payload, key: str | None) -> tuple[State, Payload]:
    """The result that an earlier run left under the key."""
    state = State(_COMPLETED, "Cached", data=store.load(payload))
    state.details.cache_key = key
    call.returned_state = False
    return state, payload


def _key(call: TaskCall, ctx: TaskRunContext) -> tuple[str | None, bool]:
    """Under which key the result goes, and whether a result that is there already may answer."""
    task, settings = call.task, call.session.settings.tasks
    if task.result_storage_key is not None:
        from levada.engine.keys import storage_key  # lazy: only tasks with a key template need it

        return storage_key(task.result_storage_key, call, ctx), not settings.disable_caching
    policy = task.cache_policy
    flow_parameters = {} if call.flow is None else call.flow.parameters
    try:
        key = None if policy is None else policy.compute_key(ctx, call.parameters, flow_parameters)
    except Exception as error:  # noqa: BLE001 - the author's key function; the run goes on without a cache
        engine_log(call, "error", "The cache key could not be made, so the result is not cached: %s", error)
        key = None
    if key is None or settings.disable_caching:
        return call.task_id.hex(), False
    return key, True


def _ended(call: TaskCall, ctx: TaskRunContext, transaction: Any) -> None:
    """Note in the run's history that what it did was undone later."""
    ended = getattr(ctx, "state", None)
    if transaction.is_rolled_back() and ended is not None and ended.type is _COMPLETED:
        state = State(_COMPLETED, "RolledBack", "The transaction around this task run was rolled back.")
        call.record(call.session.clock.now_us(), state, Payload("none", preview="rolled back"))
        if call.flow is not None and call.flow.graph.memory:  # another attempt of the flow must do the work again
            call.flow.graph.recall.note(call.identity, call.occurrence, call.task_id, call.n, None, call.name)


def open_for_running_task() -> Any:
    """The transaction that code inside a task gets when it asks, though the task needed none so far."""
    ctx = task_var.get()
    if ctx is None:
        return None
    if ctx.transaction is None:
        ctx.transaction = begin(asynchronous=ctx.task.isasync)
    return ctx.transaction


set_opener(open_for_running_task)
