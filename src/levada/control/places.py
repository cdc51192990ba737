"""A work pool inside one transaction: its lanes, their first runs, and what all their limits hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import msgpack

from levada.control.pools import no_such_pool
from levada.core import claims as law
from levada.core.limits import TAG_PREFIX
from levada.store.limits import LimitTables
from levada.store.sql.deployments import DeploymentRow, DeploymentTable
from levada.store.sql.work import HeadRow, LaneBody, LaneRow, PoolRow, QueueRow, WorkTables
from levada.wire.deployments import Needs
from levada.wire.pools import PoolSpec

if TYPE_CHECKING:
    from levada.store.base import Transaction

HOLD_SECONDS: Final = 30.0
"""A worker asks again within so many seconds after its last answer, or it counts as gone."""

POOL: Final = "pool"
QUEUE, DEPLOYMENT, BACKFILL = "queue:", "deployment:", "backfill:"
"""How limits are called inside a claim; tags keep the name of their limit."""

MOST_OF_A_BACKFILL: Final[int] = 10
"""Runs of a backfill at once, unless it says otherwise; see `NewBackfill.max_concurrency`."""

MOST_LEVELS: Final = 1000
"""Different priorities of one lane that are looked at."""


class Standing(NamedTuple):
    """Lanes and limits as the law sees them.

    Attributes:
        lanes: those of which runs are due.
        slots, held, shares: as `levada.core.claims.assign` takes them.
        strategies: what becomes of runs that find their deployment full.
        deadlines: seconds after being due within which a run must begin, by deployment.
    """

    lanes: list[law.Lane]
    slots: dict[str, int]
    held: dict[str, int]
    shares: dict[tuple[str, str], int]
    strategies: dict[bytes, str]
    deadlines: dict[bytes, float]


class Place:
    """A work pool.

    Args:
        transaction: any; a writing one when runs are to be taken.
        row: the pool.
    """

    def __init__(self, transaction: Transaction, row: PoolRow) -> None:
        self.transaction = transaction
        self.row = row
        self.spec: PoolSpec = row.spec
        self.tables = WorkTables(transaction)
        self.now = transaction.now
        self._deployments = DeploymentTable(transaction)

    def lanes(self) -> list[LaneRow]:
        """The kinds of runs that wait in it or were taken."""
        return self.tables.lanes(self.row.name)

    def lock(self, lanes: Iterable[LaneRow]) -> None:
        """Keep other claims out, here and where the same limits hold."""
        lanes = list(lanes)
        tags = {tag for lane in lanes for tag in lane.body.tags}
        keys = [f"work-pool:{self.row.name}", *(f"work-tag:{tag}" for tag in tags)]
        mine = {lane.body.deployment for lane in lanes if lane.body.deployment is not None}
        if mine:
            keys += [f"work-deployment:{one.hex()}" for one in self.tables.shared_deployments() & mine]
        self.transaction.lock(*keys)

    def first_runs(self, lanes: Sequence[bytes]) -> dict[bytes, list[HeadRow]]:
        """The first run of each priority of each lane, those that are due."""
        found: dict[bytes, list[HeadRow]] = {}
        level = self.tables.heads(lanes)
        for _ in range(MOST_LEVELS):
            if not level:
                break
            below: dict[int, list[bytes]] = {}
            for head in level:
                below.setdefault(head.priority, []).append(head.lane)
                if head.due <= self.now:
                    found.setdefault(head.lane, []).append(head)
            level = [head for priority, some in below.items() for head in self.tables.heads(some, priority)]
        return found

    def standing(self, lanes: Sequence[LaneRow], due: Collection[bytes]) -> Standing:
        """Lanes and limits as the law sees them.

        Args:
            lanes: all of the pool.
            due: ids of those of which runs are due.
        """
        queues = {row.name: row for row in self.tables.queues(self.row.name)}
        waiting = [lane for lane in lanes if lane.id in due]
        deployments = self._deployments.load(
            lane.body.deployment for lane in waiting if lane.body.deployment is not None
        )
        backfills = self._backfills({lane.body.backfill for lane in waiting if lane.body.backfill is not None})
        slots, strategies = self._slots(waiting, queues, deployments, backfills)
        held, shares = self._held(lanes, slots)
        made = [self._lane(lane, queues.get(lane.body.queue), slots, backfills) for lane in waiting]
        deadlines = {
            key: spec.start_deadline
            for key, spec in ((key, row.spec) for key, row in deployments.items())
            if spec.start_deadline is not None
        }
        return Standing(made, slots, held, shares, strategies, deadlines)

    def _slots(
        self,
        waiting: Sequence[LaneRow],
        queues: Mapping[str, QueueRow],
        deployments: Mapping[bytes, DeploymentRow],
        backfills: Mapping[bytes, tuple[int, bool]],
    ) -> tuple[dict[str, int], dict[bytes, str]]:
        slots: dict[str, int] = {}
        strategies: dict[bytes, str] = {}
        if self.row.slots is not None:
            slots[POOL] = self.row.slots
        slots.update({QUEUE + name: row.slots for name, row in queues.items() if row.slots is not None})
        for key, row in deployments.items():
            spec = row.spec
            if spec.concurrency_limit is not None:
                slots[DEPLOYMENT + key.hex()] = spec.concurrency_limit
                strategies[key] = spec.collision_strategy
        tags = sorted({TAG_PREFIX + tag for lane in waiting for tag in lane.body.tags})
        if tags:
            limits = LimitTables(self.transaction).exact_limits(tags)
            slots.update({limit.name: limit.slots for limit in limits if limit.active})
        slots.update({BACKFILL + key.hex(): most for key, (most, _) in backfills.items()})
        return slots, strategies

    def _held(
        self, lanes: Sequence[LaneRow], slots: Mapping[str, int]
    ) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        """What limits hold, and what fairness keys do."""
        held: dict[str, int] = {}
        shares: dict[tuple[str, str], int] = {}
        bodies = {lane.id: lane.body for lane in lanes}
        for lane, count in self.tables.held(self.row.name).items():
            body = bodies.get(lane)
            held[POOL] = held.get(POOL, 0) + count
            if body is not None:
                for name in names_of(body)[1:]:
                    held[name] = held.get(name, 0) + count
                share = (body.queue, body.fairness)
                shares[share] = shares.get(share, 0) + count
        if any(name.startswith(TAG_PREFIX) for name in slots):
            held.update(self._held_by_tags())
        limited = [bytes.fromhex(name.removeprefix(DEPLOYMENT)) for name in slots if name.startswith(DEPLOYMENT)]
        for key, count in self.tables.held_of_deployments(limited).items():
            held[DEPLOYMENT + key.hex()] = count  # in whatever pool
        return held, shares

    def _held_by_tags(self) -> dict[str, int]:
        """How many runs of each limited tag are held, in all pools."""
        counts = self.tables.held()
        bodies = self.tables.lanes_by_id(counts)
        held: dict[str, int] = {}
        for lane, count in counts.items():
            for tag in bodies[lane].tags if lane in bodies else ():
                held[TAG_PREFIX + tag] = held.get(TAG_PREFIX + tag, 0) + count
        return held

    def _lane(
        self,
        lane: LaneRow,
        queue: QueueRow | None,
        slots: Mapping[str, int],
        backfills: Mapping[bytes, tuple[int, bool]],
    ) -> law.Lane:
        body = lane.body
        closed = ""
        if self.row.paused:
            closed = "pool-paused"
        elif queue is not None and queue.paused:
            closed = "queue-paused"
        elif body.backfill is not None and backfills.get(body.backfill, (0, False))[1]:
            closed = "backfill-paused"
        return law.Lane(
            key=lane.id,
            queue=body.queue,
            rank=1 if queue is None else queue.priority,
            limits=tuple(name for name in names_of(body) if name in slots),
            needs=needed(body.needs),
            deployment=body.deployment,
            fairness=body.fairness,
            weight=body.weight,
            closed=closed,
        )

    def _backfills(self, ids: Collection[bytes]) -> dict[bytes, tuple[int, bool]]:
        """Share of each backfill, and whether it is paused."""
        found = {}
        for key in ids:
            rows = self.transaction.execute("SELECT state, body FROM backfills WHERE id = ?", (key,))
            if rows:
                found[key] = (_share_of(rows[0][1]), rows[0][0] == "paused")
        return found


def place_of(transaction: Transaction, pool: str) -> Place:
    """A pool inside a transaction.

    Raises:
        ObjectNotFound: there is none of this name.
    """
    row = WorkTables(transaction).pool(pool)
    if row is None:
        raise no_such_pool(pool)
    return Place(transaction, row)


def names_of(lane: LaneBody) -> list[str]:
    """The names of all limits that could hold a lane up, that of its pool first."""
    names = [POOL, QUEUE + lane.queue]
    if lane.deployment is not None:
        names.append(DEPLOYMENT + lane.deployment.hex())
    if lane.backfill is not None:
        names.append(BACKFILL + lane.backfill.hex())
    return names + [TAG_PREFIX + tag for tag in lane.tags]


def _share_of(body: bytes) -> int:
    """How many runs of a backfill may execute at once."""
    told = msgpack.decode(body)
    spec = told.get("spec", told) if isinstance(told, dict) else {}
    share = spec.get("max_concurrency") if isinstance(spec, dict) else None
    return share if isinstance(share, int) else MOST_OF_A_BACKFILL


def needed(needs: Needs) -> law.Needed:
    """What a run needs, as the law sees it."""
    return law.Needed(needs.cpu or None, needs.memory or None, needs.gpu or None, frozenset(needs.labels))
