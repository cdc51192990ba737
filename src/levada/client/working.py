"""The verbs of `SyncLevadaClient` about work pools, queues and workers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec.structs import replace

from levada.wire.objects import FlowRun
from levada.wire.pools import PoolChange, PoolSpec, QueueChange, QueueSpec, Worker, WorkPool, WorkQueue
from levada.wire.verbs import Plane


class WorkingVerbs:
    """Verbs about where runs are executed; the same on a home and on a server."""

    def _look(self) -> Plane:
        raise NotImplementedError

    def create_work_pool(self, spec: PoolSpec | str, /, **fields: Any) -> WorkPool:
        """Make a work pool; fields as in `levada.wire.pools.PoolSpec`.

        Raises:
            ObjectAlreadyExists: there is one of this name.
            RequestInvalid: something in it cannot be used.
        """
        given = PoolSpec(name=spec) if isinstance(spec, str) else spec
        return self._look().create_work_pool(replace(given, **fields))

    def read_work_pool(self, name: str) -> WorkPool:
        """One work pool.

        Raises:
            ObjectNotFound: there is none of this name.
        """
        return self._look().read_work_pool(name)

    def read_work_pools(self) -> list[WorkPool]:
        """Every work pool, by name."""
        return self._look().read_work_pools()

    def update_work_pool(self, name: str, change: PoolChange | None = None, /, **fields: Any) -> WorkPool:
        """Change some of a work pool; fields as in `levada.wire.pools.PoolChange`.

        Raises:
            ObjectNotFound: there is none of this name.
            RequestInvalid: something cannot be used.
        """
        asked = PoolChange() if change is None else change
        return self._look().change_work_pool(name, replace(asked, **fields))

    def delete_work_pool(self, name: str) -> None:
        """Delete a work pool with its queues.

        Raises:
            ObjectNotFound: there is none of this name.
            RequestInvalid: deployments use it, or runs of it have not ended.
        """
        self._look().delete_work_pool(name)

    def create_work_queue(self, name: QueueSpec | str, work_pool_name: str, /, **fields: Any) -> WorkQueue:
        """Make a queue of a work pool; fields as in `levada.wire.pools.QueueSpec`.

        Raises:
            ObjectNotFound: there is no such pool.
            ObjectAlreadyExists: it has a queue of this name.
            RequestInvalid: something in it cannot be used.
        """
        given = QueueSpec(name=name) if isinstance(name, str) else name
        return self._look().create_work_queue(work_pool_name, replace(given, **fields))

    def read_work_queue(self, name: str, work_pool_name: str) -> WorkQueue:
        """One queue of a work pool.

        Raises:
            ObjectNotFound: there is no such pool or queue.
        """
        return self._look().read_work_queue(work_pool_name, name)

    def read_work_queues(self, work_pool_name: str) -> list[WorkQueue]:
        """The queues of a work pool, in the order in which they are served.

        Raises:
            ObjectNotFound: there is no such pool.
        """
        return self._look().read_work_pool(work_pool_name).queues

    def update_work_queue(
        self, name: str, work_pool_name: str, change: QueueChange | None = None, /, **fields: Any
    ) -> WorkQueue:
        """Change some of a queue; fields as in `levada.wire.pools.QueueChange`.

        Raises:
            ObjectNotFound: there is no such pool or queue.
            RequestInvalid: something cannot be used.
        """
        asked = QueueChange() if change is None else change
        return self._look().change_work_queue(work_pool_name, name, replace(asked, **fields))

    def delete_work_queue(self, name: str, work_pool_name: str) -> None:
        """Delete a queue; its runs go to the default queue of the pool.

        Raises:
            ObjectNotFound: there is no such pool or queue.
            RequestInvalid: it is the default queue.
        """
        self._look().delete_work_queue(work_pool_name, name)

    def read_workers(self, work_pool_name: str | None = None) -> list[Worker]:
        """Workers by pool and name, with the runs that they have."""
        return self._look().read_workers(work_pool_name)

    def read_queued_runs(
        self, work_pool_name: str, work_queue_name: str | None = None, limit: int = 200
    ) -> list[FlowRun]:
        """Runs that wait, in the order in which they would be taken.

        Raises:
            ObjectNotFound: there is no such pool or queue.
        """
        return self._look().queued_runs(work_pool_name, work_queue_name, limit)

    def move_flow_run(
        self, flow_run_id: UUID | str, priority: int | None = None, work_queue_name: str | None = None
    ) -> FlowRun:
        """Give a run that waits another priority, or put it into another queue of its pool.

        Raises:
            ObjectNotFound: there is no such run or queue.
            RequestInvalid: it does not wait in a pool.
        """
        return self._look().move_in_queue(flow_run_id, priority, work_queue_name)
