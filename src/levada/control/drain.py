"""Takes journals into the store, and says which runs lost their process.

For each writer: read on from the stored cursor, merge, move the cursor, all in one transaction; then remove the
segments that are drained. When the writer's process is provably gone (its lock is free) and everything it wrote is
taken in, its unfinished runs become Crashed and its journal is removed. A drain that dies anywhere leaves the rest to
the next one; any number may run at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from msgspec import Struct, field

from levada.control.ingest import Ingested, ingest, subjects
from levada.control.losses import Loss, crash_what_is_open, named, open_with
from levada.core import faults
from levada.core.errors import JournalError
from levada.journal import Problem, UnknownRecord, WriterDirectory, writers
from levada.store.base import Store, WriterRow
from levada.wire.records import Record

RECORDS_AT_ONCE = 20_000
"""How many records one transaction takes in; about a quarter of a second during which others wait."""


class JournalProblem(Struct, frozen=True):
    """Something in a journal that is not as it should be.

    Attributes:
        writer: hex digits of the writer's id.
        kind: see `levada.journal.Problem`; ``unreadable`` when a newer Levada wrote it, so that it was left alone.
        segment: number of the segment.
        offset: where in it, in bytes.
        size: bytes cut or skipped; records missing.
        message: one sentence for people.
    """

    writer: str
    kind: str
    segment: int
    offset: int
    size: int
    message: str


class DrainReport(Struct):
    """What a drain did.

    Attributes:
        journals: how many the home had.
        records, flow_runs, task_runs, logs, artifacts: how much was taken in.
        crashed_flow_runs: unfinished runs whose process is gone.
        crashed_task_runs: how many unfinished task runs went with it.
        removed: journals that were taken in completely and removed.
        unknown: records that only a newer Levada understands; they are kept for it.
        problems: torn ends, corrupted places, gaps.
    """

    journals: int = 0
    records: int = 0
    flow_runs: int = 0
    task_runs: int = 0
    logs: int = 0
    artifacts: int = 0
    crashed_flow_runs: list[UUID] = field(default_factory=list)
    crashed_task_runs: int = 0
    removed: int = 0
    unknown: int = 0
    problems: list[JournalProblem] = field(default_factory=list)

    @property
    def bytes_cut(self) -> int:
        """Bytes that belong to no whole record and were passed over."""
        return sum(problem.size for problem in self.problems if problem.kind in {"torn", "corrupted"})

    def count(self, taken: Ingested) -> None:
        """Add what a batch touched."""
        self.records += taken.records
        self.flow_runs += taken.flow_runs
        self.task_runs += taken.task_runs
        self.logs += taken.logs
        self.artifacts += taken.artifacts


def drain(home: Path, store: Store, now_us: Callable[[], int] | None = None) -> DrainReport:
    """Take in everything the journals of a home hold.

    Args:
        home: the Levada home.
        store: where rows go.
        now_us: microseconds since 1970; the moment at which a loss is noticed.
    """
    report = DrainReport()
    now = now_us or _now_us
    gone = []
    for directory in writers(home):
        if directory.destination is not None:
            continue  # its records are for a server, which says what became of its runs
        try:
            if _take_in(directory, store, report):
                gone.append(directory)
        except JournalError as error:
            # Written by a newer Levada: nothing of it is touched, and no verdict is given on what cannot be read.
            report.problems.append(JournalProblem(directory.writer.hex(), "unreadable", 0, 0, 0, str(error)))
    # Verdicts come last: what a dead process left open may have been finished, or taken over, by another one.
    for directory in gone:
        _conclude(directory, store, now(), report)
    return report


def _now_us() -> int:
    return time.time_ns() // 1000


def _take_in(directory: WriterDirectory, store: Store, report: DrainReport) -> bool:
    """Take in what a journal holds; whether its process is gone, so that nothing will ever come after it."""
    writer = directory.writer
    with store.read() as transaction:
        cursor = transaction.writers.find(writer) or WriterRow(0, 0, 0, 0)
    report.journals += 1
    # A process that records as fast as this reads must not keep whoever looks waiting: what it writes from now on is
    # for the next drain. Of a dead one everything is read, however much there is.
    enough = directory.end() if directory.is_live() else None
    while True:
        # Reading and decoding happen outside the transaction, so that they keep nobody waiting.
        reading = directory.read(cursor.segment, cursor.offset, RECORDS_AT_ONCE, cursor.sequence)
        batch: list[tuple[int, Record]] = []
        unknown: list[tuple[int, UnknownRecord]] = []
        for sequence, record, _, _ in reading:
            if isinstance(record, UnknownRecord):
                unknown.append((sequence, record))
            else:
                batch.append((sequence, record))
        following = WriterRow(cursor.number, reading.segment, reading.offset, reading.sequence or 0)
        if following != cursor:
            with store.write() as transaction:
                transaction.lock(*sorted(subjects(writer, batch)))
                found = transaction.writers.get(writer)
                if found[1:] != cursor[1:]:
                    cursor = found  # another drain was faster; go on from where it got
                    continue
                taken = ingest(transaction, writer, batch)
                for sequence, record in unknown:
                    transaction.writers.keep_unread(writer, sequence, record.payload)
                transaction.writers.advance(writer, following.segment, following.offset, following.sequence)
                if faults.armed:
                    faults.reach("control.drain.before_commit")
            if faults.armed:
                faults.reach("control.drain.after_commit")
            report.count(taken)
            report.unknown += len(unknown)
            report.problems += [_problem(writer, problem) for problem in reading.problems]
            directory.remove_segments(following.segment)
            cursor = following
        if reading.done:
            return not reading.live
        if enough is not None and (reading.segment, reading.offset) >= enough:
            return False


def _problem(writer: bytes, problem: Problem) -> JournalProblem:
    return JournalProblem(writer.hex(), problem.kind, problem.segment, problem.offset, problem.size, problem.message)


def _conclude(directory: WriterDirectory, store: Store, now: int, report: DrainReport) -> None:
    """Say what became of everything a dead writer left unfinished, and remove its journal."""
    with store.write() as transaction:
        transaction.lock(*sorted(open_with(transaction, directory.writer)))
        loss = Loss(named(directory.pid, ""), _last_sign_of_life(directory, now), now)
        runs, tasks = crash_what_is_open(transaction, directory.writer, loss)
        if faults.armed:
            faults.reach("control.drain.before_commit")
    if faults.armed:
        faults.reach("control.drain.after_commit")
    report.crashed_flow_runs += [UUID(bytes=run) for run in runs]
    report.crashed_task_runs += tasks
    report.removed += directory.remove()


def _last_sign_of_life(directory: WriterDirectory, now: int) -> int:
    """When a dead writer last appended something; now when nothing tells."""
    moments = []
    for path in (*directory.segments().values(), *(path / "lock" for path in directory.paths)):
        try:
            moments.append(path.stat().st_mtime_ns // 1000)
        except OSError:
            continue  # removed meanwhile by another drain
    return min(now, max(moments, default=now))
