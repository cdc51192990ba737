"""Why a run is where it is, in words, and what can be done about it.

Every run that is not simply done has a reason here. A sentence says what holds; a next step is a command or an action,
ready to be copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from levada.control.histories import is_open
from levada.control.views import flow_run_view, task_run_view
from levada.control.waits import waits_in_words
from levada.core.states import FINAL_TYPES, StateType
from levada.store.base import FlowRunRow, TaskRunRow, Transaction
from levada.wire.filters import TaskRunQuery
from levada.wire.objects import FlowRun, StateView, TaskRun, Why

SHOWN = 5
"""How many task runs are named in one answer."""

IsLive = Callable[[bytes], bool]

_T = StateType


def why_flow_run(transaction: Transaction, row: FlowRunRow, is_live: IsLive) -> Why:
    """Why a flow run is where it is.

    Args:
        transaction: where its task runs are.
        row: the flow run.
        is_live: whether the process that writes a journal lives.
    """
    run = flow_run_view(row)
    state = run.states[-1] if run.states else None
    name = run.state_name or "Unknown"
    reasons: list[str] = []
    steps: list[str] = []
    if state is None or run.state_type is None:
        summary = f"Nothing but its name or a part of its records has arrived; flow run {run.name!r} has no state yet."
        return Why(run.id, name, summary, reasons, ["levada journal verify"])
    summary = f"Flow run {run.name!r} of flow {run.flow_name!r} {_standing(state)}"
    reasons += _said(state)
    if run.state_type in FINAL_TYPES:
        if run.state_type is not _T.COMPLETED:
            reasons += _culprits(transaction, run)
            steps += _after_trouble(run)
    else:
        live = row.writer is not None and is_live(row.writer)
        reasons.append(_owner(run, live))
        reasons += _what_goes_on(transaction, run)
        reasons += waits_in_words(transaction, row.id, is_live)
        steps += _while_open(run, live)
    return Why(run.id, name, summary, _distinct(reasons), steps)


def why_task_run(transaction: Transaction, row: TaskRunRow, is_live: IsLive) -> Why:
    """Why a task run is where it is."""
    run = task_run_view(row, transaction.task_runs.calls([row.call]))
    state = run.states[-1] if run.states else None
    name = run.state_name or "Unknown"
    if state is None:
        return Why(run.id, name, f"Task run {run.name!r} has no state yet; a part of its records has not arrived.")
    summary = f"Task run {run.name!r} {_standing(state)}"
    reasons = _said(state)
    steps: list[str] = []
    if run.state_type not in FINAL_TYPES:
        reasons += _upstream(transaction, run)
        reasons += waits_in_words(transaction, row.id, is_live, run.tags if run.state_type is _T.PENDING else ())
        if row.holder is not None:
            living = "lives" if is_live(row.holder) else "is gone; the next look marks this run Crashed"
            reasons.append(f"The process that runs it {living}.")
    if run.state_type in {_T.FAILED, _T.CRASHED}:
        steps.append(f"levada task-run logs {run.id}")
        if run.flow_run_id is not None:
            steps.append(f"levada flow-run resume {run.flow_run_id}")
    return Why(run.id, name, summary, _distinct(reasons), steps)


def _standing(state: StateView) -> str:
    """What state it is and since when, as the end of a sentence."""
    at = f"{state.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    named = "" if state.name.lower() == state.type.value.lower() else f" ({state.name})"
    return {
        _T.SCHEDULED: f"waits for its time since {at}{named}.",
        _T.PENDING: f"is about to start since {at}{named}.",
        _T.RUNNING: f"is running since {at}{named}.",
        _T.PAUSED: f"waits for a person since {at}{named}.",
        _T.CANCELLING: f"is being cancelled since {at}{named}.",
        _T.COMPLETED: f"completed at {at}{named}.",
        _T.FAILED: f"failed at {at}{named}.",
        _T.CANCELLED: f"was cancelled at {at}{named}.",
        _T.CRASHED: f"crashed at {at}{named}.",
    }[state.type]


def _said(state: StateView) -> list[str]:
    """What the state itself says: its reason, its message, the moment it waits for."""
    details = state.details or {}
    said = [str(details["reason"])] if details.get("reason") else []
    if state.message and not any(state.message.rstrip(".") in reason for reason in said):
        said.append(state.message)
    moment = _moment(details.get("scheduled_time"))
    if moment is not None and state.type in {_T.SCHEDULED, _T.PAUSED}:
        said.append(f"It goes on at {moment:%Y-%m-%d %H:%M:%S} UTC.")
    timeout = _moment(details.get("pause_timeout"))
    if timeout is not None and state.type is _T.PAUSED:
        said.append(f"Unless somebody resumes it before {timeout:%Y-%m-%d %H:%M:%S} UTC, it fails.")
    return said


def _moment(value: Any) -> datetime | None:
    """A time as details hold it: text, microseconds since 1970, or a datetime."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1e6, UTC)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def _owner(run: FlowRun, live: bool) -> str:
    process = f"process {run.pid} on host {run.host or 'unknown'}" if run.pid else "its process"
    if live:
        return f"Its owner, {process}, lives."
    return f"Its owner, {process}, is gone; the next look marks the run Crashed."


