"""Keeps queues sound: gives back what workers that are gone had not begun, skips what came too late, tidies up."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from levada.control import tending
from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.control.services.lease_reconciler import watch_of
from levada.control.skipping import skip_for_collisions
from levada.store.sql.work import LaneBody, WorkTables

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class WorkerReconcilerConfig(ServiceConfig, frozen=True, kw_only=True):
    """How queues are looked after."""

    interval: float = 2.0
    batch: int = 500
    """Runs of one transaction."""
    tidy_seconds: float = 30.0
    """Between two looks for lanes without runs; one that was empty at two of them is removed."""
    forget_seconds: float = 86_400.0
    """A worker that was silent for so long is forgotten."""


class WorkerReconciler(Service[WorkerReconcilerConfig]):
    """Runs claimed and not begun by workers that are gone wait again; what is begun has a lease of its own."""

    name: ClassVar[str] = "worker-reconciler"
    does: ClassVar[str] = "Gives runs to others whose workers are gone, skips those that are too late, tidies queues."
    topics: ClassVar[frozenset[str]] = frozenset({"limits"})

    def __init__(self, plane: ControlPlane, config: WorkerReconcilerConfig) -> None:
        super().__init__(plane, config)
        self._known: dict[bytes, tending.Ruled] = {}
        self._empty: dict[bytes, LaneBody] = {}
        self._removed: dict[bytes, LaneBody] = {}
        self._walked = b""
        self._tidied = float("-inf")

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, WorkerReconcilerConfig(gap=0.5))

    def moment(self) -> int:
        """By the clock of the store, which also stamps when workers asked."""
        return store_moment(self.plane)()

    def run_once(self, now: int) -> Result:
        """Look after everything once."""
        store = self.plane.store
        with store.read() as transaction:
            may_judge = now >= watch_of(transaction).grace  # after an outage everybody may speak first
            changed = tending.changed_tags(transaction)
            rules = tending.deployments_with_rules(transaction, self._known)
        back = 0
        if may_judge:
            back = store.transact(lambda transaction: tending.give_back_lost(transaction, now, self.config.batch))
        moved = tending.relane(store, changed, self.config.batch) if changed else 0
        skipped = sum(self._rule(one, now) for one in rules if not self.stopping)
        cleared = self._clear()
        self._tidy(now)
        return Result(
            done=back + skipped + cleared + moved,
            more=back == self.config.batch,
            counts={"given_back": back, "skipped": skipped, "cleared": cleared},
        )

    def _rule(self, one: tending.Ruled, now: int) -> int:
        """Skip, or stop, what the rules of a deployment say."""
        store = self.plane.store
        late = 0
        with store.read() as transaction:
            has_late = one.start_deadline is not None and WorkTables(transaction).passed_deadline(
                one.id, now - int(one.start_deadline * 1e6), 1
            )
            collision = tending.collision_of(transaction, one, now)
        if has_late:
            late = store.transact(partial(tending.skip_late, one=one, now=now, limit=self.config.batch))
        if collision is not None:
            late += skip_for_collisions(store, collision, self.plane.home, self.plane.lives_here)
        return late

    def _clear(self) -> int:
        """Remove rows of runs that have ended: of those that were taken all are looked at, of the rest a part."""
        store = self.plane.store
        with store.read() as transaction:
            tables = WorkTables(transaction)
            rows = tables.walk(self._walked, self.config.batch)
            self._walked = rows[-1].run if len(rows) == self.config.batch else b""
            over = tables.ended_among(list({*tables.held_runs(), *(row.run for row in rows)}))
        return store.transact(lambda transaction: tending.clear_ended(transaction, over)) if over else 0

    def _tidy(self, now: int) -> None:
        """Remove lanes that stay without runs, and forget workers that stay away."""
        if time.monotonic() - self._tidied < self.config.tidy_seconds:
            return
        self._tidied = time.monotonic()
        store = self.plane.store
        if self._removed:
            removed, self._removed = self._removed, {}
            store.transact(lambda transaction: tending.restore_lanes(transaction, removed))
        with store.read() as transaction:
            empty = tending.empty_lanes(transaction)
        again = {key: body for key, body in empty.items() if key in self._empty}
        self._empty = {key: body for key, body in empty.items() if key not in again}
        if again:
            self._removed = store.transact(lambda transaction: tending.remove_lanes(transaction, again))
        before = now - int(self.config.forget_seconds * 1e6)
        store.transact(lambda transaction: WorkTables(transaction).forget_workers(before))
