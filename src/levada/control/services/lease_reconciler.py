"""Finds processes that went silent, and says what became of their runs.

The life of a lost process: its lease ends → some replica locks its writer and its open runs → everything it had under
way becomes Crashed with the reason and the epoch is closed → its lease is given up, its slots of concurrency limits
are taken back. One transaction per process, in which the lease is looked at again: whoever was heard of meanwhile, or
was judged by another replica, is left alone. The law is `levada.core.leases`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from msgspec.msgpack import Decoder, Encoder

from levada.control.losses import Loss, crash_what_is_open, named, open_with
from levada.control.services.base import Result, Service, ServiceConfig, store_moment
from levada.core import faults
from levada.core.leases import OUTAGE_PART, STAMP_PART, Presence, Watch, is_gone, latest_end, observe
from levada.core.states import datetime_of
from levada.store.limits import LimitTables

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings
    from levada.store.base import Transaction

ALIVE = "leases.watch"
"""Name in `meta` of the `Watch`."""

_logger = logging.getLogger(__name__)
_encode = Encoder().encode
_decode = Decoder(Watch).decode


class LeaseReconcilerConfig(ServiceConfig, frozen=True, kw_only=True):
    """How leases are watched."""

    interval: float = 2.0
    lease_seconds: float
    batch: int = 200
    """Processes of one turn."""

    @property
    def lease_us(self) -> int:
        """The length of a lease in microseconds."""
        return int(self.lease_seconds * 1e6)


class LeaseReconciler(Service[LeaseReconcilerConfig]):
    """Crashes what silent processes left open."""

    name: ClassVar[str] = "lease-reconciler"
    does: ClassVar[str] = "Finds processes that went silent and marks what they left open as Crashed."
    _begins = False

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """Leases of `leases.seconds`, looked at ten times in each, but at most every two seconds."""
        seconds = settings.leases.seconds
        return cls(plane, LeaseReconcilerConfig(interval=min(2.0, seconds / 10), lease_seconds=seconds))

    def start(self) -> None:
        """Begin with a turn, before anything is answered: after an outage everybody gets a fresh lease first."""
        if not self.running:
            self._begins = True
            self.turn()
        super().start()

    def _make_up(self, transaction: Transaction) -> None:
        """Let leases last longer by the time for which nobody has noted to be there, when that is too short an outage.

        Servers that end and begin again and again may miss every sign of life of a process without ever having been
        away for long.
        """
        transaction.lock(ALIVE)
        watch = watch_of(transaction)
        missed = 0 if watch.alive is None else transaction.now - watch.alive
        if watch.alive is not None and STAMP_PART < missed / self.config.lease_us <= OUTAGE_PART:
            transaction.execute("UPDATE writers SET expires = expires + ? WHERE expires IS NOT NULL", (missed,))
            transaction.meta.set(ALIVE, _encode(Watch(watch.alive + missed, watch.grace)))

    def moment(self) -> int:
        """By the clock of the store, which also stamps the leases; a replica's own may be wrong."""
        return store_moment(self.plane)()

    def run_once(self, now: int) -> Result:
        """Note that the control plane is there, and judge the processes whose leases have ended."""
        if self._begins:
            self.plane.store.transact(self._make_up)
            self._begins = False
        presence, expired = self._look(now)
        crashed = processes = 0
        for writer in expired:
            if self.stopping:
                break
            runs = self.plane.store.transact(partial(self._judge, writer=writer, now=now))
            if runs is not None:
                processes += 1
                crashed += runs
        return Result(
            done=processes,
            more=len(expired) == self.config.batch and processes > 0,
            counts={
                "processes_lost": processes,
                "runs_crashed": crashed,
                "outages": int(presence.absent_since is not None),
            },
        )

    def _look(self, now: int) -> tuple[Presence, list[bytes]]:
        with self.plane.store.read() as transaction:
            watch = watch_of(transaction)
            presence = observe(watch, now, self.config.lease_us)
            expired = []
            if presence.may_judge:
                rows = transaction.writers.expired(now, self.config.batch)
                expired = [writer for writer, row in rows if is_gone(row.expires, now, presence)]
            ahead = _ahead(transaction, now, self.config.lease_us)
        if presence.watch != watch or ahead:
            presence = self.plane.store.transact(lambda transaction: self._note(transaction, now))
            if not presence.may_judge:
                expired = []
        return presence, expired

    def _note(self, transaction: Transaction, now: int) -> Presence:
        """Write down that the control plane is there; after an outage also that everybody has a fresh lease."""
        transaction.lock(ALIVE)
        presence = observe(watch_of(transaction), now, self.config.lease_us)
        transaction.meta.set(ALIVE, _encode(presence.watch))
        if presence.absent_since is not None and presence.absent_since < now:
            _logger.info(
                "No control plane was there since %s; leases are judged again from %s on.",
                datetime_of(presence.absent_since),
                datetime_of(presence.watch.grace),
            )
        if presence.absent_since is not None:
            # Slots whose leases ended while nobody could renew them are still in use, as far as anybody can tell.
            LimitTables(transaction).prolong(presence.absent_since, presence.watch.grace)
        # Leases that end later than any renewal can have said are from before the clock went back.
        transaction.execute(
            "UPDATE writers SET expires = ? WHERE expires > ?",
            (now + self.config.lease_us, latest_end(now, self.config.lease_us)),
        )
        if faults.armed:
            faults.reach("control.leases.before_note")
        return presence

    def _judge(self, transaction: Transaction, *, writer: bytes, now: int) -> int | None:
        """Crash what a process left open; how many flow runs, or None when it is not gone after all."""
        opened = open_with(transaction, writer)
        transaction.lock(*sorted({writer, *opened}))
        row = transaction.writers.find(writer)
        if row is None or row.expires is None or row.expires > now:
            return None  # it was heard of, or another replica judged it, while this one looked
        silent = (now - (row.renewed or row.expires)) / 1e6
        how = f"it said nothing for {silent:.0f} seconds; its lease is {self.config.lease_seconds:g} seconds"
        loss = Loss(named(row.pid, row.host), min(now, row.renewed or row.expires), now, how, closes=True)
        runs, tasks = crash_what_is_open(transaction, writer, loss)
        transaction.writers.renew(writer, row.renewed or row.expires, None, row.host, row.pid)
        transaction.announce("commands", writer.hex())
        if faults.armed:
            faults.reach("control.leases.before_commit")
        if runs or tasks:
            _logger.warning(
                "%s is gone: %d flow runs and %d task runs of it have crashed.", loss.process, len(runs), tasks
            )
        return len(runs)


def watch_of(transaction: Transaction) -> Watch:
    """What the control plane remembers of its own presence."""
    found = transaction.meta.get(ALIVE)
    return Watch() if found is None else _decode(found)


def _ahead(transaction: Transaction, now: int, lease_us: int) -> bool:
    sql = "SELECT 1 FROM writers WHERE expires > ? LIMIT 1"
    return bool(transaction.execute(sql, (latest_end(now, lease_us),)))
