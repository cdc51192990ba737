"""A work pool in memory: what a worker's loop needs of a control plane, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from levada.core.errors import ObjectNotFound, ServerUnavailable
from levada.core.ids import uuid7_bytes
from levada.wire.deployments import Code
from levada.wire.pools import ClaimAnswer, ClaimRequest, PoolSpec, RunExit, WorkerCommand, WorkOrder, WorkPool
from levada.wire.records import Payload


def an_order(code: Path, entrypoint: str, parameters: bytes = b"{}", **more: Any) -> WorkOrder:
    """An order for a run of a flow."""
    return WorkOrder(
        run=UUID(bytes=uuid7_bytes(time.time_ns() // 1000, os.urandom(8))),
        epoch=1,
        name="a-run",
        flow_name="a-flow",
        code=Code(entrypoint=entrypoint, path=str(code)),
        parameters=Payload("json", parameters, size=len(parameters), type="dict"),
        due=datetime.now(UTC),
        **more,
    )


class PoolInMemory:
    """Gives out orders and commands, and keeps what workers report."""

    def __init__(self) -> None:
        self.pools: dict[str, PoolSpec] = {}
        self.orders: list[WorkOrder] = []
        self.commands: list[WorkerCommand] = []
        self.exits: list[RunExit] = []
        self.requests: list[ClaimRequest] = []
        self.forgotten: list[UUID] = []
        self.away = False
        self._changed = threading.Condition()

    def give(self, *orders: WorkOrder) -> None:
        """Put orders into the pool."""
        with self._changed:
            self.orders += orders
            self._changed.notify_all()

    def command(self, kind: Any, order: WorkOrder) -> None:
        """Ask the worker that has a run to do something to it."""
        with self._changed:
            self.commands.append(WorkerCommand(kind=kind, run=order.run, epoch=order.epoch))
            self._changed.notify_all()

    def _answers(self) -> None:
        if self.away:
            raise ServerUnavailable("nobody there")

    def read_work_pool(self, name: str) -> WorkPool:
        """The pool."""
        self._answers()
        if name not in self.pools:
            raise ObjectNotFound(name)
        return WorkPool(spec=self.pools[name])

    def create_work_pool(self, spec: PoolSpec) -> WorkPool:
        """Make the pool."""
        self._answers()
        self.pools[spec.name] = spec
        return WorkPool(spec=spec)

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Hand out what there is, or wait for it."""
        self._answers()
        with self._changed:
            self.requests.append(request)
            self._changed.wait_for(
                lambda: self.away or self.commands or (request.room and self.orders), min(request.wait, 1.0)
            )
            self._answers()
            taken = [] if request.draining else self.orders[: request.room]
            del self.orders[: len(taken)]
            commands, self.commands = self.commands, []
            return ClaimAnswer(orders=taken, commands=commands, pool=self.pools[pool])

    def report_exit(self, pool: str, ended: RunExit) -> None:
        """Keep how a run ended."""
        del pool
        self._answers()
        with self._changed:
            self.exits.append(ended)

    def forget_worker(self, pool: str, worker: UUID) -> None:
        """Keep that a worker has ended."""
        del pool
        self.forgotten.append(worker)

    def drain(self) -> None:
        """There is nothing to take in."""

    def exit_of(self, order: WorkOrder) -> RunExit | None:
        """How a run ended."""
        return next((one for one in self.exits if one.run == order.run), None)
