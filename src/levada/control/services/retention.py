"""Removes what is old: rows, whole partitions, and files that nothing refers to any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from msgspec.msgpack import decode, encode

from levada.control.result_files import remove_temporary_files, remove_unreferenced
from levada.control.retention import DAY_US, Removal, cutoffs
from levada.control.services.base import Result, Service, ServiceConfig
from levada.core.settings import RetentionSettings
from levada.core.states import datetime_of

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings
    from levada.store.base import Transaction

LAST = "service:retention"
"""Where `meta` keeps when some replica last looked and what it removed, for people (`GET /api/admin/retention`)."""

_FILES_LAST = "service:retention:files"


class RetentionConfig(ServiceConfig, frozen=True, kw_only=True):
    """What is kept how long, and how gently the rest is removed."""

    interval: float = 600.0
    keep: RetentionSettings
    storage: Path | None = None
    """Folder of results that belongs to the server's own home; None when there is none to look after."""
    partitioned: bool = False
    """Whether the store is a PostgreSQL one."""
    rows: int = 1000
    """Rows of one transaction; about a tenth of a second during which others wait."""
    pause: float = 0.05
    """Seconds between two transactions."""


class Retention(Service[RetentionConfig]):
    """Removes what is older than `retention.*` says, oldest first."""

    name: ClassVar[str] = "retention"
    does: ClassVar[str] = "Removes runs, logs, events and result files that are older than the settings say."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say."""
        return cls(
            plane,
            RetentionConfig(
                keep=settings.retention,
                storage=settings.storage_path,
                partitioned=settings.database.url is not None,
            ),
        )

    def run_once(self, now: int) -> Result:
        """Remove everything that is old now; every other replica leaves it to the one that looked last."""
        if not self.config.keep.enabled or not self.plane.store.transact(lambda tables: self._is_mine(tables, now)):
            return Result()
        counts: dict[str, int] = {}
        limits = cutoffs(self.config.keep, now)
        if self.config.partitioned:
            from levada.control.partitions import (
                drop_old_partitions,
            )  # lazy: only servers on PostgreSQL have partitions

            counts.update(drop_old_partitions(self.plane.store, limits, lambda: self.stopping))
        removal = Removal(
            self.plane.store, limits, rows=self.config.rows, stopping=lambda: self.stopping, pause=self._pause
        )
        try:
            if removal.run():
                self._remove_files(now, counts)
        finally:
            for name, count in removal.counts.items():
                counts[name] = counts.get(name, 0) + count
            self._note(now, counts)
        return Result(done=sum(counts.values()), counts=counts)

    def _is_mine(self, transaction: Transaction, now: int) -> bool:
        """Whether nobody else looked within half an interval; notes that this one does."""
        transaction.lock(LAST)
        found = transaction.meta.get(LAST)
        last: dict[str, Any] = {} if found is None else decode(found)
        begun = last.get("begun")
        if begun is not None and 0 <= now - begun < self.config.interval * 5e5:
            return False
        transaction.meta.set(LAST, encode({**last, "begun": now}))
        return True

    def _note(self, now: int, counts: dict[str, int]) -> None:
        """Note what was removed; a turn that found nothing leaves the last that did in place."""

        def note(transaction: Transaction) -> None:
            found = transaction.meta.get(LAST)
            last: dict[str, Any] = {} if found is None else decode(found)
            last["at"] = datetime_of(now)
            if any(counts.values()) or "result" not in last:
                last["result"] = {**counts, "removed_at": datetime_of(now)}
            transaction.meta.set(LAST, encode(last))

        self.plane.store.transact(note)

    def _remove_files(self, now: int, counts: dict[str, int]) -> None:
        """Once a day: reading every body to see what it refers to is dear."""
        storage = self.config.storage
        if (
            storage is None
            or self.config.partitioned
            or not self.plane.store.transact(lambda tables: _due(tables, now))
        ):
            return
        seconds = now / 1e6
        counts["temporary_files"] = remove_temporary_files(storage, seconds)
        counts["result_files"] = remove_unreferenced(
            self.plane.home,
            storage,
            self.plane.store,
            seconds,
            max(self.config.keep.runs_days, self.config.keep.failed_runs_days) * DAY_US / 1e6,
            lambda: self.stopping,
        )

    def _pause(self) -> None:
        self._stopping.wait(self.config.pause)


def _due(transaction: Transaction, now: int) -> bool:
    found = transaction.meta.get(_FILES_LAST)
    if found is not None and 0 <= now - int(decode(found)) < DAY_US:
        return False
    transaction.meta.set(_FILES_LAST, encode(now))
    return True
