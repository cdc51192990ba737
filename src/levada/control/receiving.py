"""The verbs by which processes elsewhere report: batches of records, answered with commands."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from levada.control.base import PlanePart
from levada.control.intake import Gate, Intake
from levada.core.errors import TooManyRequests
from levada.core.settings import LeaseSettings
from levada.journal.format import decode

if TYPE_CHECKING:
    from levada.wire.ingest import IngestAnswer, IngestBatch


class IntakeFigures(Struct):
    """What was taken in by this process.

    Attributes:
        batches: batches with records.
        signs: batches without any: signs of life.
        records: records that were stored.
        refused: records that are damaged, and were named in the answer.
        sent_away: batches that were told to come later.
        failed: batches that ended in another error.
        seconds: time spent on batches.
        lag: seconds between the newest record of the last batch and its being stored, by the two machines' clocks.
    """

    batches: int = 0
    signs: int = 0
    records: int = 0
    refused: int = 0
    sent_away: int = 0
    failed: int = 0
    seconds: float = 0.0
    lag: float = 0.0


class Receiving(PlanePart):
    """What shippers talk to; see `levada.wire.ingest`."""

    leases: LeaseSettings = LeaseSettings()
    """For how long a sign of life counts; a server sets what its settings say before the first batch."""

    @cached_property
    def gate(self) -> Gate:
        """How many batches are in work, and how many may be."""
        return Gate()

    @cached_property
    def _intake(self) -> Intake:
        return Intake(self.store, self.leases, self.gate)

    def take_in(self, batch: IngestBatch) -> IngestAnswer:
        """Take in records of one process, and its sign of life; everything is committed when this returns.

        Any batch may come any number of times and in any order.

        Raises:
            RequestInvalid: it is no batch of a writer.
            TooManyRequests: the server has too much to do; nothing of the batch is stored.
            StoreUnavailable: the database cannot be reached; nothing of the batch is stored.
        """
        figures, begun = self.figures, time.perf_counter()
        try:
            answer = self._intake.take_in(batch)
        except TooManyRequests:
            figures.sent_away += 1
            raise
        except Exception:
            figures.failed += 1
            raise
        figures.seconds += time.perf_counter() - begun
        if batch.records:
            figures.batches += 1
            figures.records += len(batch.records) - len(answer.refused)
            figures.refused += len(answer.refused)
            newest = getattr(decode(batch.records[-1][1]), "at", None)
            if newest is not None:
                figures.lag = max(0.0, (self._now_us() - newest) / 1e6)
        else:
            figures.signs += 1
        return answer

    @cached_property
    def figures(self) -> IntakeFigures:
        """What was taken in since this process began."""
        return IntakeFigures()
