"""The verbs of workers and queues: runs claimed, reported, moved."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from levada.control import exits, moving, pooling
from levada.control.asking import ClaimLine
from levada.control.skipping import skip, skip_for_collisions
from levada.control.streaming import Streaming
from levada.control.views import flow_run_view
from levada.wire.pools import ClaimRequest, PoolChange, PoolSpec, QueueChange, QueueSpec, RunExit, Worker

if TYPE_CHECKING:
    from levada.control.claims import Served
    from levada.control.queries import Identifier
    from levada.wire.objects import FlowRun
    from levada.wire.pools import ClaimAnswer, WorkPool, WorkQueue


class Working(Streaming):
    """Where runs are executed, and by whom; see `levada.wire.verbs.Work`."""

    # Pools

    def create_work_pool(self, spec: PoolSpec) -> WorkPool:
        """Make a pool with its default queue.

        Raises:
            ObjectAlreadyExists: there is one of this name.
            RequestInvalid, InvalidNameError: something in it cannot be used.
        """
        return self.store.transact(lambda transaction: pooling.create_pool(transaction, spec))

    def read_work_pool(self, name: str) -> WorkPool:
        """One pool.

        Raises:
            ObjectNotFound: there is none of this name.
        """
        with self.store.read() as transaction:
            return pooling.read_pool(transaction, name)

    def read_work_pools(self) -> list[WorkPool]:
        """Every pool, by name."""
        with self.store.read() as transaction:
            return pooling.read_pools(transaction)

    def change_work_pool(self, name: str, change: PoolChange) -> WorkPool:
        """Change a pool; what waits in it goes by what it is then.

        Raises:
            ObjectNotFound: there is none of this name.
            RequestInvalid: something cannot be used.
        """
        return self.store.transact(lambda transaction: pooling.change_pool(transaction, name, change))

    def delete_work_pool(self, name: str) -> None:
        """Delete a pool with its queues.

        Raises:
            ObjectNotFound: there is none of this name.
            RequestInvalid: deployments use it, or runs of it have not ended.
        """
        self.store.transact(lambda transaction: pooling.delete_pool(transaction, name))

    # Queues

    def create_work_queue(self, pool: str, spec: QueueSpec) -> WorkQueue:
        """Make a queue.

        Raises:
            ObjectNotFound: there is no such pool.
            ObjectAlreadyExists: it has a queue of this name.
            RequestInvalid, InvalidNameError: something in it cannot be used.
        """
        return self.store.transact(lambda transaction: pooling.create_queue(transaction, pool, spec))

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        """One queue.

        Raises:
            ObjectNotFound: there is no such pool or queue.
        """
        with self.store.read() as transaction:
            return pooling.read_queue(transaction, pool, name)

    def change_work_queue(self, pool: str, name: str, change: QueueChange) -> WorkQueue:
        """Change a queue.

        Raises:
            ObjectNotFound: there is no such pool or queue.
            RequestInvalid: something cannot be used.
        """
        return self.store.transact(lambda transaction: pooling.change_queue(transaction, pool, name, change))

    def delete_work_queue(self, pool: str, name: str) -> None:
        """Delete a queue; runs that wait in it go to the default queue.

        Raises:
            ObjectNotFound: there is no such pool or queue.
            RequestInvalid: it is the default queue.
        """
        self.store.transact(lambda transaction: moving.delete_queue(transaction, pool, name))

    # Workers

    def read_workers(self, pool: str | None = None) -> list[Worker]:
        """Workers by pool and name; those that were not heard of for a day are forgotten."""
        with self.store.read() as transaction:
            return pooling.read_workers(transaction, pool)

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Runs for a worker, and what it must do about those that it has; waits while there is nothing.

        Raises:
            ObjectNotFound: there is no such pool.
            RequestInvalid: the request cannot be understood.
            TooManyRequests: too many workers wait.
            StoreUnavailable: the database cannot be reached.
        """
        pooling.check_request(request)
        return self.claims.claim(pool, request)

    def report_exit(self, pool: str, ended: RunExit) -> None:
        """Write down how the process of a run ended; repeating it changes nothing.

        Raises:
            ObjectNotFound: there is no such run.
        """
        self.store.transact(lambda transaction: exits.report_exit(transaction, pool, ended))

    def forget_worker(self, pool: str, worker: UUID) -> None:
        """Note that a worker has ended; what it had not begun is given to others. Twice does nothing."""
        self.store.transact(lambda transaction: pooling.forget_worker(transaction, pool, worker))

    # Runs in line

    def queued_runs(self, pool: str, queue: str | None = None, limit: int = 200) -> list[FlowRun]:
        """Runs that wait, in the order in which they would be taken by a worker with room for all.

        Raises:
            ObjectNotFound: there is no such pool or queue.
            RequestInvalid: the limit is not 1 to 1,000.
        """
        with self.store.read() as transaction:
            return [flow_run_view(row) for row in moving.queued_rows(transaction, pool, queue, limit)]

    def move_in_queue(self, run: Identifier, priority: int | None = None, queue: str | None = None) -> FlowRun:
        """Give a run that waits another priority, or put it into another queue of its pool.

        Raises:
            ObjectNotFound: there is no such run or queue.
            RequestInvalid: it does not wait in a pool, or the priority cannot be used.
        """
        return flow_run_view(
            self.store.transact(lambda transaction: moving.move_in_queue(transaction, run, priority, queue))
        )

    @cached_property
    def claims(self) -> ClaimLine:
        """The workers that ask."""
        return ClaimLine(self.store, self.bus, self._after_claims)

    def _after_claims(self, served: Served) -> None:
        """Do what follows when runs of a full deployment wait, or when a run can never be started."""
        for one in served.broken:
            self.store.transact(lambda transaction, one=one: skip(transaction, [one.run], one.reason))  # type: ignore[misc]
        for collision in served.collisions:
            skip_for_collisions(self.store, collision, self.home, self.lives_here)
