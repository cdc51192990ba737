"""What retention asks of the tables: rows before a moment, found along indexes and removed a few at a time.

Written once for both databases. Moments are microseconds since 1970. Each function runs one statement.
"""

from __future__ import annotations

from levada.store.base import UNKNOWN_STATE, Transaction

_NEVER = 4_611_686_018_427_387_904
"""What the index of ends says of runs that have not ended."""

_BODIES = {"task_runs": "body", "flow_runs": "body", "artifacts": "data", "flow_run_inputs": "value"}
BODIES = tuple(_BODIES)
"""Tables whose rows may mention the key of a result."""


def first_id(moment: int) -> bytes:
    """The least id that can have been made at a moment."""
    return (moment // 1000).to_bytes(6, "big") + bytes(10)


def delete_logs(transaction: Transaction, before: int, limit: int) -> int:
    """Remove the oldest lines of log; how many went."""
    # The moment stands twice, so that PostgreSQL leaves younger partitions alone.
    sql = (
        "DELETE FROM logs WHERE (at, id) IN (SELECT at, id FROM logs WHERE at < ? ORDER BY at LIMIT ?) AND at < ? "
        "RETURNING id"
    )
    return len(transaction.execute(sql, (before, limit, before)))


def delete_events(transaction: Transaction, before: int, limit: int) -> int:
    """Remove the oldest events; how many went. What waits in the outbox stays: nobody has seen it."""
    sql = (
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE occurred < ? AND position IS NOT NULL "
        "ORDER BY occurred LIMIT ?) RETURNING id"
    )
    return len(transaction.execute(sql, (before, limit)))


def delete_task_runs_outside(transaction: Transaction, state: int, before: int, limit: int) -> int:
    """Remove task runs that were called outside flows, are in a state, and have not changed since; how many went."""
    # The moment of making, which the id carries, bounds what is looked at; the last change decides.
    sql = (
        "DELETE FROM task_runs WHERE id IN (SELECT id FROM task_runs WHERE run IS NULL AND state = ? "
        "AND id < ? AND changed < ? LIMIT ?) RETURNING id"
    )
    return len(transaction.execute(sql, (state, first_id(before), before, limit)))


def ended_before(
    transaction: Transaction, before: int, after: tuple[int, bytes], limit: int
) -> list[tuple[int, bytes]]:
    """Ends and ids of flow runs, by both, beyond those of the page before."""
    sql = (
        f"SELECT coalesce(ended, {_NEVER}), id FROM flow_runs WHERE coalesce(ended, {_NEVER}) < ? "
        f"AND (coalesce(ended, {_NEVER}), id) > (?, ?) ORDER BY coalesce(ended, {_NEVER}), id LIMIT ?"
    )
    return [(int(ended), bytes(run)) for ended, run in transaction.execute(sql, (before, *after, limit))]


def unknown_before(transaction: Transaction, before: int, after: bytes, limit: int) -> list[bytes]:
    """Flow runs of which no state ever arrived and that have not changed since, by id, beyond one."""
    sql = "SELECT id FROM flow_runs WHERE state = ? AND id > ? AND changed < ? ORDER BY id LIMIT ?"
    return [bytes(run) for (run,) in transaction.execute(sql, (UNKNOWN_STATE, after, before, limit))]


def lost_owners(transaction: Transaction, table: str, before: int, after: bytes, limit: int) -> list[bytes]:
    """Flow runs that are not there and to which rows of `task_runs` or `artifacts` made before belong, beyond one."""
    sql = (
        f"SELECT DISTINCT run FROM {table} WHERE id < ? AND run > ? AND NOT EXISTS "
        f"(SELECT 1 FROM flow_runs WHERE flow_runs.id = {table}.run) ORDER BY run LIMIT ?"
    )
    return [bytes(run) for (run,) in transaction.execute(sql, (first_id(before), after, limit))]


def has_task_runs_since(transaction: Transaction, run: bytes, moment: int) -> bool:
    """Whether a task run of a flow run has changed at a moment or later."""
    return bool(transaction.execute("SELECT 1 FROM task_runs WHERE run = ? AND changed >= ? LIMIT 1", (run, moment)))


def bodies(transaction: Transaction, table: str, after: bytes, limit: int) -> tuple[list[bytes], bytes | None]:
    """What rows of one of `BODIES` hold, by id, beyond one; and where the next page begins, None on the last."""
    column, key = _BODIES[table], "run" if table == "flow_run_inputs" else "id"
    sql = f"SELECT {key}, {column} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?"
    rows = transaction.execute(sql, (after, limit))
    found = [bytes(row[1]) for row in rows]
    if len(rows) < limit:
        return found, None
    last = bytes(rows[-1][0])
    if key == "run":
        # A run has several inputs: those that the page cut off come with it, so that the next begins at another run.
        found += [
            bytes(row[0]) for row in transaction.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (last,))
        ]
    return found, last
