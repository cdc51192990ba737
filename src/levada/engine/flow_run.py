"""How one flow run is carried out, written once for every colour.

The life of a run: tracked in its parent (for a subflow) → opened → inputs ready → validated → named → attempts
(function, what it submitted, outcome, retry?) → hooks. `flow_steps` is that list; each step is a function below it.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Generator
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.core.errors import InterruptedRun, LevadaError, RunCancelled
from levada.core.naming import two_words
from levada.core.retries import decide
from levada.core.states import State, StateType, datetime_of
from levada.engine import signals
from levada.engine.calls import RunGraph, TaskCall, prepare
from levada.engine.commands import Call, Command, Do, Invoke, Iterate, Sleep, WaitFor
from levada.engine.context import FlowRunContext, flow_var, tags_var, task_var
from levada.engine.hooks import run_hooks
from levada.engine.inputs import NotReady, check_wait_for, look, resolve, result_for_input, upstream_error
from levada.engine.outcome import GeneratorClosed, state_of_end, state_of_error, state_of_flow_value, state_of_timeout
from levada.engine.recall import Recall
from levada.engine.remarks import engine_log
from levada.wire.objects import FlowRun
from levada.wire.records import STATE_CODES, Payload, RunChanged, RunOpened, RunState, TaskReused

if TYPE_CHECKING:
    from levada.engine.session import Session
    from levada.wire.pools import WorkOrder

_COMPLETED = StateType.COMPLETED
HOST = os.uname().nodename if hasattr(os, "uname") else ""


class Start:
    """How a run begins: new, or as a later epoch of a recorded run, or as a fork of one.

    Attributes:
        run: the run's id; None for a new one.
        epoch: which epoch this is.
        reason: ``new``, ``resume`` or ``fork``.
        name: the run's name, when it has one already.
        recall: what earlier epochs recorded.
        forked_from: the run whose records answer.
        tags: added to the run.
        order: what a worker was given, for the run of a deployment.
    """

    __slots__ = ("epoch", "forked_from", "name", "order", "reason", "recall", "run", "tags")

    def __init__(
        self,
        run: bytes | None = None,
        epoch: int = 1,
        reason: str = "new",
        name: str | None = None,
        recall: Recall | None = None,
        forked_from: bytes | None = None,
        tags: frozenset[str] = frozenset(),
        order: WorkOrder | None = None,
    ) -> None:
        self.run = run
        self.epoch = epoch
        self.reason = reason
        self.name = name
        self.recall = recall
        self.forked_from = forked_from
        self.tags = tags
        self.order = order


class FlowOutcome:
    """How a flow run ended.

    Attributes:
        state: its final state.
        value: what a call of the flow gives when it completed.
        error: what must go on through the caller (an interrupt, an exit).
    """

    __slots__ = ("error", "state", "value")

    def __init__(self, state: State, value: Any = None, error: BaseException | None = None) -> None:
        self.state = state
        self.value = value
        self.error = error


Steps = Generator[Command, Any, FlowOutcome]


def flow_steps(flow: Any, parameters: dict[str, Any], wait_for: Any, session: Session, start: Start) -> Steps:
    """Carry one flow run out."""
    parent = flow_var.get()
    tracking: TaskCall | None = None
    if parent is not None:
        tracking = prepare(flow, parameters, wait_for, session)
        known = tracking.known
        if known is not None and known.payload is not None and not flow.isgenerator:
            reused = _reuse(tracking, known.payload)
            if reused is not None:
                return reused
        if known is not None and known.child_run is not None:
            start = parent.graph.recall.start_child(known.child_run)
    ctx = context_of(flow, parameters, session, start, parent, tracking)
    signals.enter(ctx)
    try:
        _open(ctx, start, tracking)
        outcome = yield from _until_end(ctx, wait_for)
        outcome = yield from _record_end(ctx, outcome, tracking)
    except GeneratorExit as error:  # the driver was abandoned, nothing can be yielded any more
        if not ctx.state.is_final():
            _record_final(ctx, state_of_end(error), None, tracking)
        raise
    finally:
        signals.leave(ctx)
    return (yield from _tell(ctx, outcome))


def _until_end(ctx: FlowRunContext, wait_for: Any) -> Steps:
    """Everything between the first record of a run and the last."""
    try:
        failed = yield from _make_ready(ctx, wait_for)
        return FlowOutcome(failed) if failed is not None else (yield from _attempts(ctx))
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever ended the run where no author's code was, it has ended
        return FlowOutcome(state_of_end(error), None, error)


def _reuse(tracking: TaskCall, payload: Payload) -> FlowOutcome | None:
    """Answer a subflow call with the result that an earlier epoch recorded; None when it can no longer be read."""
    session = tracking.session
    try:
        value = session.results.load(payload)
    except (LevadaError, OSError) as error:
        engine_log(tracking, "warning", "The recorded result cannot be read, so the flow runs again: %s", error)
        return None
    now = session.clock.now_us()
    known, parent = tracking.known, tracking.flow
    assert known is not None
    assert parent is not None
    state = State(_COMPLETED, message="Reused from the run's records.", timestamp_us=now)
    state.data = value
    parent.graph.recall.reused += 1
    if known.forked:
        tracking.name = known.name
        tracking.open(now, started=False)
        tracking.record(now, state, payload, {"reason": "reused from the run this one was forked from"})
    session.journal.append(
        TaskReused(tracking.task_id, tracking.run, tracking.epoch, tracking.next_n(), now, known.task)
    )
    parent.graph.lineage.remember(state.data, tracking.task_id)
    return FlowOutcome(state, state.data)


def context_of(
    flow: Any,
    parameters: dict[str, Any],
    session: Session,
    start: Start,
    parent: FlowRunContext | None,
    tracking: TaskCall | None,
) -> FlowRunContext:
    ctx = FlowRunContext()
    ctx.flow = flow
    ctx.session = session
    ctx.run = start.run or session.new_id()
    ctx.epoch = start.epoch
    ctx.attempt = 0
    ctx.parameters = parameters
    ctx.parent = parent
    ctx.parent_task = None if tracking is None else tracking.parent
    again = flow.most_retries > 0 and session.settings.flows.retry_reuses_results
    ctx.graph = RunGraph(start.recall or Recall(), memory=again)
    ctx.sequence = count()
    ctx.task_runner = None
    ctx.cancel_requested = False
    ctx.loop = None
    ctx.thread = threading.get_ident()
    ctx.tags = tags_var.get() | start.tags
    ctx.order = order = start.order
    inherited = None if parent is None else parent
    ctx.log_prints = bool(
        flow.log_prints
        if flow.log_prints is not None
        else inherited.log_prints
        if inherited is not None
        else session.settings.logging.log_prints
    )
    ctx.persist_result = flow.persists(inherited)
    ctx.result_store = flow.store_for(inherited, session)
    ctx.start_us = session.clock.now_us()
    ctx.state = State(StateType.PENDING, timestamp_us=ctx.start_us)
    name = start.name or two_words(int.from_bytes(ctx.run[8:], "big"))
    ctx.flow_run = FlowRun(
        id=UUID(bytes=ctx.run),
        name=name,
        flow_name=flow.name,
        flow_id=flow.id,
        epoch=ctx.epoch,
        parameters=parameters,
        tags=sorted(ctx.tags),
        created=datetime_of(ctx.start_us),
        expected_start_time=datetime_of(ctx.start_us),
        flow_version=flow.version,
        entrypoint=flow.entrypoint,
        parent_flow_run_id=None if parent is None else UUID(bytes=parent.run),
        parent_task_run_id=None if tracking is None else tracking.id,
        root_flow_run_id=None if parent is None else parent.flow_run.root_flow_run_id or UUID(bytes=parent.run),
        host=HOST,
        pid=os.getpid(),
        live_state=ctx.state,
    )
    if order is not None:
        _tell_of_deployment(ctx.flow_run, order)
    return ctx


def _tell_of_deployment(run: FlowRun, order: WorkOrder) -> None:
    run.expected_start_time = order.due or run.created
    run.deployment_id = order.deployment_id
    run.deployment_version = order.deployment_version
    run.job_variables = order.job_variables
    run.data_interval = order.interval


def _open(ctx: FlowRunContext, start: Start, tracking: TaskCall | None) -> None:
    """Record that the run exists and who owns it."""
    flow, session, run = ctx.flow, ctx.session, ctx.flow_run
    kept = flow.sealed(ctx.parameters)
    if tracking is not None:
        tracking.name = f"{flow.name}-{tracking.name.rpartition('-')[2]}"
        tracking.open_child(ctx.start_us, ctx.run)
    session.journal.append(
        RunOpened(
            run=ctx.run,
            epoch=ctx.epoch,
            n=next(ctx.sequence),
            at=ctx.start_us,
            flow=flow.name,
            name=run.name,
            writer=session.journal.writer,
            reason=start.reason,
            root=run.root_flow_run_id.bytes if run.root_flow_run_id else None,
            parent_run=None if ctx.parent is None else ctx.parent.run,
            parent_task=None if tracking is None else tracking.task_id,
            identity=None if tracking is None else tracking.identity,
            version=flow.version,
            entrypoint=flow.entrypoint,
            code=flow.code,
            parameters=_kept_parameters(ctx, kept),
            shown=flow.shown(kept) or {},
            tags=run.tags,
            forked_from=start.forked_from,
            host=HOST,
            pid=os.getpid(),
            levada=session.version,
            retries=flow.most_retries,
            timeout=flow.timeout_seconds,
            crash_retries=flow.crash_retries,
            deployment=None if run.deployment_id is None else run.deployment_id.bytes,
            deployed=run.deployment_version,
        )
    )


def _kept_parameters(ctx: FlowRunContext, parameters: dict[str, Any]) -> Payload | None:
    """The parameters, for a resume or a fork; of a subflow only what its parent would pass again is not kept."""
    if ctx.order is not None and ctx.order.parameters is not None:
        return None  # they stand in the record of who made the run, and large ones lie where every worker reads them
    if ctx.parent is not None and look(ctx.parameters, None, None).rich:
        return None
    kept: Payload = ctx.session.results.keep(parameters)
    return kept


def record_state(ctx: FlowRunContext, state: State, payload: Payload | None = None, **details: Any) -> None:
    """Record that the run entered a state, and make it the current one."""
    state.timestamp_us = now = ctx.session.clock.now_us()
    state.origin = (ctx.run, None)
    ctx.state = ctx.flow_run.live_state = state
    ctx.flow_run.state_type, ctx.flow_run.state_name = state.type, state.name
    kept = {name: value for name, value in details.items() if value is not None}
    ctx.session.journal.append(
        RunState(
            ctx.run,
            ctx.epoch,
            next(ctx.sequence),
            now,
            STATE_CODES[state.type],
            state.name,
            state.message,
            ctx.attempt,
            kept or None,
            payload,
        )
    )


def _make_ready(ctx: FlowRunContext, wait_for: Any) -> Generator[Command, Any, State | None]:
    """Put inputs in place, validate the parameters, name the run; a state when that ended the run already."""
    flow = ctx.flow
    try:
        found = look(ctx.parameters, wait_for, None)
        pending = [future for future in found.futures if not future.done()]
        if pending:
            yield WaitFor(pending)
        if found.rich:
            ctx.parameters = {name: resolve(value, result_for_input) for name, value in ctx.parameters.items()}
        if wait_for is not None:
            check_wait_for(wait_for)
    except NotReady as reason:
        return State(StateType.FAILED, "NotReady", str(reason), upstream_error(reason))
    if flow.should_validate_parameters:
        try:
            ctx.parameters = flow.signature.validate(ctx.parameters, flow.name)
        except Exception as error:  # noqa: BLE001 - an author's validator may raise anything; all of it fails the run
            message = f"Validation of flow parameters failed with error: {type(error).__name__}: {error}"
            return State(StateType.FAILED, message=message, data=error)
    ctx.flow_run.parameters = ctx.parameters
    if flow.flow_run_name is None:
        return None
    token = flow_var.set(ctx)
    try:
        ctx.flow_run.name = str((yield Invoke(flow.name_run, ctx.parameters)))
    except Exception as error:  # noqa: BLE001 - the author's function; the run fails before it starts, and says why
        message = f"The name of this flow run could not be made: {type(error).__name__}: {error}"
        return State(StateType.FAILED, message=message, data=error)
    finally:
        flow_var.reset(token)
    now = ctx.session.clock.now_us()
    ctx.session.journal.append(RunChanged(ctx.run, ctx.epoch, next(ctx.sequence), now, ctx.flow_run.name))
    return None


def _attempts(ctx: FlowRunContext) -> Steps:
    """Run the function until it completes or its retries are used up."""
    flow = ctx.flow
    failures = 0
    engine_log(
        ctx, "info", "Beginning %sflow run %r for flow %r", "sub" if ctx.parent else "", ctx.flow_run.name, flow.name
    )
    printed = None
    if ctx.log_prints:
        from levada.engine.logs import capture_prints  # lazy: see `remarks`

        printed = capture_prints()
    try:
        while True:
            ctx.attempt = failures + 1
            ctx.flow_run.run_count = ctx.attempt
            state = State(StateType.RUNNING, "Retrying" if failures else None)
            record_state(ctx, state)
            if ctx.flow_run.start_time is None:
                ctx.flow_run.start_time = state.timestamp
            yield from run_hooks(flow.on_running_hooks, flow, ctx, state)
            ctx.graph.begin_attempt()
            outcome = yield from _attempt(ctx)
            if outcome.error is not None or not outcome.state.is_failed():
                return outcome
            failures += 1
            if not (yield from _retry(ctx, outcome.state, failures)):
                return outcome
    finally:
        if printed is not None:
            printed()


def _attempt(ctx: FlowRunContext) -> Steps:
    """One execution of the function, with everything it submitted."""
    flow = ctx.flow
    tokens: Any = None
    if not flow.isgenerator:
        tokens = (flow_var.set(ctx), task_var.set(None), tags_var.set(ctx.tags))
    try:
        outcome = yield from _call(ctx)
        if outcome.error is None and ctx.session.settings.flows.leftovers == "wait":
            for stream in ctx.graph.streams:
                yield Do(stream.wait)
        return (yield from _closed(ctx, outcome))
    finally:
        if tokens is not None:
            tags_var.reset(tokens[2])
            task_var.reset(tokens[1])
            flow_var.reset(tokens[0])
        if ctx.task_runner is not None:
            runner, ctx.task_runner = ctx.task_runner, None
            yield _Close(runner, cancel=True, grace=_GRACE)


def _closed(ctx: FlowRunContext, outcome: FlowOutcome) -> Steps:
    """Wait for what was submitted; a signal or a cancellation meanwhile still decides how the run ends."""
    # The runner stays the run's own until it is closed: what runs may submit more.
    if ctx.task_runner is not None:
        cancel = ctx.session.settings.flows.leftovers == "cancel"
        try:
            yield _Close(ctx.task_runner, cancel, _GRACE if _ended_from_outside(outcome) else None)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - recorded by the caller, which raises it on
            outcome = FlowOutcome(state_of_end(error), None, error)
        ctx.task_runner = None
    return outcome


def _ended_from_outside(outcome: FlowOutcome) -> bool:
    """Whether a signal, a cancellation or the run's timeout ended it, so that nothing it started may go on."""
    if outcome.error is not None:
        return not isinstance(outcome.error, GeneratorClosed)
    return outcome.state.name == "TimedOut"


