"""Events of what people do, beside the states that runs enter."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

from levada.control.event_queries import RUN_RESOURCE, event_row
from levada.control.views import name_of_state, state_of
from levada.core.ids import uuid7_bytes
from levada.core.states import datetime_of
from levada.store.base import FlowRunRow, TaskRunRow, Transaction
from levada.wire.events import Event

DELETED = "levada.flow-run.deleted"
TASK_PREFIX = "levada.task-run."
"""What events of task runs are called; the name of the state follows. It also begins their resource ids."""


def note_deletion(transaction: Transaction, row: FlowRunRow, by: str) -> None:
    """Write down that a flow run is deleted, and by whom."""
    payload: dict[str, Any] = {"state": _state(row), "epoch": row.epoch}
    related = [{"id": f"levada.flow.{row.flow}", "role": "flow"}] if row.flow else []
    if row.parent_run is not None:
        related.append({"id": f"{RUN_RESOURCE}{UUID(bytes=row.parent_run)}", "role": "parent"})
    resource = {"id": f"{RUN_RESOURCE}{UUID(bytes=row.id)}", "name": row.name}
    note(transaction, DELETED, resource, related, payload, by)


def note_correction(
    transaction: Transaction, before: TaskRunRow, row: TaskRunRow, parent: FlowRunRow | None, by: str
) -> None:
    """Write down that somebody gave a task run another state; those that the engine records are no events."""
    payload: dict[str, Any] = {"from": _state(before), "to": _state(row)}
    if row.message:
        payload["message"] = row.message
    related = []
    if parent is not None:
        related = [{"id": f"{RUN_RESOURCE}{UUID(bytes=parent.id)}", "role": "flow-run", "name": parent.name}]
    resource = {"id": f"{TASK_PREFIX}{UUID(bytes=row.id)}", "name": row.name or ""}
    note(transaction, f"{TASK_PREFIX}{payload['to']['name']}", resource, related, payload, by)


def note(
    transaction: Transaction,
    name: str,
    resource: dict[str, str],
    related: list[dict[str, str]],
    payload: dict[str, Any],
    by: str = "",
) -> None:
    """Write an event down that happens now.

    Args:
        transaction: the writing one of its cause.
        name: of the event.
        resource: to what it happened: its `id`, and its `name` for people.
        related: what else it is about, each with its `role`.
        payload: what is to be known of it.
        by: who caused it.
    """
    now = transaction.now
    event = Event(
        id=UUID(bytes=uuid7_bytes(now, os.urandom(8))),
        occurred=datetime_of(now),
        event=name,
        resource=resource,
        related=related,
        payload={**payload, "by": by} if by else payload,
    )
    transaction.events.add([event_row(event)])
    transaction.announce("outbox")


def _state(row: FlowRunRow | TaskRunRow) -> dict[str, str]:
    kind = state_of(row.state)
    return {"type": "" if kind is None else kind.value, "name": name_of_state(row.state, row.state_name) or "Unknown"}
