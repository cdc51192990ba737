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

from levada.control.retention import Counts, Cutoffs, tree_may_go, with_all_below
from levada.core.errors import StoreUnavailable
from levada.store.base import Store, Transaction
from levada.store.postgres import old_partitions
from levada.store.postgres.partitions import Partition, ensure_partitions, partitions

_logger = logging.getLogger(__name__)


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
    match one.table:
        case "logs":
            return False
        case "events":
            return old_partitions.has_events_to_keep(transaction, one, limits.events)
        case "task_runs":
            return _task_runs_must_stay(transaction, one, limits)
        case _:
            return not old_partitions.is_empty(transaction, one)


def _task_runs_must_stay(transaction: Transaction, one: Partition, limits: Cutoffs) -> bool:
    if old_partitions.has_task_runs_to_keep(transaction, one, limits.runs, limits.failed_runs):
        return True
    # Runs that are old by themselves may have to stay with those above or below them.
    judged: set[bytes] = set()
    for run in old_partitions.runs_with_relatives(transaction, one):
        top = _top(transaction, run)
        if top not in judged:
            judged.add(top)
            tree = with_all_below(transaction, top)
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
    old_partitions.lock_for_dropping(transaction, one)
    if one.table == "task_runs":
        if old_partitions.runs_changed_since(transaction, one, started):
            return None
    elif _must_stay(transaction, one, limits):
        return None
    return old_partitions.drop(transaction, one)
