"""The verbs by which processes elsewhere report: batches of records, answered with commands."""

from __future__ import annotations

from levada.control.base import PlanePart


class Receiving(PlanePart):
    """What shippers talk to; see `levada.wire.ingest`."""
