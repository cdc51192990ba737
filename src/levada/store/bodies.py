"""The `body` of a row: the whole history of a flow run or task run in few bytes.

A history is a list of entries, each a plain list, sorted by `order`::

    [epoch, n, code, delta, attempt, name, message, details, result]

`code` is the state's code plus flags; `delta` is microseconds after the moment that the subject's id carries; absent
values at the end are left out. A task run that was called, started and completed fits in about 20 bytes this way.
Entries are plain lists and not Structs because a task run has them by the million, and because msgspec writes out the
defaults of a Struct.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, Encoder

from levada.wire.records import Payload, RunChanged, RunOpened

STATE_MASK = 15
VERDICT = 16
"""The control plane wrote the entry, about the entry of the same epoch and n: its owner is gone."""
OPENED = 32
"""The entry comes from an opening record; when it says Running, the subject was Pending at the same moment."""
REUSED = 64
"""The state was taken over from an earlier record; `details` is the id of that task run, unless it is this one."""
DECIDED = 128
"""The control plane wrote the entry, because somebody asked for it."""
CLOSED_N = 1 << 40
"""The `n` of entries with which the control plane ends an epoch: above every number that a process gives, so that
whatever its process still records of that epoch is history and changes no state."""

EPOCH, N, CODE, DELTA, ATTEMPT, NAME, MESSAGE, DETAILS, RESULT = range(9)

Entry = list[Any]
Order = tuple[int, int, int, int]

_encode = Encoder().encode
_decode = Decoder().decode


def order(entry: Entry) -> Order:
    """What histories are sorted by; the greatest is the current state.

    What a process wrote under a number comes first, then what was decided about it, in the order of decisions, then the
    verdict that its owner is gone. Entries that close an epoch are in the order in which they were written.
    """
    n, code = entry[1], entry[2]
    if not code & (VERDICT | DECIDED):
        return entry[0], n, 0, 0
    if n == CLOSED_N or not code & VERDICT:
        return entry[0], n, 1, entry[3]
    return entry[0], n, 2, 0


def trimmed(values: list[Any]) -> list[Any]:
    """The list without the None at its end; changed in place."""
    while values and values[-1] is None:
        values.pop()
    return values


def packed(payload: Payload | None) -> list[Any] | None:
    """A payload as a short list."""
    if payload is None:
        return None
    values = [
        payload.serializer,
        payload.data,
        payload.key,
        payload.storage,
        payload.size,
        payload.type,
        payload.preview,
        payload.expiration,
    ]
    return trimmed(values)


def unpacked(values: list[Any] | None) -> Payload | None:
    """The payload of a short list."""
    return None if values is None else Payload(*values)


class TaskBody:
    """What a task run's row holds beside its columns.

    Attributes:
        entries: the history.
        identity, occurrence, opaque, parent_task, child_run, inputs, shown, retries, map_id, map_index: as in
            `levada.wire.records.TaskOpened`, from its newest record.
        renamed: `(epoch, n)` of the record that gave the name, when that is not the newest opening.
    """

    __slots__ = (
        "child_run",
        "entries",
        "identity",
        "inputs",
        "map_id",
        "map_index",
        "occurrence",
        "opaque",
        "parent_task",
        "renamed",
        "retries",
        "shown",
    )

    def __init__(
        self,
        entries: list[Entry],
        identity: bytes = b"",
        occurrence: int = 0,
        parent_task: bytes | None = None,
        inputs: dict[str, list[bytes]] | None = None,
        shown: dict[str, str] | None = None,
        opaque: bool | None = None,
        child_run: bytes | None = None,
        retries: int | None = None,
        map_id: bytes | None = None,
        map_index: int | None = None,
        renamed: tuple[int, int] | None = None,
    ) -> None:
        self.entries = entries
        self.identity = identity
        self.occurrence = occurrence
        self.parent_task = parent_task
        self.inputs = inputs
        self.shown = shown
        self.opaque = opaque
        self.child_run = child_run
        self.retries = retries
        self.map_id = map_id
        self.map_index = map_index
        self.renamed = renamed

    def encode(self) -> bytes:
        """The bytes of the row's body."""
        values = [
            self.entries,
            self.identity,
            self.occurrence,
            self.parent_task,
            self.inputs,
            self.shown,
            self.opaque,
            self.child_run,
            self.retries,
            self.map_id,
            self.map_index,
            self.renamed,
        ]
        while values[-1] is None:  # entries are never None
            values.pop()
        return _encode(values)

    @classmethod
    def decode(cls, body: bytes) -> TaskBody:
        """Read a row's body."""
        made = cls(*_decode(body))
        if made.renamed is not None:
            made.renamed = (made.renamed[0], made.renamed[1])
        return made


class TaskOutline(Struct, array_like=True):
    """What a drawing of task runs needs of a `TaskBody`; the rest is passed over, which takes half the time."""

    entries: list[Entry]
    identity: Raw = Raw()
    occurrence: Raw = Raw()
    parent_task: bytes | None = None
    inputs: dict[str, list[bytes]] | None = None
    shown: Raw = Raw()
    opaque: Raw = Raw()
    child_run: bytes | None = None
    retries: Raw = Raw()
    map_id: bytes | None = None

    @classmethod
    def decode(cls, body: bytes) -> TaskOutline:
        """Read a row's body."""
        return _outline_decoder.decode(body)


_outline_decoder = Decoder(TaskOutline)


class RunBody(Struct, array_like=True):
    """What a flow run's row holds beside its columns: every record but its states as it came, sorted."""

    entries: list[Entry] = []
    openings: list[RunOpened] = []
    changes: list[RunChanged] = []

    def encode(self) -> bytes:
        """The bytes of the row's body."""
        return _encode(self)

    @classmethod
    def decode(cls, body: bytes) -> RunBody:
        """Read a row's body."""
        return _run_decoder.decode(body)


_run_decoder = Decoder(RunBody)
