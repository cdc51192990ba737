"""Rows of work pools, of their queues and workers, and of the runs that wait in them or were taken.

Portable statements, batched: a claim costs the same however many runs wait, because each kind of waiting runs (a
*lane*) is asked only for its first ones, along an index.
"""

from __future__ import annotations

from _blake2 import blake2b
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from msgspec import Struct, field
from msgspec.msgpack import Decoder, Encoder

from levada.store.sql.connection import marks
from levada.wire.deployments import Needs
from levada.wire.pools import Offer, PoolSpec

if TYPE_CHECKING:
    from levada.store.base import Transaction

WAITING, CLAIMED, BEGUN = 0, 1, 2
"""Stages of a run: it waits, a worker has it and its process has not begun, its process has begun."""

AT_ONCE = 500
"""Values of one statement; SQLite takes no more than some thousand."""

T = TypeVar("T")

_encode = Encoder(order="deterministic").encode


class LaneBody(Struct, array_like=True, frozen=True):
    """What a lane is known by; all that can hold its runs up alike.

    Attributes:
        tags: those of its runs' tags for which there are limits.
        needs: what a worker must have free.
        fairness, weight: whose turn it is among lanes of one queue.
        backfill: the backfill that made its runs.
    """

    pool: str
    queue: str
    deployment: bytes | None = None
    tags: tuple[str, ...] = ()
    needs: Needs = Needs()
    fairness: str = ""
    weight: float = 1.0
    backfill: bytes | None = None

    @property
    def id(self) -> bytes:
        """Digest of all of it."""
        return blake2b(_encode(self), digest_size=16).digest()


class WorkBody(Struct, array_like=True):
    """What else is kept of a run in a pool.

    Attributes:
        tags: all of the run, so that its lane can be found anew when a limit comes or goes.
        handed_back: how often workers gave it back because they could not begin it.
        said: why, the last time.
        backfill: the backfill that made it.
    """

    tags: list[str] = []
    handed_back: int = 0
    said: str = ""
    backfill: bytes | None = None


class WorkerBody(Struct, omit_defaults=True):
    """A worker as it described itself the last time that it asked."""

    kind: str = "process"
    queues: list[str] = []
    limit: int | None = None
    offer: Offer = field(default_factory=Offer)
    host: str = ""
    pid: int = 0
    levada: str = ""
    draining: bool = False
    deployments: list[bytes] = []


_lane_of = Decoder(LaneBody).decode
_body_of = Decoder(WorkBody).decode
_worker_of = Decoder(WorkerBody).decode
_pool_of = Decoder(PoolSpec).decode


class PoolRow(NamedTuple):
    """A work pool."""

    name: str
    kind: str
    slots: int | None
    paused: int
    created: int
    updated: int
    body: bytes

    @property
    def spec(self) -> PoolSpec:
        """What it is; decoded at each asking."""
        return _pool_of(self.body)


class QueueRow(NamedTuple):
    """A queue of a pool."""

    pool: str
    name: str
    priority: int
    slots: int | None
    paused: int
    created: int
    updated: int
    description: str | None


class WorkerRow(NamedTuple):
    """A worker of a pool."""

    id: bytes
    pool: str
    name: str
    created: int
    seen: int
    expires: int
    body: bytes

    @property
    def told(self) -> WorkerBody:
        """What it said of itself; decoded at each asking."""
        return _worker_of(self.body)


class LaneRow(NamedTuple):
    """A kind of waiting runs."""

    id: bytes
    body: LaneBody


class WorkRow(NamedTuple):
    """A run of a pool that has not ended."""

    run: bytes
    pool: str
    queue: str
    deployment: bytes | None
    lane: bytes
    stage: int
    priority: int
    due: int
    since: int
    epoch: int
    worker: bytes | None
    body: bytes

    @property
    def told(self) -> WorkBody:
        """What else is kept of it; decoded at each asking."""
        return _body_of(self.body)


class HeadRow(NamedTuple):
    """One of the first runs of a lane."""

    lane: bytes
    run: bytes
    priority: int
    due: int
    epoch: int


_POOL = ", ".join(PoolRow._fields)
_QUEUE = ", ".join(QueueRow._fields)
_WORKER = ", ".join(WorkerRow._fields)
_WORK = ", ".join(WorkRow._fields)


def packed(body: Struct) -> bytes:
    """A body as its column holds it."""
    return _encode(body)


