"""A journal that is a list, for tests and for runs that shall leave nothing behind."""

from __future__ import annotations

from levada.core.faults import armed, reach
from levada.journal.format import decode, encode
from levada.wire.records import Record


class MemoryJournal:
    """Keeps records in memory, in the order in which they were appended.

    Each record goes through its bytes, so that what cannot be recorded shows here as it would on disk, and later
    changes to an object that was recorded do not change the record.
    """

    def __init__(self, writer: bytes = bytes(16)) -> None:
        self.writer = writer
        self.records: list[Record] = []
        self.closed = False

    def append(self, record: Record) -> None:
        """Append one record."""
        if armed:
            reach("journal.before_append")
        kept = decode(encode(record))
        if isinstance(kept, type(record)):
            self.records.append(kept)
        else:
            raise TypeError(f"{record!r} does not come back from its own bytes: {kept!r}")
        if armed:
            reach("journal.after_append")

    def sync(self) -> None:
        """Nothing to do: memory is as durable as it gets."""

    def close(self) -> None:
        """Keep the records and say that no more are expected."""
        self.closed = True
