"""Fills a database of Levada's: flow runs with their task runs, by the ingest that a server uses, without its HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from uuid import UUID

from msgspec.msgpack import encode

from levada.core.ids import uuid7_bytes
from levada.core.states import StateType
from levada.wire.ingest import IngestBatch
from levada.wire.records import STATE_CODES, LogLine, Record, RunOpened, RunState, TaskOpened, TaskState

PENDING, RUNNING, COMPLETED, FAILED = (
    STATE_CODES[kind] for kind in (StateType.PENDING, StateType.RUNNING, StateType.COMPLETED, StateType.FAILED)
)
ENDS = ((COMPLETED, "Completed"),) * 19 + ((FAILED, "Failed"),)


def new_id(at: int) -> bytes:
    """An id made at a moment."""
    return uuid7_bytes(at, os.urandom(8))


def records_of_run(run: bytes, writer: bytes, at: int, tasks: int, number: int, flows: int = 20) -> Iterator[Record]:
    """What the journal of a flow run with so many tasks says, from its opening to its end."""
    flow = f"flow-{number % flows}"
    tags = [f"team-{number % 7}", "nightly"]
    yield RunOpened(run, 1, 1, at, flow, f"run-{number}", writer, shown={"day": str(number % 365)}, tags=tags, pid=1)
    yield RunState(run, 1, 2, at + 10, RUNNING, "Running", attempt=1)
    for index in range(tasks):
        task = new_id(at + 20 + index)
        identity = index.to_bytes(16, "big")
        yield TaskOpened(
            task, run, 1, 1, at + 20 + index, f"extract-{index % 5}", f"extract-{index}", identity, started=True
        )
        yield TaskState(task, run, 1, 2, at + 1_020 + index, COMPLETED, "Completed", attempt=1)
    kind, name = ENDS[number % len(ENDS)]
    message = None if kind == COMPLETED else f"ValueError: row {number} of the source has no date"
    yield LogLine(run, None, at + 30, 20, "levada.flow_runs", f"Loaded {number} rows")
    yield RunState(run, 1, 3, at + 2_000_000 + number % 9_000_000, kind, name, message, attempt=1)


def batches(runs: int, tasks: int, size: int = 2_000, spread_seconds: float = 30 * 86_400) -> Iterator[IngestBatch]:
    """Batches of so many finished runs, made over the last month, each with so many tasks."""
    writer = new_id(time.time_ns() // 1000)
    start = time.time_ns() // 1000 - int(spread_seconds * 1e6)
    step = int(spread_seconds * 1e6) // max(runs, 1)
    sequence, batch = 0, []
    for number in range(runs):
        at = start + number * step
        for record in records_of_run(new_id(at), writer, at, tasks, number):
            sequence += 1
            batch.append((sequence, encode(record)))
        if len(batch) >= size:
            yield IngestBatch(writer, batch, "bench", 1)
            batch = []
    if batch:
        yield IngestBatch(writer, batch, "bench", 1, closing=True)


def numbered(records: Iterable[Record]) -> list[tuple[int, bytes]]:
    """Records as they stand in a batch, counted from 1."""
    return [(number, encode(record)) for number, record in enumerate(records, 1)]


def encoded(batch: IngestBatch) -> bytes:
    """A batch as it goes over the wire."""
    return encode(batch)


def as_text(run: bytes) -> str:
    """The id of a run as text."""
    return str(UUID(bytes=run))
