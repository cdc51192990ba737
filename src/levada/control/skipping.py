"""Runs that will not be executed: late, or in the way of others of their deployment.

They are Cancelled, called Skipped, and say why. Which of them, when the concurrency limit of a deployment is full, its
collision strategy says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from levada.control.histories import CANCELLING, Decided, decided
from levada.control.proposing import cancel
from levada.control.saving import save_flow_runs
from levada.control.sheet import together
from levada.control.telling import tell
from levada.core.states import StateType
from levada.store.sql.work import WAITING, WorkTables

if TYPE_CHECKING:
    from levada.control.claims import Collision
    from levada.store.base import Store, Transaction

SKIPPED: Final = "Skipped"

AT_ONCE: Final = 500
"""Runs of one transaction."""


def skip(transaction: Transaction, runs: Sequence[bytes], reason: str) -> int:
    """Cancel runs that still wait; how many.

    Args:
        transaction: a writing one.
        runs: which; those that were taken meanwhile are left alone.
        reason: for people.
    """
    transaction.lock(*sorted(runs))
    waiting = {run for run, row in WorkTables(transaction).load(runs).items() if row.stage == WAITING}
    rows = transaction.flow_runs.load(waiting)
    now = transaction.now
    state = Decided(StateType.CANCELLED, SKIPPED, now, reason, {"reason": reason}, closes=True)
    save_flow_runs(transaction, rows, [decided(row, state, now) for row in rows.values()])
    return len(rows)


def skip_for_collisions(
    store: Store, collision: Collision, home: Path, lives_here: Callable[[bytes], bool | None]
) -> int:
    """Do what the collision strategy of a full deployment says; how many runs were skipped or stopped."""
    if collision.strategy == "cancel_running":
        return _make_room(store, collision, home, lives_here)
    done = 0
    while True:
        count, more = store.transact(partial(_skip_waiting, collision=collision))
        done += count
        if not more or not count:
            return done


def _skip_waiting(transaction: Transaction, collision: Collision) -> tuple[int, bool]:
    """Cancel those that wait, all of them or all but the newest; how many, and whether there may be more."""
    tables = WorkTables(transaction)
    held = tables.of_deployment(collision.deployment, held=True, limit=collision.limit)
    if len(held) < collision.limit:
        return 0, False
    found = tables.of_deployment(collision.deployment, held=False, limit=AT_ONCE + 1)
    due = [row for row in found if row.due <= transaction.now]
    due.sort(key=lambda row: (row.due, row.run))
    if collision.strategy == "coalesce_latest":
        due = due[:-1]
        reason = "A newer run of its deployment waits in its place: only the latest is kept (coalesce_latest)."
    else:
        names = transaction.flow_runs.load(row.run for row in held[:1])
        holder = ", ".join(f"{row.name!r}" for row in names.values())
        reason = (
            f"The concurrency limit of its deployment ({collision.limit}) was full, held by {holder or 'another run'}; "
            "new runs are then cancelled (cancel_new)."
        )
    skipped = skip(transaction, [row.run for row in due[:AT_ONCE]], reason) if due else 0
    return skipped, len(found) > AT_ONCE


def _make_room(store: Store, collision: Collision, home: Path, lives_here: Callable[[bytes], bool | None]) -> int:
    """Cancel the runs that have run longest, one for each that waits."""
    with store.read() as transaction:
        tables = WorkTables(transaction)
        held = tables.of_deployment(collision.deployment, held=True, limit=AT_ONCE)
        waiting = tables.of_deployment(collision.deployment, held=False, limit=collision.limit)
        rows = transaction.flow_runs.load(row.run for row in held)
        now = transaction.now
    due = sum(row.due <= now for row in waiting)
    stopping = sum(row.state == CANCELLING for row in rows.values())
    free = collision.limit - len(held)
    wanted = due - stopping - max(0, free)
    oldest = sorted((row for row in held if row.run in rows), key=lambda row: (row.since, row.run))
    chosen = [row.run for row in oldest if rows[row.run].state != CANCELLING][: max(0, wanted)]
    for run in chosen:
        wish = cancel(UUID(bytes=run), "the collision strategy of its deployment (cancel_running)")
        _, words = store.transact(lambda transaction, wish=wish: together(transaction, lives_here, [wish]))  # type: ignore[misc]
        tell(home, words)
    return len(chosen)
