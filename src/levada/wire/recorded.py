"""What a resumed or forked run is answered from: every call that earlier epochs recorded, in one value.

The control plane makes it (`ControlPlane.recorded_calls`), the engine reads it. Ids are 16 raw bytes here, as in
records, because the engine compares them and shows them to nobody.
"""

from __future__ import annotations

from msgspec import Struct, field

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
    """Keys of the tasks that are to run again, of a run that the control plane forked; None of any other."""
