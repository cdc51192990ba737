"""What a worker must be told about the runs that it has.

It says with each request which runs those are, and in which epochs. So a command needs no table and no memory: it
follows from the rows, and is repeated until the worker no longer has the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from levada.control.histories import is_open
from levada.control.queueing import is_waiting
from levada.core.states import StateType
from levada.store.base import FlowRunRow
from levada.store.bodies import DECIDED, MESSAGE, VERDICT, RunBody
from levada.store.sql.work import CLAIMED, WorkRow, WorkTables
from levada.wire.pools import Held, WorkerCommand
from levada.wire.records import STATE_CODES

if TYPE_CHECKING:
    from levada.store.base import Transaction

_CANCELLING, _CANCELLED = STATE_CODES[StateType.CANCELLING], STATE_CODES[StateType.CANCELLED]


def commands_for(transaction: Transaction, worker: bytes, held: Sequence[Held]) -> list[WorkerCommand]:
    """What a worker must be told.

    Args:
        transaction: any.
        worker: its id.
        held: the runs that it has.
    """
    # On PostgreSQL a run may begin between the two reads. In this order it is then seen as claimed by its worker and
    # begun; in the other it would be seen as waiting and no longer claimed, which is to say: given to somebody else.
    work = WorkTables(transaction).load(one.run.bytes for one in held)
    rows = transaction.flow_runs.load(one.run.bytes for one in held)
    found = [_command(one, rows.get(one.run.bytes), work.get(one.run.bytes), worker) for one in held]
    return [command for command in found if command is not None]


def _command(held: Held, row: FlowRunRow | None, work: WorkRow | None, worker: bytes) -> WorkerCommand | None:
    if row is None:
        return _word("kill", held, "The run was deleted.")
    if row.epoch > held.epoch:
        return _word("kill", held, f"The run has gone on elsewhere, in epoch {row.epoch}.")
    entries = RunBody.decode(row.body).entries
    newest = entries[-1] if entries else [0, 0, 0, 0]
    said = str(newest[MESSAGE]) if len(newest) > MESSAGE and newest[MESSAGE] else ""
    if row.state == _CANCELLING:
        return _word("cancel", held, said)
    if not is_open(row.state):
        if not newest[2] & (DECIDED | VERDICT):
            return None  # its process said so itself, and is about to end
        said = said or "The run was ended by the control plane."
        return _word("cancel" if row.state == _CANCELLED else "kill", held, said)
    if is_waiting(row) and (work is None or work.stage != CLAIMED or work.worker != worker or work.epoch != held.epoch):
        return _word("kill", held, "The run was given to others meanwhile.")
    return None


def _word(kind: Literal["cancel", "kill"], held: Held, reason: str) -> WorkerCommand:
    return WorkerCommand(kind=kind, run=held.run, epoch=held.epoch, reason=reason)
