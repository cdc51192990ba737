"""Retention by dropping whole partitions, on PostgreSQL.

A partition of lines of log goes when its week is old; one of events, too, unless something in it still waits in the
outbox; one of task runs when none of their flow runs must stay. Otherwise it waits, and rows go one by one
(`levada.control.retention`); so do flow runs themselves, because what hangs from them has no partitions. A partition
that is old and has become empty goes in any case. This runs before the rows are looked at, so that most never are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from levada.control.retention import Counts, Cutoffs, tree_may_go
from levada.core.errors import StoreUnavailable
from levada.store.base import UNKNOWN_STATE, Store, Transaction
from levada.store.postgres.partitions import Partition, drop_partition, ensure_partitions, partitions

_logger = logging.getLogger(__name__)

_RUN_STAYS = f"""
(f.state < 5 OR coalesce(f.ended, f.changed) >= CASE WHEN f.state IN (6, 8, {UNKNOWN_STATE}) THEN ? ELSE ? END)"""
"""As `levada.control.retention.run_may_go`, the other way round; a test holds them together."""


def drop_old_partitions(store: Store, limits: Cutoffs, stopping: Callable[[], bool] = lambda: False) -> Counts:
    """Drop every partition in which everything is old, oldest first, and make those of the coming weeks.

    Args:
        store: a PostgreSQL one.
        limits: what is old.
        stopping: asked between two partitions.

    Returns:
        How many `partitions` went, and with them about how many `logs`, `events` and `task_runs`.
    """
    gone: Counts = {}
    busy: set[str] = set()
    store.transact(lambda transaction: ensure_partitions(transaction, transaction.now))
    with store.read() as transaction:
        started = transaction.now
        found = [one for one in partitions(transaction) if one.end is not None]
    for one in sorted(found, key=lambda partition: partition.end or 0):
        if stopping():
            break
        if one.table in busy or (one.end or 0) > _limit(one, limits):
            continue
        with store.read() as transaction:
            if _must_stay(transaction, one, limits):
                continue
        try:
            rows = store.transact(partial(_drop, one=one, limits=limits, started=started))
        except StoreUnavailable as error:
            # Somebody reads from its table for long, or the database is away; the next turn tries again.
            _logger.info("Partition %s is old and could not be dropped now: %s", one.name, error)
            busy.add(one.table)
            continue
        if rows is not None:
            gone["partitions"] = gone.get("partitions", 0) + 1
            gone[one.table] = gone.get(one.table, 0) + rows
    return gone


def _limit(one: Partition, limits: Cutoffs) -> int:
    """The moment before which a partition must end to be looked at."""
    by_table = {"logs": limits.logs, "events": limits.events}
    return by_table.get(one.table, max(limits.runs, limits.failed_runs))


def _must_stay(transaction: Transaction, one: Partition, limits: Cutoffs) -> bool:
    if one.table == "logs":
        return False
    if one.table == "events":
        sql = f'SELECT 1 FROM "{one.name}" WHERE position IS NULL OR occurred >= ? LIMIT 1'  # noqa: S608 - a catalogue name
        return bool(transaction.execute(sql, (limits.events,)))
    if one.table == "flow_runs":
        return bool(transaction.execute(f'SELECT 1 FROM "{one.name}" LIMIT 1'))  # noqa: S608 - as above
    return _task_runs_must_stay(transaction, one, limits)


def _task_runs_must_stay(transaction: Transaction, one: Partition, limits: Cutoffs) -> bool:
    sql = f"""
        SELECT 1 FROM "{one.name}" AS t LEFT JOIN flow_runs AS f ON f.id = t.run
        WHERE CASE WHEN f.id IS NULL THEN (t.run IS NULL AND t.state < 5) OR t.changed >= ? ELSE {_RUN_STAYS} END
        LIMIT 1"""  # noqa: S608 - as above
    if transaction.execute(sql, (limits.longest, limits.failed_runs, limits.runs)):
        return True
    # Runs that are old by themselves may have to stay with those above or below them.
    sql = f"""
        SELECT DISTINCT f.id FROM "{one.name}" AS t JOIN flow_runs AS f ON f.id = t.run
        WHERE f.parent_run IS NOT NULL OR EXISTS (SELECT 1 FROM flow_runs AS c WHERE c.parent_run = f.id)"""  # noqa: S608
    judged: set[bytes] = set()
    for (run,) in transaction.execute(sql):
        top = _top(transaction, bytes(run))
        if top not in judged:
            judged.add(top)
            tree = [top]
            for parent in tree:
                tree += transaction.flow_runs.children(parent)
            if not tree_may_go(transaction.flow_runs.load(tree).values(), limits):
                return True
    return False


def _top(transaction: Transaction, run: bytes) -> bytes:
    while True:
        row = transaction.flow_runs.load([run]).get(run)
        if row is None or row.parent_run is None or not transaction.flow_runs.load([row.parent_run]):
            return run
        run = row.parent_run


def _drop(transaction: Transaction, one: Partition, limits: Cutoffs, started: int) -> int | None:
    """Drop a partition unless something came into it, or a run was taken up again, since it was looked at."""
    # Whoever writes to the table waits while this waits for the lock, so it soon gives up; the next turn tries again.
    transaction.execute("SET LOCAL lock_timeout = '2s'")
    transaction.execute(f"LOCK TABLE {one.table} IN ACCESS EXCLUSIVE MODE")
    if one.table == "task_runs":
        touched = "SELECT 1 FROM flow_runs WHERE changed >= ? AND id < ? LIMIT 1"
        from_then = (one.end or 0) // 1000
        if transaction.execute(touched, (started, from_then.to_bytes(6, "big") + bytes(10))):
            return None
    elif one.table != "logs" and _must_stay(transaction, one, limits):
        return None
    drop_partition(transaction, one.name)
    return one.rows
