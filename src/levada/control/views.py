"""Rows as people see them: the values of `levada.wire.objects`, made from a row and the history in its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from msgspec.msgpack import Decoder

from levada.control.histories import labels_of, result_of, tags_of, told
from levada.core.courtesy import give_way
from levada.core.ids import as_uuid, created_us, flow_id
from levada.core.states import DEFAULT_NAMES, StateType, datetime_of
from levada.store.base import FIRST_FINAL_STATE, UNKNOWN_STATE, ArtifactRow, FlowRow, FlowRunRow, LogRow, TaskRunRow
from levada.store.bodies import (
    ATTEMPT,
    DELTA,
    DETAILS,
    MESSAGE,
    NAME,
    OPENED,
    RESULT,
    REUSED,
    STATE_MASK,
    Entry,
    RunBody,
    TaskBody,
    unpacked,
)
from levada.wire.objects import ArtifactView, FlowRun, FlowView, Log, StateView, TaskRun
from levada.wire.records import STATE_CODES, STATE_TYPES

NO_RESULTS: Mapping[bytes, list[Any]] = {}

_decode = Decoder().decode

_RUNNING = StateType.RUNNING
_RUNNING_CODE = STATE_CODES[_RUNNING]
_NAMES = tuple(DEFAULT_NAMES[kind] for kind in STATE_TYPES)
"""Default names by code: enums are slow to hash, and lists ask for thousands."""


def uuid_or_none(raw: bytes | None) -> UUID | None:
    """The UUID of raw bytes that may be absent."""
    return None if raw is None else as_uuid(raw)


class _Moments(dict[int, datetime]):
    """Datetimes by microseconds since 1970, made once: the times of a run are mostly those of its states."""

    def __missing__(self, at: int) -> datetime:
        made = self[at] = datetime_of(at)
        return made


def state_of(code: int) -> StateType | None:
    """The type that a row's state code stands for."""
    return None if code == UNKNOWN_STATE else STATE_TYPES[code]


def name_of_state(code: int, name: str | None) -> str | None:
    """The name of a row's state."""
    return name if name is not None or code == UNKNOWN_STATE else _NAMES[code]


def states(
    subject: bytes,
    entries: Sequence[Entry],
    results: Mapping[bytes, list[Any]] = NO_RESULTS,
    moments: Mapping[int, datetime] | None = None,
) -> list[StateView]:
    """A history, opened up.

    Args:
        subject: id of the flow run or task run.
        entries: as its body holds them.
        results: packed results of task runs from which states were taken over and whose result was not copied.
        moments: gives the datetime of a moment; for who needs those of states again.
    """
    base = created_us(subject)
    moments = _Moments() if moments is None else moments
    views: list[StateView] = []
    completed: StateView | None = None
    for entry in entries:
        flags = entry[2]
        code = flags & STATE_MASK
        kind = STATE_TYPES[code]
        at = moments[base + entry[DELTA]]
        size = len(entry)
        if flags & OPENED and code == _RUNNING_CODE:
            views.append(StateView(StateType.PENDING, "Pending", at, epoch=entry[0]))
        if size <= NAME:  # nothing out of the ordinary, as with most
            view = StateView(kind, _NAMES[code], at, None, entry[ATTEMPT] if size > ATTEMPT else 0, entry[0])
        else:
            view = StateView(
                kind,
                entry[NAME] or _NAMES[code],
                at,
                entry[MESSAGE] if size > MESSAGE else None,
                entry[ATTEMPT],
                entry[0],
                entry[DETAILS] if size > DETAILS else None,
                unpacked(entry[RESULT]) if size > RESULT else None,
            )
        if flags & REUSED:
            if completed is not None and completed is views[-1] and completed.epoch == view.epoch:
                continue  # the state itself was recorded in the same moment, with all that can be said
            _take_over(view, completed, results)
        if kind is StateType.COMPLETED:
            completed = view
        views.append(view)
    return views


def _take_over(view: StateView, earlier: StateView | None, results: Mapping[bytes, list[Any]]) -> None:
    """Complete the view of a state that was taken over from an earlier record."""
    details: Any = view.details
    source = details if isinstance(details, bytes) else None
    if earlier is not None:
        view.name, view.result = earlier.name, earlier.result
    if view.result is None and source is not None:
        view.result = unpacked(results.get(source))
    whose = f"task run {as_uuid(source)}" if source else "an earlier epoch of this run"
    view.details = {"reason": f"Not run again: its result was recorded by {whose}."}


