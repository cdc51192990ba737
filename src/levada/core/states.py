"""What a run's state is: its type, its name, and what it carries.

A state's *type* is what the engine and the control plane reason about; its *name* is what people read. The life of a
run is a list of states; `levada.core.transitions` says which may follow which.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec import UNSET, Struct, UnsetType

from levada.core.errors import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, RunError, UnfinishedRun


class StateType(str, enum.Enum):
    """What kind of state a run is in; the vocabulary of laws and filters."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CRASHED = "CRASHED"

    def __str__(self) -> str:
        return self.value


FINAL_TYPES = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED})
"""Types from which a run goes on only by being run again."""

DEFAULT_NAMES: dict[StateType, str] = {kind: kind.value.title() for kind in StateType}

NAMES_BY_TYPE: dict[StateType, tuple[str, ...]] = {
    StateType.SCHEDULED: ("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming"),
    StateType.PENDING: ("Pending", "Submitting", "InfrastructurePending"),
    StateType.RUNNING: ("Running", "Retrying"),
    StateType.PAUSED: ("Paused", "Suspended"),
    StateType.CANCELLING: ("Cancelling",),
    StateType.COMPLETED: ("Completed", "Cached", "RolledBack"),
    StateType.FAILED: ("Failed", "TimedOut", "NotReady"),
    StateType.CANCELLED: ("Cancelled",),
    StateType.CRASHED: ("Crashed",),
}
"""The names that Levada itself gives; authors may make their own."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT_AS_FLOAT = 4_102_444_800_000_000
"""Until the year 2100 seconds as a float are off by a quarter of a microsecond at most, which rounding takes away."""


def datetime_of(unix_us: int) -> datetime:
    """The aware UTC datetime of a count of microseconds since 1970, exact to the microsecond."""
    if 0 <= unix_us < _EXACT_AS_FLOAT:
        return datetime.fromtimestamp(unix_us / 1e6, UTC)  # twice as fast
    return _EPOCH + timedelta(microseconds=unix_us)


def us_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime (a naive one is taken as local time)."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


class StateDetails(Struct, omit_defaults=True):
    """What else is known of a state; every field may be absent."""

    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    child_flow_run_id: UUID | None = None
    scheduled_time: datetime | None = None
    cache_key: str | None = None
    cache_expiration: datetime | None = None
    deferred: bool = False
    untrackable_result: bool = False
    pause_timeout: datetime | None = None
    pause_reschedule: bool = False
    pause_key: str | None = None
    run_input_keyset: dict[str, str] | None = None
    refresh_cache: bool | None = None
    retriable: bool | None = None
    attempt: int | None = None
    reason: str | None = None
    """Why the run went into this state, for people: a retry decision, an upstream that failed, a lost lease."""


class ResultHandle:
    """A result that is kept somewhere and read when it is asked for; a base class, because it is asked for often."""

    __slots__ = ()

    def get(self) -> Any:
        """Read the value."""
        raise NotImplementedError


class State:
    """The state of a run at one moment.

    Attributes:
        type: the kind of state.
        name: what people read; the type in title case unless given.
        message: one line for people, or None.
        origin: ids of the flow run and the task run that are in this state, when the engine made it.
        call_identity: which call's state this is; states of one call stand for one input (`levada.core.identity`).
        timestamp_us: when the run entered the state, microseconds since 1970.
        details: what else is known.
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_details",
        "_id",
        "call_identity",
        "message",
        "name",
        "origin",
        "timestamp_us",
        "type",
    )

    def __init__(
        self,
        type: StateType | str,  # noqa: A002 - the field's own word
        name: str | None = None,
        message: str | None = None,
        data: Any = UNSET,
        timestamp_us: int = 0,
        details: StateDetails | None = None,
        id: UUID | None = None,  # noqa: A002
    ) -> None:
        self.type = type if type.__class__ is StateType else StateType(type)
        self.name = name if name is not None else DEFAULT_NAMES[self.type]
        self.message = message
        self._data = data
        self.timestamp_us = timestamp_us
        self._details = details
        self._id = id
        self.call_identity: bytes | None = None
        self.origin: tuple[bytes | None, bytes | None] | None = None

    @property
    def details(self) -> StateDetails:
        """What else is known of the state; made when first asked for."""
        if self._details is None:
            self._details = StateDetails()
        if self.origin is not None:
            flow_run, task_run = self.origin
            self.origin = None
            self._details.flow_run_id = self._details.flow_run_id or (UUID(bytes=flow_run) if flow_run else None)
            self._details.task_run_id = self._details.task_run_id or (UUID(bytes=task_run) if task_run else None)
        return self._details

    state_details = details

    @property
    def has_details(self) -> bool:
        """Whether anything else is known; asking does not make the details."""
        return self._details is not None or self.origin is not None

    @property
    def id(self) -> UUID:
        """Id of the state; made when first asked for."""
        if self._id is None:
            self._id = uuid4()
        return self._id

    @property
    def timestamp(self) -> datetime:
        """When the run entered the state, UTC."""
        return datetime_of(self.timestamp_us)

    @property
    def data(self) -> Any:
        """The result, the exception or a handle to them; None also when there is none (`has_data` tells)."""
        return None if self._data is UNSET else self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value

    def has_data(self) -> bool:
        """Whether a result, or an exception, is attached."""
        return self._data is not UNSET

    def is_scheduled(self) -> bool:
        """Waiting for a time."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """About to start."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """User code runs."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Ended well."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Ended with an error of the user's code."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Ended because something around the user's code broke."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Ended because somebody asked for it."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Asked to end, not ended yet."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Waiting for a person."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """No more states follow unless the run is run again."""
        return self.type in FINAL_TYPES

    def result(self, raise_on_failure: bool = True, **_: Any) -> Any:
        """The run's result, read from storage if need be.

        Args:
            raise_on_failure: raise the exception of a failed run; otherwise return it.

        Raises:
            UnfinishedRun: the run has not ended.
            PausedRun: the run is paused.
            MissingResult: the run ended, and its result was not kept.
            BaseException: the run's own exception, or FailedRun, CrashedRun, CancelledRun when it kept only text.
        """
        return read_result(self, raise_on_failure)

    async def aresult(self, raise_on_failure: bool = True, **_: Any) -> Any:
        """`result`, for async code; storage is read in a thread."""
        if isinstance(self.data, ResultHandle):
            import asyncio  # lazy: only async authors pay for it

            return await asyncio.to_thread(read_result, self, raise_on_failure)
        return read_result(self, raise_on_failure)

    def fresh_copy(self, **changes: Any) -> State:
        """The same state, entered anew: with an id of its own, and this one's time until a run enters it."""
        fields: dict[str, Any] = {
            "type": self.type,
            "name": self.name,
            "message": self.message,
            "data": self._data,
            "timestamp_us": self.timestamp_us,
            "details": self._details,
        }
        return State(**{**fields, **changes})

    def model_copy(self, *, update: dict[str, Any] | None = None, deep: bool = False) -> State:
        """`fresh_copy`, in the words of pydantic."""
        del deep
        return self.fresh_copy(**(update or {}))

    def __str__(self) -> str:
        parts = [] if not self.message else [repr(self.message)]
        if self.name.lower() != self.type.value.lower():
            parts.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(parts)})"

    def __repr__(self) -> str:
        return f"{self.name}(message={self.message!r}, type={self.type.value}, result={self.data!r})"


