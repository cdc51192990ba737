"""Makes flow runs that no process has begun: created by a request, or forked from another run.

Such a run begins in epoch 0, which nobody owns, as Scheduled; whoever executes it opens epoch 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from levada.control.histories import facts_of_run, labels_of, run_row, tags_of, told
from levada.control.payloads import parameters_of
from levada.control.queries import Identifier, flow_run_row, task_run_row
from levada.control.rerunning import check_tasks, live_version
from levada.control.saving import save_flow_runs
from levada.control.sheet import Aims, Sheet
from levada.core.errors import ObjectAlreadyExists, RequestInvalid
from levada.core.ids import created_us, uuid7_bytes
from levada.core.naming import check_name, two_words
from levada.core.states import StateType, datetime_of, us_of
from levada.store.base import FlowRunRow, TaskRunRow, Transaction
from levada.store.bodies import DECIDED, RunBody
from levada.wire.changes import NewFlowRun
from levada.wire.records import STATE_CODES, Payload, RunOpened

MOST_TAGS = 1000
LONGEST_NAME = 255
LONGEST_KEY = 255


class Origin(NamedTuple):
    """What a run of a deployment comes from, beyond what anybody who asks for a run can say.

    Attributes:
        version: of its deployment, which it executes.
        schedule: the schedule or backfill that made it.
        interval: the range of data that it is about, microseconds since 1970.
    """

    version: int | None = None
    schedule: bytes | None = None
    interval: tuple[int, int] | None = None


NO_ORIGIN = Origin()


class Creation(NamedTuple):
    """A flow run that somebody wants, looked over: only what is stored can still stand against it.

    Made by `creation`; see `levada.control.sheet.Asked`.
    """

    new: NewFlowRun
    created_by: str
    payload: Payload
    shown: dict[str, str]
    origin: Origin = NO_ORIGIN

    @property
    def key(self) -> tuple[str, str] | None:
        """Flow and idempotency key."""
        return (self.new.flow_name, self.new.idempotency_key) if self.new.idempotency_key else None

    def aims(self, transaction: Transaction) -> Aims:
        """The id and the key that it asks for. An id that is made up here is nobody else's."""
        del transaction
        return Aims(() if self.new.id is None else (self.new.id.bytes,), self.key)

    def carry_out(self, sheet: Sheet, aims: Aims) -> FlowRunRow:
        """The row of the new run, or of the one that the same key made.

        Raises:
            ObjectNotFound: there is no such task run that it is to be called by.
            ObjectAlreadyExists: there is a run of this id, and no idempotency key says that it is meant.
        """
        key, now = aims.key, sheet.transaction.now
        if key is not None and key in sheet.keys and (found := sheet.find(sheet.keys[key])) is not None:
            return found
        run = uuid7_bytes(now, os.urandom(8)) if self.new.id is None else self.new.id.bytes
        if sheet.find(run) is not None:
            raise ObjectAlreadyExists(f"There is a flow run {UUID(bytes=run)} already.")
        caller = self.new.parent_task_run_id
        parent = None if caller is None else task_run_row(sheet.transaction, caller)
        root = None if parent is None else _root_of(sheet.transaction, parent.run)
        row, facts = made(self, run, now, parent, root)
        sheet.put(row, facts)
        if key is not None:
            sheet.keep_key(key, run)
        return row


def creation(new: NewFlowRun, created_by: str, origin: Origin = NO_ORIGIN) -> Creation:
    """Look a wanted flow run over.

    Args:
        new: what is to run.
        created_by: who asks, for people.
        origin: of a run of a deployment.

    Raises:
        InvalidNameError, RequestInvalid: the flow, the name, a tag, the key or the id cannot be used.
        RequestTooLarge: the parameters are larger than 512 KiB.
    """
    payload, shown = parameters_of(new)
    _check(new)
    return Creation(new, created_by, payload, shown, origin)


def made(
    asked: Creation, run: bytes, now: int, parent: TaskRunRow | None, root: bytes | None
) -> tuple[FlowRunRow, list[str]]:
    """The row, and the facts, of a new flow run.

    Args:
        asked: what is wanted.
        run: its id.
        now: microseconds since 1970.
        parent: the task run that calls it, if one does.
        root: the run from which all began, when a task run calls it.
    """
    new = asked.new
    opening = RunOpened(
        run=run,
        epoch=0,
        n=0,
        at=now,
        flow=new.flow_name,
        name=new.name or made_up_name(),
        writer=b"",
        root=root,
        parent_run=None if parent is None else parent.run,
        parent_task=None if parent is None else parent.id,
        version=new.flow_version,
        entrypoint=new.entrypoint,
        parameters=asked.payload,
        shown=asked.shown,
        tags=list(dict.fromkeys(new.tags)),
        labels=new.labels,
        created_by=asked.created_by,
        retries=new.retries,
        crash_retries=new.crash_retries,
        deployment=None if new.deployment_id is None else new.deployment_id.bytes,
        deployed=asked.origin.version,
        pool=new.work_pool_name,
        queue=new.work_queue_name,
        priority=new.priority,
        job=new.job_variables,
        interval=asked.origin.interval,
        schedule=asked.origin.schedule,
    )
    details: dict[str, Any] = {"by": asked.created_by} if asked.created_by else {}
    return _scheduled(opening, now if new.scheduled_time is None else us_of(new.scheduled_time), details, now)