def missing_sources(rows: Sequence[TaskRunRow]) -> set[bytes]:
    """Task runs whose results these rows stand for without having a copy."""
    sources = set()
    for row in rows:
        entries = TaskBody.decode(row.body).entries
        if entries and entries[-1][2] & REUSED and len(entries[-1]) > DETAILS and result_of(entries) is None:
            sources.add(bytes(entries[-1][DETAILS]))
    return sources


class _Told:
    """What several openings and changes say together, by field."""

    def __init__(self, body: RunBody) -> None:
        self._openings = body.openings
        self.tags = tags_of(body)
        self.labels = labels_of(body)

    def __getattr__(self, field: str) -> Any:
        return told(self._openings, field)


def flow_run_view(row: FlowRunRow) -> FlowRun:
    """A flow run."""
    give_way()
    body = RunBody.decode(row.body)
    openings, changes, entries = body.openings, body.changes, body.entries
    # Most runs have one opening, which says all there is to be told. Lists show hundreds: what is the same for most, or
    # unknown of most, is not made for each.
    first: Any = openings[0] if len(openings) == 1 and not changes else _Told(body)
    moments = _Moments()
    created = row.created
    view = FlowRun(
        as_uuid(row.id),
        row.name,
        row.flow,
        flow_id(row.flow) if row.flow else None,
        row.epoch,
        state_of(row.state),
        name_of_state(row.state, row.state_name),
        states(row.id, entries, moments=moments),
        dict(first.shown or {}),
        first.parameters,
        list(dict.fromkeys(first.tags)),
        first.labels,
        _attempts(entries),
        moments[created],
        moments[created if row.expected is None else row.expected],
        None if row.started is None else moments[row.started],
        None if row.ended is None else moments[row.ended],
        work_pool_name=row.pool,
        work_queue_name=row.queue,
        flow_version=first.version or None,
        entrypoint=first.entrypoint or None,
        code=first.code,
        writer=row.writer.hex() if row.writer else None,
        created_by=first.created_by or None,
    )
    if openings:
        newest = openings[-1]
        view.host, view.pid, view.levada_version = newest.host, newest.pid, newest.levada
        # Who executes a run later does not repeat it.
        view.priority = openings[0].priority
    if row.parent_run is not None:
        view.parent_flow_run_id = as_uuid(row.parent_run)
    if row.parent_task is not None:
        view.parent_task_run_id = as_uuid(row.parent_task)
    view.root_flow_run_id = uuid_or_none(first.root)
    view.forked_from = uuid_or_none(first.forked_from)
    _add_origin(view, first)
    view.deployment_version = row.deployed
    return view


def _add_origin(view: FlowRun, told: Any) -> None:
    """Say of what deployment and schedule a run is, and what they gave it; the row says which version it executes."""
    view.deployment_id = uuid_or_none(told.deployment)
    view.schedule_id = uuid_or_none(told.schedule)
    if told.job:
        view.job_variables = told.job
    if told.interval is not None:
        view.data_interval = (datetime_of(told.interval[0]), datetime_of(told.interval[1]))


def task_run_view(
    row: TaskRunRow, calls: Mapping[int, tuple[str, str | None]], results: Mapping[bytes, list[Any]] = NO_RESULTS
) -> TaskRun:
    """A task run.

    Args:
        row: its row.
        calls: key and code of what was called, by number.
        results: see `states`.
    """
    give_way()
    body = TaskBody.decode(row.body)
    entries = body.entries
    moments = _Moments()
    base = created_us(row.id)
    key, code = calls.get(row.call, ("", None))
    history = states(row.id, entries, results, moments)
    started, ended = task_times(row, body, moments)
    identity = body.identity.hex()
    view = TaskRun(
        as_uuid(row.id),
        row.name or "",
        key,
        None if row.run is None else as_uuid(row.run),
        entries[-1][0] if entries else 1,
        f"{identity}-{body.occurrence}",
        identity,
        body.occurrence,
        state_of(row.state),
        name_of_state(row.state, row.state_name),
        history,
        dict(body.shown or {}),
        row.tags.strip("\x1f").split("\x1f") if row.tags else [],
        _attempts(entries),
        moments[base + _first_opened(entries)],
        started,
        ended,
        cache_key=_cache_key(history),
        code=code,
        opaque=bool(body.opaque),
        reused=bool(entries) and bool(entries[-1][2] & REUSED),
    )
    if body.parent_task is not None:
        view.parent_task_run_id = as_uuid(body.parent_task)
    if body.child_run is not None:
        view.child_flow_run_id = as_uuid(body.child_run)
    if body.inputs:
        view.task_inputs = {name: [as_uuid(task) for task in tasks] for name, tasks in body.inputs.items()}
    return view