def read_result(state: State, raise_on_failure: bool) -> Any:
    """What `State.result` does, as a function of the state."""
    if state.is_paused():
        raise PausedRun("Run is paused, its result is not available.")
    if not state.is_final():
        raise UnfinishedRun(f"Run is in {state.type.value} state, its result is not available.")
    if state.is_completed():
        return _value_of(state)
    if raise_on_failure:
        raise exception_of(state)
    data = state.data
    if data is None or isinstance(data, (str, ResultHandle)):
        return exception_of(state)
    return data


def _value_of(state: State) -> Any:
    data = state._data  # noqa: SLF001 - the same module; None is a result, UNSET is not
    if isinstance(data, UnsetType):
        raise MissingResult(
            "State data is missing: the result was not kept. Its run was recorded without it because the value could "
            "not be serialized, or because persist_result=False was set."
        )
    return data.get() if isinstance(data, ResultHandle) else data


def _is_group(data: Any) -> bool:
    return isinstance(data, (list, tuple, set, frozenset)) and bool(data) and all(isinstance(x, State) for x in data)


_WRAPPERS: dict[StateType, type[RunError]] = {
    StateType.FAILED: FailedRun,
    StateType.CRASHED: CrashedRun,
    StateType.CANCELLED: CancelledRun,
}


def exception_of(state: State) -> BaseException:
    """The exception that a failed, crashed or cancelled state stands for.

    An exception that was kept is returned as it was; text becomes a FailedRun, CrashedRun or CancelledRun; a
    collection of states gives the exception of the first that did not complete.

    Raises:
        ValueError: the state is not one of a failed run.
    """
    wrapper = _WRAPPERS.get(state.type)
    if wrapper is None:
        raise ValueError(f"Expected failed or crashed state got {state!r}.")
    data = state.data
    if isinstance(data, ResultHandle):
        data = data.get()
    if isinstance(data, BaseException):
        return data
    if isinstance(data, State):
        return exception_of(data)
    if _is_group(data):
        return exception_of(next(item for item in data if not item.is_completed()))
    if isinstance(data, str):
        return wrapper(data)
    if data is None:
        return wrapper(state.message or "Run failed.")
    return TypeError(f"Unexpected result for failed state: {data!r}: {type(data).__name__} is not an exception")
