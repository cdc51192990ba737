"""Makes journal records: one factory per kind, with a clock and ids that do not depend on the machine."""

from __future__ import annotations

from itertools import count
from typing import Any

from levada.core.ids import uuid7_bytes
from levada.core.states import DEFAULT_NAMES, StateType
from levada.wire.records import (
    STATE_CODES,
    ArtifactWritten,
    LogLine,
    Payload,
    RunChanged,
    RunOpened,
    RunState,
    TaskChanged,
    TaskOpened,
    TaskReused,
    TaskState,
)

START = 1_760_000_000_000_000
"""Microseconds since 1970 at which every story begins."""

_numbers = count(1)
_clock = count(START, 1_000)


def new_id() -> bytes:
    """An id never used before; later ones sort after earlier ones."""
    number = next(_numbers)
    return uuid7_bytes(START + number * 1_000, number.to_bytes(8, "big"))


def tick() -> int:
    """A moment one millisecond after the one before."""
    return next(_clock)


def payload(data: bytes = b"\x01") -> Payload:
    """A small recorded value."""
    return Payload("msgpack", data, size=len(data), type="int", preview="1")


def run_opened(run: bytes, writer: bytes, **fields: Any) -> RunOpened:
    """A flow run begins an epoch."""
    values = {"epoch": 1, "n": 1, "flow": "etl", "name": "brave-otter", "host": "h", "pid": 123, **fields}
    return RunOpened(run=run, writer=writer, at=values.pop("at", tick()), **values)


def run_state(run: bytes, kind: StateType, n: int, **fields: Any) -> RunState:
    """A flow run enters a state."""
    values = {"epoch": 1, "name": DEFAULT_NAMES[kind], "attempt": 1, **fields}
    return RunState(run=run, n=n, kind=STATE_CODES[kind], at=values.pop("at", tick()), **values)


def run_changed(run: bytes, n: int, **fields: Any) -> RunChanged:
    """A flow run is renamed, tagged or labelled."""
    return RunChanged(run=run, n=n, epoch=fields.pop("epoch", 1), at=tick(), **fields)


def task_opened(task: bytes, run: bytes | None, **fields: Any) -> TaskOpened:
    """A task run begins to exist."""
    values = {
        "epoch": 1,
        "n": 0,
        "key": "extract",
        "name": "extract-0",
        "identity": task[::-1],
        "code": "c0de",
        **fields,
    }
    return TaskOpened(task=task, run=run, at=values.pop("at", tick()), **values)


def task_state(task: bytes, run: bytes | None, kind: StateType, n: int, **fields: Any) -> TaskState:
    """A task run enters a state."""
    values = {"epoch": 1, "name": DEFAULT_NAMES[kind], "attempt": 1, **fields}
    return TaskState(task=task, run=run, n=n, kind=STATE_CODES[kind], at=values.pop("at", tick()), **values)


def task_changed(task: bytes, run: bytes | None, n: int, name: str, epoch: int = 1) -> TaskChanged:
    """A task run is renamed."""
    return TaskChanged(task, run, epoch, n, tick(), name)


def task_reused(task: bytes, run: bytes | None, n: int, source: bytes, epoch: int = 2) -> TaskReused:
    """A call is answered with an earlier record."""
    return TaskReused(task, run, epoch, n, tick(), source)


def log_line(run: bytes | None, message: str = "hello", task: bytes | None = None, **fields: Any) -> LogLine:
    """A line of log."""
    values = {"level": 20, "logger": "levada.flow_runs", **fields}
    return LogLine(run=run, task=task, at=values.pop("at", tick()), message=message, **values)


def artifact(run: bytes | None, key: str | None = None, **fields: Any) -> ArtifactWritten:
    """An artifact is written."""
    values = {"artifact": new_id(), "task": None, "kind": "markdown", "data": "# Report", **fields}
    return ArtifactWritten(run=run, key=key, at=values.pop("at", tick()), **values)