def _first_opened(entries: Sequence[Entry]) -> int:
    """How long after its id a task run was first opened, in microseconds."""
    if len(entries) == 1:
        return entries[0][DELTA] if entries[0][2] & OPENED else 0
    return min((entry[DELTA] for entry in entries if entry[2] & OPENED), default=0)


def _cache_key(history: Sequence[StateView]) -> str | None:
    for state in reversed(history):
        if state.details is not None and "cache_key" in state.details:
            return cast("str | None", state.details["cache_key"])
    return None


def _attempts(entries: Sequence[Entry]) -> int:
    """How often the function was executed: attempts are counted anew in each epoch."""
    if entries and entries[0][0] == entries[-1][0]:
        most = 0
        for entry in entries:
            if len(entry) > ATTEMPT and entry[ATTEMPT] > most:
                most = entry[ATTEMPT]
        return most
    highest: dict[int, int] = {}
    for entry in entries:
        if len(entry) > ATTEMPT:
            highest[entry[0]] = max(highest.get(entry[0], 0), entry[ATTEMPT])
    return sum(highest.values())


def task_times(
    row: TaskRunRow, body: TaskBody, moments: Mapping[int, datetime] | None = None
) -> tuple[datetime | None, datetime | None]:
    """When a task run first started, and when it ended, as far as it did; moments as `states` takes them."""
    started, ended = task_moments(row.id, row.state, body.entries)
    moments = _Moments() if moments is None else moments
    return None if started is None else moments[started], None if ended is None else moments[ended]


def task_moments(task: bytes, state: int, entries: Sequence[Entry]) -> tuple[int | None, int | None]:
    """When a task run first started, and when it ended, as far as it did: microseconds since 1970."""
    base = created_us(task)
    started = None
    for entry in entries:
        if entry[2] & STATE_MASK == _RUNNING_CODE:
            started = base + entry[DELTA]
            break
    return started, _end(state, entries, base)


def _end(state: int, entries: Sequence[Entry], base: int) -> int | None:
    """When the run that gave the present state ended; a later epoch that only took it over changes nothing."""
    if state < FIRST_FINAL_STATE or state == UNKNOWN_STATE:
        return None
    ended = newest = entries[-1]
    if newest[2] & REUSED:
        own = (entry for entry in reversed(entries) if not entry[2] & REUSED)
        ended = next((entry for entry in own if entry[2] & STATE_MASK == state), newest)
    return cast("int", base + ended[DELTA])


def log_view(row: LogRow) -> Log:
    """A line of log."""
    give_way()
    return Log(
        id=row.id,
        timestamp=datetime_of(row.at),
        level=row.level,
        logger=row.logger,
        message=row.message,
        flow_run_id=uuid_or_none(row.run),
        task_run_id=uuid_or_none(row.task),
        attempt=row.attempt,
        fields=None if row.fields is None else _decode(row.fields),
    )


def artifact_view(row: ArtifactRow) -> ArtifactView:
    """An artifact."""
    give_way()
    return ArtifactView(
        id=UUID(bytes=row.id),
        type=row.kind,
        key=row.key,
        data=_decode(row.data),
        description=row.description,
        created=datetime_of(row.created),
        updated=datetime_of(row.updated),
        flow_run_id=uuid_or_none(row.run),
        task_run_id=uuid_or_none(row.task),
    )


def flow_view(row: FlowRow) -> FlowView:
    """A flow."""
    return FlowView(
        id=flow_id(row.name),
        name=row.name,
        created=datetime_of(row.created),
        runs=row.runs,
        last_run=None if row.last_at is None else datetime_of(row.last_at),
        last_state=None if row.last_state is None else name_of_state(row.last_state, row.last_state_name),
    )


def result_in(row: TaskRunRow) -> list[Any] | None:
    """The packed result that a task run's row holds."""
    return result_of(TaskBody.decode(row.body).entries)