_GRACE = 3.0
"""Seconds that running tasks have to stop when their flow run was ended from outside."""


class _Close:
    """Wait for everything that was submitted.

    What has not started is taken back first when `cancel` says so; with a `grace`, what runs is asked to stop.
    """

    def __init__(self, runner: Any, cancel: bool, grace: float | None) -> None:
        self._runner = runner
        self._cancel = cancel
        self._grace = grace

    def run(self) -> None:
        self._runner.close(cancel=self._cancel, grace=self._grace)

    async def arun(self) -> None:
        await self._runner.aclose(cancel=self._cancel, grace=self._grace)


def _call(ctx: FlowRunContext) -> Steps:
    flow = ctx.flow
    try:
        args, kwargs = flow.signature.unbind(ctx.parameters)
        command: Command = Call(flow.fn, args, kwargs, flow.timeout_seconds)
        if flow.isgenerator:
            command = Iterate(flow.fn, args, kwargs, flow.timeout_seconds, (ctx, None), _ignore)
        value = yield command
        if hasattr(value, "__next__") and hasattr(value, "gi_frame"):
            value = list(value)
        pending = [future for future in look({"": value}, None, None).futures if not future.done()]
        if pending:
            yield WaitFor(pending)
        return FlowOutcome(*state_of_flow_value(value))
    except TimeoutError as error:
        if flow.timeout_seconds and getattr(error, "levada_timeout", False):
            return FlowOutcome(state_of_timeout(error, "Flow", flow.timeout_seconds))
        return FlowOutcome(state_of_error(error, "Flow"))
    except Exception as error:  # noqa: BLE001 - whatever the author's function raises is the run's failure
        return FlowOutcome(state_of_error(error, "Flow"))
    except BaseException as error:  # noqa: BLE001 - recorded below, then raised on by the caller
        return FlowOutcome(state_of_end(error), None, error)


