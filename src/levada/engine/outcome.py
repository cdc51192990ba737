"""From what a function did to the state its run ends in."""

from __future__ import annotations

from typing import Any

from levada.core.errors import CancelledRun, InterruptedRun, LevadaSignal, RunCancelled, TerminationSignal
from levada.core.states import State, StateType
from levada.engine.inputs import PLAIN, resolve
from levada.futures import Future
from levada.states import crash_message, format_exception


class GeneratorClosed(LevadaSignal):
    """The caller of a generator run wants no more items.

    Stands for `GeneratorExit` inside runs: Python does not throw that one into nested generators but closes them, so
    the run would never learn of it.
    """


_GROUPS = (list, tuple, set, frozenset)


def state_of_task_value(value: Any) -> State:
    """The final state of a task that returned `value`.

    A state is taken as it is; a collection made only of states is completed if all of them are; anything else is the
    result.
    """
    if value.__class__ in PLAIN:
        return State(StateType.COMPLETED, data=value)
    if isinstance(value, State):
        if value.is_completed() and not value.has_data():
            return value.fresh_copy(data=None)
        # The state of another run stays that run's own.
        return value.fresh_copy(details=None) if _made_by_engine(value) else value
    if type(value) in _GROUPS and value and all(isinstance(item, State) for item in value):
        return aggregate(value)
    return State(StateType.COMPLETED, data=value)


def state_of_flow_value(value: Any) -> tuple[State, Any]:
    """The final state of a flow that returned `value`, and what a call of the flow gives.

    All futures in `value` must be done. One state or future, or a collection made only of them, decides how the flow
    ended; elsewhere futures are replaced by their states, and the flow completed.
    """
    if value.__class__ in PLAIN:
        return State(StateType.COMPLETED, data=value), value
    if isinstance(value, State) and not _made_by_engine(value):
        state = value.fresh_copy(data=None) if not value.has_data() and value.is_completed() else value
        return state, state
    if isinstance(value, (State, Future)):
        inner = value.state if isinstance(value, Future) else value
        state = aggregate([inner])
        state.data = inner
        return state, state
    if isinstance(value, _GROUPS) and value and all(isinstance(item, (State, Future)) for item in value):
        states = type(value)([item.state if isinstance(item, Future) else item for item in value])
        plain = states if type(value) in _GROUPS else list(states)
        return aggregate(plain), plain
    replaced = resolve(value, lambda source, _: source.state if isinstance(source, Future) else source)
    return State(StateType.COMPLETED, data=replaced), replaced


def _made_by_engine(state: State) -> bool:
    details = state.details if state.has_details else None
    return details is not None and bool(details.task_run_id or details.flow_run_id)


def aggregate(states: Any) -> State:
    """The state of something that stands and falls with several states."""
    listed = list(states)
    total = len(listed)
    if all(state.is_completed() for state in listed):
        return State(StateType.COMPLETED, message="All states completed.", data=states)
    cancelled = sum(state.is_cancelled() for state in listed)
    if cancelled:
        return State(StateType.CANCELLED, message=f"{cancelled}/{total} states cancelled.", data=states)
    paused = sum(state.is_paused() for state in listed)
    if paused:
        return State(StateType.PAUSED, message=f"{paused}/{total} states paused.", data=states)
    failed = sum(state.is_failed() or state.is_crashed() for state in listed)
    if failed:
        return State(StateType.FAILED, message=f"{failed}/{total} states failed.", data=states)
    unfinished = sum(not state.is_final() for state in listed)
    return State(StateType.FAILED, message=f"{unfinished}/{total} states are not final.", data=states)


def state_of_error(error: Exception, kind: str) -> State:
    """The state of a run whose function raised.

    Args:
        error: what it raised.
        kind: ``Task`` or ``Flow``.
    """
    colon = ":" if kind == "Flow" else ""
    message = f"{kind} run encountered an exception{colon} {format_exception(error)}"
    return State(StateType.FAILED, message=message, data=error)


def state_of_timeout(error: TimeoutError, kind: str, seconds: float) -> State:
    """The state of a run that took longer than it may."""
    return State(
        StateType.FAILED,
        name="TimedOut",
        message=f"{kind} run exceeded timeout of {seconds} second(s)",
        data=error,
    )


def state_of_end(error: BaseException) -> State:
    """The state of a run that something other than an `Exception` ended."""
    if isinstance(error, (RunCancelled, InterruptedRun)):
        message = str(error) or "The run was cancelled."
        return State(StateType.CANCELLED, message=message, data=CancelledRun(message))
    if isinstance(error, GeneratorClosed):
        return State(StateType.COMPLETED, message="Generator closed before it was exhausted.", data=None)
    if isinstance(error, TerminationSignal):
        message = f"Execution was aborted by a termination signal (signal {error.signal})."
    elif isinstance(error, LevadaSignal):
        message = str(error) or type(error).__name__
    else:
        message = crash_message(error)
    return State(StateType.CRASHED, message=message, data=error)
