"""Events, asked for, counted and added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace

from levada.core.errors import RequestInvalid
from levada.core.states import datetime_of, us_of
from levada.store.base import EventRow
from levada.wire.events import Event, EventCount
from levada.wire.objects import Page

if TYPE_CHECKING:
    from levada.store.base import Transaction
    from levada.wire.events import EventQuery

COUNTED_BY = ("time", "event", "resource")

MOST_BUCKETS = 1000

DEFAULT_RANGE = timedelta(days=1)
"""How far back events are counted by time when the query does not say since when."""

RUN_RESOURCE = "levada.flow-run."
"""What the resource id of a flow run begins with; its UUID follows."""

_encode = Encoder().encode
_decode = Decoder(Event).decode


def event_row(event: Event) -> EventRow:
    """The row of an event that waits in the outbox."""
    resource = event.resource.get("id", "")
    return EventRow(
        id=event.id.bytes,
        position=None,
        occurred=us_of(event.occurred),
        event=event.event,
        resource=resource,
        run=_run_of(event),
        body=_encode(replace(event, position=None)),
    )


def event_view(row: EventRow) -> Event:
    """The event of a row."""
    return replace(_decode(row.body), position=row.position)


def events(transaction: Transaction, query: EventQuery) -> Page:
    """A page of `Event`."""
    page = transaction.events.page(query)
    return Page([event_view(row) for row in page.rows], page.next)


def count_events(transaction: Transaction, query: EventQuery, by: str, buckets: int) -> list[EventCount]:
    """How many events the query finds, by part of its time range, by name, or by what they happened to.

    Raises:
        RequestInvalid: they cannot be counted so.
    """
    if by not in COUNTED_BY:
        raise RequestInvalid(f"Events are counted by {', '.join(COUNTED_BY)}, not by {by!r}.", (("$.by", "unknown"),))
    if not 1 <= buckets <= MOST_BUCKETS:
        raise RequestInvalid(
            f"A time range is cut into 1 to {MOST_BUCKETS} parts; {buckets} were asked for.",
            (("$.buckets", f"must be between 1 and {MOST_BUCKETS}"),),
        )
    if by != "time":
        found = transaction.events.count_by(query, by, 0, 1)
        ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [EventCount(str(label), count) for label, count in ordered]
    end = transaction.now if query.before is None else us_of(query.before)
    start = end - DEFAULT_RANGE // timedelta(microseconds=1) if query.after is None else us_of(query.after)
    if start >= end:
        raise RequestInvalid("The time range is empty: `after` is not before `before`.", (("$.after", "too late"),))
    step = -(-(end - start) // buckets)
    asked = replace(query, after=datetime_of(start), before=datetime_of(end))
    found = transaction.events.count_by(asked, by, start, step)
    counts = []
    for number in range(-(-(end - start) // step)):
        begin = datetime_of(start + number * step)
        until = datetime_of(min(end, start + (number + 1) * step))
        counts.append(EventCount(begin.isoformat(), found.get(number, 0), begin, until))
    return counts


def emit(transaction: Transaction, given: Sequence[Event]) -> int:
    """Add events that are not there; how many were new.

    Raises:
        RequestInvalid: an event does not say what it happened to, or what happened.
    """
    problems = []
    for number, event in enumerate(given):
        if not event.resource.get("id"):
            problems.append((f"$[{number}].resource.id", "is missing: what did it happen to?"))
        if not event.event:
            problems.append((f"$[{number}].event", "is empty: what happened?"))
    if problems:
        raise RequestInvalid("Some events cannot be taken.", tuple(problems))
    added = transaction.events.add([event_row(event) for event in given])
    if added:
        transaction.announce("outbox")
    return added


def _run_of(event: Event) -> bytes | None:
    """The flow run that an event is about, or that it names first as related."""
    for resource in (event.resource, *event.related):
        name = resource.get("id", "")
        if name.startswith(RUN_RESOURCE):
            try:
                return UUID(name.removeprefix(RUN_RESOURCE)).bytes
            except ValueError:
                continue  # somebody else's idea of a name
    return None