def _ignore(_: Any) -> None:
    """Items of a generator flow are nobody's result."""


def _retry(ctx: FlowRunContext, state: State, failures: int) -> Generator[Command, Any, bool]:
    """Decide about another attempt; if there is one, record why, and wait until it is due."""
    policy, clock = ctx.flow.retry_policy, ctx.session.clock
    error = state.data if isinstance(state.data, BaseException) else None
    now = clock.now_us()
    decision = decide(policy, failures, error, random=random.random, now=datetime_of(now))
    state.details.reason = decision.reason
    if not decision.retry:
        return False
    if ctx.flow.retry_condition_fn is not None:
        try:
            if not (yield Invoke(ctx.flow.retry_condition_fn, ctx.flow, ctx.flow_run, state)):
                state.details.reason = "not retried, because retry_condition_fn said so"
                return False
        except Exception as problem:  # noqa: BLE001 - the author's condition; a broken one must not retry in silence
            state.details.reason = f"not retried, because retry_condition_fn raised {problem!r}"
            engine_log(ctx, "error", "retry_condition_fn raised %r; the flow is not retried.", problem)
            return False
    engine_log(ctx, "warning", "%s", f"{state.message}; {decision.reason}")
    if decision.delay > 0:
        due = (datetime_of(now) + timedelta(seconds=decision.delay)).isoformat()
        waiting = State(StateType.SCHEDULED, "AwaitingRetry", state.message)
        record_state(ctx, waiting, None, reason=decision.reason, rule=decision.rule, scheduled_time=due)
        yield Sleep(decision.delay)
    return True


