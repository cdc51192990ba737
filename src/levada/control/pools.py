"""Work pools as others need them: found by name, with their queues, and made on demand."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from msgspec import msgpack

from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.store.sql.work import WorkTables
from levada.wire.pools import DEFAULT_AGENT_POOL, PoolSpec

if TYPE_CHECKING:
    from levada.store.base import Transaction


def pool_spec(transaction: Transaction, name: str) -> PoolSpec:
    """A pool.

    Raises:
        ObjectNotFound: there is none of this name.
    """
    row = WorkTables(transaction).pool(name)
    if row is None:
        raise no_such_pool(name)
    return row.spec


def no_such_pool(name: str) -> ObjectNotFound:
    """The error of one who names a pool that is not there."""
    return ObjectNotFound(
        f"There is no work pool {name!r}. Make it with `levada work-pool create {name} --type process`, or start a "
        f"worker of it: `levada worker start --pool {name}`."
    )


def ensure_pool(transaction: Transaction, name: str) -> PoolSpec:
    """A pool; the one that everybody has, `default-agent-pool`, is made when it is first asked for.

    Raises:
        ObjectNotFound: there is none of this name.
    """
    if name == DEFAULT_AGENT_POOL:
        make_pool(transaction, PoolSpec(name=name))
    return pool_spec(transaction, name)


def make_pool(transaction: Transaction, spec: PoolSpec) -> None:
    """Make a pool with its default queue, unless it is there."""
    now = transaction.now
    transaction.execute(
        "INSERT INTO work_pools (name, kind, slots, paused, created, updated, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (name) DO NOTHING",
        (spec.name, spec.kind, spec.slots, int(spec.paused), now, now, msgpack.encode(spec)),
    )
    transaction.execute(
        "INSERT INTO work_queues (pool, name, priority, slots, paused, created, updated) "
        "VALUES (?, ?, 1, NULL, 0, ?, ?) ON CONFLICT (pool, name) DO NOTHING",
        (spec.name, spec.default_queue, now, now),
    )


def check_queue(transaction: Transaction, pool: str, queue: str) -> None:
    """Look whether a pool has a queue.

    Raises:
        RequestInvalid: it has not.
    """
    if not transaction.execute("SELECT 1 FROM work_queues WHERE pool = ? AND name = ?", (pool, queue)):
        raise RequestInvalid(
            f"Work pool {pool!r} has no queue {queue!r}. Make it: `levada work-queue create {queue} --pool {pool}`.",
            (("$.queue", "is not there"),),
        )


def places_with_workers(transaction: Transaction, places: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of some (pool, queue) for which a worker is online that takes more."""
    found: set[tuple[str, str]] = set()
    for pool in {pool for pool, _ in places}:
        for worker in WorkTables(transaction).workers(pool):
            told = worker.told
            if worker.expires > transaction.now and not told.draining:
                found |= {
                    place for place in places if place[0] == pool and (not told.queues or place[1] in told.queues)
                }
    return found
