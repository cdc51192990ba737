"""Facts for the law, made from rows; and what a verdict makes of a row.

Here the pure law of `levada.core.rules` meets the store: a row and its history become `RunFacts`, a `Verdict` becomes
an entry in the history, with who asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from levada.control.histories import Decided, decided, decided_task, is_open, moment_of, result_of
from levada.control.views import name_of_state, state_of
from levada.core.rules import Effect, RunFacts, Verdict, Wish
from levada.core.states import DEFAULT_NAMES, FINAL_TYPES, StateType, datetime_of, us_of
from levada.store.base import FlowRunRow, TaskRunRow, Transaction
from levada.store.bodies import DETAILS, STATE_MASK, Entry, RunBody, TaskBody
from levada.store.sql.work import CLAIMED, WorkTables
from levada.wire.changes import Decision, ProposedState
from levada.wire.records import STATE_CODES

_ABOUT_PROCESSES = FINAL_TYPES | {StateType.CANCELLING}
"""States that must stand over what a process records that a worker is starting."""

LivesHere = Callable[[bytes], bool | None]

_SCHEDULED, _PAUSED = STATE_CODES[StateType.SCHEDULED], STATE_CODES[StateType.PAUSED]


def wish_of(proposed: ProposedState, now: int, *, again: bool = False) -> Wish:
    """What was proposed, as the law sees it."""
    scheduled = proposed.scheduled_time
    if proposed.type is StateType.SCHEDULED and scheduled is None and proposed.name not in {"Late", "AwaitingRetry"}:
        scheduled_for: int | None = now
    else:
        scheduled_for = None if scheduled is None else us_of(scheduled)
    timeout = proposed.pause_timeout
    return Wish(
        type=proposed.type,
        name=proposed.name or DEFAULT_NAMES[proposed.type],
        message=proposed.message,
        scheduled_for=scheduled_for,
        pause_key=proposed.pause_key,
        pause_until=None if timeout is None else now + int(timeout * 1e6),
        transition_id=proposed.transition_id,
        force=proposed.force,
        again=again,
        epoch=proposed.epoch,
        details=proposed.details,
    )


def is_executing(transaction: Transaction, writer: bytes | None, lives_here: LivesHere) -> bool:
    """Whether a process may still have something to say about what a writer executes.

    A writer that ships counts as there until its lease is given up. One of this home counts as long as it has a
    journal here: even when the process is gone, how its runs ended may stand in what was not taken in yet.
    """
    if writer is None:
        return False
    known = transaction.writers.find(writer)
    if known is not None and known.renewed is not None:
        return known.expires is not None
    return lives_here(writer) is not None


def claimed_epoch(transaction: Transaction, row: FlowRunRow) -> int | None:
    """The epoch that a process of a worker is about to open; None when no worker has claimed the run.

    Such a run counts as executed: its process may be starting. What is decided about it is decided about that epoch.
    """
    if row.pool is None or row.writer is not None or not is_open(row.state):
        return None
    work = WorkTables(transaction).get(row.id)
    return None if work is None or work.stage != CLAIMED else work.epoch


def flow_run_facts(transaction: Transaction, row: FlowRunRow, lives_here: LivesHere) -> RunFacts:
    """What the law is told of a flow run."""
    entries = RunBody.decode(row.body).entries
    scheduled = newest_moment(entries, "scheduled_time")
    if row.state == _SCHEDULED and scheduled is None:
        scheduled = row.expected
    suspended = row.state == _PAUSED and row.state_name == "Suspended"
    executing = is_executing(transaction, row.writer, lives_here)
    opens = None if executing else claimed_epoch(transaction, row)
    return RunFacts(
        title=f"Flow run {row.name!r}",
        now=transaction.now,
        state=state_of(row.state),
        name=name_of_state(row.state, row.state_name),
        epoch=row.epoch,
        executing=is_open(row.state) and not suspended and (executing or opens is not None),
        opens=opens,
        keeps_result=_keeps_result(entries),
        scheduled_for=scheduled,
        pause_until=newest_moment(entries, "pause_timeout") if row.state == _PAUSED else None,
        pause_keys=_told(entries, "pause_key"),
        wishes=_told(entries, "transition_id"),
        is_subflow=row.parent_run is not None,
    )


def task_run_facts(
    transaction: Transaction, row: TaskRunRow, parent: FlowRunRow | None, lives_here: LivesHere
) -> RunFacts:
    """What the law is told of a task run."""
    entries = TaskBody.decode(row.body).entries
    return RunFacts(
        title=f"Task run {row.name!r}",
        now=transaction.now,
        state=state_of(row.state),
        name=name_of_state(row.state, row.state_name),
        epoch=entries[-1][0] if entries else 1,
        executing=is_open(row.state) and is_executing(transaction, row.holder, lives_here),
        keeps_result=_keeps_result(entries),
        wishes=_told(entries, "transition_id"),
        parent=None if parent is None else state_of(parent.state),
    )


def _details(entry: Entry) -> dict[str, Any]:
    details = entry[DETAILS] if len(entry) > DETAILS else None
    return details if isinstance(details, dict) else {}


def newest_moment(entries: Sequence[Entry], name: str) -> int | None:
    """A time that the newest entry's details hold, microseconds since 1970."""
    return moment_of(_details(entries[-1]).get(name)) if entries else None