def _record_end(ctx: FlowRunContext, outcome: FlowOutcome, tracking: TaskCall | None) -> Steps:
    """Record how the run ended."""
    payload: Payload | None = None
    try:
        if outcome.state.is_completed() and ctx.persist_result:
            payload = yield Do(_persist, ctx, outcome.state)
    except Exception as error:  # noqa: BLE001 - a result that was asked for and cannot be kept fails the run
        outcome = FlowOutcome(state_of_error(error, "Flow"))
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - raised on by the caller
        outcome = FlowOutcome(state_of_end(error), None, error)
    state = outcome.state
    if payload is None and state.is_completed() and ctx.persist_result is False:
        payload = Payload("none", preview="persist_result=False")
    elif payload is None and state.has_data():
        payload = ctx.session.results.keep(state.data)
    if isinstance(outcome.error, (RunCancelled, InterruptedRun)):
        record_state(ctx, State(StateType.CANCELLING, message=state.message))
    _record_final(ctx, state, payload, tracking)
    if tracking is not None:
        assert ctx.parent is not None
        graph = ctx.parent.graph
        state.call_identity = tracking.identity + tracking.occurrence.to_bytes(4, "big")
        if state.is_completed():
            graph.lineage.remember(outcome.value, tracking.task_id)
        if graph.memory:
            kept = payload if state.is_completed() else None
            graph.recall.note(tracking.identity, tracking.occurrence, tracking.task_id, tracking.n, kept, tracking.name)
    return outcome


