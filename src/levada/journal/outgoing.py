"""A journal on its way to a server: read in batches from where the server has it, and let go of once it is there.

How far that is stands in a file of the journal itself, so that whoever goes on, this process or a later one, sends
nothing twice that it need not. Sending something twice is allowed: the server finds that it has it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from levada.core.faults import armed, reach
from levada.journal.layout import SHIPPED
from levada.journal.reader import Problem, WriterDirectory

RECORDS_AT_ONCE: Final = 2_000
BYTES_AT_ONCE: Final = 1 << 20
"""A batch ends with the record that reaches one of these."""


class Cursor(NamedTuple):
    """How far a server has a journal."""

    segment: int = 0
    offset: int = 0
    sequence: int = 0


class Parcel(NamedTuple):
    """Records to be sent together, and where the next ones start."""

    records: list[tuple[int, bytes]]
    size: int
    following: Cursor


def read_cursor(path: Path) -> Cursor:
    """How far a server has what one directory of a writer holds; the beginning when that cannot be told."""
    try:
        words = (path / SHIPPED).read_text(encoding="ascii").split()
        return Cursor(*map(int, words)) if len(words) == 3 else Cursor()
    except (FileNotFoundError, ValueError):
        return Cursor()  # nothing was sent yet, or the machine died over these few bytes: all is sent again


def shipped_up_to(directory: WriterDirectory) -> Cursor:
    """How far a server has the journal of a writer."""
    return max((read_cursor(path) for path in directory.paths), default=Cursor())


def unsent_bytes(directory: WriterDirectory) -> int:
    """How many bytes of a writer's journal no server has yet."""
    cursor = shipped_up_to(directory)
    left = 0
    for number, path in directory.segments().items():
        if number >= cursor.segment:
            size = _size_of(path)
            left += size if number > cursor.segment else max(0, size - cursor.offset)
    return left


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # sent and removed meanwhile


class Outgoing:
    """Reads a journal on, a parcel at a time.

    Attributes:
        directory: the journal.
        cursor: how far the server has it.
        problems: what was not as it should be where it was read.
    """

    def __init__(self, directory: WriterDirectory) -> None:
        self.directory = directory
        self.cursor = shipped_up_to(directory)
        self.problems: list[Problem] = []
        self._most_records = RECORDS_AT_ONCE
        self._most_bytes = BYTES_AT_ONCE

    def next(self) -> Parcel | None:
        """The records that come next; None when the server has all there are."""
        reading = self.directory.read(
            self.cursor.segment, self.cursor.offset, self._most_records, self.cursor.sequence or None, raw=True
        )
        records: list[tuple[int, bytes]] = []
        size = 0
        for sequence, payload, _, _ in reading:
            records.append((sequence, payload))
            size += len(payload)
            if size >= self._most_bytes:
                break
        following = Cursor(reading.segment, reading.offset, reading.sequence or 0)
        self.problems += reading.problems
        if records:
            return Parcel(records, size, following)
        if following[:2] > self.cursor[:2]:
            self._move(following)  # past a header, or what is damaged: there is nothing to wait for there
        return None

    def halve(self, parcel: Parcel) -> bool:
        """Take less at once, because a parcel was too large for the server; False when it was a single record."""
        self._most_records = max(1, len(parcel.records) // 2)
        self._most_bytes = max(1, parcel.size // 2)
        return len(parcel.records) > 1

    def delivered(self, parcel: Parcel) -> None:
        """The server has a parcel; what it alone held is removed."""
        self._move(parcel.following)
        self._most_records = min(RECORDS_AT_ONCE, self._most_records * 2)
        self._most_bytes = min(BYTES_AT_ONCE, self._most_bytes * 2)

    def _move(self, following: Cursor) -> None:
        segment_done = following.segment > self.cursor.segment
        self.cursor = following
        for path in self.directory.paths[:1]:
            _write_cursor(path / SHIPPED, following)
        if armed:
            reach("journal.ship.after_cursor")
        if segment_done:
            self.directory.remove_segments(following.segment)


def _write_cursor(path: Path, cursor: Cursor) -> None:
    # One write of always the same length: a reader sees the old numbers, or the new ones, or (after a crash of the
    # machine) something that is no cursor at all.
    text = f"{cursor.segment:010d} {cursor.offset:020d} {cursor.sequence:020d}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, text.encode(), 0)
        finally:
            os.close(descriptor)
    except OSError:
        return  # the disk takes nothing now, or the journal is gone: at worst something is sent again
