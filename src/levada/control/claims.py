"""Claims in one transaction: what workers that ask for runs of a pool get, and what they must be told.

Load the lanes of the pool with their first runs, what limits hold, what the workers have free; ask the law
(`levada.core.claims`); give the runs out. A lock on the pool keeps other claims out meanwhile, so that no limit can be
exceeded, and those of limits that reach over several pools are locked with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, field

from levada.control.commands import commands_for
from levada.control.handing import Broken, hand_out
from levada.control.places import DEPLOYMENT, HOLD_SECONDS, Place, place_of
from levada.control.queueing import WORK_TOPIC
from levada.core import claims as law
from levada.store.sql.work import (
    CLAIMED,
    WAITING,
    HeadRow,
    LaneBody,
    LaneRow,
    PoolRow,
    WorkerBody,
    WorkerRow,
    WorkRow,
    packed,
)
from levada.wire.pools import ClaimAnswer, ClaimRequest, Offer

if TYPE_CHECKING:
    from levada.store.base import Transaction

MORE_AT_ONCE: Final = 16
"""Runs behind the first one of a lane that are loaded together."""


class Asking(Struct):
    """A worker's request that is looked at.

    Attributes:
        request: as it came.
        fresh: it is looked at for the first time; its being here is a sign of life.
        woken: something may have happened to the runs that it has.
    """

    request: ClaimRequest
    fresh: bool = True
    woken: bool = True


class Collision(NamedTuple):
    """Runs of a deployment wait, and its concurrency limit is full."""

    deployment: bytes
    strategy: str
    limit: int


class Served(Struct):
    """What became of some requests.

    Attributes:
        answers: one for each, in their order.
        next_in: seconds until the next run of the pool is due that is not due now; None when there is none.
        collisions: what must be done about full deployments.
        broken: runs that can never be started, with the reason.
    """

    answers: list[ClaimAnswer]
    next_in: float | None = None
    collisions: list[Collision] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def serve(transaction: Transaction, pool: str, asks: Sequence[Asking]) -> Served:
    """Look at the requests of workers of a pool.

    Args:
        transaction: a writing one.
        pool: its name.
        asks: the requests.

    Raises:
        ObjectNotFound: there is no such pool.
    """
    place = place_of(transaction, pool)
    open_asks = [ask for ask in asks if ask.request.room > 0 and not ask.request.draining]
    lanes = [] if not open_asks or place.row.paused else place.lanes()
    place.lock(lanes)
    _hand_over(place, [ask for ask in asks if ask.fresh])
    _note_workers(place, [ask for ask in asks if ask.fresh])
    answers = [ClaimAnswer(hold_seconds=HOLD_SECONDS, pool=place.spec) for _ in asks]
    for ask, answer in zip(asks, answers, strict=True):
        if ask.woken and ask.request.held:
            answer.commands = commands_for(transaction, ask.request.worker.bytes, ask.request.held)
    served = Served(answers)
    if lanes:
        lanes = place.lanes()  # as they are now that nobody else gives runs of this pool out
        _give_out(place, lanes, asks, served)
    if open_asks:
        due = place.tables.next_due(pool, transaction.now)
        served.next_in = None if due is None else (due - transaction.now) / 1e6
    return served


def _give_out(place: Place, lanes: Sequence[LaneRow], asks: Sequence[Asking], served: Served) -> None:
    """Let the law decide, and write down what it says."""
    heads = place.first_runs(_wanted(lanes, asks))
    if not heads:
        return
    standing = place.standing(lanes, {lane.id for lane in lanes if lane.id in heads})
    known: dict[bytes, HeadRow] = {head.run: head for rows in heads.values() for head in rows}

    def more(lane: bytes, after: law.Head) -> list[law.Head]:
        rows = place.tables.following(lane, known[after.run], MORE_AT_ONCE, place.now)
        known.update({row.run: row for row in rows})
        return [_head(row) for row in rows]

    outcome = law.assign(
        standing.lanes,
        {lane: [_head(row) for row in rows] for lane, rows in heads.items()},
        standing.slots,
        standing.held,
        standing.shares,
        _lawful(place, asks),
        place.now,
        more=more,
    )
    taken: dict[int, list[bytes]] = {}
    deployments = {lane.key: lane.deployment for lane in standing.lanes}
    for one in outcome.taken:
        deadline = standing.deadlines.get(deployments[one.lane] or b"")
        if deadline is not None and place.now - one.head.due > deadline * 1e6:
            served.broken.append(Broken(one.head.run, too_late(deadline)))
        else:
            taken.setdefault(one.ask, []).append(one.head.run)
    for number, runs in taken.items():
        worker = asks[number].request.worker.bytes
        got = place.tables.take(worker, runs, place.now)
        orders, broken = hand_out(place, [known[run] for run in runs if run in got])
        served.answers[number].orders = orders
        served.broken += broken
    for lane in standing.lanes:
        block = outcome.blocked.get(lane.key)
        if block is not None and block.kind == "limit" and lane.deployment is not None:
            _note_collision(standing.strategies, lane, block, standing.slots, served)


def too_late(deadline: float) -> str:
    """Why a run is skipped whose start deadline has passed."""
    return f"It could not begin within {deadline:g} seconds after it was due (start_deadline), so it was skipped."


def _note_collision(
    strategies: Mapping[bytes, str], lane: law.Lane, block: law.Block, slots: Mapping[str, int], served: Served
) -> None:
    assert lane.deployment is not None
    name = DEPLOYMENT + lane.deployment.hex()
    strategy = strategies.get(lane.deployment, "queue")
    if name in block.names and strategy != "queue":
        collision = Collision(lane.deployment, strategy, slots[name])
        if collision not in served.collisions:
            served.collisions.append(collision)


def _wanted(lanes: Sequence[LaneRow], asks: Sequence[Asking]) -> list[bytes]:
    """The lanes of which some worker takes runs at all."""
    requests = [ask.request for ask in asks]
    if any(not request.queues and not request.deployments for request in requests):
        return [lane.id for lane in lanes]
    queues = {queue for request in requests for queue in request.queues}
    deployments = {one.bytes for request in requests for one in request.deployments}
    return [lane.id for lane in lanes if lane.body.queue in queues or lane.body.deployment in deployments]


def _head(row: HeadRow) -> law.Head:
    return law.Head(row.run, row.priority, row.due)


def _lawful(place: Place, asks: Sequence[Asking]) -> list[law.Ask]:
    """The requests as the law sees them."""
    offering = [ask.request.worker.bytes for ask in asks if ask.request.offer != Offer()]
    used: dict[bytes, list[WorkRow]] = {}
    if offering:
        for row in place.tables.of_workers(offering):
            used.setdefault(row.worker or b"", []).append(row)
    lanes = place.tables.lanes_by_id({row.lane for rows in used.values() for row in rows})
    return [
        law.Ask(
            worker=ask.request.worker.bytes,
            room=0 if ask.request.draining else ask.request.room,
            queues=frozenset(ask.request.queues),
            deployments=frozenset(one.bytes for one in ask.request.deployments),
            free=_free(ask.request.offer, used.get(ask.request.worker.bytes, ()), lanes),
        )
        for ask in asks
    ]


def _free(offer: Offer, used: Sequence[WorkRow], lanes: Mapping[bytes, LaneBody]) -> law.Needed:
    free = law.Needed(offer.cpu, offer.memory, offer.gpu, frozenset(offer.labels))
    for row in used:
        lane = lanes.get(row.lane)
        if lane is not None:
            free = law.less(free, law.Needed(lane.needs.cpu, lane.needs.memory, lane.needs.gpu))
    return free


def _hand_over(place: Place, asks: Sequence[Asking]) -> None:
    """Write down which worker has runs now whose first one is gone, when one of the same home goes on with them."""
    heirs = {
        (one.run.bytes, one.epoch, before.bytes): ask.request.worker.bytes
        for ask in asks
        for one in ask.request.held
        for before in one.taken_from
    }
    if not heirs:
        return
    runs = sorted({run for run, _, _ in heirs})
    place.transaction.lock(*runs)
    rows = place.tables.load(runs).values()
    taken = [
        row._replace(worker=heirs[row.run, row.epoch, row.worker])
        for row in rows
        if row.worker is not None and (row.run, row.epoch, row.worker) in heirs
    ]
    place.tables.save(taken)


def _note_workers(place: Place, asks: Sequence[Asking]) -> None:
    """Write down that workers are there, and give back what they should have and do not know of."""
    if not asks:
        return
    newest = {ask.request.worker: ask.request for ask in asks}
    place.tables.save_workers([_worker_row(place.row, request, place.now) for request in newest.values()])
    held = {ask.request.worker.bytes: set[bytes]() for ask in asks}
    for ask in asks:
        held[ask.request.worker.bytes].update(one.run.bytes for one in ask.request.held)
    long_ago = place.now - int(HOLD_SECONDS * 1e6)
    deaf = {ask.request.worker.bytes for ask in asks if ask.request.answer_lost}
    lost = [
        row
        for row in place.tables.of_workers(list(held))
        if row.stage == CLAIMED
        and (row.since < long_ago or row.worker in deaf)
        and row.run not in held[row.worker or b""]
    ]
    place.tables.save([row._replace(stage=WAITING, worker=None, since=place.now) for row in lost])
    if lost:
        place.transaction.announce(WORK_TOPIC, place.row.name)


def _worker_row(pool: PoolRow, request: ClaimRequest, now: int) -> WorkerRow:
    body = WorkerBody(
        kind=request.kind,
        queues=request.queues,
        limit=request.limit,
        offer=request.offer,
        host=request.host,
        pid=request.pid,
        levada=request.levada,
        draining=request.draining,
        deployments=[one.bytes for one in request.deployments],
    )
    expires = now + int((HOLD_SECONDS + max(0.0, request.wait)) * 1e6)
    return WorkerRow(request.worker.bytes, pool.name, request.name, now, now, expires, packed(body))
