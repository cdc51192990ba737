"""Rows as people see them: the values of `levada.wire.objects`, made from a row and the history in its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.msgpack import Decoder

from levada.control.histories import labels_of, result_of, tags_of, told
from levada.core.courtesy import give_way
from levada.core.ids import created_us, flow_id
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
from levada.wire.records import STATE_CODES, STATE_TYPES, RunOpened

NO_RESULTS: Mapping[bytes, list[Any]] = {}

_decode = Decoder().decode

_RUNNING = StateType.RUNNING
_RUNNING_CODE = STATE_CODES[_RUNNING]


def uuid_or_none(raw: bytes | None) -> UUID | None:
    """The UUID of raw bytes that may be absent."""
    return None if raw is None else UUID(bytes=raw)


def state_of(code: int) -> StateType | None:
    """The type that a row's state code stands for."""
    return None if code == UNKNOWN_STATE else STATE_TYPES[code]


def name_of_state(code: int, name: str | None) -> str | None:
    """The name of a row's state."""
    kind = state_of(code)
    return name if name is not None or kind is None else DEFAULT_NAMES[kind]


def states(
    subject: bytes, entries: Sequence[Entry], results: Mapping[bytes, list[Any]] = NO_RESULTS
) -> list[StateView]:
    """A history, opened up.

    Args:
        subject: id of the flow run or task run.
        entries: as its body holds them.
        results: packed results of task runs from which states were taken over and whose result was not copied.
    """
    base = created_us(subject)
    views: list[StateView] = []
    completed: StateView | None = None
    for entry in entries:
        kind = STATE_TYPES[entry[2] & STATE_MASK]
        at = datetime_of(base + entry[DELTA])
        size = len(entry)
        if entry[2] & OPENED and kind is _RUNNING:
            views.append(StateView(StateType.PENDING, "Pending", at, epoch=entry[0]))
        view = StateView(
            kind,
            (entry[NAME] if size > NAME else None) or DEFAULT_NAMES[kind],
            at,
            entry[MESSAGE] if size > MESSAGE else None,
            entry[ATTEMPT] if size > ATTEMPT else 0,
            entry[0],
            entry[DETAILS] if size > DETAILS else None,
            unpacked(entry[RESULT]) if size > RESULT else None,
        )
        if entry[2] & REUSED:
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
    whose = f"task run {UUID(bytes=source)}" if source else "an earlier epoch of this run"
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
    """What several openings say together, by field."""

    def __init__(self, openings: Sequence[RunOpened]) -> None:
        self._openings = openings

    def __getattr__(self, field: str) -> Any:
        return told(self._openings, field)


