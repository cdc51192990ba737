"""The records of a journal: the truth of what a run did.

Every record but a log line names its subject (a flow run or a task run), the epoch in which its writer owned the flow
run, and `n`, which orders the records of one subject within one epoch. `(subject, epoch, n)` identifies a record: the
same one may be delivered many times and in any order, and gives the same tables (property test in
``tests/property``).

Records are encoded as MessagePack arrays that start with a small integer tag. Fields are only ever added at the end,
with a default, so that older and newer code read each other's journals. Ids are 16 raw bytes (UUID version 7); times
are microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from levada.core.states import StateType

STATE_CODES: dict[StateType, int] = {kind: code for code, kind in enumerate(StateType)}
STATE_TYPES: tuple[StateType, ...] = tuple(StateType)


class Payload(Struct, array_like=True, frozen=True, omit_defaults=True):
    """A value that was recorded, or why it was not.

    Attributes:
        serializer: how `data` was made, e.g. ``msgpack``, ``pickle``, ``json``; ``none`` when the value was not kept.
        data: the bytes, when they are small enough to stand in the journal.
        key: where the bytes are in result storage, otherwise.
        storage: which storage that is (a path or slug that the reader can open), None for the home's own.
        size: number of bytes.
        type: the value's type, for people.
        preview: short text of the value, for people.
        expiration: when the value may no longer be used from a cache, microseconds since 1970.
        digest: of the bytes under `key`, when others may write other bytes there later.
        in_state: the function returned a state that holds the value, and so does a call that this answers.
    """

    serializer: str
    data: bytes | None = None
    key: str | None = None
    storage: str | None = None
    size: int = 0
    type: str = ""
    preview: str | None = None
    expiration: int | None = None
    digest: str | None = None
    in_state: bool = False


class RunOpened(Struct, array_like=True, tag=1):
    """A flow run began an epoch: it is new, or it is resumed, retried from outside or forked."""

    run: bytes
    epoch: int
    n: int
    at: int
    flow: str
    name: str
    writer: bytes
    reason: str = "new"
    """``new``, ``resume`` or ``fork``."""
    root: bytes | None = None
    parent_run: bytes | None = None
    parent_task: bytes | None = None
    identity: bytes | None = None
    """Of the call in the parent run, for a subflow."""
    version: str | None = None
    entrypoint: str | None = None
    """``path.py:function`` or ``package.module:function``, from which the flow can be loaded again."""
    code: str | None = None
    """Digest of the flow function's code."""
    parameters: Payload | None = None
    shown: dict[str, str] = {}
    """Parameters as short text, for people."""
    tags: list[str] = []
    labels: dict[str, Any] = {}
    forked_from: bytes | None = None
    host: str = ""
    pid: int = 0
    created_by: str = ""
    levada: str = ""
    retries: int = 0
    timeout: float | None = None
    deployment: bytes | None = None
    crash_retries: int = 0
    """How often the control plane schedules the run again, as its next epoch, when its process is gone."""
    deployed: int | None = None
    """Which version of its deployment it executes."""
    pool: str | None = None
    """Work pool in which it is to be executed."""
    queue: str | None = None
    priority: int = 0
    """Of runs of one queue those with a higher number are taken first."""
    job: dict[str, Any] = {}
    """Job variables that were given for this run alone."""
    interval: tuple[int, int] | None = None
    """The range of data that it is about, microseconds since 1970, when a schedule or a backfill made it."""
    schedule: bytes | None = None
    """Schedule, or backfill, that made it."""


class RunState(Struct, array_like=True, tag=2):
    """A flow run entered a state."""

    run: bytes
    epoch: int
    n: int
    at: int
    kind: int
    """Index into STATE_TYPES."""
    name: str
    message: str | None = None
    attempt: int = 0
    """1 for the first execution of the flow's function, counted over all epochs' retries within this epoch."""
    details: dict[str, Any] | None = None
    result: Payload | None = None


class RunChanged(Struct, array_like=True, tag=3):
    """A flow run was renamed, or got tags or labels."""

    run: bytes
    epoch: int
    n: int
    at: int
    name: str | None = None
    tags: list[str] | None = None
    labels: dict[str, Any] | None = None
    deployed: int | None = None
    """Another version of its deployment that it executes from its next epoch on."""


class TaskOpened(Struct, array_like=True, tag=4):
    """A task run exists: it was called or submitted.

    `started` says that it entered Running in the same moment, which saves inline calls a record.
    """

    task: bytes
    run: bytes | None
    epoch: int
    n: int
    at: int
    key: str
    """What was called: the function's module-free qualified name plus the task's name."""
    name: str
    identity: bytes = b""
    """16 bytes: digest of (scope, key, explicit key or inputs); see `levada.core.identity`."""
    occurrence: int = 0
    """Which of several identical calls in its scope, from 0."""
    started: bool = False
    opaque: bool = False
    """Some input could not be hashed, so identical calls cannot be told apart."""
    code: str | None = None
    parent_task: bytes | None = None
    inputs: dict[str, list[bytes]] | None = None
    """For each parameter the task runs whose results went into it; ``__wait_for__`` for pure ordering."""
    shown: dict[str, str] | None = None
    tags: list[str] | None = None
    child_run: bytes | None = None
    """The flow run that this task run stands for, for a subflow."""
    retries: int = 0
    map_id: bytes | None = None
    map_index: int = -1


class TaskState(Struct, array_like=True, tag=5):
    """A task run entered a state."""

    task: bytes
    run: bytes | None
    epoch: int
    n: int
    at: int
    kind: int
    name: str
    message: str | None = None
    attempt: int = 0
    details: dict[str, Any] | None = None
    result: Payload | None = None


class TaskChanged(Struct, array_like=True, tag=6):
    """A task run was renamed."""

    task: bytes
    run: bytes | None
    epoch: int
    n: int
    at: int
    name: str


class LogLine(Struct, array_like=True, tag=7):
    """One line of log. Identified by its writer and its sequence in the writer's stream."""

    run: bytes | None
    task: bytes | None
    at: int
    level: int
    logger: str
    message: str
    attempt: int = 0
    fields: dict[str, Any] | None = None


class ArtifactWritten(Struct, array_like=True, tag=8):
    """An artifact was made, or made anew with the same id (progress)."""

    artifact: bytes
    run: bytes | None
    task: bytes | None
    at: int
    kind: str
    key: str | None = None
    data: Any = None
    description: str | None = None


class TaskReused(Struct, array_like=True, tag=9):
    """A call in this epoch was answered with a result recorded earlier; the function did not run."""

    task: bytes
    run: bytes | None
    epoch: int
    n: int
    at: int
    source: bytes
    """The task run whose record answered: itself on resume, the origin's on a fork."""


Record = (
    RunOpened | RunState | RunChanged | TaskOpened | TaskState | TaskChanged | LogLine | ArtifactWritten | TaskReused
)
"""Any record of a journal."""
