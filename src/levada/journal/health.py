"""A health report of a home's journals, for people who ask whether anything was lost."""

from __future__ import annotations

from pathlib import Path

import msgspec

from levada.core.errors import JournalError
from levada.journal.format import UnknownRecord
from levada.journal.outgoing import unsent_bytes
from levada.journal.reader import Problem, WriterDirectory, writers


class WriterReport(msgspec.Struct):
    """What the journal of one writer holds.

    Attributes:
        writer: hex digits of its id.
        paths: where its segments lie.
        live: whether its process lives.
        segments: how many there are.
        size: their bytes.
        records: how many records could be read.
        by_kind: the same, by the name of the record's class.
        unknown: how many of them only a newer version understands.
        first, last: sequence numbers of the first and last; 0 when there is none.
        problems: what is not as it should be.
        unreadable: why the rest could not be read at all.
        destination: address of the server that the records are for; None when they stay with the home.
        unsent: bytes that the server does not have yet.
    """

    writer: str
    paths: list[str]
    live: bool
    segments: int
    size: int
    records: int = 0
    by_kind: dict[str, int] = {}
    unknown: int = 0
    first: int = 0
    last: int = 0
    problems: list[Problem] = []
    unreadable: str | None = None
    destination: str | None = None
    unsent: int = 0

    @property
    def healthy(self) -> bool:
        """Nothing is torn, corrupted, missing, repeated or unreadable."""
        return not self.problems and self.unreadable is None


def verify(home: Path) -> list[WriterReport]:
    """Read every journal of a home from end to end, changing nothing."""
    return [verify_writer(directory) for directory in writers(home)]


def verify_writer(directory: WriterDirectory) -> WriterReport:
    """Read the journal of one writer from end to end, changing nothing."""
    reading = directory.read()
    report = WriterReport(
        writer=directory.writer.hex(),
        paths=[str(path) for path in directory.paths],
        live=reading.live,
        segments=len(directory.segments()),
        size=directory.size(),
        destination=directory.destination,
    )
    report.unsent = 0 if report.destination is None else unsent_bytes(directory)
    try:
        for sequence, record, _, _ in reading:
            kind = type(record).__name__
            report.by_kind[kind] = report.by_kind.get(kind, 0) + 1
            report.unknown += isinstance(record, UnknownRecord)
            report.records += 1
            report.first = report.first or sequence
            report.last = sequence
    except JournalError as problem:
        report.unreadable = str(problem)
    report.problems = reading.problems
    return report
