"""Why a run is where it is, in words, and what can be done about it.

Every run that is not simply done has a reason here. A sentence says what holds; a next step is a command or an action,
ready to be copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from levada.control.histories import CRASH_RETRY, is_open, moment_of
from levada.control.queue_reasons import NOT_QUEUED, why_in_queue
from levada.control.views import flow_run_view, name_of_state, task_run_view
from levada.control.waits import waits_in_words
from levada.control.whereabouts import IsLive, Whereabouts, in_words, span, whereabouts
from levada.core.states import FINAL_TYPES, StateType, us_of
from levada.store.base import UNKNOWN_STATE, FlowRunRow, TaskRunRow, Transaction
from levada.store.bodies import CLOSED_N, DELTA, EPOCH, N, RunBody
from levada.wire.filters import TaskRunQuery
from levada.wire.objects import FlowRun, StateView, TaskRun, Why
from levada.wire.records import STATE_CODES

SHOWN = 5
"""How many task runs are named in one answer."""

LivesHere = Callable[[bytes], bool | None]

_T = StateType


def why_flow_run(
    transaction: Transaction, row: FlowRunRow, is_live: IsLive, lives_here: LivesHere | None = None
) -> Why:
    """Why a flow run is where it is.

    Args:
        transaction: where its task runs are.
        row: the flow run.
        is_live: whether the process that writes a journal lives.
        lives_here: the same, but None of one that has no journal here; `is_live` unless given.
    """
    run = flow_run_view(row)
    state = run.states[-1] if run.states else None
    name = run.state_name or "Unknown"
    if state is None or run.state_type is None:
        summary = f"Nothing but its name or a part of its records has arrived; flow run {run.name!r} has no state yet."
        reasons = ["The process that recorded the rest has not delivered it, or it was damaged on the way."]
        return Why(run.id, name, summary, reasons, ["levada journal verify", "levada journal ship"])
    summary = f"Flow run {run.name!r} of flow {run.flow_name!r} {_standing(state)}"
    reasons = _said(state)
    if run.state_type is _T.COMPLETED:
        return Why(run.id, name, summary, _distinct(reasons))
    if run.state_type in FINAL_TYPES:
        reasons += _who_asked(run.states) + _fenced(row) + _culprits(transaction, run)
        reasons = reasons or [f"Its process recorded no reason for {name}; its log may tell more."]
        return Why(run.id, name, summary, _distinct(reasons), _after_trouble(run))
    process = whereabouts(transaction, row.writer, is_live)
    queued = why_in_queue(transaction, row) if _is_in_queue(row, run, state, transaction.now) else NOT_QUEUED
    if queued.said:
        reasons += queued.said
    elif row.writer is None or run.state_name == "Suspended":
        reasons += _unowned(run, state, transaction.now)
    else:
        reasons.append(in_words(process, _process(run), transaction.now))
        if run.state_type is _T.CANCELLING:
            reasons.append(_stopping(run, process))
    reasons += _what_goes_on(transaction, run)
    reasons += waits_in_words(transaction, row.id, lives_here or is_live)
    return Why(run.id, name, summary, _distinct(reasons), _distinct(queued.steps + _while_open(run, row, process)))


def _is_in_queue(row: FlowRunRow, run: FlowRun, state: StateView, now: int) -> bool:
    """Whether a run waits in a pool and is due, or a worker is starting its process."""
    if row.pool is None or row.writer is not None or run.state_type not in {_T.SCHEDULED, _T.CANCELLING}:
        return False
    due = _moment((state.details or {}).get("scheduled_time")) or run.expected_start_time or state.timestamp
    return us_of(due) <= now


def why_task_run(
    transaction: Transaction, row: TaskRunRow, is_live: IsLive, lives_here: LivesHere | None = None
) -> Why:
    """Why a task run is where it is; the arguments are those of `why_flow_run`."""
    run = task_run_view(row, transaction.task_runs.calls([row.call]))
    state = run.states[-1] if run.states else None
    name = run.state_name or "Unknown"
    if state is None:
        summary = f"Task run {run.name!r} has no state yet; a part of its records has not arrived."
        reasons = ["The process that recorded the rest has not delivered it, or it was damaged on the way."]
        return Why(run.id, name, summary, reasons, ["levada journal verify", "levada journal ship"])
    summary = f"Task run {run.name!r} {_standing(state)}"
    reasons = _said(state)
    steps: list[str] = []
    if run.state_type not in FINAL_TYPES:
        upstream = _upstream(transaction, run)
        tags = run.tags if run.state_type is _T.PENDING else ()
        waits = waits_in_words(transaction, row.id, lives_here or is_live, tags)
        parent = _parent_that_stands(transaction, row)
        reasons += upstream + waits + parent
        if run.state_type is _T.PENDING and not (upstream or waits or parent):
            reasons.append("All that it waited for is there; it starts when its task runner has room for it.")
        if row.holder is not None:
            reasons.append(_holder(transaction, row.holder, is_live))
        steps += [f"levada flow-run why {run.flow_run_id}"] if run.flow_run_id is not None and parent else []
    elif run.state_type is not _T.COMPLETED:
        reasons += _who_asked(run.states)
        reasons = reasons or [f"Its process recorded no reason for {name}; its log may tell more."]
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
    # Why a run became late is what held it up then; what holds it up now is found out anew.
    if state.message and state.name != "Late" and not any(state.message.rstrip(".") in reason for reason in said):
        said.append(state.message)
    moment = _moment(details.get("scheduled_time"))
    if moment is not None and state.type in {_T.SCHEDULED, _T.PAUSED}:
        verb = "is to start" if state.name in {"Scheduled", "Late"} else "goes on"
        said.append(f"It {verb} at {moment:%Y-%m-%d %H:%M:%S} UTC.")
    timeout = _moment(details.get("pause_timeout"))
    if timeout is not None and state.type is _T.PAUSED:
        said.append(f"Unless somebody resumes it before {timeout:%Y-%m-%d %H:%M:%S} UTC, it fails.")
    by = details.get("by")
    if by and not any(str(by) in sentence for sentence in said):
        said.append(f"{by} asked for it.")
    return said


def _moment(value: Any) -> datetime | None:
    """A time as details hold it: text, microseconds since 1970, or a datetime."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return None if moment_of(value) is None else datetime.fromtimestamp(value / 1e6, UTC)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def _process(run: FlowRun) -> str:
    return f"process {run.pid} on host {run.host or 'unknown'}" if run.pid else "its process"


