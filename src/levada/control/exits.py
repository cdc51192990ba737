"""What becomes of runs whose processes have ended, or never came about: told by workers, or found by the reconciler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from levada.control.histories import CANCELLING, Decided, crash_run, crash_task, decided, facts_of_run, is_open, run_row
from levada.control.losses import cancelled, is_suspended, scheduled_again
from levada.control.queueing import WORK_TOPIC, epoch_to_open
from levada.control.saving import save_flow_runs
from levada.core.errors import ObjectNotFound
from levada.core.ids import created_us
from levada.core.states import StateType, us_of
from levada.store.base import FlowRunRow
from levada.store.bodies import DELTA, DETAILS, MESSAGE, VERDICT, N, RunBody
from levada.store.sql.work import CLAIMED, WAITING, WorkRow, WorkTables, packed
from levada.wire.records import RunChanged

if TYPE_CHECKING:
    from levada.store.base import Transaction
    from levada.wire.pools import RunExit

MOST_HANDED_BACK: Final = 3
"""A run that workers could not begin so many times has crashed: another attempt would end the same."""

PAUSE_US: Final = 1_000_000
"""How long a run that could not be begun waits before it is given out again, for each time that this happened."""

LABEL: Final = "levada.process."
"""What the labels begin with that say how a run's process ended."""


def report_exit(transaction: Transaction, pool: str, ended: RunExit) -> None:
    """Write down that the process of a run has ended, or that there will be none.

    Args:
        transaction: a writing one.
        pool: of the worker.
        ended: what it says.

    Raises:
        ObjectNotFound: there is no such run.
    """
    run = ended.run.bytes
    transaction.lock(run)
    row = transaction.flow_runs.load([run]).get(run)
    if row is None:
        raise ObjectNotFound(f"There is no flow run {ended.run}.")
    body = RunBody.decode(row.body)
    tables = WorkTables(transaction)
    work = tables.get(run)
    owned = row.writer is not None and row.epoch == ended.epoch
    unopened = row.writer is None and epoch_to_open(row, body) == ended.epoch
    after = row, facts_of_run(body)
    if not is_open(row.state) or not (owned or unopened) or is_suspended(row):
        # It has gone on without this process, or was ended by it, or somebody found that this is gone.
        after = _explained(row, ended, transaction.now) or after
    elif unopened and (work is None or work.stage != CLAIMED or work.worker not in _workers(ended)):
        return  # it was given to others meanwhile; what this process used is not theirs
    elif ended.cancelled or row.state == CANCELLING:
        after = _cancelled(transaction, row, ended)
    elif ended.begun:
        after = _crashed(transaction, row, ended)
    else:
        assert work is not None
        given = _handed_back(transaction, row, work, ended)
        if given is None:
            return
        after = given
    after = _with_figures(after, ended, transaction.now) or after
    if after[0] is not row:
        save_flow_runs(transaction, {run: row}, [after])
    _clear(transaction, pool, run, ended)


def give_back(transaction: Transaction, runs: Sequence[bytes], said: str, worker: bytes | None = None) -> int:
    """Let runs that were claimed and not begun be taken by others; how many.

    Args:
        transaction: a writing one.
        runs: which.
        said: why, for people.
        worker: only those of this worker.
    """
    transaction.lock(*sorted(runs))
    tables = WorkTables(transaction)
    found = [
        row for row in tables.load(runs).values() if row.stage == CLAIMED and (worker is None or row.worker == worker)
    ]
    rows = transaction.flow_runs.load(row.run for row in found)
    back: list[WorkRow] = []
    ending: list[tuple[FlowRunRow, list[str]]] = []
    for work in found:
        row = rows.get(work.run)
        if row is not None and row.state == CANCELLING:
            ending.append(decided(row, _end(said, StateType.CANCELLED, transaction.now, work.epoch), transaction.now))
            continue
        told = work.told
        told.said = said
        back.append(work._replace(stage=WAITING, worker=None, since=transaction.now, body=packed(told)))
    tables.save(back)
    for pool in {row.pool for row in back}:
        transaction.announce(WORK_TOPIC, pool)
    save_flow_runs(transaction, rows, ending)
    return len(found)


def _handed_back(
    transaction: Transaction, row: FlowRunRow, work: WorkRow, ended: RunExit
) -> tuple[FlowRunRow, list[str]] | None:
    """The row of a run that could not be begun too often, which is a crash; None when it waits again."""
    tables = WorkTables(transaction)
    told = work.told
    worker = tables.worker(ended.worker.bytes)
    drains = worker is None or worker.told.draining
    told.handed_back += not drains
    told.said = ended.reason or "A worker gave it back."
    if told.handed_back >= MOST_HANDED_BACK:
        now, reason = (
            transaction.now,
            f"Workers could not begin it {told.handed_back} times. The last said: {told.said}",
        )
        crashed = decided(row, _end(reason, StateType.CRASHED, now, work.epoch), now)
        return scheduled_again(crashed[0], now, reason) or crashed
    due = work.due if drains else max(work.due, transaction.now + PAUSE_US * told.handed_back)
    tables.save([work._replace(stage=WAITING, worker=None, since=transaction.now, due=due, body=packed(told))])
    transaction.announce(WORK_TOPIC, work.pool)
    return None


