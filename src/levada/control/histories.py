"""The law of merging: what a row becomes when records of its subject arrive, in any order, any number of times.

A row keeps its whole history, sorted by `(epoch, n)`; what it shows is derived from that order alone. So it does not
matter how records were batched, shuffled or repeated on their way, and a record of a lost owner's older epoch finds
its place in the history without changing the present (property test: ``tests/property/test_ingest.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from levada.control.soundness import LATEST
from levada.core.ids import created_us
from levada.core.states import DEFAULT_NAMES, StateType, us_of
from levada.store.base import FIRST_FINAL_STATE, MESSAGE_LENGTH, UNKNOWN_STATE, FlowRunRow, TaskRunRow
from levada.store.bodies import (
    CLOSED_N,
    DECIDED,
    DELTA,
    DETAILS,
    MESSAGE,
    NAME,
    OPENED,
    RESULT,
    REUSED,
    STATE_MASK,
    VERDICT,
    Entry,
    N,
    RunBody,
    TaskBody,
    order,
    packed,
    trimmed,
)
from levada.store.facts import facts_of
from levada.wire.records import (
    STATE_CODES,
    STATE_TYPES,
    RunChanged,
    RunOpened,
    RunState,
    TaskChanged,
    TaskOpened,
    TaskReused,
    TaskState,
)

SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, CRASHED = 0, 1, 2, 5, 6, 7, 8
CANCELLING = STATE_CODES[StateType.CANCELLING]

TROUBLE = frozenset({SCHEDULED, FAILED, CANCELLED, CRASHED})
"""States of task runs whose message stands in the row: something went wrong, perhaps only once."""

TAG_SEPARATOR = "\x1f"

NOTICED = "noticed"
"""In the details of a verdict: when it was found that the process is gone, microseconds since 1970."""

CRASH_RETRY = "crash_retry"
"""In the details of a state that schedules a crashed run again: how often it has crashed."""

TaskRecord = TaskOpened | TaskState | TaskChanged | TaskReused
RunRecord = RunOpened | RunState | RunChanged

_DEFAULT_NAMES = tuple(DEFAULT_NAMES[kind] for kind in STATE_TYPES)


def is_open(state: int) -> bool:
    """Whether more states are to come."""
    return state < FIRST_FINAL_STATE


def insert(entries: list[Entry], entry: Entry) -> bool:
    """Put an entry where its order says; False when it is there already."""
    place = len(entries)
    if place:
        wanted = order(entry)
        while place and (there := order(entries[place - 1])) >= wanted:
            if there == wanted:
                return False
            place -= 1
    entries.insert(place, entry)
    return True


def _state_entry(record: TaskState | RunState, base: int) -> Entry:
    kind = record.kind
    name = record.name
    entry: Entry = [record.epoch, record.n, kind, record.at - base, record.attempt]
    if record.result is None and record.details is None and record.message is None and name == _DEFAULT_NAMES[kind]:
        return entry
    entry += (
        None if name == _DEFAULT_NAMES[kind] else name,
        record.message,
        record.details or None,
        packed(record.result),
    )
    return trimmed(entry)


def merge_task(
    task: bytes,
    before: TaskRunRow | None,
    records: Sequence[TaskRecord],
    writer: bytes,
    call_number: Callable[[str, str | None], int],
    now: int = 0,
) -> TaskRunRow:
    """The row of a task run after more of its records.

    Args:
        task: its id.
        before: the row as it was, None when there was none.
        records: what arrived; repeated ones change nothing.
        writer: whose records they are.
        call_number: numbers what was called, see `TaskRunTable.call_number`.
        now: microseconds since 1970; noted in the row when it is another one than before.

    Returns:
        The row before itself when the records say nothing new.
    """
    run, call, name, tags, holder = None, 0, None, None, None
    body = TaskBody([])
    if before is not None:
        run, call, name, tags, holder = before.run, before.call, before.name, before.tags, before.holder
        body = TaskBody.decode(before.body)
    entries = body.entries
    last = entries[-1] if entries else None
    opened = _last_opening(entries)
    named = body.renamed or opened
    base = created_us(task)
    for record in records:
        if run is None:
            run = record.run
        if isinstance(record, TaskState):
            insert(entries, _state_entry(record, base))
        elif isinstance(record, TaskOpened):
            place = (record.epoch, record.n)
            code, attempt = (RUNNING | OPENED, 1) if record.started else (PENDING | OPENED, 0)
            insert(entries, [record.epoch, record.n, code, record.at - base, attempt])
            if opened is None or place > opened:
                opened = place
                _take_opening(body, record)
                call = call_number(record.key, record.code)
                tags = f"{TAG_SEPARATOR}{TAG_SEPARATOR.join(record.tags)}{TAG_SEPARATOR}" if record.tags else None
            if named is None or place > named:
                named, name = place, record.name
        elif isinstance(record, TaskReused):
            source = None if record.source == task else record.source
            entry = [record.epoch, record.n, COMPLETED | REUSED, record.at - base, 0, None, None, source]
            insert(entries, trimmed(entry))
        elif named is None or (record.epoch, record.n) > named:
            named, name = (record.epoch, record.n), record.name
    body.renamed = named if named != opened else None
    if before is not None and before.state == CANCELLING:
        _stand_by_cancelling(entries)
    _withdraw_mistaken(entries, base)
    state, state_name = current_state(entries)
    if not is_open(state):
        holder = None
    elif entries[-1] is not last:
        holder = writer
    trouble = message_of(entries) if state in TROUBLE else None
    encoded = body.encode()
    made = TaskRunRow(
        task, run, call, state, state_name, name, tags, holder, trouble, now, encoded, duration_of(entries, state)
    )
    return before if before is not None and before == made._replace(changed=before.changed) else made


def _last_opening(entries: list[Entry]) -> tuple[int, int] | None:
    for entry in reversed(entries):
        if entry[2] & OPENED:
            return entry[0], entry[1]
    return None


def _take_opening(body: TaskBody, record: TaskOpened) -> None:
    body.identity = record.identity
    body.occurrence = record.occurrence
    body.parent_task = record.parent_task
    body.inputs = record.inputs or None
    body.shown = record.shown or None
    body.opaque = True if record.opaque else None
    body.child_run = record.child_run
    body.retries = record.retries or None
    body.map_id = record.map_id
    body.map_index = None if record.map_index < 0 else record.map_index


def current_state(entries: list[Entry]) -> tuple[int, str | None]:
    """Code and name of the newest entry's state; no name when it is the default one."""
    if not entries:
        return UNKNOWN_STATE, None
    entry = entries[-1]
    if entry[2] & REUSED:
        entry = taken_over(entries) or entry
    return entry[2] & STATE_MASK, entry[NAME] if len(entry) > NAME else None