def _unowned(run: FlowRun, state: StateView, now: int) -> list[str]:
    """What an open run waits for that no process has."""
    if run.state_type is _T.PENDING:
        claimer = (state.details or {}).get("by") or "Somebody"
        return [f"{claimer} claimed it {span(now - us_of(state.timestamp))} ago; no process has begun it since."]
    if run.state_type is _T.RUNNING:
        return ["No process reports for it: its state was set by a request, and stays until another one changes it."]
    if run.state_type is _T.PAUSED:
        return ["No process has it; it goes on, with what it completed, once somebody resumes it."]
    if run.state_type is _T.CANCELLING:
        return ["No process has it, so nothing needs to be stopped; cancel it once more and it is Cancelled."]
    if CRASH_RETRY in (state.details or {}) and run.deployment_id is None:
        return ["It waits to be taken up where its code is; it then goes on with what it had completed."]
    due = _moment((state.details or {}).get("scheduled_time")) or run.expected_start_time or state.timestamp
    late = now - us_of(due)
    if late < 0:
        return [f"Its time comes in {span(-late)}; until then nothing is to be done."]
    if run.deployment_id is not None:
        whose = "its deployment names no work pool, and no program serves it. Deploy it to a pool, or serve it"
        return [f"It has been due for {span(late)}, and nobody takes it: {whose}."]
    whose = "it belongs to no deployment, so no worker takes it by itself. Start it where its code is"
    return [f"It has been due for {span(late)}, and nobody has started it: {whose}."]


def _stopping(run: FlowRun, process: Whereabouts) -> str:
    if process.there:
        how = "is told with each of its reports" if process.reports else "has been told"
        return f"It ends when {_process(run)} has stopped it, which {how}."
    return f"It waited for {_process(run)} to stop it; that is gone."


def _who_asked(states: Sequence[StateView]) -> list[str]:
    """Who asked for the end of a run, when the end itself does not say."""
    asked = [state for state in states[:-1] if state.type is _T.CANCELLING and state.epoch == states[-1].epoch]
    return [asked[-1].message] if asked and asked[-1].message else []


def _fenced(row: FlowRunRow) -> list[str]:
    """Whether the process of a run that was closed was heard of afterwards."""
    entries = RunBody.decode(row.body).entries
    closed = [entry for entry in entries if entry[N] == CLOSED_N and entry[EPOCH] == row.epoch]
    if not closed:
        return []
    late = [entry for entry in entries if entry[EPOCH] == row.epoch and entry[DELTA] > closed[0][DELTA]]
    if not [entry for entry in late if entry[N] != CLOSED_N]:
        return []
    return ["Its process was heard of again afterwards; it was told to stop, and nothing that it did then counts."]


def _parent_that_stands(transaction: Transaction, row: TaskRunRow) -> list[str]:
    """That the flow run of an open task run is not running."""
    parent = None if row.run is None else transaction.flow_runs.load([row.run]).get(row.run)
    if parent is None or parent.state in {STATE_CODES[_T.PENDING], STATE_CODES[_T.RUNNING], UNKNOWN_STATE}:
        return []
    return [f"Its flow run {parent.name!r} is {name_of_state(parent.state, parent.state_name) or 'not known yet'}."]


def _holder(transaction: Transaction, holder: bytes, is_live: IsLive) -> str:
    found = whereabouts(transaction, holder, is_live)
    if not found.reports:
        living = "lives" if found.there else "is gone; the next look marks this run Crashed"
        return f"The process that runs it {living}."
    heard = found.heard or transaction.now
    living = "lives" if found.there else "was given up"
    return f"The process that runs it {living}: it last reported {span(transaction.now - heard)} ago."


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
        # A worker has the code of what was deployed; this machine may not.
        steps.append(f"levada flow-run {'retry' if run.work_pool_name else 'resume'} {run.id}")
    return steps


def _while_open(run: FlowRun, row: FlowRunRow, process: Whereabouts) -> list[str]:
    if run.state_type is _T.PAUSED:
        return [f"levada flow-run resume {run.id}"]
    if row.writer is None:
        here = [] if run.work_pool_name else [f"levada flow-run resume {run.id}"]
        return [*here, f"levada flow-run cancel {run.id}"]
    if process.there:
        return [f"levada flow-run watch {run.id}", f"levada flow-run cancel {run.id}"]
    return ["levada flow-run ls", f"levada flow-run resume {run.id}"]


def _distinct(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
