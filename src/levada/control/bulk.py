"""Something done with every run that a query finds, worked off by the server bit by bit.

The life of a job: asked for → counted, and a row of `bulk_jobs` with state `running` → any replica claims a slice,
acts on its runs one by one (each in a transaction of its own, through the same verbs as a single request), and moves
the cursor → `completed`, `cancelled` or `failed`. Runs are walked in the order of their ids, so that a run whose state
changes under the query is neither missed nor met twice. A replica that dies holds a slice for `CLAIM_SECONDS`; what it
did of it is done again, which every action bears.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace

from levada.control.making import check_tags
from levada.core.errors import LevadaError, ObjectNotFound, RequestInvalid, StoreUnavailable
from levada.core.ids import uuid7_bytes
from levada.core.states import datetime_of
from levada.store.base import Store, Transaction
from levada.wire.changes import BulkAction, BulkJob, Decision, FlowRunChange

if TYPE_CHECKING:
    from levada.wire.verbs import Runs

ACTIONS = ("cancel", "retry", "delete", "suspend", "add_tags", "set_state")
EXAMPLES = 10
CLAIM_SECONDS = 60.0
"""For how long a replica has a slice of a job for itself."""

_logger = logging.getLogger("levada.bulk")


class BulkWork(Struct):
    """A job with what its work needs; the body of its row."""

    job: BulkJob
    action: BulkAction
    by: str = ""
    claim: bytes = b""
    claimed_until: int = 0


class Worked(Struct, frozen=True):
    """What a slice of work did.

    Attributes:
        job: which job; None when there was none to work on.
        done: runs with which something was done.
        skipped: runs with which nothing was to be done, or about which a rule said no.
        more: there is more to do at once.
    """

    job: UUID | None = None
    done: int = 0
    skipped: int = 0
    more: bool = False


_encode = Encoder().encode
_decode = Decoder(BulkWork).decode


def start_bulk(store: Store, action: BulkAction, by: str) -> BulkJob:
    """Begin a job, or only say what it would be about.

    Raises:
        RequestInvalid: there is no such action, or it lacks what it needs.
    """
    _check(action)

    def work(transaction: Transaction) -> BulkJob:
        now = transaction.now
        query = replace(action.query, cursor=None, limit=EXAMPLES)
        total = sum(transaction.flow_runs.count_by_state(query).values())
        examples = [UUID(bytes=row.id) for row in transaction.flow_runs.page(query).rows]
        moment = datetime_of(now)
        job = BulkJob(
            id=UUID(bytes=uuid7_bytes(now, os.urandom(8))),
            action=action.action,
            state="preview" if action.preview else "running",
            total=total,
            created=moment,
            updated=moment,
            examples=examples,
        )
        if not action.preview:
            sql = "INSERT INTO bulk_jobs (id, state, cursor, created, updated, body) VALUES (?, ?, ?, ?, ?, ?)"
            body = _encode(BulkWork(job, action, by))
            transaction.execute(sql, (job.id.bytes, job.state, None, now, now, body))
            transaction.announce("bulk", job.id.hex)
        return job

    return store.transact(work)


def read_bulk(transaction: Transaction, job: UUID) -> BulkJob:
    """How far a job got.

    Raises:
        ObjectNotFound: there is none.
    """
    return _load(transaction, job)[0].job


def cancel_bulk(transaction: Transaction, job: UUID) -> BulkJob:
    """Stop a job where it is; one that has ended stays as it is.

    Raises:
        ObjectNotFound: there is none.
    """
    transaction.lock(_lock_of(job.bytes))
    work, cursor = _load(transaction, job)
    if work.job.state == "running":
        work.job.state = "cancelled"
        _save(transaction, work, cursor)
    return work.job


def work_bulk(plane: Runs, store: Store, budget: int = 50) -> Worked:
    """Work on the oldest job that nobody else works on.

    Args:
        plane: whose verbs are carried out.
        store: where jobs are.
        budget: most runs of this slice.
    """
    claimed = store.transact(_claim)
    if claimed is None:
        return Worked()
    work, cursor = claimed
    try:
        done, skipped, following, message = _slice(plane, work, cursor, budget)
    except StoreUnavailable:
        raise  # the claim runs out, and somebody goes on
    except Exception as problem:
        _logger.exception("Bulk job %s cannot go on.", work.job.id)
        error = f"{type(problem).__name__}: {problem}"
        store.transact(lambda transaction: _progress(transaction, work, 0, 0, cursor, error, failed=True))
        return Worked(work.job.id)
    more = store.transact(
        lambda transaction: _progress(transaction, work, done, skipped, following, message, failed=False)
    )
    return Worked(work.job.id, done, skipped, more)


def _claim(transaction: Transaction) -> tuple[BulkWork, str | None] | None:
    found = transaction.execute("SELECT id FROM bulk_jobs WHERE state = 'running' ORDER BY id LIMIT 100")
    if not found:
        return None
    transaction.lock(*(_lock_of(bytes(row[0])) for row in found))
    for (identifier,) in found:
        work, cursor = _load(transaction, UUID(bytes=bytes(identifier)))
        if work.job.state != "running" or work.claimed_until > transaction.now:
            continue
        work.claim = os.urandom(8)
        work.claimed_until = transaction.now + int(CLAIM_SECONDS * 1e6)
        _save(transaction, work, cursor)
        return work, cursor
    return None


def _slice(plane: Runs, work: BulkWork, cursor: str | None, budget: int) -> tuple[int, int, str | None, str | None]:
    """Act on the next runs: how many were changed and how many not, where to go on, the last reason against one."""
    created = work.job.created
    query = replace(work.action.query, cursor=cursor, limit=budget, sort=None, oldest_first=True)
    if created is not None and (query.created_before is None or query.created_before > created):
        query = replace(query, created_before=created)  # what is made from now on was not meant
    page = plane.read_flow_runs(query)
    done = skipped = 0
    message = None
    for run in page.items:
        try:
            refusal = _act(plane, work, run.id)
        except StoreUnavailable:
            raise
        except LevadaError as problem:
            refusal = str(problem)
        done += refusal is None
        skipped += refusal is not None
        message = refusal or message
    return done, skipped, page.next, message


def _act(plane: Runs, work: BulkWork, run: UUID) -> str | None:
    """Do with one run what is to be done; None when it was done, otherwise why not."""
    action, by = work.action, work.by
    match action.action:
        case "cancel":
            return _refusal(plane.cancel_flow_run(run, by))
        case "retry":
            return _refusal(plane.retry_flow_run(run, by))
        case "suspend":
            return _refusal(plane.suspend_flow_run(run, by))
        case "set_state" if action.state is not None:
            wish = replace(action.state, transition_id=f"bulk:{work.job.id}")
            return _refusal(plane.set_flow_run_state(run, wish, by))
        case "add_tags":
            plane.change_flow_run(run, FlowRunChange(tags=action.tags))
        case "delete":
            plane.delete_flow_run(run, by)
    return None


def _refusal(decision: Decision) -> str | None:
    return None if decision.status == "accept" else decision.reason


def _progress(
    transaction: Transaction,
    mine: BulkWork,
    done: int,
    skipped: int,
    cursor: str | None,
    message: str | None,
    *,
    failed: bool,
) -> bool:
    """Note what a slice did; whether there is more to do."""
    transaction.lock(_lock_of(mine.job.id.bytes))
    work, _ = _load(transaction, mine.job.id)
    if work.claim != mine.claim:
        return False  # it took so long that somebody else has the slice; they count it
    job = work.job
    job.done += done
    job.skipped += skipped
    job.message = message or job.message
    if job.state == "running":
        job.state = "failed" if failed else "completed" if cursor is None else "running"
    work.claimed_until = 0
    _save(transaction, work, cursor)
    return job.state == "running"


def _load(transaction: Transaction, job: UUID) -> tuple[BulkWork, str | None]:
    found = transaction.execute("SELECT body, cursor FROM bulk_jobs WHERE id = ?", (job.bytes,))
    if not found:
        raise ObjectNotFound(f"There is no bulk job {job}.")
    return _decode(bytes(found[0][0])), found[0][1]


def _save(transaction: Transaction, work: BulkWork, cursor: str | None) -> None:
    now = transaction.now
    work.job.updated = datetime_of(now)
    sql = "UPDATE bulk_jobs SET state = ?, cursor = ?, updated = ?, body = ? WHERE id = ?"
    transaction.execute(sql, (work.job.state, cursor, now, _encode(work), work.job.id.bytes))


def _lock_of(job: bytes) -> str:
    return f"bulk:{job.hex()}"


def _check(action: BulkAction) -> None:
    if action.action not in ACTIONS:
        raise RequestInvalid(
            f"There is no bulk action {action.action!r}; there are {', '.join(ACTIONS)}.", (("$.action", "unknown"),)
        )
    if action.action == "set_state" and action.state is None:
        raise RequestInvalid("To set states, say which one.", (("$.state", "is missing"),))
    if action.action == "add_tags":
        if not action.tags:
            raise RequestInvalid("To add tags, say which ones.", (("$.tags", "is missing"),))
        check_tags(action.tags)
