"""Why a run waits in its pool, in words: the first thing that holds it up, by name, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from levada.control.deployments import release
from levada.control.moving import in_order
from levada.control.places import BACKFILL, DEPLOYMENT, POOL, QUEUE, Place, needed
from levada.control.whereabouts import span
from levada.core import claims as law
from levada.core.errors import ObjectNotFound
from levada.core.limits import TAG_PREFIX
from levada.store.sql.deployments import DeploymentTable
from levada.store.sql.work import CLAIMED, LaneBody, LaneRow, WorkerRow, WorkRow, WorkTables
from levada.wire.pools import BACKGROUND_POOL, SERVE_KIND

if TYPE_CHECKING:
    from levada.store.base import FlowRunRow, Transaction

SHOWN: Final = 5
"""Runs that are named in one sentence."""

MOST_BEFORE: Final = 1000
"""Runs before one in its queue that are counted."""


class Reasons(NamedTuple):
    """What holds a run up, and commands that change it."""

    said: list[str]
    steps: list[str]


NOT_QUEUED: Final = Reasons([], [])
"""Of a run that does not wait in a pool."""


def why_in_queue(transaction: Transaction, row: FlowRunRow) -> Reasons:
    """Why a run of a pool that is due, or was taken and has not begun, is not running.

    Args:
        transaction: any.
        row: a run with a pool that no process owns.
    """
    tables = WorkTables(transaction)
    pool = row.pool or ""
    found = tables.pool(pool)
    if found is None:
        said = f"Its work pool {pool!r} does not exist, so no worker takes it."
        if pool == BACKGROUND_POOL:
            said = f"Nobody serves the task {row.queue!r}: no process of this control plane has ever served a task."
            return Reasons([said], ["levada task serve FILE.py"])
        return Reasons([said], [f"levada work-pool create {pool}"])
    work = tables.get(row.id)
    if work is None:
        return NOT_QUEUED
    if work.stage == CLAIMED:
        return Reasons([_claimed(tables, work, transaction.now)], [f"levada worker ls --pool {pool}"])
    return _waiting(Place(transaction, found), row, work)


def _claimed(tables: WorkTables, work: WorkRow, now: int) -> str:
    worker = None if work.worker is None else tables.worker(work.worker)
    who = "A worker" if worker is None else f"Worker {worker.name!r}{_on(worker)}"
    since = span(now - work.since)
    if worker is not None and worker.expires <= now:
        return f"{who} took it {since} ago and has not been heard of since; it is given to another one in a moment."
    return f"{who} took it {since} ago; its process is starting."


def _on(worker: WorkerRow) -> str:
    host = worker.told.host
    return f" on host {host}" if host else ""


def _waiting(place: Place, row: FlowRunRow, work: WorkRow) -> Reasons:
    said, steps = _handed_back(work), list[str]()
    bodies = place.tables.lanes_by_id([work.lane])
    lane = bodies.get(work.lane)
    if lane is None:
        return Reasons([*said, "It comes into its queue in a moment."], steps)
    for reasons in (
        _version(place, row),
        _paused(place, lane),
        _workers(place, lane),
        _full(place, LaneRow(work.lane, lane)),
        _before(place, work),
    ):
        if reasons.said:
            return Reasons([*said, *reasons.said], [*steps, *reasons.steps])
    return Reasons([*said, "It is next: a worker takes it in a moment."], steps)


def _handed_back(work: WorkRow) -> list[str]:
    told = work.told
    if not told.handed_back:
        return []
    times = "once" if told.handed_back == 1 else f"{told.handed_back} times"
    return [f"Workers could not begin it {times}; the last said: {told.said}"]


def _version(place: Place, row: FlowRunRow) -> Reasons:
    if row.deployment is None:
        return NOT_QUEUED
    deployment = DeploymentTable(place.transaction).get(row.deployment)
    if deployment is None:
        return Reasons([f"Its deployment {UUID(bytes=row.deployment)} was deleted; it is cancelled in a moment."], [])
    try:
        release(place.transaction, deployment, row.deployed)
    except ObjectNotFound as missing:
        return Reasons([str(missing)], [])
    return NOT_QUEUED


def _paused(place: Place, lane: LaneBody) -> Reasons:
    pool = place.row.name
    if place.row.paused:
        return Reasons([f"Work pool {pool!r} is paused."], [f"levada work-pool resume {pool}"])
    queue = place.tables.queue(pool, lane.queue)
    if queue is not None and queue.paused:
        return Reasons(
            [f"Queue {lane.queue!r} of work pool {pool!r} is paused."],
            [f"levada work-queue resume {lane.queue} --pool {pool}"],
        )
    return NOT_QUEUED


def _workers(place: Place, lane: LaneBody) -> Reasons:
    """Whether some worker is there that would take it."""
    pool = place.row.name
    rows = place.tables.workers(pool)
    online = [row for row in rows if row.expires > place.now and not row.told.draining]
    start = [f"levada worker start --pool {pool}"]
    taking = [row for row in online if law.wants(_ask(row), _lane(lane))]
    if pool == BACKGROUND_POOL and not taking:
        others = "those who serve tasks serve others" if online else "no process that serves tasks is there"
        return Reasons([f"Nobody serves the task {lane.queue!r} now: {others}."], ["levada task serve FILE.py"])
    if place.spec.kind == SERVE_KIND and not taking:
        return _unserved(place, lane)
    if not online:
        last = max(rows, key=lambda row: row.seen, default=None)
        seen = "" if last is None else f" The last was {last.name!r}, {span(place.now - last.seen)} ago."
        return Reasons([f"No worker of work pool {pool!r} is online.{seen}"], start)
    if not taking:
        return Reasons(
            [f"No worker online takes runs of queue {lane.queue!r}: all take other queues or deployments only."],
            [f"{start[0]} --queue {lane.queue}"],
        )
    lacking = _lacking(lane, taking)
    if lacking:
        return Reasons([f"No worker that is online offers what it needs: {', '.join(lacking)}."], start)
    return NOT_QUEUED


def _unserved(place: Place, lane: LaneBody) -> Reasons:
    """Who must be there for a run of a deployment that is served."""
    row = None if lane.deployment is None else DeploymentTable(place.transaction).get(lane.deployment)
    if row is None:
        return Reasons(["No process serves it now."], ["levada flow serve FILE.py:FLOW --name NAME"])
    code = row.spec.code
    entrypoint = str(Path(code.path or "", code.entrypoint))
    said = f"No process serves deployment '{row.flow}/{row.name}' now; its runs wait until its program is back."
    return Reasons([said], [f"levada flow serve {entrypoint} --name {row.name}"])


def _ask(row: WorkerRow) -> law.Ask:
    told = row.told
    free = law.Needed(told.offer.cpu, told.offer.memory, told.offer.gpu, frozenset(told.offer.labels))
    return law.Ask(
        worker=row.id, room=1, queues=frozenset(told.queues), deployments=frozenset(told.deployments), free=free
    )


def _lane(lane: LaneBody) -> law.Lane:
    return law.Lane(key=lane.id, queue=lane.queue, deployment=lane.deployment, needs=needed(lane.needs))


def _lacking(lane: LaneBody, workers: Sequence[WorkerRow]) -> list[str]:
    """What of the needs the best of the workers has not, however idle it is; nothing when one has all."""
    needs = needed(lane.needs)
    lacking = [law.fits(needs, _ask(row).free) for row in workers]
    if not all(lacking):
        return []
    said = []
    for name in min(lacking, key=len):
        wanted = getattr(lane.needs, name, None)
        offers = [getattr(row.told.offer, name, None) or 0 for row in workers]
        said.append(name if wanted is None else f"{name} {wanted:g} (the most offered is {max(offers):g})")
    return said


def _full(place: Place, lane: LaneRow) -> Reasons:
    """The limits that have no room, each with who holds it; or that all workers are busy."""
    standing = place.standing(place.lanes(), {lane.id})
    if not standing.lanes:
        return NOT_QUEUED
    full = law.full(standing.lanes[0], standing.slots, standing.held)
    said = [_limit_in_words(place, lane.body, name, standing.slots[name]) for name in full]
    return Reasons(said, [_step(place, lane.body, full[0])] if full else [])


def _limit_in_words(place: Place, lane: LaneBody, name: str, slots: int) -> str:
    what = {
        POOL: f"The limit of work pool {place.row.name!r}",
        QUEUE + lane.queue: f"The limit of queue {lane.queue!r}",
    }.get(name)
    if what is None and name.startswith(DEPLOYMENT):
        what = "The concurrency limit of its deployment"
    elif what is None and name.startswith(BACKFILL):
        what = "The share of its backfill"
    elif what is None:
        what = f"Concurrency limit {name!r}"
    holders = _holders(place, lane, name)
    return f"{what} ({slots}) is full{f', held by {holders}' if holders else ''}."


def _holders(place: Place, lane: LaneBody, name: str) -> str:
    """The names of some runs that hold a limit."""
    held = place.tables.held_in(place.row.name, MOST_BEFORE)
    if name.startswith(DEPLOYMENT) and lane.deployment is not None:
        held = place.tables.of_deployment(lane.deployment, held=True, limit=SHOWN + 1)
    elif name.startswith(QUEUE):
        held = [row for row in held if row.queue == lane.queue]
    elif name.startswith(BACKFILL):
        held = [row for row in held if row.told.backfill == lane.backfill]
    elif name.startswith(TAG_PREFIX):
        held = [row for row in held if name.removeprefix(TAG_PREFIX) in row.told.tags]
    rows = place.transaction.flow_runs.load(row.run for row in held[:SHOWN])
    names = sorted(repr(row.name) for row in rows.values())
    return ", ".join(names) + (" and more" if len(held) > SHOWN else "")


def _step(place: Place, lane: LaneBody, name: str) -> str:
    pool = place.row.name
    if name == POOL:
        return f"levada work-pool set-concurrency-limit {pool} SLOTS"
    if name.startswith(QUEUE):
        return f"levada work-queue set-concurrency-limit {lane.queue} SLOTS --pool {pool}"
    if name.startswith(TAG_PREFIX):
        return f"levada concurrency-limit inspect {name}"
    return f"levada work-pool slots {pool}"


def _before(place: Place, work: WorkRow) -> Reasons:
    """How many runs come before it, and that all workers are busy."""
    order = in_order(place, None, MOST_BEFORE)
    pool = place.row.name
    if work.run not in order:
        said = f"At least {len(order)} runs come before it in work pool {pool!r}."
        return Reasons([said, "All workers that could take it are busy."], [f"levada worker ls --pool {pool}"])
    before = order.index(work.run)
    runs = "1 run comes" if before == 1 else f"{before} runs come"
    said = f"{runs} before it in work pool {pool!r}" if before else "It is the next one"
    return Reasons(
        [f"{said}; all workers that could take it are busy."],
        [f"levada work-pool preview {pool}", f"levada worker ls --pool {pool}"],
    )
