"""Events: what happened, to what, when. Written in the transaction of their cause, delivered from the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, field


class Event(Struct, omit_defaults=True, kw_only=True):
    """Something that happened.

    Attributes:
        id: UUID version 7.
        position: its place in the order of delivery, from 1 without gaps; None until it is dispatched. Streams resume
            by it.
        event: what happened, e.g. `levada.flow-run.Completed`.
        resource: what it happened to; `id` is always there, e.g. `levada.flow-run.<uuid>`.
        related: what else it concerns, each with `id` and `role`.
        follows: the event before it of the same resource, if it is known.
    """

    id: UUID
    occurred: datetime
    event: str
    resource: dict[str, str]
    related: list[dict[str, str]] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    position: int | None = None
    follows: UUID | None = None


class EventQuery(Struct, omit_defaults=True, kw_only=True):
    """Which events; newest first."""

    event_prefixes: list[str] | None = None
    resource_ids: list[str] | None = None
    """Exact, or with a `*` at the end."""
    flow_run_ids: list[UUID] | None = None
    after: datetime | None = None
    before: datetime | None = None
    text: str | None = None
    oldest_first: bool = False
    limit: int = 200
    cursor: str | None = None


class EventCount(Struct, omit_defaults=True):
    """How many events fell into one part of a time range, or have one name."""

    label: str
    count: int
    start: datetime | None = None
    end: datetime | None = None
