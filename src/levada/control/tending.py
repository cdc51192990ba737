"""What keeps queues sound: runs of workers that are gone, rows that nothing stands for, lanes, limits that changed.

Each is one short transaction over a bounded part; the service `worker-reconciler` calls them in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.msgpack import Decoder, Encoder

from levada.control.claims import Collision, too_late
from levada.control.exits import give_back
from levada.control.queueing import WORK_TOPIC, Wanted, lanes_of
from levada.control.skipping import skip
from levada.core.limits import TAG_PREFIX
from levada.store.limits import LimitTables
from levada.store.sql.deployments import DeploymentTable
from levada.store.sql.work import LaneBody, WorkTables

if TYPE_CHECKING:
    from levada.store.base import Store, Transaction
    from levada.wire.deployments import NewDeployment

LIMITED_TAGS: Final = "work.limited-tags"
"""Name in `meta` of the tags by which runs were put into lanes."""

_encode = Encoder().encode
_tags_of = Decoder(list[str]).decode


def give_back_lost(transaction: Transaction, now: int, limit: int) -> int:
    """Let runs be taken by others whose workers went silent before their processes began; how many."""
    lost = WorkTables(transaction).of_lost_workers(now, limit)
    return give_back(transaction, lost, "The worker that had it is gone.") if lost else 0


def clear_ended(transaction: Transaction, runs: Sequence[bytes]) -> int:
    """Remove rows of runs that have ended, or were deleted; how many.

    Args:
        transaction: a writing one.
        runs: those that seemed so.
    """
    transaction.lock(*sorted(runs))
    tables = WorkTables(transaction)
    over = tables.ended_among(runs)
    pools = {row.pool for row in tables.load(over).values()}
    tables.delete(over)
    for pool in pools:
        transaction.announce(WORK_TOPIC, pool)
    return len(over)


class Ruled(NamedTuple):
    """A deployment with rules about runs that wait."""

    id: bytes
    updated: int
    start_deadline: float | None
    limit: int | None
    strategy: str

    @property
    def has_rules(self) -> bool:
        """Whether runs of it may be skipped."""
        return self.start_deadline is not None or (self.limit is not None and self.strategy != "queue")


def ruled(key: bytes, updated: int, spec: NewDeployment) -> Ruled:
    """What rules a deployment has."""
    return Ruled(key, updated, spec.start_deadline, spec.concurrency_limit, spec.collision_strategy)


def deployments_with_rules(transaction: Transaction, known: dict[bytes, Ruled]) -> list[Ruled]:
    """Deployments of which runs wait and may be skipped.

    Args:
        transaction: any.
        known: what is known from before; brought up to date.
    """
    tables = WorkTables(transaction)
    versions = tables.deployments_in_lanes()
    stale = [key for key, updated in versions.items() if key not in known or known[key].updated != updated]
    table = DeploymentTable(transaction)
    for place in range(0, len(stale), 500):
        for key, row in table.load(stale[place : place + 500]).items():
            known[key] = ruled(key, row.updated, row.spec)
    for key in [key for key in known if key not in versions]:
        del known[key]
    return [one for one in known.values() if one.has_rules]


def skip_late(transaction: Transaction, one: Ruled, now: int, limit: int) -> int:
    """Cancel runs of a deployment that could not begin in time; how many."""
    if one.start_deadline is None:
        return 0
    late = WorkTables(transaction).passed_deadline(one.id, now - int(one.start_deadline * 1e6), limit)
    return skip(transaction, late, too_late(one.start_deadline)) if late else 0


def collision_of(transaction: Transaction, one: Ruled, now: int) -> Collision | None:
    """What must be done about a full deployment of which runs wait; None when nothing."""
    if one.limit is None or one.strategy == "queue":
        return None
    tables = WorkTables(transaction)
    if tables.held_of_deployments([one.id]).get(one.id, 0) < one.limit:
        return None
    waiting = tables.of_deployment(one.id, held=False, limit=one.limit + 1)
    return Collision(one.id, one.strategy, one.limit) if any(row.due <= now for row in waiting) else None


def changed_tags(transaction: Transaction) -> set[str]:
    """Tags of which a limit came or went since runs were last put into lanes."""
    raw = transaction.meta.get(LIMITED_TAGS)
    before = set() if raw is None else set(_tags_of(raw))
    return before ^ _limited(transaction)


def _limited(transaction: Transaction) -> set[str]:
    rows = LimitTables(transaction).all_limits()
    return {row.name.removeprefix(TAG_PREFIX) for row in rows if row.name.startswith(TAG_PREFIX)}


def relane(store: Store, changed: Iterable[str], batch: int) -> int:
    """Put runs into the lanes that go with the limits that there are now; how many moved."""
    wanted = set(changed)
    moved = 0
    with store.read() as transaction:
        limited = _limited(transaction)
    after = b""
    while True:
        with store.read() as transaction:
            rows = WorkTables(transaction).walk(after, batch)
        if not rows:
            break
        after = rows[-1].run
        concerned = [row.run for row in rows if wanted & set(row.told.tags)]
        if concerned:
            moved += store.transact(lambda transaction, runs=concerned: _relane(transaction, runs))  # type: ignore[misc]
    store.transact(lambda transaction: transaction.meta.set(LIMITED_TAGS, _encode(sorted(limited))))
    return moved


def _relane(transaction: Transaction, runs: Sequence[bytes]) -> int:
    tables = WorkTables(transaction)
    rows = tables.load(runs)
    wanted = {
        run: Wanted(row.pool, row.queue, row.deployment, row.told.tags, row.told.backfill) for run, row in rows.items()
    }
    lanes = lanes_of(transaction, wanted)
    moving = {run: lane for run, lane in lanes.items() if lane.id != rows[run].lane}
    tables.add_lanes(set(moving.values()))
    for run, lane in moving.items():
        tables.put_into(run, rows[run].lane, lane.id)
    for pool in {rows[run].pool for run in moving}:
        transaction.announce(WORK_TOPIC, pool)
    return len(moving)


def empty_lanes(transaction: Transaction) -> dict[bytes, LaneBody]:
    """Lanes without a run."""
    tables = WorkTables(transaction)
    lanes = tables.all_lanes()
    used = tables.lanes_in_use(list(lanes))
    return {key: body for key, body in lanes.items() if key not in used}


def remove_lanes(transaction: Transaction, lanes: dict[bytes, LaneBody]) -> dict[bytes, LaneBody]:
    """Remove those of some lanes that have no run; which."""
    transaction.lock(*(f"work-pool:{pool}" for pool in {lane.pool for lane in lanes.values()}))
    tables = WorkTables(transaction)
    used = tables.lanes_in_use(list(lanes))
    gone = {key: body for key, body in lanes.items() if key not in used}
    tables.delete_lanes(list(gone))
    return gone


def restore_lanes(transaction: Transaction, lanes: dict[bytes, LaneBody]) -> int:
    """Put lanes back that were removed at the moment in which a run came into them; how many."""
    tables = WorkTables(transaction)
    wanted = tables.lanes_with_runs(list(lanes))
    tables.add_lanes(lanes[key] for key in wanted)
    for pool in {lanes[key].pool for key in wanted}:
        transaction.announce(WORK_TOPIC, pool)
    return len(wanted)
