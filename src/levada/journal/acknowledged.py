"""The strictest durability: a step is over when a server has its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from levada.core.states import FINAL_TYPES
from levada.wire.records import STATE_TYPES, Record, RunState, TaskState

if TYPE_CHECKING:
    from levada.journal.shipper import Shipper
    from levada.journal.writer import JournalWriter

LOOK_SECONDS: Final = 0.25
"""Between two looks whether the wait has been broken off."""

REMIND_SECONDS: Final = 60.0

_FINAL: Final = frozenset(code for code, kind in enumerate(STATE_TYPES) if kind in FINAL_TYPES)


class AcknowledgedJournal:
    """A journal whose final states wait for the server, so that no step begins before the last one is safe there.

    Args:
        journal: where records go first.
        shipper: what takes them to the server.
        warn: told, in a sentence for people, when a run waits for long.
        broken_off: whether whoever waits was told to stop, by a signal or a cancellation. Its record is on disk.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        journal: JournalWriter,
        shipper: Shipper,
        *,
        warn: Callable[[str], None],
        broken_off: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._shipper = shipper
        self._warn = warn
        self._broken_off = broken_off
        self._monotonic = monotonic
        self._hurrying = False
        """A wait was broken off: what ends now is not to wait again for the same absent server."""

    @property
    def writer(self) -> bytes:
        """16-byte id of the stream."""
        return self._journal.writer

    @property
    def directories(self) -> list[Path]:
        """The directories that the writer holds."""
        return self._journal.directories

    def append(self, record: Record) -> None:
        """Append one record; one that ends a step is on the server when this returns."""
        self._journal.append(record)
        if isinstance(record, (TaskState, RunState)) and record.kind in _FINAL:
            self._wait(self._journal.sequence)

    def _wait(self, sequence: int) -> None:
        since = reminded = self._monotonic()
        self._hurrying = self._hurrying and self._shipper.away
        while not self._hurrying and not self._shipper.await_acknowledgement(sequence, LOOK_SECONDS):
            if self._broken_off():
                self._hurrying = True
            now = self._monotonic()
            if now - reminded >= REMIND_SECONDS:
                reminded = now
                self._warn(
                    f"A run has waited for {now - since:.0f} seconds for {self._journal.destination} to acknowledge "
                    "its last step (journal.durability is 'acknowledged')."
                )

    def commands(self) -> list[str]:
        """Take the commands that were posted to this process."""
        return self._journal.commands()

    def sync(self) -> None:
        """Push what was appended onto the disk."""
        self._journal.sync()

    def close(self) -> None:
        """Close the stream."""
        self._journal.close()
