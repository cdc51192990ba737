"""Work pools, queues and workers over HTTP; see `levada.wire.verbs.Work`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from levada.core.ids import as_uuid
from levada.wire.objects import FlowRun
from levada.wire.paths import segment
from levada.wire.pools import (
    ClaimAnswer,
    ClaimRequest,
    PoolChange,
    PoolSpec,
    QueueChange,
    QueueSpec,
    RunExit,
    Worker,
    WorkPool,
    WorkQueue,
)
from levada.wire.requests import Move

if TYPE_CHECKING:
    from levada.client.http.transport import Transport


ANSWER_SECONDS = 4.0
"""How long a server may take to answer who asks for runs, over the time for which it was told to wait."""


def pool_path(pool: str) -> str:
    """The path of a work pool."""
    return f"/work_pools/{segment(pool)}"


def queue_path(pool: str, queue: str) -> str:
    """The path of a queue."""
    return f"{pool_path(pool)}/queues/{segment(queue)}"


class RemoteWork:
    """The verbs of pools, queues and workers."""

    transport: Transport

    def create_work_pool(self, spec: PoolSpec) -> WorkPool:
        """Make a pool."""
        return self.transport.ask("POST", "/work_pools", WorkPool, body=spec, once=True)

    def read_work_pool(self, name: str) -> WorkPool:
        """One pool."""
        return self.transport.ask("GET", pool_path(name), WorkPool)

    def read_work_pools(self) -> list[WorkPool]:
        """Every pool, by name."""
        return self.transport.ask("GET", "/work_pools", list[WorkPool])

    def change_work_pool(self, name: str, change: PoolChange) -> WorkPool:
        """Change a pool."""
        return self.transport.ask("PATCH", pool_path(name), WorkPool, body=change)

    def delete_work_pool(self, name: str) -> None:
        """Delete a pool."""
        self.transport.ask("DELETE", pool_path(name), once=True)

    def create_work_queue(self, pool: str, spec: QueueSpec) -> WorkQueue:
        """Make a queue."""
        return self.transport.ask("POST", f"{pool_path(pool)}/queues", WorkQueue, body=spec, once=True)

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        """One queue."""
        return self.transport.ask("GET", queue_path(pool, name), WorkQueue)

    def change_work_queue(self, pool: str, name: str, change: QueueChange) -> WorkQueue:
        """Change a queue."""
        return self.transport.ask("PATCH", queue_path(pool, name), WorkQueue, body=change)

    def delete_work_queue(self, pool: str, name: str) -> None:
        """Delete a queue."""
        self.transport.ask("DELETE", queue_path(pool, name), once=True)

    def read_workers(self, pool: str | None = None) -> list[Worker]:
        """Workers, by pool and name."""
        return self.transport.ask("GET", "/workers", list[Worker], query={"pool": pool})

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Runs for a worker; asked once: those of an answer that was lost are given to others."""
        silence = request.wait + ANSWER_SECONDS
        return self.transport.ask(
            "POST", f"{pool_path(pool)}/claim", ClaimAnswer, body=request, once=True, silence=silence
        )

    def report_exit(self, pool: str, ended: RunExit) -> None:
        """Say how the process of a run ended."""
        self.transport.ask("POST", f"{pool_path(pool)}/exits", body=ended)

    def forget_worker(self, pool: str, worker: UUID) -> None:
        """Say that a worker has ended."""
        self.transport.ask("DELETE", f"{pool_path(pool)}/workers/{worker}")

    def queued_runs(self, pool: str, queue: str | None = None, limit: int = 200) -> list[FlowRun]:
        """Runs that wait, in their order."""
        query = {"queue": queue, "limit": limit}
        return self.transport.ask("GET", f"{pool_path(pool)}/queued", list[FlowRun], query=query)

    def move_in_queue(self, run: UUID | bytes | str, priority: int | None = None, queue: str | None = None) -> FlowRun:
        """Give a run that waits another priority or queue."""
        name = segment(str(as_uuid(run)) if isinstance(run, bytes) else str(run))
        return self.transport.ask("POST", f"/flow_runs/{name}/move", FlowRun, body=Move(priority, queue))