def fork(
    transaction: Transaction, origin: Identifier, task_keys: Sequence[str], by: str, *, latest: bool = False
) -> FlowRunRow:
    """Make a scheduled run that reuses what another one completed, but these tasks.

    Args:
        transaction: one that writes.
        origin: the other run.
        task_keys: keys of tasks, or ids of task runs.
        by: who asks.
        latest: it executes the live version of its deployment, and not that of the other run.

    Raises:
        ObjectNotFound: there is no such run, it ran no such task, or its deployment is gone.
        RequestInvalid: there are more than 100 tasks; or `latest`, and it is no run of a deployment.
    """
    row = flow_run_row(transaction, origin)
    body = RunBody.decode(row.body)
    check_tasks(transaction, row.id, task_keys)
    now = transaction.now
    run = uuid7_bytes(now, os.urandom(8))
    transaction.lock(run)
    opening = RunOpened(
        run=run,
        epoch=0,
        n=0,
        at=now,
        flow=row.flow,
        name=made_up_name(),
        writer=b"",
        reason="fork",
        version=told(body.openings, "version"),
        entrypoint=told(body.openings, "entrypoint"),
        code=told(body.openings, "code"),
        parameters=told(body.openings, "parameters"),
        shown=dict(told(body.openings, "shown") or {}),
        tags=tags_of(body),
        labels=labels_of(body),
        forked_from=row.id,
        created_by=by,
        retries=told(body.openings, "retries") or 0,
        crash_retries=told(body.openings, "crash_retries") or 0,
        deployment=told(body.openings, "deployment"),
        deployed=live_version(transaction, row) if latest else row.deployed,
        pool=told(body.openings, "pool"),
        queue=told(body.openings, "queue"),
        priority=told(body.openings, "priority") or 0,
        job=dict(told(body.openings, "job") or {}),
        interval=told(body.openings, "interval"),
    )
    details: dict[str, Any] = {"reason": f"Forked from flow run {row.name!r} ({UUID(bytes=row.id)})."}
    if by:
        details["by"] = by
    if task_keys:
        details["run_again"] = list(task_keys)
    forked, facts = _scheduled(opening, now, details, now)
    save_flow_runs(transaction, {}, [(forked, facts)])
    return forked


def made_up_name() -> str:
    """A name for a run that nobody named."""
    return two_words(int.from_bytes(os.urandom(4), "big"))


def _scheduled(
    opening: RunOpened, scheduled_for: int, details: dict[str, Any], now: int
) -> tuple[FlowRunRow, list[str]]:
    details = {**details, "scheduled_time": datetime_of(scheduled_for).isoformat()}
    code = STATE_CODES[StateType.SCHEDULED] | DECIDED
    entry = [0, 0, code, opening.at - created_us(opening.run), 0, None, None, details]
    body = RunBody([entry], [opening], [])
    return run_row(opening.run, body, now), facts_of_run(body)


def _root_of(transaction: Transaction, parent: bytes | None) -> bytes | None:
    if parent is None:
        return None
    row = transaction.flow_runs.load([parent]).get(parent)
    root = None if row is None else told(RunBody.decode(row.body).openings, "root")
    return root or parent


def _check(new: NewFlowRun) -> None:
    check_name("flow", new.flow_name)
    if new.name is not None:
        check_name("flow run", new.name)
    check_tags(new.tags)
    problems = []
    if new.id is not None and new.id.version != 7:
        problems.append(("$.id", "must be a UUID of version 7, which says when the run was made"))
    for field in ("flow_name", "name"):
        text = getattr(new, field)
        if text is not None and len(text) > LONGEST_NAME:
            problems.append((f"$.{field}", f"has {len(text)} characters; {LONGEST_NAME} is the most"))
    if new.idempotency_key is not None and not 0 < len(new.idempotency_key) <= LONGEST_KEY:
        problems.append(("$.idempotency_key", f"must have 1 to {LONGEST_KEY} characters"))
    counts = (("$.retries", new.retries), ("$.crash_retries", new.crash_retries))
    problems += [(path, "must not be negative") for path, count in counts if not 0 <= count < 1 << 31]
    if new.scheduled_time is not None and new.scheduled_time.tzinfo is None:
        problems.append(("$.scheduled_time", "has no time zone"))
    if problems:
        path, problem = problems[0]
        raise RequestInvalid(f"The flow run cannot be made: {path} {problem}.", tuple(problems))


def check_tags(tags: Sequence[str]) -> None:
    """Look whether a run may have these tags.

    Raises:
        RequestInvalid: there are more than 1,000, or one cannot be used.
    """
    if len(tags) > MOST_TAGS:
        raise RequestInvalid(f"A run has at most {MOST_TAGS} tags.", (("$.tags", "has too many values"),))
    for tag in tags:
        check_tag(tag)


def check_tag(tag: str) -> None:
    """Look whether a run may have this tag.

    Raises:
        RequestInvalid: it is empty, too long, or contains a character that tags may not have.
    """
    if not tag.strip() or len(tag) > LONGEST_NAME or any(char < " " for char in tag):
        raise RequestInvalid(
            f"Tag {tag[:40]!r} cannot be used: tags are not empty, have at most {LONGEST_NAME} characters, and none "
            "that cannot be seen.",
            (("$.tags", f"{tag[:40]!r} cannot be used"),),
        )
