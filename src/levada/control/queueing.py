"""Keeps the queue: each run of a pool that has not ended has a row in `work`, which follows from the run's row.

Called whenever flow runs are saved, in their transaction. Only what changes a run's place costs anything: that it was
scheduled, that a process opened it, that it ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from levada.control.histories import is_open, moment_of, tags_of, told
from levada.core.limits import TAG_PREFIX
from levada.core.states import StateType
from levada.store.base import UNKNOWN_STATE, FlowRunRow, Transaction
from levada.store.bodies import DECIDED, DETAILS, VERDICT, RunBody
from levada.store.limits import LimitTables
from levada.store.sql.deployments import DeploymentTable
from levada.store.sql.work import BEGUN, CLAIMED, WAITING, LaneBody, WorkBody, WorkRow, WorkTables, packed
from levada.wire.deployments import Needs, NewDeployment
from levada.wire.pools import DEFAULT_QUEUE
from levada.wire.records import STATE_CODES

WORK_TOPIC: Final = "work"
"""What is announced, with the name of the pool, when a run came, became free to take, or left room."""

WORKER_TOPIC: Final = "workers"
"""What is announced, with the id of the worker in hex, when it must be told something about a run that it has."""

_SCHEDULED, _PAUSED, _CANCELLING = (
    STATE_CODES[kind] for kind in (StateType.SCHEDULED, StateType.PAUSED, StateType.CANCELLING)
)


class Wanted(NamedTuple):
    """What a waiting run's lane follows from."""

    pool: str
    queue: str
    deployment: bytes | None
    tags: Sequence[str]
    source: bytes | None
    """Schedule or backfill that made it."""


def keep_queue(
    transaction: Transaction,
    before: Mapping[bytes, FlowRunRow | None],
    after: Sequence[tuple[FlowRunRow, Sequence[str]]],
) -> None:
    """Bring the rows of `work` in line with flow runs that are saved.

    Args:
        transaction: the writing one in which they are saved.
        before: the rows as they were, by id; None, or no entry, for new ones.
        after: rows with their facts; each once.
    """
    moved = [row for row, _ in after if row.pool is not None and _moved(before.get(row.id), row)]
    if moved:
        _move(transaction, before, moved)


def epoch_to_open(row: FlowRunRow, body: RunBody) -> int:
    """The epoch that the next process of a run opens."""
    opened = max((opening.epoch for opening in body.openings), default=0)
    return row.epoch + 1 if opened >= row.epoch else row.epoch


def is_waiting(row: FlowRunRow) -> bool:
    """Whether a run of a pool is there to be taken."""
    return row.state == _SCHEDULED and row.writer is None


def _place(row: FlowRunRow | None) -> tuple[Any, ...]:
    """What of a run its place in the queue follows from."""
    if row is None or row.pool is None:
        return ()
    if not is_open(row.state) or row.state == UNKNOWN_STATE:
        return (False,)
    due = row.expected if is_waiting(row) else None
    return True, row.state, row.state_name == "Suspended", row.writer, row.epoch, row.pool, row.queue, due


def _moved(before: FlowRunRow | None, row: FlowRunRow) -> bool:
    was, is_ = _place(before), _place(row)
    return was != is_ and not (was == () and is_ == (False,))


def _move(transaction: Transaction, before: Mapping[bytes, FlowRunRow | None], rows: Sequence[FlowRunRow]) -> None:
    tables = WorkTables(transaction)
    known = tables.load(row.id for row in rows if before.get(row.id) is not None)
    waiting = [row for row in rows if is_waiting(row)]
    bodies = {row.id: RunBody.decode(row.body) for row in rows}
    lanes = lanes_of(transaction, {row.id: _wanted(row, bodies[row.id]) for row in rows if _is_kept(row)})
    saved: list[WorkRow] = []
    gone: list[bytes] = []
    for row in rows:
        there = known.get(row.id)
        made = _work_row(row, bodies[row.id], lanes.get(row.id), there, transaction.now)
        if made is None and there is not None:
            gone.append(row.id)
        elif made is not None and made != there:
            saved.append(made)
        if made is None or made.stage == WAITING:
            transaction.announce(WORK_TOPIC, row.pool or "")
        if there is not None and there.worker is not None and _concerns_worker(row, bodies[row.id]):
            transaction.announce(WORKER_TOPIC, there.worker.hex())
    tables.add_lanes({lanes[row.id] for row in waiting})
    tables.save(saved)
    tables.delete(gone)


def _is_kept(row: FlowRunRow) -> bool:
    """Whether a run may have a row in `work`."""
    return is_open(row.state) and row.state != UNKNOWN_STATE


