"""What a resumed or forked run is answered from: every call that earlier epochs recorded, in one value.

The control plane makes it (`ControlPlane.recorded_calls`), the engine reads it. Ids are 16 raw bytes here, as in
records, because the engine compares them and shows them to nobody. Which records answer is a law of its own, below:
the engine keeps it, and a plan says it beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from msgspec import Struct, field

from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.core.ids import as_uuid
from levada.core.states import StateType
from levada.wire.records import Payload


class RecordedCall(Struct, frozen=True):
    """A task run as a later epoch needs to know it.

    Attributes:
        task: the task run's id.
        key: what was called.
        name: the task run's name, for people.
        identity: digest of scope, key and inputs; empty when the call has none.
        occurrence: which of several identical calls of its scope, from 0.
        state_type: the current state.
        state_name: its name.
        result: the recorded result of a completed run; None when there is none.
        code: digest of the function's code when it ran.
        opaque: some input could not be hashed.
        parent_task: the task run inside which it was called.
        child_run: the flow run it stands for, for a subflow.
        inputs: for each parameter the task runs whose results went into it.
        created_us: when it was first opened, microseconds since 1970.
        epoch: the newest epoch in which it was opened.
    """

    task: bytes
    key: str
    name: str
    identity: bytes
    occurrence: int
    state_type: StateType
    state_name: str
    result: Payload | None = None
    code: str | None = None
    opaque: bool = False
    parent_task: bytes | None = None
    child_run: bytes | None = None
    inputs: dict[str, list[bytes]] | None = None
    created_us: int = 0
    epoch: int = 1


class RecordedRun(Struct, frozen=True):
    """A flow run with all its recorded calls, in the order they were made."""

    run: bytes
    name: str
    flow_name: str
    epoch: int
    """The newest epoch; the next owner opens `epoch + 1`."""
    state_type: StateType | None
    state_name: str | None
    parameters: Payload | None = None
    entrypoint: str | None = None
    code: str | None = None
    result: Payload | None = None
    writer: bytes | None = None
    forked_from: bytes | None = None
    parent_run: bytes | None = None
    parent_task: bytes | None = None
    root: bytes | None = None
    tags: list[str] = field(default_factory=list)
    calls: list[RecordedCall] = field(default_factory=list)
    run_again: list[str] | None = None
    """Keys of tasks and ids of task runs that are to run again, of a run that the control plane forked; None of any
    other."""


class Memory(NamedTuple):
    """What answers the calls of a run besides its own records.

    Attributes:
        calls: of the run from which the control plane forked it, those that it has not made itself yet.
        redo: completed task runs, of both, that are to run again.
    """

    calls: list[RecordedCall]
    redo: frozenset[bytes]


def memory_of(recorded: RecordedRun, read: Callable[[bytes], RecordedRun]) -> Memory:
    """What a run that the control plane forked is answered from besides its own records, and what is to run again.

    Args:
        recorded: the run.
        read: gives the records of another one.

    Raises:
        ConfigurationError: the run from which it was forked is gone.
    """
    if recorded.run_again is None or recorded.forked_from is None:
        return Memory([], frozenset())
    try:
        origin = read(recorded.forked_from)
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"Run {recorded.name!r} was forked from run {as_uuid(recorded.forked_from)}, which was deleted, so nothing "
            "of it can be reused; run the flow anew."
        ) from error
    before, redo = memory_of(origin, read)
    calls = [*before, *origin.calls]
    made = {(call.identity, call.occurrence) for call in recorded.calls}
    left = [call for call in calls if (call.identity, call.occurrence) not in made]
    return Memory(left, redo | dependents(calls, chosen_of(calls, recorded.run_again)))


def chosen_of(calls: Iterable[RecordedCall], names: Collection[str]) -> frozenset[bytes]:
    """The task runs that are meant by keys of tasks, or by their own ids as text."""
    wanted = set(names)
    if not wanted:
        return frozenset()
    return frozenset(call.task for call in calls if call.key in wanted or str(as_uuid(call.task)) in wanted)


def dependents(calls: Iterable[RecordedCall], chosen: frozenset[bytes]) -> frozenset[bytes]:
    """The chosen task runs with all that depended on them, directly or not, and everything nested in or around them.

    Args:
        calls: all recorded calls of a run.
        chosen: task runs that are to run again.
    """
    if not chosen:
        return chosen
    around: dict[bytes, bytes | None] = {}
    fed: defaultdict[bytes, list[bytes]] = defaultdict(list)
    nested: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for call in calls:
        around[call.task] = call.parent_task
        if call.parent_task is not None:
            nested[call.parent_task].append(call.task)
        for sources in (call.inputs or {}).values():
            for source in sources:
                fed[source].append(call.task)
    found = set(chosen)
    inside = set(
        chosen
    )  # all that is in a chosen one runs again; what holds one is answered for the rest that it calls
    waiting = list(chosen)
    while waiting:
        task = waiting.pop()
        if task in inside:
            deeper = [other for other in nested[task] if other not in inside]
            inside.update(deeper)
            found.update(deeper)
            waiting += deeper
        parent = around.get(task)
        others = [other for other in (*fed[task], parent) if other in around and other not in found]
        found.update(others)
        waiting += others
    return frozenset(found)


def why_again(call: RecordedCall, redo: Collection[bytes]) -> str | None:
    """Why a recorded call cannot answer; None when it can."""
    if call.task in redo:
        return "asked for, or depends on what was asked for"
    if call.state_type is not StateType.COMPLETED:
        return f"it was {call.state_name}"
    if call.state_name == "RolledBack":
        return "its transaction was rolled back"
    if call.result is None or call.result.serializer == "none":
        return "its result was not kept"
    return None
