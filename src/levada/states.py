"""States as authors make and read them: a function for each kind, and what to do with several."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from levada.core.states import FINAL_TYPES, State, StateDetails, StateType, exception_of, us_of

TERMINAL_STATES = FINAL_TYPES


def _make(kind: StateType, cls: type[State] = State, details: StateDetails | None = None, **fields: Any) -> State:
    given = fields.pop("state_details", None) or details
    return cls(kind, details=given, **{"timestamp_us": time.time_ns() // 1000, **fields})


def _due(cls: type[State], name: str | None, scheduled_time: datetime | None, fields: dict[str, Any]) -> State:
    details = StateDetails(scheduled_time=scheduled_time or datetime.now(UTC))
    named = {} if name is None else {"name": name}
    return _make(StateType.SCHEDULED, cls, details, **{**named, **fields})


def Scheduled(cls: type[State] = State, scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Waiting for a time; now unless given."""
    return _due(cls, None, scheduled_time, fields)


def Late(cls: type[State] = State, scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Should have started already."""
    return _due(cls, "Late", scheduled_time, fields)


def AwaitingRetry(cls: type[State] = State, scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Failed, and will be attempted again."""
    return _due(cls, "AwaitingRetry", scheduled_time, fields)


def AwaitingConcurrencySlot(  # noqa: N802
    cls: type[State] = State, scheduled_time: datetime | None = None, **fields: Any
) -> State:
    """Waiting for a slot of a concurrency limit."""
    return _due(cls, "AwaitingConcurrencySlot", scheduled_time, fields)


def Pending(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """About to start."""
    return _make(StateType.PENDING, cls, **fields)


def Submitting(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Being handed to infrastructure."""
    return _make(StateType.PENDING, cls, **{"name": "Submitting", **fields})


def InfrastructurePending(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Infrastructure is being made."""
    return _make(StateType.PENDING, cls, **{"name": "InfrastructurePending", **fields})


def Running(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """The function runs."""
    return _make(StateType.RUNNING, cls, **fields)


def Retrying(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """The function runs again after a failure."""
    return _make(StateType.RUNNING, cls, **{"name": "Retrying", **fields})


def Completed(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Ended well."""
    return _make(StateType.COMPLETED, cls, **fields)


def Failed(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Ended with an error."""
    return _make(StateType.FAILED, cls, **fields)


def Crashed(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Ended because something around the function broke."""
    return _make(StateType.CRASHED, cls, **fields)


def Cancelling(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Asked to end."""
    return _make(StateType.CANCELLING, cls, **fields)


def Cancelled(cls: type[State] = State, **fields: Any) -> State:  # noqa: N802
    """Ended because somebody asked for it."""
    return _make(StateType.CANCELLED, cls, **fields)


def Paused(  # noqa: N802
    cls: type[State] = State,
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    reschedule: bool = False,
    pause_key: str | None = None,
    **fields: Any,
) -> State:
    """Waiting for a person, for so many seconds or until a time.

    Raises:
        ValueError: both a number of seconds and a time were given.
    """
    if timeout_seconds is not None and pause_expiration_time is not None:
        raise ValueError("Give either `timeout_seconds` or `pause_expiration_time`, not both.")
    until = pause_expiration_time
    if timeout_seconds is not None:
        until = datetime.now(UTC) + timedelta(seconds=timeout_seconds)
    details = StateDetails(pause_timeout=until, pause_reschedule=reschedule, pause_key=pause_key)
    return _make(StateType.PAUSED, cls, details, **fields)


def Suspended(  # noqa: N802
    cls: type[State] = State,
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    pause_key: str | None = None,
    **fields: Any,
) -> State:
    """Waiting for a person, without a process."""
    return Paused(cls, timeout_seconds, pause_expiration_time, True, pause_key, **{"name": "Suspended", **fields})


def get_state_exception(state: State) -> BaseException:
    """The exception that a failed, crashed or cancelled state stands for.

    Raises:
        ValueError: the state is not one of these.
    """
    return exception_of(state)


async def aget_state_exception(state: State) -> BaseException:
    """`get_state_exception`, for async code."""
    return exception_of(state)


def raise_state_exception(state: State) -> None:
    """Raise what a failed, crashed or cancelled state stands for; does nothing for others."""
    if state.is_failed() or state.is_crashed() or state.is_cancelled():
        raise exception_of(state)


async def araise_state_exception(state: State) -> None:
    """`raise_state_exception`, for async code."""
    raise_state_exception(state)


def get_state_result(state: State, raise_on_failure: bool = True, **_: Any) -> Any:
    """`State.result` as a function."""
    return state.result(raise_on_failure=raise_on_failure)


def is_state(obj: Any) -> bool:
    """Whether something is a state."""
    return isinstance(obj, State)


def is_state_iterable(obj: Any) -> bool:
    """Whether something is a list, tuple or set made only of states, and not empty."""
    return isinstance(obj, (list, tuple, set)) and bool(obj) and all(isinstance(item, State) for item in obj)


def format_exception(exc: BaseException) -> str:
    """An exception as one line: its type and text."""
    try:
        return f"{type(exc).__name__}: {exc}"
    except Exception as problem:  # noqa: BLE001 - an author's class; that it cannot be shown must not hide the failure
        return f"{type(exc).__name__} (its text could not be made: {type(problem).__name__})"


def exception_to_failed_state(exc: BaseException, message: str | None = None, **_: Any) -> State:
    """The state of a run that raised: the message, if one is given, in front of the exception's own text."""
    text = format_exception(exc)
    return Failed(data=exc, message=f"{message} {text}" if message else text)


async def aexception_to_failed_state(exc: BaseException, message: str | None = None, **fields: Any) -> State:
    """`exception_to_failed_state`, for async code."""
    return exception_to_failed_state(exc, message, **fields)


def crash_message(exc: BaseException) -> str:
    """What the state of a run says that something other than an `Exception` ended."""
    if isinstance(exc, KeyboardInterrupt):
        return "Execution was aborted by an interrupt signal."
    if isinstance(exc, SystemExit):
        return "Execution was aborted by Python system exit call."
    if type(exc).__name__ == "CancelledError":
        return "Execution was cancelled by the runtime environment."
    return f"Execution was interrupted by an unexpected exception: {format_exception(exc)}"


def exception_to_crashed_state(exc: BaseException, **_: Any) -> State:
    """The state of a run that something other than an `Exception` ended."""
    return Crashed(data=exc, message=crash_message(exc))


async def aexception_to_crashed_state(exc: BaseException, **fields: Any) -> State:
    """`exception_to_crashed_state`, for async code."""
    return exception_to_crashed_state(exc, **fields)


class StateGroup:
    """Several states, counted."""

    def __init__(self, states: Iterable[State]) -> None:
        self.states = list(states)
        self.type_counts = Counter(state.type for state in self.states)
        self.total_count = len(self.states)
        self.not_final_count = sum(not state.is_final() for state in self.states)

    @property
    def fail_count(self) -> int:
        """How many failed or crashed."""
        return self.type_counts[StateType.FAILED] + self.type_counts[StateType.CRASHED]

    def all_completed(self) -> bool:
        """Whether all ended well."""
        return self.type_counts[StateType.COMPLETED] == self.total_count

    def any_cancelled(self) -> bool:
        """Whether one was cancelled."""
        return self.type_counts[StateType.CANCELLED] > 0

    def any_failed(self) -> bool:
        """Whether one failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Whether one is paused."""
        return self.type_counts[StateType.PAUSED] > 0

    def all_final(self) -> bool:
        """Whether all have ended."""
        return self.not_final_count == 0

    def counts_message(self) -> str:
        """The counts as text."""
        parts = [f"total={self.total_count}"]
        if self.not_final_count:
            parts.append(f"not_final={self.not_final_count}")
        parts += [f"{kind.value!r}={count}" for kind, count in self.type_counts.items() if count]
        return ", ".join(parts)


__all__ = [
    "TERMINAL_STATES",
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "InfrastructurePending",
    "Late",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "State",
    "StateDetails",
    "StateGroup",
    "StateType",
    "Submitting",
    "Suspended",
    "aexception_to_crashed_state",
    "aexception_to_failed_state",
    "aget_state_exception",
    "araise_state_exception",
    "exception_of",
    "exception_to_crashed_state",
    "exception_to_failed_state",
    "format_exception",
    "get_state_exception",
    "get_state_result",
    "is_state",
    "is_state_iterable",
    "raise_state_exception",
    "us_of",
]
