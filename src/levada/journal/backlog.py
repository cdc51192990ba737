"""Records that could not be written yet: a bounded queue, and an honest count of what did not fit."""

from __future__ import annotations

from collections import deque

from levada.wire.records import ArtifactWritten, LogLine, Record

BACKLOG_BYTES = 16 << 20
"""How much is kept in memory while no disk takes records. Log lines and artifacts may use half of it, so that the
states of runs are the last thing to be lost."""

MOST_RUNS = 1_000
"""Runs for which losses are counted one by one; losses of further runs are counted together."""


class Backlog:
    """Payloads in the order of their sequence numbers.

    Attributes:
        held: (sequence, payload) of what is kept.
        lost: for each run how many of its records were not kept; under None those of no run.
        since: when the first record was lost, microseconds since 1970.
    """

    __slots__ = ("_bytes", "_limit", "held", "lost", "since")

    def __init__(self, limit: int = BACKLOG_BYTES) -> None:
        self.held: deque[tuple[int, bytes]] = deque()
        self.lost: dict[bytes | None, int] = {}
        self.since = 0
        self._limit = limit
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self.held) or bool(self.lost)

    def offer(self, sequence: int, payload: bytes, record: Record, now_us: int) -> bool:
        """Keep a record if there is room; otherwise count it as lost and say False."""
        limit = self._limit // 2 if isinstance(record, (LogLine, ArtifactWritten)) else self._limit
        if self._bytes + len(payload) > limit:
            run = record.run if record.run in self.lost or len(self.lost) < MOST_RUNS else None
            self.since = self.since or now_us
            self.lost[run] = self.lost.get(run, 0) + 1
            return False
        self.held.append((sequence, payload))
        self._bytes += len(payload)
        return True

    def shift(self) -> None:
        """Let go of the oldest record: it is written."""
        _, payload = self.held.popleft()
        self._bytes -= len(payload)

    def clear(self) -> None:
        """Forget everything."""
        self.held.clear()
        self.lost.clear()
        self.since = self._bytes = 0
