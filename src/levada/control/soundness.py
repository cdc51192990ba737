"""What a record must hold to be taken in: ids that are ids, moments that are moments, text that databases can keep.

Journals of our own processes always do. A batch comes over a network from whoever may post one, so each record is
looked at before it meets the rows of others.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from levada.wire.records import (
    STATE_TYPES,
    ArtifactWritten,
    LogLine,
    Record,
    RunChanged,
    RunOpened,
    RunState,
    TaskChanged,
    TaskOpened,
    TaskReused,
    TaskState,
)

LATEST: Final = 253_402_300_799_000_000
"""The end of the year 9999, in microseconds since 1970: what a datetime can say."""

_LAST_ID: Final = (LATEST // 1000).to_bytes(6, "big")
"""Ids begin with the moment they were made, in milliseconds."""

_LONGEST_EPOCH: Final = 1 << 31
_LONGEST_COUNT: Final = 1 << 40
"""Numbers of records below this are the engine's; the control plane's own entries may lie above."""

_TEXTS: Final = {
    RunOpened: ("flow", "name", "version", "created_by"),
    RunState: ("name", "message"),
    RunChanged: ("name",),
    TaskOpened: ("name", "key", "code"),
    TaskState: ("name", "message"),
    TaskChanged: ("name",),
    LogLine: ("logger", "message"),
    ArtifactWritten: ("kind", "key", "description"),
    TaskReused: (),
}
"""Fields that become columns of text."""

_IDS: Final = {
    RunOpened: ("root", "parent_run", "parent_task", "forked_from", "deployment"),
    RunState: (),
    RunChanged: (),
    TaskOpened: ("parent_task", "child_run"),
    TaskState: (),
    TaskChanged: (),
    LogLine: ("task",),
    ArtifactWritten: ("task",),
    TaskReused: ("source",),
}
"""Fields that hold an id or None, beside those that all records have."""


class UnsoundError(ValueError):
    """A record that cannot be kept; the text says why."""


def sound(record: Record) -> Record:
    """The record as it can be kept: itself, or without the NUL characters that databases cannot hold.

    Raises:
        UnsoundError: it cannot be kept at all.
    """
    kind = type(record)
    if isinstance(record, (TaskOpened, TaskState, TaskChanged, TaskReused)):
        _check_id("task", record.task)
        _check_place(record.epoch, record.n)
    elif isinstance(record, ArtifactWritten):
        _check_id("artifact", record.artifact)
    elif not isinstance(record, LogLine):
        if record.run is None:
            raise UnsoundError("its run is missing")
        _check_place(record.epoch, record.n)
    if record.run is not None:
        _check_id("run", record.run)
    for name in _IDS[kind]:
        if (value := getattr(record, name)) is not None:
            _check_id(name, value)
    if not 0 <= record.at <= LATEST:
        raise UnsoundError(f"its time {record.at} is none between 1970 and 9999")
    if isinstance(record, (TaskState, RunState)) and not 0 <= record.kind < len(STATE_TYPES):
        raise UnsoundError(f"there is no state with the code {record.kind}")
    if isinstance(record, (TaskState, RunState, LogLine)) and not 0 <= record.attempt < _LONGEST_EPOCH:
        raise UnsoundError(f"there is no attempt {record.attempt}")
    if isinstance(record, RunOpened) and len(record.writer) != 16:
        raise UnsoundError("the id of its writer does not have 16 bytes")
    if isinstance(record, LogLine) and not 0 <= record.level < _LONGEST_EPOCH:
        raise UnsoundError(f"there is no level {record.level}")
    if isinstance(record, (TaskState, RunState)) and record.result is not None:
        ends = record.result.expiration
        if ends is not None and not 0 <= ends <= LATEST:
            raise UnsoundError(f"its result expires at {ends}, which is none between 1970 and 9999")
    if isinstance(record, TaskOpened):
        for source in {one for sources in (record.inputs or {}).values() for one in sources}:
            _check_id("input", source)
    return _without_nul(record)


def _check_id(name: str, value: bytes) -> None:
    if len(value) != 16 or value[:6] > _LAST_ID:
        raise UnsoundError(f"its {name} is no id: {value[:20].hex()}")


def _check_place(epoch: int, n: int) -> None:
    if not (0 < epoch < _LONGEST_EPOCH and 0 <= n < _LONGEST_COUNT):
        raise UnsoundError(f"epoch {epoch} and number {n} are none that a process gives")


def _without_nul(record: Record) -> Record:
    changes: dict[str, object] = {}
    for name in _TEXTS[type(record)]:
        text = getattr(record, name)
        if text is not None and "\0" in text:
            changes[name] = text.replace("\0", "\ufffd")
    tags = getattr(record, "tags", None)
    if tags and any("\0" in tag for tag in tags):
        changes["tags"] = [tag.replace("\0", "\ufffd") for tag in tags]
    return replace(record, **changes) if changes else record
