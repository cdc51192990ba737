"""The verbs that wait for something to happen, and tell it as it does."""

from __future__ import annotations

from levada.control.base import PlanePart


class Streaming(PlanePart):
    """Events as they are dispatched; see `levada.wire.events`."""