def _end(reason: str, kind: StateType, now: int, epoch: int) -> Decided:
    return Decided(kind, None, now, reason, {"reason": reason}, closes=True, epoch=epoch)


def _cancelled(transaction: Transaction, row: FlowRunRow, ended: RunExit) -> tuple[FlowRunRow, list[str]]:
    """The row of a run whose process is dead because it was cancelled; its task runs are cancelled with it."""
    message = "Its process was stopped and is dead." if ended.begun else "It had not begun."
    found, tasks = cancelled(transaction, row, message, _details(ended), ended.epoch)
    transaction.task_runs.replace(tasks)
    return found


def _explained(row: FlowRunRow, ended: RunExit, now: int) -> tuple[FlowRunRow, list[str]] | None:
    """The row of a run that was found without its process before its worker said why; None where nothing is new."""
    body = RunBody.decode(row.body)
    reason = ended.reason
    for place, entry in reversed(list(enumerate(body.entries))):
        if entry[0] == ended.epoch and entry[2] & VERDICT and len(entry) > DETAILS:
            if not reason or entry[MESSAGE] == reason:
                return None
            if ended.ended is not None:  # found by its last record, which may be from long before
                latest = min([now - created_us(row.id), *(later[DELTA] for later in body.entries[place + 1 :])])
                entry[DELTA] = max(entry[DELTA], min(us_of(ended.ended) - created_us(row.id), latest))
            entry[MESSAGE] = reason
            entry[DETAILS] = {**(entry[DETAILS] or {}), **_details(ended)}
            return run_row(row.id, body, now), facts_of_run(body)
    return None


def _crashed(transaction: Transaction, row: FlowRunRow, ended: RunExit) -> tuple[FlowRunRow, list[str]]:
    """The row of a run whose process is gone: Crashed, or scheduled once more."""
    now = transaction.now
    details = _details(ended)
    message = ended.reason or _plainly(ended)
    if row.writer is None:  # its process ended before anything of it arrived
        decision = Decided(StateType.CRASHED, None, now, message, details, closes=True, epoch=ended.epoch)
        crashed = decided(row, decision, now)
    else:
        crashed = crash_run(row, now, message, details, now, closes=True)
    for task in transaction.task_runs.open_of_run(row.id):
        transaction.task_runs.replace([crash_task(task, now, message, details, now, closes=True)])
    return scheduled_again(crashed[0], now, message) or crashed


def _plainly(ended: RunExit) -> str:
    if ended.exit_code is None:
        return "Its process is gone."
    if ended.exit_code < 0:
        return f"Its process was killed by signal {-ended.exit_code}."
    return f"Its process ended with exit code {ended.exit_code} before the run had ended."


def _details(ended: RunExit) -> dict[str, Any]:
    details: dict[str, Any] = {"reason": ended.reason or _plainly(ended), "worker": str(ended.worker)}
    if ended.exit_code is not None:
        details["exit_code"] = ended.exit_code
    return details


def _with_figures(after: tuple[FlowRunRow, list[str]], ended: RunExit, now: int) -> tuple[FlowRunRow, list[str]] | None:
    """The row with labels that say what its process used; None when there is nothing to say."""
    labels: dict[str, Any] = {}
    if ended.cpu_seconds is not None:
        labels[f"{LABEL}cpu-seconds"] = round(ended.cpu_seconds, 3)
    if ended.memory_peak is not None:
        labels[f"{LABEL}memory-peak-bytes"] = ended.memory_peak
    if ended.exit_code is not None and labels:
        labels[f"{LABEL}exit-code"] = ended.exit_code
    if not labels:
        return None
    row = after[0]
    body = RunBody.decode(row.body)
    if any(one.labels == labels and one.epoch == ended.epoch for one in body.changes):
        return None  # said before: a report is repeated until it is answered
    numbers = [entry[N] for entry in body.entries if entry[0] == ended.epoch]
    numbers += [one.n for one in body.changes if one.epoch == ended.epoch]
    body.changes.append(RunChanged(row.id, ended.epoch, max(numbers, default=0), now, None, None, labels))
    body.changes.sort(key=lambda one: (one.epoch, one.n))
    return run_row(row.id, body, now), facts_of_run(body)


def _workers(ended: RunExit) -> set[bytes]:
    """Whose run it may be that ended: the worker's that says so, or that of one in whose place it goes on."""
    return {ended.worker.bytes, *(worker.bytes for worker in ended.taken_from)}


def _clear(transaction: Transaction, pool: str, run: bytes, ended: RunExit) -> None:
    """Take a run from a worker that has nothing of it any more."""
    tables = WorkTables(transaction)
    work = tables.get(run)
    if work is not None and work.epoch <= ended.epoch and work.worker in _workers(ended) and work.stage > WAITING:
        row = transaction.flow_runs.load([run]).get(run)
        if row is None or not is_open(row.state) or is_suspended(row):
            tables.delete([run])
    transaction.announce(WORK_TOPIC, pool)
