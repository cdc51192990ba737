"""What becomes of what a process left open when it is gone: everything it had under way has crashed."""

from __future__ import annotations

from typing import Any, NamedTuple

from levada.control.histories import (
    CANCELLING,
    CRASH_RETRY,
    NOTICED,
    Decided,
    crash_run,
    crash_task,
    crashes_of,
    decided,
    decided_task,
)
from levada.control.saving import save_flow_runs
from levada.core.states import StateType, datetime_of
from levada.store.base import FlowRunRow, TaskRunRow, Transaction
from levada.store.bodies import RunBody
from levada.store.limits import LimitTables
from levada.wire.records import STATE_CODES

_PAUSED = STATE_CODES[StateType.PAUSED]


class Loss(NamedTuple):
    """How a process was lost, as people are told.

    Attributes:
        process: what it is called where its runs do not say.
        at: its last sign of life, microseconds since 1970.
        noticed: when it was found to be gone.
        how: what happened to it, e.g. ``killed, or its machine lost power``.
        closes: it may live on without being heard: whatever it still records of its runs must not count.
    """

    process: str
    at: int
    noticed: int
    how: str = "killed, or its machine lost power"
    closes: bool = False

    def verdict(self, process: str) -> tuple[str, dict[str, Any]]:
        """Message and details of the state of what it left open."""
        reason = (
            f"{process} is gone ({self.how}). It last recorded something at "
            f"{datetime_of(self.at):%Y-%m-%d %H:%M:%S} UTC; this was noticed at "
            f"{datetime_of(self.noticed):%Y-%m-%d %H:%M:%S} UTC."
        )
        return f"{process} is gone.", {"reason": reason, NOTICED: self.noticed}


def crash_what_is_open(transaction: Transaction, writer: bytes, loss: Loss) -> tuple[list[bytes], int]:
    """Crash the open flow runs and task runs of a writer; the flow runs, and how many task runs, that it lost.

    Whoever calls this has locked the runs that `open_with` names.
    """
    tasks: dict[bytes, TaskRunRow] = {}
    before: dict[bytes, FlowRunRow] = {}
    lost: list[tuple[FlowRunRow, list[str]]] = []
    for row in transaction.flow_runs.open_of_writer(writer):
        if is_suspended(row):
            continue  # its process ended on purpose; somebody will resume it
        message, details = loss.verdict(process_of(row))
        before[row.id] = row
        if row.state == CANCELLING and not loss.closes:
            # What was wanted has come about, whoever ended the process.
            ended, cancelled_tasks = cancelled(transaction, row, message, details)
            lost.append(ended)
            tasks.update((task.id, task) for task in cancelled_tasks)
            continue
        crashed = crash_run(row, loss.at, message, details, transaction.now, closes=loss.closes)
        again = None if row.state == CANCELLING else scheduled_again(crashed[0], transaction.now)
        lost.append(again or crashed)
        for task in transaction.task_runs.open_of_run(row.id):
            tasks[task.id] = crash_task(task, loss.at, message, details, transaction.now, closes=loss.closes)
    message, details = loss.verdict(loss.process)
    for task in transaction.task_runs.open_of_holder(writer):
        if task.id not in tasks:
            tasks[task.id] = crash_task(task, loss.at, message, details, transaction.now, closes=loss.closes)
    save_flow_runs(transaction, before, lost)
    transaction.task_runs.replace(list(tasks.values()))
    for limit in LimitTables(transaction).delete_leases_of(writer):
        transaction.announce("limits", limit)  # its slots are free, and somebody may wait for them
    return list(before), len(tasks)


def cancelled(
    transaction: Transaction, row: FlowRunRow, message: str, details: dict[str, Any], epoch: int | None = None
) -> tuple[tuple[FlowRunRow, list[str]], list[TaskRunRow]]:
    """The row, and the facts, of a run that was cancelled and whose process is dead; and those of its task runs."""
    now = transaction.now
    with_it = Decided(StateType.CANCELLED, None, now, "Its flow run was cancelled.", details, closes=True)
    tasks = [decided_task(task, with_it, now) for task in transaction.task_runs.open_of_run(row.id)]
    decision = Decided(
        StateType.CANCELLED,
        None,
        now,
        f"Cancelled: {message[:1].lower()}{message[1:]}",
        details,
        closes=True,
        epoch=epoch,
    )
    return decided(row, decision, now), tasks


def scheduled_again(row: FlowRunRow, now: int, how: str = "") -> tuple[FlowRunRow, list[str]] | None:
    """The row, and the facts, of a crashed run that is to be taken up once more; None when it stays Crashed.

    Args:
        row: the crashed run.
        now: microseconds since 1970.
        how: what happened, in a sentence; that its process is gone unless given.

    A subflow run stays so: the run that called it begins it again. So does one that was being cancelled.
    """
    body = RunBody.decode(row.body)
    if row.parent_run is not None and not any(opening.epoch == 0 for opening in body.openings):
        return None
    # A request may have asked for more than the flow's own code does.
    allowed = max((opening.crash_retries for opening in body.openings[:1] + body.openings[-1:]), default=0)
    times = crashes_of(body)
    if times > allowed:
        return None
    how = how.rstrip(". ") or f"{process_of(row)} is gone"
    said = f"{how}; this is crash retry {times} of {allowed}. It goes on once somebody takes it up."
    details = {"scheduled_time": datetime_of(now).isoformat(), CRASH_RETRY: times}
    return decided(row, Decided(StateType.SCHEDULED, "AwaitingRetry", now, said, details, reopens=True), now)


def open_with(transaction: Transaction, writer: bytes) -> set[bytes]:
    """What must be locked before the losses of a writer are written down: its open runs, and those of its tasks."""
    runs = {row.id for row in transaction.flow_runs.open_of_writer(writer)}
    return runs | {task.run or task.id for task in transaction.task_runs.open_of_holder(writer)}


def is_suspended(row: FlowRunRow) -> bool:
    """Whether the process of a run let it go, to be resumed later."""
    return row.state == _PAUSED and row.state_name == "Suspended"


def process_of(row: FlowRunRow) -> str:
    """The process that owns a run, for people."""
    openings = RunBody.decode(row.body).openings
    newest = openings[-1] if openings else None
    return "Its process" if newest is None else named(newest.pid, newest.host)


def named(pid: int, host: str) -> str:
    """A process, for people."""
    if not pid:
        return "Its process"
    return f"Process {pid} on host {host}" if host else f"Process {pid}"
