"""Questions about runs, answered from one transaction: what is asked for is found, opened up and given a face."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from levada.control.histories import result_of, tags_of, told
from levada.control.views import (
    artifact_view,
    flow_run_view,
    flow_view,
    log_view,
    missing_sources,
    name_of_state,
    result_in,
    state_of,
    task_run_view,
)
from levada.core.errors import ObjectNotFound
from levada.core.ids import created_us
from levada.core.states import StateType
from levada.store.base import FlowRunRow, RowPage, TaskRunRow, Transaction
from levada.store.bodies import DETAILS, OPENED, RunBody, TaskBody, unpacked
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery
from levada.wire.objects import ArtifactView, FlowRun, FlowView, Page, TaskRun
from levada.wire.recorded import RecordedCall, RecordedRun
from levada.wire.records import STATE_CODES

Identifier = UUID | bytes | str
"""An id, or enough of its text to know which one is meant."""

_COMPLETE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
"""A whole id as text."""

_SHOWN_CANDIDATES = 5
_COMPLETED = STATE_CODES[StateType.COMPLETED]


def id_range(text: str) -> tuple[bytes, bytes] | None:
    """The lowest and the highest id whose text begins so; None when no id does."""
    digits = text.replace("-", "").lower()
    if not 0 < len(digits) <= 32 or not all(digit in "0123456789abcdef" for digit in digits):
        return None
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def find_id(wanted: Identifier, starting_with: Callable[[bytes, bytes, int], list[bytes]], what: str) -> bytes:
    """The one id that is meant.

    Args:
        wanted: an id, or the beginning of its text.
        starting_with: gives the ids there are between two.
        what: what is looked for, for the message.

    Raises:
        ObjectNotFound: there is none, or there are several.
    """
    if isinstance(wanted, UUID):
        return wanted.bytes
    if isinstance(wanted, bytes):
        return wanted
    bounds = id_range(wanted)
    if bounds is None:
        raise ObjectNotFound(f"There is no {what} {wanted!r}; ids are written with 0-9, a-f and dashes.")
    found = starting_with(*bounds, _SHOWN_CANDIDATES + 1)
    if not found and bounds[0] == bounds[1]:
        raise ObjectNotFound(f"There is no {what} {UUID(bytes=bounds[0])}.")
    if not found:
        raise ObjectNotFound(f"There is no {what} whose id begins with {wanted!r}.")
    if len(found) > 1:
        shown = ", ".join(str(UUID(bytes=identifier)) for identifier in found[:_SHOWN_CANDIDATES])
        more = ", …" if len(found) > _SHOWN_CANDIDATES else ""
        raise ObjectNotFound(f"Several ids of a {what} begin with {wanted!r}: {shown}{more}. Give more of it.")
    return found[0]


def flow_run_id(transaction: Transaction, run: Identifier) -> bytes:
    """The id of a flow run, named by id, beginning of its id, or a name that only one run has.

    A complete id is taken at its word, without a look at what there is.

    Raises:
        ObjectNotFound: there is none, or there are several.
    """
    if isinstance(run, str):
        if _COMPLETE.fullmatch(run):
            return UUID(run).bytes
        named = transaction.flow_runs.page(FlowRunQuery(names=[run], limit=2)).rows
        if len(named) == 1:
            identifier: bytes = named[0].id
            return identifier
        if named:
            raise ObjectNotFound(f"Several flow runs are called {run!r}; give the id of one.")
    return find_id(run, transaction.flow_runs.starting_with, "flow run")


def flow_run_row(transaction: Transaction, run: Identifier) -> FlowRunRow:
    """The row of a flow run, named as `flow_run_id` understands it.

    Raises:
        ObjectNotFound: there is none, or there are several.
    """
    identifier = flow_run_id(transaction, run)
    row = transaction.flow_runs.load([identifier]).get(identifier)
    if row is None:
        raise ObjectNotFound(f"There is no flow run {UUID(bytes=identifier)}.")
    return row


def task_run_row(transaction: Transaction, task: Identifier) -> TaskRunRow:
    """The row of a task run, named by id or the beginning of its id.

    Raises:
        ObjectNotFound: there is none, or there are several.
    """
    identifier = find_id(task, transaction.task_runs.starting_with, "task run")
    row = transaction.task_runs.load([identifier]).get(identifier)
    if row is None:
        raise ObjectNotFound(f"There is no task run {UUID(bytes=identifier)}.")
    return row


def flow_runs(transaction: Transaction, query: FlowRunQuery) -> Page:
    """A page of `FlowRun`."""
    page = transaction.flow_runs.page(query)
    return Page([flow_run_view(row) for row in page.rows], page.next)


def flow_run(transaction: Transaction, run: Identifier) -> FlowRun:
    """One flow run."""
    return flow_run_view(flow_run_row(transaction, run))


def task_runs(transaction: Transaction, query: TaskRunQuery) -> Page:
    """A page of `TaskRun`."""
    page = transaction.task_runs.page(query)
    return Page(task_views(transaction, page.rows), page.next)


def task_run(transaction: Transaction, task: Identifier) -> TaskRun:
    """One task run."""
    return task_views(transaction, [task_run_row(transaction, task)])[0]


def task_views(transaction: Transaction, rows: Sequence[TaskRunRow]) -> list[TaskRun]:
    """What people see of task runs."""
    calls = transaction.task_runs.calls(row.call for row in rows)
    results = _results_of(transaction, missing_sources(rows))
    return [task_run_view(row, calls, results) for row in rows]


def _results_of(transaction: Transaction, tasks: set[bytes]) -> dict[bytes, list[Any]]:
    """Packed results of task runs, followed through those that took theirs from others."""
    results: dict[bytes, list[Any]] = {}
    if not tasks:
        return results
    rows = transaction.task_runs.load(sorted(tasks))
    for identifier, row in rows.items():
        result = result_in(row)
        if result is not None:
            results[identifier] = result
    return results


def counts(found: dict[int, int]) -> dict[StateType, int]:
    """Counts by state type, in the order of states; rows of which no state is known are left out."""
    known = {state_of(code): count for code, count in sorted(found.items())}
    return {kind: count for kind, count in known.items() if kind is not None}


def logs(transaction: Transaction, query: LogQuery) -> Page:
    """A page of `Log`."""
    page = transaction.logs.page(query)
    return Page([log_view(row) for row in page.rows], page.next)


def artifacts(transaction: Transaction, query: ArtifactQuery) -> Page:
    """A page of `ArtifactView`."""
    page = transaction.artifacts.page(query)
    return Page([artifact_view(row) for row in page.rows], page.next)


def artifact(transaction: Transaction, wanted: Identifier) -> ArtifactView:
    """One artifact, named by key, id, or the beginning of its id.

    Raises:
        ObjectNotFound: there is none, or there are several.
    """
    if isinstance(wanted, str):
        named: RowPage = transaction.artifacts.page(ArtifactQuery(keys=[wanted], latest_of_key=True, limit=1))
        if named.rows:
            return artifact_view(named.rows[0])
        if id_range(wanted) is None:
            raise ObjectNotFound(f"There is no artifact {wanted!r}.")
    identifier = find_id(wanted, transaction.artifacts.starting_with, "artifact")
    row = transaction.artifacts.load([identifier]).get(identifier)
    if row is None:
        raise ObjectNotFound(f"There is no artifact {UUID(bytes=identifier)}.")
    return artifact_view(row)


def flows(transaction: Transaction, name_like: str | None, limit: int, cursor: str | None) -> Page:
    """A page of `FlowView` by name."""
    page = transaction.flows.page(name=None, name_like=name_like, limit=limit, cursor=cursor)
    return Page([flow_view(row) for row in page.rows], page.next)


def flow(transaction: Transaction, name: str) -> FlowView:
    """One flow.

    Raises:
        ObjectNotFound: no flow of that name ever ran.
    """
    page = transaction.flows.page(name=name, name_like=None, limit=1, cursor=None)
    if not page.rows:
        raise ObjectNotFound(f"No flow called {name!r} ever ran here.")
    return flow_view(page.rows[0])


def recorded_calls(transaction: Transaction, run: Identifier) -> RecordedRun:
    """Everything the engine needs to resume or fork a run."""
    row = flow_run_row(transaction, run)
    body = RunBody.decode(row.body)
    tasks = transaction.task_runs.of_run(row.id)
    calls = transaction.task_runs.calls(task.call for task in tasks)
    results = _results_of(transaction, missing_sources([task for task in tasks if task.state == _COMPLETED]))
    return RecordedRun(
        run=row.id,
        name=row.name,
        flow_name=row.flow,
        epoch=row.epoch,
        state_type=state_of(row.state),
        state_name=name_of_state(row.state, row.state_name),
        parameters=told(body.openings, "parameters"),
        entrypoint=told(body.openings, "entrypoint"),
        code=told(body.openings, "code"),
        result=unpacked(result_of(body.entries)),
        writer=row.writer,
        forked_from=told(body.openings, "forked_from"),
        parent_run=row.parent_run,
        parent_task=row.parent_task,
        root=told(body.openings, "root"),
        tags=tags_of(body),
        calls=[_recorded_call(task, calls, results) for task in tasks],
        run_again=_run_again(body),
    )


def _run_again(body: RunBody) -> list[str] | None:
    """The tasks that a request to fork a run wants to run again; None of a run that no request forked."""
    first = body.entries[0] if body.openings and body.openings[0].epoch == 0 and body.entries else None
    if first is None or body.openings[0].reason != "fork":
        return None
    details = first[DETAILS] if len(first) > DETAILS else None
    return list((details or {}).get("run_again", ()))


def _recorded_call(
    row: TaskRunRow, calls: dict[int, tuple[str, str | None]], results: dict[bytes, list[Any]]
) -> RecordedCall:
    body = TaskBody.decode(row.body)
    key, code = calls.get(row.call, ("", None))
    result = result_of(body.entries)
    if result is None and row.state == _COMPLETED:
        result = next((results[source] for source in missing_sources([row]) if source in results), None)
    return RecordedCall(
        task=row.id,
        key=key,
        name=row.name or "",
        identity=body.identity,
        occurrence=body.occurrence,
        state_type=state_of(row.state) or StateType.PENDING,
        state_name=name_of_state(row.state, row.state_name) or "Pending",
        result=unpacked(result),
        code=code,
        opaque=bool(body.opaque),
        parent_task=body.parent_task,
        child_run=body.child_run,
        inputs=body.inputs,
        created_us=created_us(row.id),
        epoch=max((entry[0] for entry in body.entries if entry[2] & OPENED), default=1),
    )