def _record_final(ctx: FlowRunContext, state: State, payload: Payload | None, tracking: TaskCall | None) -> None:
    """Record the last state of a run, and of the task run that stands for it in its parent."""
    reason = state.details.reason if state.has_details else None
    record_state(ctx, state, payload, reason=reason)
    ctx.flow_run.end_time = state.timestamp
    if tracking is not None:
        tracking.attempt = 1
        tracking.record(state.timestamp_us, State(state.type, state.name, state.message), payload)


def _tell(ctx: FlowRunContext, outcome: FlowOutcome) -> Steps:
    """Let the log, the hooks and the caller know how the run ended."""
    state = outcome.state
    level = "info" if state.is_completed() else "error"
    error = state.data if state.is_failed() and isinstance(state.data, Exception) and ctx.parent is None else None
    shown = error if error is not None and state.name != "NotReady" else None
    engine_log(ctx, level, "Finished in state %s", state, error=shown)
    yield from run_hooks(ctx.flow.hooks_for(state), ctx.flow, ctx, state)
    if _stops_here(outcome.error, ctx):
        outcome.error = None
    return outcome


def _persist(ctx: FlowRunContext, state: State) -> Payload:
    store = ctx.result_store or ctx.session.results
    key: str = ctx.flow.storage_key(ctx)
    payload: Payload = store.persist(key, state.data)
    return payload


def _stops_here(error: BaseException | None, ctx: FlowRunContext) -> bool:
    """Whether a cancellation was meant for this run, so that its caller sees a cancelled run and goes on."""
    if isinstance(error, RunCancelled):
        return error.run is None or error.run == ctx.run
    return False


__all__ = ["FlowOutcome", "Start", "flow_steps", "record_state"]
