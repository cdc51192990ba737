"""What a server has to tell a process about the runs that execute in it.

A process says with each batch which runs it executes, and in which epochs. So an order needs no table and no memory:
it follows from the run's row, is found by its id, and is repeated until the process no longer executes the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from levada.core.states import StateType
from levada.store.base import FIRST_FINAL_STATE, UNKNOWN_STATE, FlowRunRow, Transaction
from levada.store.bodies import DECIDED, EPOCH, MESSAGE, STATE_MASK, VERDICT, RunBody, TaskBody
from levada.wire.filters import TaskRunQuery
from levada.wire.ingest import Command
from levada.wire.records import STATE_CODES

_PAUSED, _CANCELLING, _CANCELLED = (
    STATE_CODES[kind] for kind in (StateType.PAUSED, StateType.CANCELLING, StateType.CANCELLED)
)

MOST_TASKS = 1000
"""Task runs of one answer; the rest are told with the next."""


def orders_for(transaction: Transaction, writer: bytes, running: Iterable[tuple[bytes, int]]) -> list[Command]:
    """What a process must be told.

    Args:
        transaction: any.
        writer: the process's writer.
        running: the flow runs it executes, with their epochs.
    """
    asked = dict(running)
    if not asked:
        return []
    rows = transaction.flow_runs.load(asked)
    orders = [_order(row, writer, asked[run]) for run, row in rows.items()]
    told = [order for order in orders if order is not None]
    return told + _task_orders(transaction, asked.keys() - {order.run for order in told})


def _task_orders(transaction: Transaction, runs: Iterable[bytes]) -> list[Command]:
    """Task runs that somebody asked to stop, of runs that go on."""
    asked = [UUID(bytes=run) for run in runs]
    if not asked:
        return []
    query = TaskRunQuery(flow_run_ids=asked, state_types=[StateType.CANCELLING], limit=MOST_TASKS)
    orders = []
    for row in transaction.task_runs.page(query).rows:
        newest = TaskBody.decode(row.body).entries[-1]
        if newest[2] & DECIDED:
            said = newest[MESSAGE] if len(newest) > MESSAGE and newest[MESSAGE] else ""
            orders.append(Command("cancel", row.run or b"", row.id, said))
    return orders


def _order(row: FlowRunRow, writer: bytes, epoch: int) -> Command | None:
    if row.epoch > epoch:
        return Command("fenced", row.id, reason=f"the run has gone on elsewhere, in epoch {row.epoch}.")
    if row.epoch < epoch or not row.writer:
        return None  # its opening is still on its way
    if row.writer != writer:
        return Command("fenced", row.id, reason="another process opened the same epoch of the run.")
    if row.state < FIRST_FINAL_STATE and row.state not in {_PAUSED, _CANCELLING}:
        return None
    newest = next((entry for entry in reversed(RunBody.decode(row.body).entries) if entry[EPOCH] == epoch), None)
    if row.state == UNKNOWN_STATE or newest is None or not newest[2] & (VERDICT | DECIDED):
        return None  # the process itself said so: it is about to end the run, or has
    said = newest[MESSAGE] if len(newest) > MESSAGE and newest[MESSAGE] else ""
    state = newest[2] & STATE_MASK
    if state in {_CANCELLING, _CANCELLED}:
        return Command("cancel", row.id, reason=said)
    if state == _PAUSED:
        return Command("suspend", row.id, reason=said)
    return Command("fenced", row.id, reason=said or "the server closed its epoch.")