class WorkTables:
    """The tables `work_pools`, `work_queues`, `workers`, `lanes` and `work`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    # Pools and queues

    def pool(self, name: str) -> PoolRow | None:
        """A pool, or None."""
        rows = self._execute(f"SELECT {_POOL} FROM work_pools WHERE name = ?", (name,))
        return PoolRow(*rows[0]) if rows else None

    def pools(self) -> list[PoolRow]:
        """Every pool by name."""
        return [PoolRow(*row) for row in self._execute(f"SELECT {_POOL} FROM work_pools ORDER BY name")]

    def save_pool(self, row: PoolRow) -> None:
        """Insert a pool, or change the one of its name; when it was made stays."""
        self._execute(
            f"INSERT INTO work_pools ({_POOL}) VALUES ({marks(row)}) ON CONFLICT (name) DO UPDATE SET "
            "kind = excluded.kind, slots = excluded.slots, paused = excluded.paused, updated = excluded.updated, "
            "body = excluded.body",
            row,
        )

    def delete_pool(self, name: str) -> None:
        """Remove a pool with its queues, workers and lanes."""
        for table, column in (("work_queues", "pool"), ("workers", "pool"), ("lanes", "pool"), ("work_pools", "name")):
            self._execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))

    def queues(self, pool: str) -> list[QueueRow]:
        """The queues of a pool, in the order in which they are served."""
        sql = f"SELECT {_QUEUE} FROM work_queues WHERE pool = ? ORDER BY priority, name"
        return [QueueRow(*row) for row in self._execute(sql, (pool,))]

    def all_queues(self) -> list[QueueRow]:
        """The queues of all pools."""
        return [QueueRow(*row) for row in self._execute(f"SELECT {_QUEUE} FROM work_queues ORDER BY priority, name")]

    def queue(self, pool: str, name: str) -> QueueRow | None:
        """A queue, or None."""
        rows = self._execute(f"SELECT {_QUEUE} FROM work_queues WHERE pool = ? AND name = ?", (pool, name))
        return QueueRow(*rows[0]) if rows else None

    def save_queue(self, row: QueueRow) -> None:
        """Insert a queue, or change the one of its name; when it was made stays."""
        self._execute(
            f"INSERT INTO work_queues ({_QUEUE}) VALUES ({marks(row)}) ON CONFLICT (pool, name) DO UPDATE SET "
            "priority = excluded.priority, slots = excluded.slots, paused = excluded.paused, "
            "updated = excluded.updated, description = excluded.description",
            row,
        )

    def delete_queue(self, pool: str, name: str) -> None:
        """Remove a queue."""
        self._execute("DELETE FROM work_queues WHERE pool = ? AND name = ?", (pool, name))

    # Workers

    def worker(self, worker: bytes) -> WorkerRow | None:
        """A worker, or None."""
        rows = self._execute(f"SELECT {_WORKER} FROM workers WHERE id = ?", (worker,))
        return _worker_row(rows[0]) if rows else None

    def workers(self, pool: str | None = None) -> list[WorkerRow]:
        """Workers by pool and name; of one pool, or of all."""
        where, values = ("", ()) if pool is None else ("WHERE pool = ?", (pool,))
        sql = f"SELECT {_WORKER} FROM workers {where} ORDER BY pool, name, id"
        return [_worker_row(row) for row in self._execute(sql, values)]

    def save_workers(self, rows: Sequence[WorkerRow]) -> None:
        """Insert or replace workers; when they came stays."""
        for some in _some(rows):
            values = ", ".join([f"({marks(WorkerRow._fields)})"] * len(some))
            self._execute(
                f"INSERT INTO workers ({_WORKER}) VALUES {values} ON CONFLICT (id) DO UPDATE SET "
                "pool = excluded.pool, name = excluded.name, seen = excluded.seen, expires = excluded.expires, "
                "body = excluded.body",
                [value for row in some for value in row],
            )

    def end_worker(self, worker: bytes) -> None:
        """Remove a worker."""
        self._execute("DELETE FROM workers WHERE id = ?", (worker,))

    # Lanes

    def lanes(self, pool: str) -> list[LaneRow]:
        """The lanes of a pool."""
        rows = self._execute("SELECT id, body FROM lanes WHERE pool = ?", (pool,))
        return [LaneRow(bytes(row[0]), _lane_of(row[1])) for row in rows]

    def lanes_by_id(self, ids: Iterable[bytes]) -> dict[bytes, LaneBody]:
        """Those of some lanes that are there."""
        found = {}
        for some in _some(list(dict.fromkeys(ids))):
            for row in self._execute(f"SELECT id, body FROM lanes WHERE id IN ({marks(some)})", some):
                found[bytes(row[0])] = _lane_of(row[1])
        return found

    def shared_deployments(self) -> set[bytes]:
        """Deployments whose runs are in more than one pool."""
        rows = self._execute(
            "SELECT deployment FROM lanes WHERE deployment IS NOT NULL "
            "GROUP BY deployment HAVING min(pool) <> max(pool)"
        )
        return {bytes(row[0]) for row in rows}

    def add_lanes(self, lanes: Iterable[LaneBody]) -> None:
        """Add lanes that are not there."""
        rows = [(lane.id, lane.pool, lane.queue, lane.deployment, packed(lane)) for lane in lanes]
        rows.sort()  # the same order for everybody: two that add the same ones wait for one another
        for some in _some(rows):
            values = ", ".join(["(?, ?, ?, ?, ?)"] * len(some))
            self._execute(
                f"INSERT INTO lanes (id, pool, queue, deployment, body) VALUES {values} ON CONFLICT (id) DO NOTHING",
                [value for row in some for value in row],
            )

    def delete_lanes(self, ids: Sequence[bytes]) -> None:
        """Remove lanes."""
        for some in _some(ids):
            self._execute(f"DELETE FROM lanes WHERE id IN ({marks(some)})", some)

    def lanes_in_use(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of some lanes in which there is a run."""
        found: set[bytes] = set()
        for some in _some(ids):
            waiting = "EXISTS (SELECT 1 FROM work AS w WHERE w.lane = l.id AND w.stage = 0)"
            held = "EXISTS (SELECT 1 FROM work AS w WHERE w.pool = l.pool AND w.lane = l.id AND w.stage > 0)"
            sql = f"SELECT l.id FROM lanes AS l WHERE l.id IN ({marks(some)}) AND ({waiting} OR {held})"
            found.update(bytes(row[0]) for row in self._execute(sql, some))
        return found

    def backfills(self, sources: Iterable[bytes]) -> set[bytes]:
        """Those of some schedules and backfills that are backfills."""
        found: set[bytes] = set()
        for some in _some(list(sources)):
            rows = self._execute(f"SELECT id FROM backfills WHERE id IN ({marks(some)})", some)
            found.update(bytes(row[0]) for row in rows)
        return found

    # Runs

    def load(self, runs: Iterable[bytes]) -> dict[bytes, WorkRow]:
        """The rows there are of these runs."""
        found = {}
        for some in _some(list(runs)):
            for row in self._execute(f"SELECT {_WORK} FROM work WHERE run IN ({marks(some)})", some):
                made = _work_row(row)
                found[made.run] = made
        return found

    def get(self, run: bytes) -> WorkRow | None:
        """The row of a run, or None."""
        return self.load([run]).get(run)

    def save(self, rows: Sequence[WorkRow]) -> None:
        """Insert or replace rows."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in WorkRow._fields[1:])
        for some in _some(rows):
            values = ", ".join([f"({marks(WorkRow._fields)})"] * len(some))
            self._execute(
                f"INSERT INTO work ({_WORK}) VALUES {values} ON CONFLICT (run) DO UPDATE SET {changes}",
                [value for row in some for value in row],
            )

    def delete(self, runs: Sequence[bytes]) -> None:
        """Remove rows."""
        for some in _some(runs):
            self._execute(f"DELETE FROM work WHERE run IN ({marks(some)})", some)

    def heads(self, lanes: Sequence[bytes], below: int | None = None) -> list[HeadRow]:
        """The first waiting run of each lane, of the highest priority that there is in it.

        Args:
            lanes: which.
            below: only of priorities below this one.
        """
        found = []
        limit = "" if below is None else f"AND h.priority < {int(below)}"
        first = (
            f"SELECT h.run FROM work AS h WHERE h.lane = l.id AND h.stage = 0 {limit} "
            "ORDER BY h.priority DESC, h.due, h.run LIMIT 1"
        )
        for some in _some(lanes):
            sql = (
                f"SELECT l.id, w.run, w.priority, w.due, w.epoch FROM lanes AS l JOIN work AS w ON w.run = ({first}) "
                f"WHERE l.id IN ({marks(some)})"
            )
            found += [HeadRow(bytes(row[0]), bytes(row[1]), *row[2:]) for row in self._execute(sql, some)]
        return found

    def following(self, lane: bytes, after: HeadRow, each: int, most: int) -> list[HeadRow]:
        """More waiting runs of a lane, of the priority of one and behind it.

        Args:
            lane: which.
            after: a run of it.
            each: how many at most.
            most: due at this moment at the latest.
        """
        rows = self._execute(
            "SELECT run, priority, due, epoch FROM work WHERE lane = ? AND stage = 0 AND priority = ? "
            "AND (due, run) > (?, ?) AND due <= ? ORDER BY priority DESC, due, run LIMIT ?",
            (lane, after.priority, after.due, after.run, most, each),
        )
        return [HeadRow(lane, bytes(row[0]), *row[1:]) for row in rows]

    def held(self, pool: str | None = None) -> dict[bytes, int]:
        """How many runs were taken and have not ended, by lane; of a pool or of all."""
        where, values = ("", ()) if pool is None else ("pool = ? AND", (pool,))
        rows = self._execute(f"SELECT lane, count(*) FROM work WHERE {where} stage > 0 GROUP BY lane", values)
        return {bytes(lane): count for lane, count in rows}

    def held_of_deployments(self, deployments: Sequence[bytes]) -> dict[bytes, int]:
        """How many runs of deployments were taken and have not ended."""
        found = {}
        for some in _some(deployments):
            rows = self._execute(
                f"SELECT deployment, count(*) FROM work WHERE deployment IN ({marks(some)}) AND stage > 0 "
                "GROUP BY deployment",
                some,
            )
            found.update({bytes(one): count for one, count in rows})
        return found

    def of_deployment(self, deployment: bytes, *, held: bool, limit: int) -> list[WorkRow]:
        """Runs of a deployment that wait, or that were taken."""
        stages = "IN (1, 2)" if held else "= 0"
        sql = f"SELECT {_WORK} FROM work WHERE deployment = ? AND stage {stages} ORDER BY stage, run LIMIT ?"
        return [_work_row(row) for row in self._execute(sql, (deployment, limit))]

    def held_in(self, pool: str, limit: int) -> list[WorkRow]:
        """Runs of a pool that were taken."""
        sql = f"SELECT {_WORK} FROM work WHERE pool = ? AND stage > 0 LIMIT ?"
        return [_work_row(row) for row in self._execute(sql, (pool, limit))]

    def of_workers(self, workers: Sequence[bytes]) -> list[WorkRow]:
        """Runs that workers took and that have not ended."""
        found = []
        for some in _some(workers):
            sql = f"SELECT {_WORK} FROM work WHERE worker IN ({marks(some)})"
            found += [_work_row(row) for row in self._execute(sql, some)]
        return found

    def take(self, worker: bytes, runs: Sequence[bytes], now: int) -> set[bytes]:
        """Give waiting runs to a worker; those that it got: others ended, or somebody was faster."""
        got: set[bytes] = set()
        for some in _some(runs):
            self._execute(
                f"UPDATE work SET stage = 1, worker = ?, since = ? WHERE run IN ({marks(some)}) AND stage = 0",
                (worker, now, *some),
            )
            sql = f"SELECT run FROM work WHERE run IN ({marks(some)}) AND stage = 1 AND worker = ? AND since = ?"
            got.update(bytes(row[0]) for row in self._execute(sql, (*some, worker, now)))
        return got

    def next_due(self, pool: str, after: int) -> int | None:
        """When the next run of a pool is due that is not due now."""
        sql = "SELECT min(due) FROM work WHERE pool = ? AND stage = 0 AND due > ?"
        moment: int | None = self._execute(sql, (pool, after))[0][0]
        return moment

    def not_due(self, pool: str, after: int, limit: int) -> list[bytes]:
        """Runs of a pool whose time is to come, the earliest first."""
        sql = "SELECT run FROM work WHERE pool = ? AND stage = 0 AND due > ? ORDER BY due LIMIT ?"
        return [bytes(row[0]) for row in self._execute(sql, (pool, after, limit))]

    def move_lane(self, lane: bytes, other: bytes, queue: str) -> None:
        """Put all runs of a lane into another one of the same pool."""
        values = (other, queue, lane)
        self._execute("UPDATE work SET lane = ?, queue = ? WHERE lane = ? AND stage = 0", values)
        self._execute("UPDATE work SET lane = ?, queue = ? WHERE lane = ? AND stage > 0", values)

    def waiting(self, pool: str, now: int, most: int) -> int:
        """How many runs of a pool are due and wait, counted up to `most`."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM work WHERE pool = ? AND stage = 0 AND due <= ? LIMIT ?) AS found"
        count: int = self._execute(sql, (pool, now, most))[0][0]
        return count

    def waiting_in_lanes(self, lanes: Sequence[bytes], now: int, most: int) -> int:
        """How many runs of lanes are due and wait, counted up to `most`."""
        found = 0
        for lane in lanes:
            if found >= most:
                break
            sql = "SELECT count(*) FROM (SELECT 1 FROM work WHERE lane = ? AND stage = 0 AND due <= ? LIMIT ?) AS found"
            found += self._execute(sql, (lane, now, most - found))[0][0]
        return found

    def of_lost_workers(self, now: int, limit: int) -> list[bytes]:
        """Runs that were claimed and not begun, of workers that have not asked in time or were forgotten."""
        sql = (
            "SELECT w.run FROM work AS w LEFT JOIN workers AS k ON k.id = w.worker "
            "WHERE w.stage > 0 AND w.stage = 1 AND (k.id IS NULL OR k.expires <= ?) LIMIT ?"
        )
        return [bytes(row[0]) for row in self._execute(sql, (now, limit))]

    def walk(self, after: bytes, limit: int) -> list[WorkRow]:
        """Rows by id, those behind one."""
        sql = f"SELECT {_WORK} FROM work WHERE run > ? ORDER BY run LIMIT ?"
        return [_work_row(row) for row in self._execute(sql, (after, limit))]

    def held_runs(self) -> list[bytes]:
        """All runs that were taken and have not ended."""
        return [bytes(row[0]) for row in self._execute("SELECT run FROM work WHERE stage > 0")]

    def ended_among(self, runs: Sequence[bytes]) -> list[bytes]:
        """Those of some rows whose runs have ended, or are not there."""
        found = []
        for some in _some(runs):
            sql = (
                "SELECT w.run FROM work AS w LEFT JOIN flow_runs AS r ON r.id = w.run "
                f"WHERE w.run IN ({marks(some)}) AND (r.id IS NULL OR (r.state >= 5 AND r.state <> 15))"
            )
            found += [bytes(row[0]) for row in self._execute(sql, some)]
        return found

    def all_lanes(self) -> dict[bytes, LaneBody]:
        """Every lane."""
        return {bytes(row[0]): _lane_of(row[1]) for row in self._execute("SELECT id, body FROM lanes")}

    def lanes_with_runs(self, lanes: Sequence[bytes]) -> list[bytes]:
        """Those of some lanes, removed ones too, in which runs wait."""
        sql = "SELECT 1 FROM work WHERE lane = ? AND stage = 0 LIMIT 1"
        return [lane for lane in lanes if self._execute(sql, (lane,))]

    def put_into(self, run: bytes, lane: bytes, other: bytes) -> None:
        """Put one run into another lane, unless it went elsewhere meanwhile."""
        self._execute("UPDATE work SET lane = ? WHERE run = ? AND lane = ?", (other, run, lane))

    def deployments_in_lanes(self) -> dict[bytes, int]:
        """Deployments of which runs are in pools, and when they were last changed."""
        rows = self._execute(
            "SELECT d.id, d.updated FROM deployments AS d "
            "WHERE d.id IN (SELECT deployment FROM lanes WHERE deployment IS NOT NULL)"
        )
        return {bytes(key): updated for key, updated in rows}

    def forget_workers(self, before: int) -> None:
        """Remove workers that went silent before a moment."""
        self._execute("DELETE FROM workers WHERE expires < ?", (before,))

    def passed_deadline(self, deployment: bytes, before: int, limit: int) -> list[bytes]:
        """Waiting runs of a deployment that were due before a moment."""
        sql = "SELECT run FROM work WHERE deployment = ? AND stage = 0 AND due < ? LIMIT ?"
        return [bytes(row[0]) for row in self._execute(sql, (deployment, before, limit))]


def _some(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for place in range(0, len(values), AT_ONCE):
        yield values[place : place + AT_ONCE]


def _worker_row(row: Sequence[Any]) -> WorkerRow:
    return WorkerRow(bytes(row[0]), *row[1:])


def _work_row(row: Sequence[Any]) -> WorkRow:
    return WorkRow(bytes(row[0]), *row[1:])
