"""The verbs by which processes elsewhere report: batches of records, answered with commands."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from levada.control.base import PlanePart
from levada.control.intake import Gate, Intake
from levada.core.settings import LeaseSettings

if TYPE_CHECKING:
    from levada.wire.ingest import IngestAnswer, IngestBatch


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
        return self._intake.take_in(batch)
