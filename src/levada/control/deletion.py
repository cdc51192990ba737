"""Takes a flow run out of the store with everything that belongs to it.

In many small transactions, so that nobody waits long: what hangs from the runs first, the runs themselves last. A
deletion that is cut off leaves a run with fewer task runs, and can simply be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from levada.control.histories import is_open
from levada.control.noting import note_deletion
from levada.control.queries import Identifier, flow_run_row
from levada.core.errors import UnfinishedRun
from levada.store.base import FlowRunRow, LogTable, Store, TaskRunTable, Transaction

ROWS_AT_ONCE = 5_000


def delete_flow_run(store: Store, run: Identifier, by: str = "") -> dict[str, int]:
    """Delete a flow run, its subflow runs, their task runs, logs and artifacts.

    Returns:
        How many `flow_runs`, `task_runs`, `logs` and `artifacts` went.

    Raises:
        ObjectNotFound: there is no such run.
        UnfinishedRun: it, or a subflow run of it, has not ended.
    """
    with store.read() as transaction:
        doomed = _with_subflow_runs(transaction, flow_run_row(transaction, run).id)
    gone = {"flow_runs": 0, "task_runs": 0, "logs": 0, "artifacts": 0}
    # The deepest first: until the last transaction every run that is left can still be reached from the top.
    for doomed_run in reversed(doomed):
        gone["task_runs"] += _in_batches(store, doomed_run, lambda tables: tables.task_runs)
        gone["logs"] += _in_batches(store, doomed_run, lambda tables: tables.logs)
        gone["artifacts"] += store.transact(partial(_last, run=doomed_run, by=by))
        gone["flow_runs"] += 1
    return gone


def _last(transaction: Transaction, run: bytes, by: str) -> int:
    """Remove a run's artifacts and its row; how many artifacts went."""
    _hold(transaction, run)
    for row in transaction.flow_runs.load([run]).values():
        note_deletion(transaction, row, by)
    artifacts = transaction.artifacts.delete_of_run(run)
    transaction.flow_runs.delete(run)
    transaction.announce("runs", run.hex())
    return artifacts


def _hold(transaction: Transaction, run: bytes) -> None:
    """Keep others from a run while a part of it is removed; one that was begun again meanwhile is left alone."""
    transaction.lock(run)
    for row in transaction.flow_runs.load([run]).values():
        _must_have_ended(row)


def _with_subflow_runs(transaction: Transaction, run: bytes) -> list[bytes]:
    """The run and all runs below it, parents before children."""
    found = [run]
    for parent in found:
        found += [child for child in transaction.flow_runs.children(parent) if child not in found]
    for row in transaction.flow_runs.load(found).values():
        _must_have_ended(row)
    return found


def _must_have_ended(row: FlowRunRow) -> None:
    if is_open(row.state):
        raise UnfinishedRun(
            f"Flow run {row.name!r} ({UUID(bytes=row.id)}) has not ended, so it cannot be deleted. "
            f"Cancel it first: levada flow-run cancel {UUID(bytes=row.id)}"
        )


def _in_batches(store: Store, run: bytes, table: Callable[[Transaction], TaskRunTable | LogTable]) -> int:
    def work(transaction: Transaction) -> int:
        _hold(transaction, run)
        return table(transaction).delete_of_run(run, ROWS_AT_ONCE)

    total = 0
    while True:
        count = store.transact(work)
        total += count
        if count < ROWS_AT_ONCE:
            return total