def _culprits(transaction: Transaction, run: FlowRun) -> list[str]:
    """The task runs that did not end well, first ones first."""
    found = _tasks(transaction, run.id, [_T.FAILED, _T.CRASHED, _T.CANCELLED])
    lines = [_culprit(task) for task in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append("More task runs did not complete; `levada task-run ls` lists them.")
    return lines


def _culprit(task: TaskRun) -> str:
    state = task.states[-1]
    told = state.message or (state.details or {}).get("reason")
    plain = state.name.lower() == state.type.value.lower()
    ended = state.name.lower() if plain else f"ended as {state.name}"
    return f"Task run {task.name!r} {ended}{f': {told}' if told else '.'}"


def _what_goes_on(transaction: Transaction, run: FlowRun) -> list[str]:
    """Which task runs are being worked on, and what the others wait for."""
    lines = []
    working = _tasks(transaction, run.id, [_T.RUNNING])
    if working:
        more = " and more" if len(working) > SHOWN else ""
        names = ", ".join(f"{task.name!r}" for task in working[:SHOWN])
        lines.append(f"Running now: {names}{more}.")
    for task in _tasks(transaction, run.id, [_T.SCHEDULED, _T.PAUSED])[:SHOWN]:
        state = task.states[-1]
        lines.append(f"Task run {task.name!r} {_standing(state)} {' '.join(_said(state))}".rstrip())
    waiting = _tasks(transaction, run.id, [_T.PENDING])
    for task in waiting[:SHOWN]:
        lines += _upstream(transaction, task)
    if waiting:
        more = " at least" if len(waiting) > SHOWN else ""
        lines.append(f"Submitted and not started:{more} {len(waiting)}.")
    return lines


def _upstream(transaction: Transaction, task: TaskRun) -> list[str]:
    """The unfinished task runs for whose results a task run waits."""
    ids = list(dict.fromkeys(source for sources in task.task_inputs.values() for source in sources))
    if not ids:
        return []
    rows = transaction.task_runs.load([identifier.bytes for identifier in ids[:100]])
    open_rows = [row for row in rows.values() if is_open(row.state)]
    return [f"Task run {task.name!r} waits for {row.name or UUID(bytes=row.id)!s}." for row in open_rows[:SHOWN]]


def _tasks(transaction: Transaction, run: UUID, kinds: Sequence[StateType]) -> list[TaskRun]:
    query = TaskRunQuery(flow_run_ids=[run], state_types=list(kinds), limit=SHOWN + 1)
    rows: list[TaskRunRow] = transaction.task_runs.page(query).rows
    calls = transaction.task_runs.calls(row.call for row in rows)
    return [task_run_view(row, calls) for row in rows]


def _after_trouble(run: FlowRun) -> list[str]:
    steps = [f"levada flow-run logs {run.id}"]
    if run.parent_flow_run_id is not None:
        steps.append(f"levada flow-run resume {run.parent_flow_run_id}  (the run that called it)")
    else:
        steps.append(f"levada flow-run resume {run.id}")
    return steps


def _while_open(run: FlowRun, live: bool) -> list[str]:
    if run.state_type is _T.PAUSED:
        return [f"levada flow-run resume {run.id}"]
    if live:
        return [f"levada flow-run watch {run.id}", f"levada flow-run cancel {run.id}"]
    return ["levada flow-run ls", f"levada flow-run resume {run.id}"]


def _distinct(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
