"""Runs in line: shown in the order in which they would be taken, given another priority, put into another queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec.structs import replace

from levada.control.histories import facts_of_run, run_row
from levada.control.noting import note
from levada.control.places import POOL, Place, place_of
from levada.control.pooling import queue_row
from levada.control.queries import flow_run_row
from levada.control.queueing import WORK_TOPIC, is_waiting
from levada.control.saving import save_flow_runs
from levada.core import claims as law
from levada.core.errors import RequestInvalid
from levada.store.bodies import RunBody
from levada.store.sql.work import WAITING, HeadRow, WorkTables

if TYPE_CHECKING:
    from levada.control.queries import Identifier
    from levada.store.base import FlowRunRow, Transaction

MOST_SHOWN: Final = 1000
MOST_URGENT: Final = 1_000_000


def queued_rows(transaction: Transaction, pool: str, queue: str | None, limit: int) -> list[FlowRunRow]:
    """Runs that wait, in the order in which a worker with room for all would get them.

    What limits hold up, or is not due yet, comes after the rest.

    Raises:
        ObjectNotFound: there is no such pool or queue.
        RequestInvalid: the limit is not 1 to 1,000.
    """
    if not 1 <= limit <= MOST_SHOWN:
        raise RequestInvalid(f"A list has 1 to {MOST_SHOWN} runs.", (("$.limit", f"is {limit}"),))
    place = place_of(transaction, pool)
    if queue is not None:
        queue_row(transaction, pool, queue)
    found = in_order(place, queue, limit)
    rows = transaction.flow_runs.load(found)
    shown = [rows[run] for run in found if run in rows]
    if len(shown) < limit:
        later = place.tables.not_due(pool, transaction.now, limit - len(shown))
        rows = transaction.flow_runs.load(later)
        shown += [rows[run] for run in later if run in rows and queue in {None, rows[run].queue}]
    return shown


def in_order(place: Place, queue: str | None, limit: int) -> list[bytes]:
    """The runs of a pool that are due, in the order in which they would be taken if nothing but turns held them up."""
    lanes = [lane for lane in place.lanes() if queue is None or lane.body.queue == queue]
    heads = place.first_runs([lane.id for lane in lanes])
    standing = place.standing(lanes, heads)
    known: dict[bytes, HeadRow] = {head.run: head for rows in heads.values() for head in rows}

    def more(lane: bytes, after: law.Head) -> list[law.Head]:
        rows = place.tables.following(lane, known[after.run], 64, place.now)
        known.update({row.run: row for row in rows})
        return [law.Head(row.run, row.priority, row.due) for row in rows]

    everybody = law.Ask(worker=b"", room=limit)
    open_lanes = [replace(lane, needs=law.Needed(), limits=(), closed="") for lane in standing.lanes]
    outcome = law.assign(
        open_lanes,
        {lane: [law.Head(row.run, row.priority, row.due) for row in rows] for lane, rows in heads.items()},
        {},
        {POOL: 0},
        standing.shares,
        [everybody],
        place.now,
        more=more,
    )
    return [one.head.run for one in outcome.taken]


def move_in_queue(transaction: Transaction, run: Identifier, priority: int | None, queue: str | None) -> FlowRunRow:
    """Give a run that waits another priority or queue.

    Raises:
        ObjectNotFound: there is no such run or queue.
        RequestInvalid: it does not wait in a pool, or the priority cannot be used.
    """
    if priority is not None and not -MOST_URGENT <= priority <= MOST_URGENT:
        raise RequestInvalid(f"Priorities are -{MOST_URGENT} to {MOST_URGENT}.", (("$.priority", f"is {priority}"),))
    identifier = flow_run_row(transaction, run).id
    transaction.lock(identifier)
    row = flow_run_row(transaction, identifier)
    work = WorkTables(transaction).get(identifier)
    if row.pool is None or work is None or work.stage != WAITING or not is_waiting(row):
        why = "has been taken by a worker" if work is not None else "does not wait in a work pool"
        raise RequestInvalid(f"Flow run {row.name!r} cannot be moved: it {why}.")
    if queue is not None:
        queue_row(transaction, row.pool, queue)
    body = RunBody.decode(row.body)
    body.openings[0] = replace(
        body.openings[0],
        priority=body.openings[0].priority if priority is None else priority,
        queue=body.openings[0].queue if queue is None else queue,
    )
    moved = run_row(row.id, body, transaction.now)
    WorkTables(transaction).delete([row.id])
    save_flow_runs(transaction, {row.id: row._replace(pool=None)}, [(moved, facts_of_run(body))])
    kept = WorkTables(transaction).get(row.id)
    if kept is not None:
        WorkTables(transaction).save([kept._replace(due=work.due, since=work.since, body=work.body)])
    resource = {"id": f"levada.flow-run.{UUID(bytes=row.id)}", "name": row.name}
    related = [{"id": f"levada.work-pool.{row.pool}", "role": "work-pool"}]
    note(transaction, "levada.flow-run.moved", resource, related, {"priority": priority, "queue": queue})
    return moved


def delete_queue(transaction: Transaction, pool: str, name: str) -> None:
    """Delete a queue; runs that wait in it go to the default queue, those that were taken count there.

    Raises:
        ObjectNotFound: there is no such pool or queue.
        RequestInvalid: it is the default queue.
    """
    place = place_of(transaction, pool)
    transaction.lock(f"work-pool:{pool}")
    queue_row(transaction, pool, name)
    default = place.spec.default_queue
    if name == default:
        raise RequestInvalid(f"Queue {name!r} is the default queue of work pool {pool!r}; make another one so first.")
    tables = place.tables
    tables.delete_queue(pool, name)
    for lane in place.lanes():
        if lane.body.queue != name:
            continue
        other = replace(lane.body, queue=default)
        tables.add_lanes([other])
        tables.move_lane(lane.id, other.id, default)
        tables.delete_lanes([lane.id])
    transaction.announce(WORK_TOPIC, pool)