def _told(entries: Sequence[Entry], name: str) -> frozenset[str]:
    """Every text that details hold under a name."""
    found = (_details(entry).get(name) for entry in entries)
    return frozenset(value for value in found if isinstance(value, str))


def _keeps_result(entries: list[Entry]) -> bool:
    if not entries or entries[-1][2] & STATE_MASK != STATE_CODES[StateType.COMPLETED]:
        return False
    result = result_of(entries)
    return result is not None and result[0] != "none"


def asked_by_pause(row: FlowRunRow) -> dict[str, Any] | None:
    """The `run_input_keyset` of the pause in which a run is, if it has one."""
    entries = RunBody.decode(row.body).entries
    newest = entries[-1] if entries and row.state == _PAUSED else []
    details = newest[DETAILS] if len(newest) > DETAILS else None
    keyset = (details or {}).get("run_input_keyset")
    return keyset if isinstance(keyset, dict) else None


def decision_of(verdict: Verdict, wish: Wish, by: str, now: int) -> Decided | None:
    """The entry that a verdict makes; None when nothing changes."""
    state = verdict.state
    if state is None:
        return None
    details = {**wish.details, **state.details}
    if by:
        details["by"] = by
    if wish.transition_id is not None:
        details["transition_id"] = wish.transition_id
    if state.scheduled_for is not None:
        details["scheduled_time"] = datetime_of(state.scheduled_for).isoformat()
    if state.pause_key is not None:
        details["pause_key"] = state.pause_key
    if state.pause_until is not None:
        details["pause_timeout"] = datetime_of(state.pause_until).isoformat()
    return Decided(
        kind=state.type,
        name=state.name,
        at=now,
        message=state.message,
        details=details,
        closes=Effect.CLOSES in verdict.effects,
        reopens=Effect.REOPENS in verdict.effects,
    )


def judged_flow_run(
    row: FlowRunRow, verdict: Verdict, wish: Wish, by: str, now: int, opens: int | None = None
) -> tuple[FlowRunRow, list[str]] | None:
    """The row, and the facts, of a flow run after a verdict; None when nothing changes.

    Args:
        row: the run.
        verdict, wish: what the law says, and about what.
        by: who asks.
        now: microseconds since 1970.
        opens: the epoch that a worker's process is about to open, to which a wish to cancel then belongs.
    """
    decision = decision_of(verdict, wish, by, now)
    if decision is not None and decision.kind in _ABOUT_PROCESSES:
        decision = decision._replace(epoch=opens)
    return None if decision is None else decided(row, decision, now)


def judged_task_run(row: TaskRunRow, verdict: Verdict, wish: Wish, by: str, now: int) -> TaskRunRow | None:
    """The row of a task run after a verdict; None when nothing changes."""
    decision = decision_of(verdict, wish, by, now)
    return None if decision is None else decided_task(row, decision, now)


def answer(verdict: Verdict, row: FlowRunRow | TaskRunRow) -> Decision:
    """What whoever asked is told; `row` as it is now."""
    return Decision(
        status=verdict.status,
        state_type=state_of(row.state),
        state_name=name_of_state(row.state, row.state_name),
        rule=verdict.rule,
        reason=verdict.reason,
        retry_after=verdict.retry_after,
    )