def message_of(entries: list[Entry]) -> str | None:
    """The message of the newest entry, cut for its column."""
    message = entries[-1][MESSAGE] if entries and len(entries[-1]) > MESSAGE else None
    return None if message is None else str(message)[:MESSAGE_LENGTH]


def duration_of(entries: list[Entry], state: int) -> int | None:
    """Milliseconds from the first start to the end, of a history that ended; cut at what its column holds."""
    if is_open(state) or state == UNKNOWN_STATE:
        return None
    for entry in entries:
        if entry[2] & STATE_MASK == RUNNING:
            ended = (taken_over(entries) or entries[-1]) if entries[-1][2] & REUSED else entries[-1]
            return int(min(max(ended[DELTA] - entry[DELTA], 0) // 1000, (1 << 31) - 1))
    return None


def taken_over(entries: list[Entry]) -> Entry | None:
    """The newest completed state that was recorded here, and not only taken over from elsewhere."""
    for entry in reversed(entries):
        if entry[2] & STATE_MASK == COMPLETED and not entry[2] & REUSED:
            return entry
    return None


def result_of(entries: list[Entry]) -> list[Any] | None:
    """The packed result of the present state; of a completed one also when it was recorded with an earlier entry.

    A run that is taken over, or rolled back, keeps the result it completed with.
    """
    if not entries:
        return None
    newest = entries[-1]
    if len(newest) > RESULT:
        return list(newest[RESULT])
    if newest[2] & STATE_MASK != COMPLETED:
        return None
    for entry in reversed(entries):
        if len(entry) > RESULT and entry[2] & STATE_MASK == COMPLETED:
            return list(entry[RESULT])
    return None


def crash_task(
    row: TaskRunRow, at: int, message: str, details: dict[str, Any], now: int = 0, *, closes: bool = False
) -> TaskRunRow:
    """The row of a task run whose owner is gone: it crashed after the last thing that is known of it.

    Args:
        row: as it is.
        at: when it crashed, microseconds since 1970; at the earliest with the newest entry.
        message, details: of the state.
        now: noted as the moment of the change.
        closes: nothing that its process may still record of the epoch counts; without it, the verdict is about what
            is known, and a later record takes its place.
    """
    body = TaskBody.decode(row.body)
    _crash(body.entries, created_us(row.id), at, message, details, closes)
    return _with_entries(row, body, now)


def crash_run(
    row: FlowRunRow, at: int, message: str, details: dict[str, Any], now: int = 0, *, closes: bool = False
) -> tuple[FlowRunRow, list[str]]:
    """The row, and the facts, of a flow run whose owner is gone; the arguments are those of `crash_task`."""
    body = RunBody.decode(row.body)
    _crash(body.entries, created_us(row.id), at, message, details, closes)
    return run_row(row.id, body, now), facts_of_run(body)


def _crash(entries: list[Entry], base: int, at: int, message: str, details: dict[str, Any], closes: bool) -> None:
    epoch, n, attempt = (1, 0, 0)
    if entries:
        newest = entries[-1]
        epoch, n, attempt = newest[0], newest[1], newest[4] if len(newest) > 4 else 0
        at = max(at, base + newest[DELTA])
    if closes:
        at, n = at + (n == CLOSED_N), CLOSED_N
    insert(entries, [epoch, n, CRASHED | VERDICT, at - base, attempt, None, message, details])


def _withdraw_mistaken(entries: list[Entry], base: int) -> None:
    """Take the verdict back that a process was lost, when it turns out that it had ended the subject before.

    Its last records were on a disk while no server heard of it: the server was away, or it died before it could send
    them. What a process still recorded after it was given up stays history. The run is then not executed again for the
    crash that was none, unless somebody has taken it up already.
    """
    scheduled = entries.pop() if entries and _is_crash_retry(entries[-1]) else None
    if not _withdrawn(entries, base) and scheduled is not None:
        entries.append(scheduled)


def _is_crash_retry(entry: Entry) -> bool:
    """Whether an entry schedules a crashed run again; nobody has taken it up while it is the newest."""
    details = entry[DETAILS] if len(entry) > DETAILS else None
    return bool(entry[2] & DECIDED and details and CRASH_RETRY in details)


def _withdrawn(entries: list[Entry], base: int) -> bool:
    verdict = entries[-1] if entries else None
    if verdict is None or not verdict[2] & VERDICT or verdict[N] != CLOSED_N or len(verdict) <= DETAILS:
        return False
    noticed = (verdict[DETAILS] or {}).get(NOTICED)
    if not isinstance(noticed, int):
        return False
    own = [one for one in entries if one[0] == verdict[0] and not one[2] & (VERDICT | DECIDED)]
    ends = [one[N] for one in own if not is_open(one[2] & STATE_MASK) and base + one[DELTA] <= noticed]
    if ends:
        entries.pop()
        verdict[N] = max(ends) - 1
        insert(entries, verdict)
    return bool(ends)


def crashes_of(body: RunBody) -> int:
    """In how many epochs a run crashed."""
    last: dict[int, Entry] = {entry[0]: entry for entry in body.entries}
    return sum(entry[2] & STATE_MASK == CRASHED for entry in last.values())


class Decided(NamedTuple):
    """A state that the control plane gives a run.

    Attributes:
        kind: its type.
        name: its name; None for the default one.
        at: when it is entered, microseconds since 1970; at the earliest after the newest entry.
        message, details: of the state.
        closes: it ends the epoch: nothing that a process may still record of it counts.
        reopens: it begins the next epoch, which no process owns yet.
        epoch: that it is about, when that is one that nothing is known of yet; the newest unless given.
    """

    kind: StateType
    name: str | None
    at: int
    message: str | None = None
    details: dict[str, Any] | None = None
    closes: bool = False
    reopens: bool = False
    epoch: int | None = None


def decided(row: FlowRunRow, decision: Decided, now: int = 0) -> tuple[FlowRunRow, list[str]]:
    """The row, and the facts, of a flow run about which something was decided."""
    body = RunBody.decode(row.body)
    _decide(body.entries, created_us(row.id), row.epoch, decision)
    return run_row(row.id, body, now), facts_of_run(body)


def decided_task(row: TaskRunRow, decision: Decided, now: int = 0) -> TaskRunRow:
    """The row of a task run about which something was decided."""
    body = TaskBody.decode(row.body)
    _decide(body.entries, created_us(row.id), 1, decision)
    return _with_entries(row, body, now)


REOPENED_N: Final = -1
"""The number of what begins an epoch that no process has opened yet: it comes before all that a process writes."""


def _decide(entries: list[Entry], base: int, epoch: int, decision: Decided) -> None:
    n, attempt, delta = 0, 0, decision.at - base
    if entries:
        newest = entries[-1]
        epoch, n, attempt = max(epoch, newest[0]), max(newest[1], 0), newest[4] if len(newest) > 4 else 0
        delta = max(delta, newest[DELTA] + 1)
        if epoch > newest[0]:
            n = 0
    if decision.epoch is not None and decision.epoch > epoch:
        epoch, n, attempt = decision.epoch, 0, 0
    if decision.reopens:
        epoch, n, attempt = epoch + 1, REOPENED_N, 0
    elif decision.closes:
        n = CLOSED_N
    name = None if decision.name == DEFAULT_NAMES[decision.kind] else decision.name
    code = STATE_CODES[decision.kind] | DECIDED
    details = decision.details or None
    insert(entries, trimmed([epoch, n, code, delta, attempt, name, decision.message, details]))


def _with_entries(row: TaskRunRow, body: TaskBody, now: int) -> TaskRunRow:
    """A task run's row after the control plane wrote into its history."""
    state, state_name = current_state(body.entries)
    return row._replace(
        state=state,
        state_name=state_name,
        holder=row.holder if is_open(state) else None,
        message=message_of(body.entries) if state in TROUBLE else None,
        changed=now,
        body=body.encode(),
        duration=duration_of(body.entries, state),
    )


def _stand_by_cancelling(entries: list[Entry]) -> None:
    """Let the wish to cancel stand over what the process recorded before it heard of it.

    Such an entry follows everything of its epoch but the end, whenever the records of the rest arrive.
    """
    for entry in [one for one in entries if one[2] & DECIDED and one[2] & STATE_MASK == CANCELLING]:
        own = [one for one in entries if one[0] == entry[0] and not one[2] & (DECIDED | VERDICT)]
        heard = [one for one in own if one[2] & STATE_MASK == CANCELLING or not is_open(one[2] & STATE_MASK)]
        ends = [one[1] for one in heard if one[1] > entry[1]]
        before = [one[1] for one in own if not ends or one[1] < min(ends)]
        if before and max(before) > entry[1] and entry[1] != CLOSED_N:
            entries.remove(entry)
            entry[1] = max(before)
            insert(entries, entry)


def merge_run(
    run: bytes, before: FlowRunRow | None, records: Sequence[RunRecord], now: int = 0
) -> tuple[FlowRunRow, list[str]]:
    """The row, and the facts, of a flow run after more of its records; the row before itself when nothing is new."""
    body = RunBody.decode(before.body) if before is not None else RunBody([], [], [])
    base = created_us(run)
    for record in records:
        if isinstance(record, RunState):
            insert(body.entries, _state_entry(record, base))
        elif isinstance(record, RunOpened):
            if insert(body.entries, [record.epoch, record.n, PENDING | OPENED, record.at - base]):
                body.openings.append(record)
        elif not any((there.epoch, there.n) == (record.epoch, record.n) for there in body.changes):
            body.changes.append(record)
    body.openings.sort(key=_place)
    body.changes.sort(key=_place)
    _stand_by_cancelling(body.entries)
    _withdraw_mistaken(body.entries, base)
    made = run_row(run, body, now)
    if before is not None and before == made._replace(changed=before.changed, writer=before.writer):
        made = before
    return made, facts_of_run(body)


def _place(record: RunOpened | RunChanged) -> tuple[int, int]:
    return record.epoch, record.n


def run_row(run: bytes, body: RunBody, now: int = 0) -> FlowRunRow:
    """The columns that follow from a flow run's history."""
    base = created_us(run)
    entries, openings = body.entries, body.openings
    state, state_name = current_state(entries)
    newest = openings[-1] if openings else None
    created = min((opening.at for opening in openings), default=base)
    running = [entry[DELTA] for entry in entries if entry[2] & STATE_MASK == RUNNING]
    epoch = max([entries[-1][0] if entries else 0, newest.epoch if newest else 0])
    return FlowRunRow(
        id=run,
        flow=told(openings, "flow") or "",
        name=name_of(body),
        epoch=epoch,
        state=state,
        state_name=state_name,
        # An epoch that was only scheduled belongs to nobody yet.
        writer=newest.writer or None if newest and newest.epoch == epoch else None,
        parent_run=told(openings, "parent_run"),
        parent_task=told(openings, "parent_task"),
        created=created,
        started=base + min(running) if running else None,
        ended=None if is_open(state) or state == UNKNOWN_STATE else base + entries[-1][DELTA],
        expected=_expected(entries) or created,
        deployment=told(openings, "deployment"),
        deployed=_deployed(body),
        pool=told(openings, "pool"),
        queue=told(openings, "queue"),
        version=told(openings, "version"),
        created_by=told(openings, "created_by"),
        message=message_of(entries),
        changed=now,
        body=body.encode(),
    )


def _deployed(body: RunBody) -> int | None:
    """The version that the run executes: that with which it was made, unless it was retried with a later one."""
    for change in reversed(body.changes):
        if change.deployed is not None:
            return change.deployed
    version: int | None = told(body.openings, "deployed")
    return version


def _expected(entries: list[Entry]) -> int | None:
    """The moment for which a run was last scheduled; its own retries do not count."""
    for entry in reversed(entries):
        if entry[2] & STATE_MASK == SCHEDULED and len(entry) > DETAILS and entry[DETAILS]:
            moment = moment_of(entry[DETAILS].get("scheduled_time"))
            if moment is not None and entry[NAME] != "AwaitingRetry":
                return moment
    return None


def moment_of(value: Any) -> int | None:
    """A time as details hold it (text, a datetime, microseconds since 1970), in microseconds since 1970.

    None for what is none, and for what no datetime can say: details come from processes, and one row of them must not
    break the lists and the services that meet it.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    moment = us_of(value) if isinstance(value, datetime) else value if isinstance(value, int) else None
    return moment if moment is not None and 0 <= moment <= LATEST else None


def facts_of_run(body: RunBody) -> list[str]:
    """What the run is found by; see `levada.store.facts`."""
    return facts_of(tags_of(body), told(body.openings, "shown") or {}, labels_of(body))


def told(openings: Sequence[RunOpened], field: str) -> Any:
    """What the newest opening says that says anything; resuming a run need not repeat it all."""
    for opening in reversed(openings):
        value = getattr(opening, field)
        if value is not None and value not in ("", {}, [], b""):
            return value
    return None


def name_of(body: RunBody) -> str:
    """The newest name given by an opening or a change."""
    named = [record.name for record in _openings_and_changes(body) if record.name]
    return named[-1] if named else ""


def tags_of(body: RunBody) -> list[str]:
    """All tags that were ever given, in the order in which they came."""
    return list(dict.fromkeys(tag for record in _openings_and_changes(body) for tag in record.tags or ()))


def labels_of(body: RunBody) -> dict[str, Any]:
    """All labels; a later value takes the place of an earlier one."""
    labels: dict[str, Any] = {}
    for record in _openings_and_changes(body):
        labels.update(record.labels or {})
    return labels


def _openings_and_changes(body: RunBody) -> list[RunOpened | RunChanged]:
    records: list[RunOpened | RunChanged] = [*body.openings, *body.changes]
    return sorted(records, key=_place) if len(records) > 1 else records
