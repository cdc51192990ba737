"""What is removed because it is old: the law, and how it is carried out on rows.

The law is pure. A flow run goes when it has ended longer ago than its state allows, and only together with everything
below it: as long as one subflow run must stay, all stay. Lines of log and events go by their own age. A run that has
not ended never goes, however old it is.

Rows go oldest first, in transactions of few rows, what hangs from a run before the run itself. So a removal that is cut
off anywhere leaves a run with fewer task runs, which the next turn finds again, and never a row without its run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from levada.control.histories import is_open
from levada.core import faults
from levada.core.states import StateType
from levada.store import old_rows
from levada.store.base import UNKNOWN_STATE, FlowRunRow, Store, Transaction
from levada.wire.records import STATE_CODES

if TYPE_CHECKING:
    from levada.core.settings import RetentionSettings

DAY_US = 86_400_000_000

_KEPT_LONGER = frozenset({STATE_CODES[StateType.FAILED], STATE_CODES[StateType.CRASHED], UNKNOWN_STATE})
_FINAL = tuple(STATE_CODES[kind] for kind in STATE_CODES if not is_open(STATE_CODES[kind]))

PAGE = 200
"""Flow runs that are looked at together."""

Counts = dict[str, int]


class Cutoffs(Struct, frozen=True):
    """Moments before which things are old, in microseconds since 1970.

    Attributes:
        runs: for completed and cancelled runs, by when they ended.
        failed_runs: for failed and crashed runs, and for those of which no state is known.
        logs: for lines of log.
        events: for events.
    """

    runs: int
    failed_runs: int
    logs: int
    events: int

    @property
    def longest(self) -> int:
        """Before this even what is kept longest is old."""
        return min(self.runs, self.failed_runs)


def cutoffs(settings: RetentionSettings, now: int) -> Cutoffs:
    """What is old at a moment, given in microseconds since 1970."""
    ages = (settings.runs_days, settings.failed_runs_days, settings.logs_days, settings.events_days)
    return Cutoffs(*(max(0, now - int(days * DAY_US)) for days in ages))


def run_may_go(state: int, ended: int | None, changed: int, limits: Cutoffs) -> bool:
    """Whether a run, taken by itself, is old.

    Args:
        state: its state's code.
        ended: when it ended; None when that is not known.
        changed: when its row last changed, which counts then.
        limits: what is old.
    """
    if is_open(state):
        return False
    last = changed if ended is None else max(ended, 0)
    return last < (limits.failed_runs if state in _KEPT_LONGER else limits.runs)


def tree_may_go(rows: Iterable[FlowRunRow], limits: Cutoffs) -> bool:
    """Whether a flow run and all runs below it are old."""
    return all(run_may_go(row.state, row.ended, row.changed, limits) for row in rows)


class Removal:
    """One pass over everything that is old.

    Args:
        store: the rows.
        limits: what is old.
        rows: how many rows one transaction removes at most; artifacts and facts of a run come on top.
        stopping: asked between two transactions; True ends the pass.
        pause: called between two transactions, so that others have their turn.

    Attributes:
        counts: how many `flow_runs`, `task_runs`, `logs`, `artifacts` and `events` went.
    """

    def __init__(
        self,
        store: Store,
        limits: Cutoffs,
        *,
        rows: int = 1000,
        stopping: Callable[[], bool] = lambda: False,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.limits = limits
        self.rows = rows
        self.counts: Counts = dict.fromkeys(("flow_runs", "task_runs", "logs", "artifacts", "events"), 0)
        self._stopping = stopping
        self._pause = pause

    def run(self) -> bool:
        """Remove what is old; whether all of it is gone (False when it was told to stop)."""
        steps = (self._logs, self._events, self._flow_runs, self._unknown, self._task_runs_outside, self._orphans)
        return all(step() for step in steps)

    def _logs(self) -> bool:
        return self._until_none_are_left(
            "logs", lambda tables: old_rows.delete_logs(tables, self.limits.logs, self.rows)
        )

    def _events(self) -> bool:
        return self._until_none_are_left(
            "events", lambda tables: old_rows.delete_events(tables, self.limits.events, self.rows)
        )

    def _task_runs_outside(self) -> bool:
        """Task runs that were called outside flows: each for itself."""
        for state in (*_FINAL, UNKNOWN_STATE):
            before = self.limits.failed_runs if state in _KEPT_LONGER else self.limits.runs
            delete = partial(old_rows.delete_task_runs_outside, state=state, before=before, limit=self.rows)
            if not self._until_none_are_left("task_runs", delete):
                return False
        return True

    def _orphans(self) -> bool:
        """What belongs to a run that is not there, and is so old that the run will not come any more."""
        for table in ("task_runs", "artifacts"):
            after = b""
            while True:
                with self.store.read() as transaction:
                    lost = old_rows.lost_owners(transaction, table, self.limits.longest, after, PAGE)
                if not all(self._remove(run) for run in lost):
                    return False
                if len(lost) < PAGE:
                    break
                after = lost[-1]
        return True

    def _flow_runs(self) -> bool:
        latest = max(self.limits.runs, self.limits.failed_runs)
        after: tuple[int, bytes] = (-1, b"")
        while True:
            with self.store.read() as transaction:
                page = old_rows.ended_before(transaction, latest, after, PAGE)
                rows = transaction.flow_runs.load([run for _, run in page])
                tops = [run for _, run in page if run in rows and self._is_top(transaction, rows[run])]
            if not all(self._remove(run) for run in tops):
                return False
            if len(page) < PAGE:
                return True
            after = page[-1]

    def _unknown(self) -> bool:
        """Runs that were renamed or logged about, and of which no state ever arrived."""
        after = b""
        while True:
            with self.store.read() as transaction:
                page = old_rows.unknown_before(transaction, self.limits.failed_runs, after, PAGE)
            if not all(self._remove(run) for run in page):
                return False
            if len(page) < PAGE:
                return True
            after = page[-1]

    def _is_top(self, transaction: Transaction, row: FlowRunRow) -> bool:
        """Whether a run that is old by itself decides for those below it: it has no run above it any more."""
        if not tree_may_go([row], self.limits):
            return False
        return row.parent_run is None or not transaction.flow_runs.load([row.parent_run])

    def _remove(self, run: bytes) -> bool:
        """Remove a flow run with everything below it, if it may go; False when told to stop."""
        while not self._stopping():
            gone, finished = self.store.transact(lambda transaction: self._remove_some(transaction, run))
            self._count(gone)
            if finished:
                return True
            self._pause()
        return False

    def _remove_some(self, transaction: Transaction, run: bytes) -> tuple[Counts, bool]:
        tree = with_all_below(transaction, run)
        transaction.lock(*tree)
        # Looked at again with the lock held: somebody may have resumed one of them.
        rows = transaction.flow_runs.load(tree)
        gone: Counts = dict.fromkeys(self.counts, 0)
        if not tree_may_go(rows.values(), self.limits) or (run not in rows and self._is_young(transaction, run)):
            return gone, True
        left = self.rows
        for one in reversed(tree):
            for name, table in (("task_runs", transaction.task_runs), ("logs", transaction.logs)):
                count = table.delete_of_run(one, left)
                gone[name] += count
                left -= count
                if left <= 0:
                    return gone, False
            gone["artifacts"] += transaction.artifacts.delete_of_run(one)
            transaction.flow_runs.delete(one)
            gone["flow_runs"] += one in rows
        if faults.armed:
            faults.reach("control.retention.before_commit")
        return gone, True

    def _is_young(self, transaction: Transaction, lost: bytes) -> bool:
        """Whether a run that is not there has task runs that are not old."""
        return old_rows.has_task_runs_since(transaction, lost, self.limits.longest)

    def _until_none_are_left(self, name: str, delete: Callable[[Transaction], int]) -> bool:
        while not self._stopping():
            count = self.store.transact(delete)
            self._count({name: count})
            if count < self.rows:
                return True
            self._pause()
        return False

    def _count(self, gone: Counts) -> None:
        if faults.armed:
            faults.reach("control.retention.after_commit")
        for name, count in gone.items():
            self.counts[name] += count


def with_all_below(transaction: Transaction, run: bytes) -> list[bytes]:
    """A run and all runs below it, parents before children."""
    found = {run: None}
    queue = [run]
    for parent in queue:
        for child in transaction.flow_runs.children(parent):
            if child not in found:
                found[child] = None
                queue.append(child)
    return queue