def flow_run_view(row: FlowRunRow) -> FlowRun:
    """A flow run."""
    give_way()
    body = RunBody.decode(row.body)
    openings = body.openings
    newest = openings[-1] if openings else None
    # Most runs have one opening, which says all there is to be told.
    first = openings[0] if len(openings) == 1 else _Told(openings)
    return FlowRun(
        id=UUID(bytes=row.id),
        name=row.name,
        flow_name=row.flow,
        flow_id=flow_id(row.flow) if row.flow else None,
        epoch=row.epoch,
        state_type=state_of(row.state),
        state_name=name_of_state(row.state, row.state_name),
        states=states(row.id, body.entries),
        parameters=dict(first.shown or {}),
        parameters_payload=first.parameters,
        tags=tags_of(body),
        labels=labels_of(body),
        run_count=_attempts(body.entries),
        created=datetime_of(row.created),
        expected_start_time=datetime_of(row.created if row.expected is None else row.expected),
        start_time=None if row.started is None else datetime_of(row.started),
        end_time=None if row.ended is None else datetime_of(row.ended),
        parent_flow_run_id=uuid_or_none(row.parent_run),
        parent_task_run_id=uuid_or_none(row.parent_task),
        root_flow_run_id=uuid_or_none(first.root),
        forked_from=uuid_or_none(first.forked_from),
        deployment_id=uuid_or_none(first.deployment),
        deployment_version=first.deployed,
        work_pool_name=row.pool,
        work_queue_name=row.queue,
        # Who executes a run later repeats neither.
        priority=openings[0].priority if openings else 0,
        job_variables=first.job or {},
        data_interval=None
        if first.interval is None
        else (datetime_of(first.interval[0]), datetime_of(first.interval[1])),
        schedule_id=uuid_or_none(first.schedule),
        flow_version=first.version or None,
        entrypoint=first.entrypoint or None,
        code=first.code,
        host=newest.host if newest else None,
        pid=newest.pid if newest else None,
        writer=row.writer.hex() if row.writer else None,
        created_by=first.created_by or None,
        levada_version=newest.levada if newest else None,
    )


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
    base = created_us(row.id)
    key, code = calls.get(row.call, ("", None))
    history = states(row.id, body.entries, results)
    started, ended = task_times(row, body)
    return TaskRun(
        id=UUID(bytes=row.id),
        name=row.name or "",
        task_key=key,
        flow_run_id=uuid_or_none(row.run),
        epoch=body.entries[-1][0] if body.entries else 1,
        dynamic_key=f"{body.identity.hex()}-{body.occurrence}",
        identity=body.identity.hex(),
        occurrence=body.occurrence,
        state_type=state_of(row.state),
        state_name=name_of_state(row.state, row.state_name),
        states=history,
        parameters=dict(body.shown or {}),
        tags=row.tags.strip("\x1f").split("\x1f") if row.tags else [],
        run_count=_attempts(body.entries),
        created=datetime_of(base + min((entry[DELTA] for entry in body.entries if entry[2] & OPENED), default=0)),
        start_time=started,
        end_time=ended,
        parent_task_run_id=uuid_or_none(body.parent_task),
        child_flow_run_id=uuid_or_none(body.child_run),
        task_inputs={name: [UUID(bytes=task) for task in tasks] for name, tasks in (body.inputs or {}).items()},
        cache_key=_cache_key(history),
        code=code,
        opaque=bool(body.opaque),
        reused=bool(body.entries) and bool(body.entries[-1][2] & REUSED),
    )


def _cache_key(history: Sequence[StateView]) -> str | None:
    keys = [
        state.details["cache_key"] for state in history if state.details is not None and "cache_key" in state.details
    ]
    return keys[-1] if keys else None


def _attempts(entries: Sequence[Entry]) -> int:
    """How often the function was executed: attempts are counted anew in each epoch."""
    if entries and entries[0][0] == entries[-1][0]:
        return max((entry[ATTEMPT] for entry in entries if len(entry) > ATTEMPT), default=0)
    highest: dict[int, int] = {}
    for entry in entries:
        if len(entry) > ATTEMPT:
            highest[entry[0]] = max(highest.get(entry[0], 0), entry[ATTEMPT])
    return sum(highest.values())


def task_times(row: TaskRunRow, body: TaskBody) -> tuple[datetime | None, datetime | None]:
    """When a task run first started, and when it ended, as far as it did."""
    base = created_us(row.id)
    started = next((entry[DELTA] for entry in body.entries if entry[2] & STATE_MASK == _RUNNING_CODE), None)
    return None if started is None else datetime_of(base + started), _end(row, body, base)


def _end(row: TaskRunRow, body: TaskBody, base: int) -> datetime | None:
    """When the run that gave the present state ended; a later epoch that only took it over changes nothing."""
    if row.state < FIRST_FINAL_STATE or row.state == UNKNOWN_STATE:
        return None
    ended = newest = body.entries[-1]
    if newest[2] & REUSED:
        own = (entry for entry in reversed(body.entries) if not entry[2] & REUSED)
        ended = next((entry for entry in own if entry[2] & STATE_MASK == row.state), newest)
    return datetime_of(base + ended[DELTA])


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
