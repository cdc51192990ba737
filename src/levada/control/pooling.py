"""Work pools, queues and workers: made, shown, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from levada.control.exits import give_back
from levada.control.pools import no_such_pool
from levada.control.queueing import WORK_TOPIC
from levada.core.errors import ObjectAlreadyExists, ObjectNotFound, RequestInvalid, RequestTooLarge
from levada.core.ids import as_uuid
from levada.core.naming import check_name
from levada.core.states import datetime_of
from levada.store.sql.work import CLAIMED, PoolRow, QueueRow, WorkerRow, WorkTables, packed
from levada.wire.pools import ClaimRequest, PoolChange, PoolSpec, QueueChange, QueueSpec, Worker, WorkPool, WorkQueue

if TYPE_CHECKING:
    from levada.store.base import Transaction

MOST_COUNTED: Final = 1000
LARGEST_TEMPLATE: Final = 512 * 1024
LONGEST_DESCRIPTION: Final = 20_000
MOST_SLOTS: Final = 1_000_000
LONGEST_WAIT: Final = 60.0
MOST_ROOM: Final = 1000

UNLIMITED: Final = -1
"""In place of a number of slots: take the limit away."""


# Pools -------------------------------------------------------------------------------------------------------------


def create_pool(transaction: Transaction, spec: PoolSpec) -> WorkPool:
    """Make a pool; see `levada.control.claiming.Working.create_work_pool` for the errors."""
    _check_pool(spec)
    transaction.lock(f"work-pool:{spec.name}")
    tables = WorkTables(transaction)
    if tables.pool(spec.name) is not None:
        raise ObjectAlreadyExists(f"Work pool {spec.name!r} exists already.")
    now = transaction.now
    tables.save_pool(PoolRow(spec.name, spec.kind, spec.slots, int(spec.paused), now, now, packed(spec)))
    tables.save_queue(QueueRow(spec.name, spec.default_queue, 1, None, 0, now, now, None))
    transaction.announce(WORK_TOPIC, spec.name)
    return read_pool(transaction, spec.name)


def read_pool(transaction: Transaction, name: str) -> WorkPool:
    """One pool.

    Raises:
        ObjectNotFound: there is none of this name.
    """
    tables = WorkTables(transaction)
    row = _pool(tables, name)
    return _view(transaction, row, tables.queues(name), tables.workers(name))


def read_pools(transaction: Transaction) -> list[WorkPool]:
    """Every pool, by name."""
    tables = WorkTables(transaction)
    queues, workers = tables.all_queues(), tables.workers()
    return [
        _view(
            transaction,
            row,
            [queue for queue in queues if queue.pool == row.name],
            [worker for worker in workers if worker.pool == row.name],
        )
        for row in tables.pools()
    ]


def change_pool(transaction: Transaction, name: str, change: PoolChange) -> WorkPool:
    """Change a pool.

    Raises:
        ObjectNotFound: there is none of this name.
        RequestInvalid: something cannot be used.
    """
    transaction.lock(f"work-pool:{name}")
    tables = WorkTables(transaction)
    row = _pool(tables, name)
    spec = replace(row.spec, **_given(change))
    _check_pool(spec)
    if tables.queue(name, spec.default_queue) is None:
        raise _no_such_queue(name, spec.default_queue, "$.default_queue")
    tables.save_pool(
        row._replace(slots=spec.slots, paused=int(spec.paused), updated=transaction.now, body=packed(spec))
    )
    transaction.announce(WORK_TOPIC, name)
    return read_pool(transaction, name)


def delete_pool(transaction: Transaction, name: str) -> None:
    """Delete a pool.

    Raises:
        ObjectNotFound: there is none of this name.
        RequestInvalid: deployments use it, or runs of it have not ended.
    """
    transaction.lock(f"work-pool:{name}")
    tables = WorkTables(transaction)
    _pool(tables, name)
    users = transaction.execute(
        "SELECT flow, name FROM deployments WHERE pool = ? ORDER BY flow, name LIMIT 4", (name,)
    )
    if users:
        shown = ", ".join(f"{flow}/{deployment}" for flow, deployment in users[:3])
        more = " and more" if len(users) > 3 else ""
        raise RequestInvalid(
            f"Work pool {name!r} cannot be deleted: deployments use it ({shown}{more}). Delete them, or deploy them to "
            "another pool."
        )
    if transaction.execute("SELECT 1 FROM work WHERE pool = ? LIMIT 1", (name,)):
        raise RequestInvalid(
            f"Work pool {name!r} cannot be deleted: runs of it have not ended. `levada work-pool preview {name}` shows "
            "those that wait; cancel them, or let them end."
        )
    tables.delete_pool(name)
    transaction.announce(WORK_TOPIC, name)


def _view(transaction: Transaction, row: PoolRow, queues: Sequence[QueueRow], workers: Sequence[WorkerRow]) -> WorkPool:
    online = sum(worker.expires > transaction.now for worker in workers)
    views = _queue_views(transaction, row.name, queues)
    status = "paused" if row.paused else "ready" if online else "not_ready"
    return WorkPool(
        spec=row.spec,
        status=status,
        queues=views,
        workers_online=online,
        waiting=WorkTables(transaction).waiting(row.name, transaction.now, MOST_COUNTED),
        active=sum(view.active for view in views),
        created=datetime_of(row.created),
        updated=datetime_of(row.updated),
    )


def _pool(tables: WorkTables, name: str) -> PoolRow:
    row = tables.pool(name)
    if row is None:
        raise no_such_pool(name)
    return row


def _given(change: PoolChange | QueueChange) -> dict[str, Any]:
    """What a change says; no limit in place of the number that stands for it."""
    given = {key: value for key, value in asdict(change).items() if value is not None}
    if given.get("slots") == UNLIMITED:
        given["slots"] = None
    return given


def _check_pool(spec: PoolSpec) -> None:
    check_name("work pool", spec.name)
    check_name("work pool type", spec.kind)
    check_name("work queue", spec.default_queue)
    problems = _problems(spec.slots, spec.description)
    if not spec.launcher.strip():
        problems.append(("$.launcher", "must not be empty"))
    if not 0 <= spec.cancel_grace <= 7 * 86400:
        problems.append(("$.cancel_grace", "must be 0 seconds to a week"))
    template = spec.base_job_template
    if template is not None:
        if len(msgspec.json.encode(template)) > LARGEST_TEMPLATE:
            raise RequestTooLarge(f"A base job template takes at most {LARGEST_TEMPLATE} bytes.")
        for part in ("variables", "job_configuration"):
            if not isinstance(template.get(part, {}), dict):
                problems.append((f"$.base_job_template.{part}", "must be an object"))
    _refuse(f"Work pool {spec.name!r}", problems)


def _problems(slots: int | None, description: str | None) -> list[tuple[str, str]]:
    problems = []
    if slots is not None and not 0 <= slots <= MOST_SLOTS:
        problems.append(("$.slots", f"must be 0 to {MOST_SLOTS}"))
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        problems.append(("$.description", f"has {len(description)} characters; {LONGEST_DESCRIPTION} is the most"))
    return problems


def _refuse(what: str, problems: Sequence[tuple[str, str]]) -> None:
    if problems:
        path, problem = problems[0]
        raise RequestInvalid(f"{what} cannot be so: {path} {problem}.", tuple(problems))


# Queues ------------------------------------------------------------------------------------------------------------


def create_queue(transaction: Transaction, pool: str, spec: QueueSpec) -> WorkQueue:
    """Make a queue.

    Raises:
        ObjectNotFound: there is no such pool.
        ObjectAlreadyExists: it has a queue of this name.
        RequestInvalid, InvalidNameError: something in it cannot be used.
    """
    _check_queue(spec)
    transaction.lock(f"work-pool:{pool}")
    tables = WorkTables(transaction)
    _pool(tables, pool)
    if tables.queue(pool, spec.name) is not None:
        raise ObjectAlreadyExists(f"Work pool {pool!r} has a queue {spec.name!r} already.")
    now = transaction.now
    tables.save_queue(
        QueueRow(pool, spec.name, spec.priority, spec.slots, int(spec.paused), now, now, spec.description)
    )
    return read_queue(transaction, pool, spec.name)


def read_queue(transaction: Transaction, pool: str, name: str) -> WorkQueue:
    """One queue.

    Raises:
        ObjectNotFound: there is no such pool or queue.
    """
    return _queue_views(transaction, pool, [queue_row(transaction, pool, name)])[0]


def change_queue(transaction: Transaction, pool: str, name: str, change: QueueChange) -> WorkQueue:
    """Change a queue.

    Raises:
        ObjectNotFound: there is no such pool or queue.
        RequestInvalid: something cannot be used.
    """
    transaction.lock(f"work-pool:{pool}")
    row = queue_row(transaction, pool, name)
    spec = replace(_queue_spec(row), **_given(change))
    _check_queue(spec)
    WorkTables(transaction).save_queue(
        row._replace(
            priority=spec.priority,
            slots=spec.slots,
            paused=int(spec.paused),
            updated=transaction.now,
            description=spec.description,
        )
    )
    transaction.announce(WORK_TOPIC, pool)
    return read_queue(transaction, pool, name)


def queue_row(transaction: Transaction, pool: str, name: str) -> QueueRow:
    """The row of a queue.

    Raises:
        ObjectNotFound: there is no such pool or queue.
    """
    tables = WorkTables(transaction)
    _pool(tables, pool)
    row = tables.queue(pool, name)
    if row is None:
        raise ObjectNotFound(
            f"Work pool {pool!r} has no queue {name!r}. `levada work-queue ls --pool {pool}` lists them."
        )
    return row


def _queue_spec(row: QueueRow) -> QueueSpec:
    return QueueSpec(
        name=row.name,
        priority=row.priority,
        slots=row.slots,
        paused=bool(row.paused),
        description=row.description,
    )


def _queue_views(transaction: Transaction, pool: str, rows: Sequence[QueueRow]) -> list[WorkQueue]:
    tables = WorkTables(transaction)
    by_queue: dict[str, list[bytes]] = {}
    queue_of: dict[bytes, str] = {}
    for lane in tables.lanes(pool):
        by_queue.setdefault(lane.body.queue, []).append(lane.id)
        queue_of[lane.id] = lane.body.queue
    active: dict[str, int] = {}
    for lane_id, count in tables.held(pool).items():
        queue = queue_of.get(lane_id, "")
        active[queue] = active.get(queue, 0) + count
    return [
        WorkQueue(
            pool=pool,
            spec=_queue_spec(row),
            waiting=tables.waiting_in_lanes(by_queue.get(row.name, ()), transaction.now, MOST_COUNTED),
            active=active.get(row.name, 0),
            created=datetime_of(row.created),
            updated=datetime_of(row.updated),
        )
        for row in rows
    ]


def _check_queue(spec: QueueSpec) -> None:
    check_name("work queue", spec.name)
    problems = _problems(spec.slots, spec.description)
    if not 1 <= spec.priority <= 1_000_000:
        problems.append(("$.priority", "must be 1, which is served first, to 1,000,000"))
    _refuse(f"Work queue {spec.name!r}", problems)


def _no_such_queue(pool: str, queue: str, path: str) -> RequestInvalid:
    return RequestInvalid(f"Work pool {pool!r} has no queue {queue!r}.", ((path, "is no queue of the pool"),))


# Workers -----------------------------------------------------------------------------------------------------------


def read_workers(transaction: Transaction, pool: str | None) -> list[Worker]:
    """Workers by pool and name."""
    tables = WorkTables(transaction)
    rows = tables.workers(pool)
    runs: dict[bytes, list[UUID]] = {}
    for work in tables.of_workers([row.id for row in rows]):
        runs.setdefault(work.worker or b"", []).append(as_uuid(work.run))
    return [_worker_view(row, runs, transaction.now) for row in rows]


def _worker_view(row: WorkerRow, runs: Mapping[bytes, list[UUID]], now: int) -> Worker:
    told = row.told
    status = "offline" if row.expires <= now else "draining" if told.draining else "online"
    return Worker(
        id=as_uuid(row.id),
        pool=row.pool,
        name=row.name,
        status=status,
        kind=told.kind,
        queues=told.queues,
        limit=told.limit,
        offer=told.offer,
        runs=sorted(runs.get(row.id, ())),
        host=told.host,
        pid=told.pid,
        levada=told.levada,
        started=datetime_of(row.created),
        seen=datetime_of(row.seen),
    )


def forget_worker(transaction: Transaction, pool: str, worker: UUID) -> None:
    """Note that a worker has ended; what it had not begun is given to others."""
    tables = WorkTables(transaction)
    claimed = [row.run for row in tables.of_workers([worker.bytes]) if row.stage == CLAIMED]
    if claimed:
        give_back(transaction, claimed, "The worker that had it has ended.", worker.bytes)
    tables.end_worker(worker.bytes)
    transaction.announce(WORK_TOPIC, pool)


def check_request(request: ClaimRequest) -> None:
    """Look whether a request for work can be understood.

    Raises:
        RequestInvalid: it cannot.
    """
    problems = []
    if not 0 <= request.wait <= LONGEST_WAIT:
        problems.append(("$.wait", f"must be 0 to {LONGEST_WAIT:g} seconds"))
    if not 0 <= request.room <= MOST_ROOM:
        problems.append(("$.room", f"must be 0 to {MOST_ROOM}"))
    if not 0 < len(request.name) <= 255:
        problems.append(("$.name", "must have 1 to 255 characters"))
    for field in ("cpu", "memory", "gpu"):
        there = getattr(request.offer, field)
        if there is not None and there < 0:
            problems.append((f"$.offer.{field}", "must not be negative"))
    _refuse("The request for work", problems)
