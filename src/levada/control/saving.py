"""The one way to write flow runs down: their rows, an event for each state they entered, and a word to who listens.

Ingest, the drain, the lease reconciler and the orchestrator all save through here, so that no change of state can be
without its event. Events are written in the transaction of their cause and wait in the outbox.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from levada.control.event_queries import RUN_RESOURCE, event_row
from levada.control.histories import tags_of
from levada.control.queueing import keep_queue
from levada.core.ids import created_us, uuid7_bytes
from levada.core.states import DEFAULT_NAMES, datetime_of
from levada.store.base import EventRow, FlowRunRow, Transaction
from levada.store.bodies import DECIDED, DELTA, DETAILS, MESSAGE, NAME, STATE_MASK, VERDICT, Entry, RunBody, order
from levada.wire.events import Event
from levada.wire.records import STATE_TYPES

EVENT_PREFIX = "levada.flow-run."
"""What the events of flow runs are called; the name of the state follows."""

LONGEST_MESSAGE = 10_000
"""Characters of a state's message in its event."""


def save_flow_runs(
    transaction: Transaction,
    before: Mapping[bytes, FlowRunRow | None],
    after: Sequence[tuple[FlowRunRow, Sequence[str]]],
) -> None:
    """Write flow runs down.

    Args:
        transaction: a writing one that has locked the runs.
        before: the rows as they were, by id; None, or no entry, for new ones.
        after: rows with their facts; each once.
    """
    if not after:
        return
    rows = [row for row, _ in after]
    new = {row.id for row in rows if before.get(row.id) is None}
    facts: dict[bytes, Sequence[str]] = {}
    flows: dict[str, int] = {}
    events: list[EventRow] = []
    entropy = _entropy()
    for row, its_facts in after:
        if row.flow:
            flows[row.flow] = min(row.created, flows.get(row.flow, row.created))
        body = RunBody.decode(row.body)
        earlier = before.get(row.id)
        past = None if earlier is None else RunBody.decode(earlier.body)
        if past is None or past.openings != body.openings or past.changes != body.changes:
            facts[row.id] = its_facts
        events += _events([] if past is None else past.entries, row, body, transaction.now + len(events), entropy)
    transaction.flow_runs.save(rows, facts, new)
    transaction.flows.note(flows)
    keep_queue(transaction, before, after)
    if events:
        transaction.events.append(events)
        transaction.announce("outbox")
    for row in rows:
        transaction.announce("runs", row.id.hex())


def _entropy() -> Iterator[bytes]:
    """Eight random bytes, again and again; the system is asked for those of many events at once."""
    while True:
        some = os.urandom(8 * 64)
        yield from (some[place : place + 8] for place in range(0, len(some), 8))


def _events(
    known: Sequence[Entry], row: FlowRunRow, body: RunBody, now: int, entropy: Iterator[bytes]
) -> list[EventRow]:
    """An event for each state that a run entered; what only joined its past changed no state and is none."""
    seen = {_identity(entry) for entry in known}
    newest = None
    if known:
        last = _identity(known[-1])  # it may stand elsewhere now, see there
        newest = next((order(entry) for entry in reversed(body.entries) if _identity(entry) == last), order(known[-1]))
    events: list[EventRow] = []
    follows: UUID | None = None
    previous = known[-1] if known else None
    for entry in body.entries:
        if _identity(entry) in seen or (newest is not None and order(entry) < newest):
            continue
        identifier = UUID(bytes=uuid7_bytes(now + len(events), next(entropy)))
        events.append(event_row(_event(identifier, row, body, previous, entry, follows)))
        previous, follows = entry, identifier
    return events


def _identity(entry: Entry) -> tuple[Any, ...]:
    """What stays of an entry wherever it stands.

    Decided ones may move behind what the process recorded meanwhile, mistaken verdicts before what it had recorded.
    """
    return entry[0], -1 if entry[2] & (DECIDED | VERDICT) else entry[1], entry[2], entry[DELTA]


def _event(
    identifier: UUID, row: FlowRunRow, body: RunBody, previous: Entry | None, entry: Entry, follows: UUID | None
) -> Event:
    run = UUID(bytes=row.id)
    payload: dict[str, Any] = {"to": _state(entry), "epoch": entry[0]}
    if previous is not None:
        payload["from"] = _state(previous)
    if len(entry) > MESSAGE and entry[MESSAGE]:
        payload["message"] = str(entry[MESSAGE])[:LONGEST_MESSAGE]
    details = entry[DETAILS] if len(entry) > DETAILS else None
    if isinstance(details, dict) and details.get("by"):
        payload["by"] = str(details["by"])
    related = [{"id": f"levada.flow.{row.flow}", "role": "flow"}] if row.flow else []
    if row.deployment is not None:
        related.append({"id": f"levada.deployment.{UUID(bytes=row.deployment)}", "role": "deployment"})
    if row.parent_run is not None:
        related.append({"id": f"{RUN_RESOURCE}{UUID(bytes=row.parent_run)}", "role": "parent"})
    related += [{"id": f"levada.tag.{tag}", "role": "tag"} for tag in tags_of(body)]
    return Event(
        id=identifier,
        occurred=datetime_of(created_us(row.id) + entry[DELTA]),
        event=EVENT_PREFIX + payload["to"]["name"],
        resource={"id": f"{RUN_RESOURCE}{run}", "name": row.name},
        related=related,
        payload=payload,
        follows=follows,
    )


def _state(entry: Entry) -> dict[str, str]:
    kind = STATE_TYPES[entry[2] & STATE_MASK]
    return {"type": kind.value, "name": (entry[NAME] if len(entry) > NAME else None) or DEFAULT_NAMES[kind]}
