"""Takes records in: sorts a batch by subject, reads the rows there are, merges, writes them back.

Everything happens inside the caller's transaction, so that rows and the journal's cursor move together. The same batch
may be taken in again, in parts, or among others; the tables come out the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.msgpack import Encoder

from levada.control.histories import RunRecord, TaskRecord, merge_run, merge_task
from levada.control.saving import save_flow_runs
from levada.store.base import ArtifactRow, FlowRunRow, LogRow, TaskRunRow, Transaction
from levada.store.bodies import RunBody
from levada.wire.records import (
    ArtifactWritten,
    LogLine,
    Record,
    RunChanged,
    TaskChanged,
    TaskOpened,
    TaskReused,
    TaskState,
)

_SEQUENCE_BITS = 40

_encode = Encoder().encode


class Ingested(Struct):
    """What a batch touched."""

    records: int = 0
    flow_runs: int = 0
    task_runs: int = 0
    logs: int = 0
    artifacts: int = 0


def subjects(writer: bytes, batch: Iterable[tuple[int, Record]]) -> set[bytes]:
    """What must be locked before a batch is taken in: its writer, and the runs whose rows it changes."""
    found = {writer}
    for _, record in batch:
        if record.run is not None:
            found.add(record.run)
        elif isinstance(record, (TaskState, TaskOpened, TaskReused, TaskChanged)):
            found.add(record.task)
        elif isinstance(record, ArtifactWritten):
            found.add(record.artifact)
    return found


def ingest(transaction: Transaction, writer: bytes, batch: Iterable[tuple[int, Record]]) -> Ingested:
    """Take in records of one writer.

    Args:
        transaction: a writing one that has locked the batch's `subjects`; nothing is committed here.
        writer: whose journal the records come from.
        batch: records with their sequence numbers in that journal.
    """
    tasks: dict[bytes, list[TaskRecord]] = {}
    runs: dict[bytes, list[RunRecord]] = {}
    logs: list[tuple[int, LogLine]] = []
    artifacts: dict[bytes, list[ArtifactWritten]] = {}
    count = 0
    for sequence, record in batch:
        count += 1
        if isinstance(record, (TaskState, TaskOpened, TaskReused, TaskChanged)):
            known = tasks.get(record.task)
            if known is None:
                tasks[record.task] = [record]
            else:
                known.append(record)
        elif isinstance(record, LogLine):
            logs.append((sequence, record))
        elif isinstance(record, ArtifactWritten):
            artifacts.setdefault(record.artifact, []).append(record)
        else:
            runs.setdefault(record.run, []).append(record)
    _ingest_runs(transaction, writer, runs)
    _ingest_tasks(transaction, writer, tasks)
    _ingest_logs(transaction, writer, logs)
    _ingest_artifacts(transaction, artifacts)
    _announce(transaction, tasks, logs)
    return Ingested(count, len(runs), len(tasks), len(logs), len(artifacts))


def _announce(
    transaction: Transaction,
    tasks: dict[bytes, list[TaskRecord]],
    logs: list[tuple[int, LogLine]],
) -> None:
    """Wake who looks at these task runs and log lines; flow runs are announced where they are saved."""
    for run in {records[0].run for records in tasks.values()}:
        if run is not None:
            transaction.announce("runs", run.hex())
    oldest: dict[bytes, int] = {}
    for _, line in logs:
        if line.run is not None:
            oldest[line.run] = min(line.at, oldest.get(line.run, line.at))
    for run, at in oldest.items():
        transaction.announce("logs", f"{run.hex()}@{at}")


def _ingest_runs(transaction: Transaction, writer: bytes, runs: dict[bytes, list[RunRecord]]) -> None:
    if not runs:
        return
    before = transaction.flow_runs.load(runs)
    now = transaction.now
    changed = []
    for run, records in runs.items():
        there = before.get(run)
        said = records if there is None or there.writer == writer else _of_the_owner(there, records, writer)
        row, facts = merge_run(run, there, said, now) if said else (there, [])
        if row is None or row is there:
            continue
        if row.writer is None and any(record.epoch == row.epoch for record in records):
            # The record that names the owner is damaged, or not here yet: without one the run would never end.
            row = row._replace(writer=writer)
        changed.append((row, facts))
    save_flow_runs(transaction, before, changed)


def _of_the_owner(row: FlowRunRow, records: list[RunRecord], writer: bytes) -> list[RunRecord]:
    """Without the states of epochs that another process has opened: it came first, and this one is told to stop."""
    owners = {opening.epoch: opening.writer for opening in RunBody.decode(row.body).openings if opening.writer}
    return [
        record for record in records if isinstance(record, RunChanged) or owners.get(record.epoch, writer) == writer
    ]


def _ingest_tasks(transaction: Transaction, writer: bytes, tasks: dict[bytes, list[TaskRecord]]) -> None:
    if not tasks:
        return
    table = transaction.task_runs
    before = table.load(list(tasks))
    call_number = table.call_number
    now = transaction.now
    inserted: list[TaskRunRow] = []
    replaced: list[TaskRunRow] = []
    for task, records in tasks.items():
        row = before.get(task)
        merged = merge_task(task, row, records, writer, call_number, now)
        if row is None:
            inserted.append(merged)
        elif merged is not row:
            replaced.append(merged)
    table.insert(inserted)
    table.replace(replaced)


def _ingest_logs(transaction: Transaction, writer: bytes, logs: list[tuple[int, LogLine]]) -> None:
    if not logs:
        return
    first = transaction.writers.get(writer).number << _SEQUENCE_BITS
    transaction.logs.add(
        [
            LogRow(
                first + sequence,
                line.run,
                line.task,
                line.at,
                line.level,
                line.logger,
                line.message,
                line.attempt,
                _encode(line.fields) if line.fields else None,
            )
            for sequence, line in logs
        ]
    )


def _ingest_artifacts(transaction: Transaction, artifacts: dict[bytes, list[ArtifactWritten]]) -> None:
    if not artifacts:
        return
    before = transaction.artifacts.load(artifacts)
    rows = []
    for artifact, records in artifacts.items():
        versions = [_artifact_row(record) for record in records]
        if artifact in before:
            versions.append(before[artifact])
        # Two versions of one microsecond are told apart by content, so that every order of arrival picks the same.
        newest = max(versions, key=lambda row: (row.updated, row.data, row.description or "", row.kind, row.key or ""))
        rows.append(newest._replace(created=min(row.created for row in versions)))
    transaction.artifacts.save(rows)


def _artifact_row(record: ArtifactWritten) -> ArtifactRow:
    return ArtifactRow(
        record.artifact,
        record.run,
        record.task,
        record.kind,
        record.key,
        record.at,
        record.at,
        _encode(record.data),
        record.description,
    )
