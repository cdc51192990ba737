"""What retention asks of partitions before it drops them, and the dropping while others write."""

from __future__ import annotations

from levada.store.base import UNKNOWN_STATE, Transaction
from levada.store.old_rows import first_id
from levada.store.postgres.partitions import Partition, drop_partition

_RUN_STAYS = f"""
(f.state < 5 OR coalesce(f.ended, f.changed) >= CASE WHEN f.state IN (6, 8, {UNKNOWN_STATE}) THEN ? ELSE ? END)"""
"""`levada.control.retention.run_may_go`, the other way round; held together by `tests/contract/test_retention.py`."""


def is_empty(transaction: Transaction, one: Partition) -> bool:
    """Whether nothing is in a partition."""
    return not transaction.execute(f'SELECT 1 FROM "{one.name}" LIMIT 1')


def has_events_to_keep(transaction: Transaction, one: Partition, before: int) -> bool:
    """Whether an event of a partition waits in the outbox, or occurred at a moment or later."""
    sql = f'SELECT 1 FROM "{one.name}" WHERE position IS NULL OR occurred >= ? LIMIT 1'
    return bool(transaction.execute(sql, (before,)))


def has_task_runs_to_keep(transaction: Transaction, one: Partition, runs: int, failed_runs: int) -> bool:
    """Whether a task run of a partition has a flow run that must stay for its own sake, or is young without one.

    Args:
        transaction: any.
        one: of `task_runs`.
        runs: before this, completed and cancelled flow runs are old.
        failed_runs: before this, failed and crashed ones are.
    """
    sql = f"""
        SELECT 1 FROM "{one.name}" AS t LEFT JOIN flow_runs AS f ON f.id = t.run
        WHERE CASE WHEN f.id IS NULL THEN (t.run IS NULL AND t.state < 5) OR t.changed >= ? ELSE {_RUN_STAYS} END
        LIMIT 1"""
    return bool(transaction.execute(sql, (min(runs, failed_runs), failed_runs, runs)))


def runs_with_relatives(transaction: Transaction, one: Partition) -> list[bytes]:
    """Flow runs with task runs in a partition that have a flow run above or below them."""
    sql = f"""
        SELECT DISTINCT f.id FROM "{one.name}" AS t JOIN flow_runs AS f ON f.id = t.run
        WHERE f.parent_run IS NOT NULL OR EXISTS (SELECT 1 FROM flow_runs AS c WHERE c.parent_run = f.id)"""
    return [bytes(run) for (run,) in transaction.execute(sql)]


def lock_for_dropping(transaction: Transaction, one: Partition) -> None:
    """Keep everybody out of a partition's table.

    Raises:
        StoreUnavailable: somebody reads or writes there for too long.
    """
    # Whoever comes after this waits behind it, so it soon gives up; the next turn tries again.
    transaction.execute("SET LOCAL lock_timeout = '2s'")
    transaction.execute(f"LOCK TABLE {one.table} IN ACCESS EXCLUSIVE MODE")


def runs_changed_since(transaction: Transaction, one: Partition, moment: int) -> bool:
    """Whether a flow run that may have task runs in a partition was changed, say taken up again, since a moment."""
    sql = "SELECT 1 FROM flow_runs WHERE changed >= ? AND id < ? LIMIT 1"
    return bool(transaction.execute(sql, (moment, first_id(one.end or 0))))


def drop(transaction: Transaction, one: Partition) -> int:
    """Drop a partition; about how many rows went with it."""
    drop_partition(transaction, one.name)
    return one.rows