def _concerns_worker(row: FlowRunRow, body: RunBody) -> bool:
    """Whether a run was ended, or is to be, by somebody else than its process."""
    if row.state == _CANCELLING:
        return True
    decided = bool(body.entries and body.entries[-1][2] & (DECIDED | VERDICT))
    return decided and (not is_open(row.state) or is_waiting(row))


def _work_row(row: FlowRunRow, body: RunBody, lane: LaneBody | None, there: WorkRow | None, now: int) -> WorkRow | None:
    """The row in `work` of a run; None when it has no place there (any more)."""
    if lane is None or (row.state == _PAUSED and row.state_name == "Suspended"):
        return None
    worker, since, stage = None, now, BEGUN
    if row.writer is not None:
        epoch = row.epoch
        if there is not None and there.epoch == epoch:
            worker, since = there.worker, there.since if there.stage == BEGUN else now
    else:
        epoch = epoch_to_open(row, body)
        claimed = there is not None and there.stage == CLAIMED and there.epoch == epoch
        if not claimed and not is_waiting(row):
            return None  # a state that somebody set, and for which nobody is to be started
        stage = CLAIMED if claimed else WAITING
        if there is not None and there.epoch == epoch:
            worker, since = there.worker if claimed else None, there.since
    kept = there.told if there is not None and there.epoch == epoch else WorkBody()
    source = told(body.openings, "schedule")
    told_of = WorkBody(tags_of(body), kept.handed_back, kept.said, lane.backfill and source)
    return WorkRow(
        run=row.id,
        pool=lane.pool,
        queue=lane.queue,
        deployment=row.deployment,
        lane=lane.id,
        stage=stage,
        priority=body.openings[0].priority if body.openings else 0,
        due=_due(row, body),
        since=since,
        epoch=epoch,
        worker=worker,
        body=packed(told_of),
    )


def _due(row: FlowRunRow, body: RunBody) -> int:
    """Before when a run is not to be taken: what its newest state says; of one that is taken up again, that moment."""
    newest = body.entries[-1] if body.entries else []
    details = newest[DETAILS] if len(newest) > DETAILS else None
    moment = moment_of(details.get("scheduled_time")) if isinstance(details, dict) else None
    return moment or row.expected or row.created


def _wanted(row: FlowRunRow, body: RunBody) -> Wanted:
    return Wanted(row.pool or "", row.queue or "", row.deployment, tags_of(body), told(body.openings, "schedule"))


def lanes_of(transaction: Transaction, wanted: Mapping[bytes, Wanted]) -> dict[bytes, LaneBody]:
    """The lanes of runs, by run."""
    if not wanted:
        return {}
    deployments = DeploymentTable(transaction).load(one.deployment for one in wanted.values() if one.deployment)
    specs = {key: row.spec for key, row in deployments.items()}
    limited = limited_tags(transaction, {tag for one in wanted.values() for tag in one.tags})
    backfills = WorkTables(transaction).backfills({one.source for one in wanted.values() if one.source is not None})
    defaults = _default_queues(transaction, {one.pool for one in wanted.values() if not one.queue})
    return {
        run: _lane(one, specs.get(one.deployment or b""), limited, backfills, defaults) for run, one in wanted.items()
    }


def _lane(
    one: Wanted,
    spec: NewDeployment | None,
    limited: Collection[str],
    backfills: Collection[bytes],
    defaults: Mapping[str, str],
) -> LaneBody:
    return LaneBody(
        pool=one.pool,
        queue=one.queue or defaults.get(one.pool, DEFAULT_QUEUE),
        deployment=one.deployment,
        tags=tuple(sorted(set(one.tags) & set(limited))),
        needs=Needs() if spec is None else spec.needs,
        fairness="" if spec is None else spec.fairness_key or "",
        weight=1.0 if spec is None else spec.weight,
        backfill=one.source if one.source in backfills else None,
    )


def limited_tags(transaction: Transaction, tags: Iterable[str]) -> set[str]:
    """Those of some tags for which there is a limit."""
    names = [TAG_PREFIX + tag for tag in sorted(tags)]
    found: set[str] = set()
    for place in range(0, len(names), 500):
        rows = LimitTables(transaction).exact_limits(names[place : place + 500])
        found.update(row.name.removeprefix(TAG_PREFIX) for row in rows)
    return found


def _default_queues(transaction: Transaction, pools: Collection[str]) -> dict[str, str]:
    """Where runs of pools go that name no queue."""
    rows = [WorkTables(transaction).pool(pool) for pool in pools]
    return {row.name: row.spec.default_queue for row in rows if row is not None}
