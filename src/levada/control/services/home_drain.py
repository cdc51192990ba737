"""Takes the journals of the server's own home in as they grow, so that runs beside the server are seen at once.

Several times a second it compares names, sizes and times of the journals' files with those of the last look, which
costs next to nothing, and drains when something is new. Journals that are for a server elsewhere are left alone, and
so is a home whose rows are in another database than this server's: two readers would tear a journal apart.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.base import DATABASE
from levada.control.drain import drain
from levada.control.services.base import Result, Service, ServiceConfig
from levada.journal.layout import DESTINATION, LOCK, is_locked, segment_number, trusted_roots
from levada.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

Sight = dict[str, tuple[tuple[str, int, int], ...]]


class HomeDrainConfig(ServiceConfig, frozen=True, kw_only=True):
    """How often the home is looked at."""

    interval: float = 0.3


class HomeDrain(Service[HomeDrainConfig]):
    """Drains the server's own home, live."""

    name: ClassVar[str] = "home-drain"
    does: ClassVar[str] = "Takes in what processes on this machine record into the server's own home."

    def __init__(self, plane: ControlPlane, config: HomeDrainConfig) -> None:
        super().__init__(plane, config)
        self._seen: Sight | None = None

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, HomeDrainConfig())

    @property
    def applies(self) -> bool:
        """Whether the rows of this home are in the store of this server."""
        store = self.plane.store
        return isinstance(store, SqliteStore) and store.path.absolute() == (self.plane.home / DATABASE).absolute()

    def run_once(self, now: int) -> Result:
        """Drain when a journal has grown, appeared, or lost its process."""
        if not self.applies:
            return Result(next_in=None)
        seen = look(self.plane.home)
        if seen == self._seen:
            return Result()
        report = drain(self.plane.home, self.plane.store, lambda: now)
        # What was seen before the drain counts: what came during it is drained again.
        self._seen = seen
        return Result(
            done=report.records,
            counts={
                "records": report.records,
                "runs_crashed": len(report.crashed_flow_runs),
                "problems": len(report.problems),
            },
        )


def look(home: Path) -> Sight:
    """What tells that a journal has news: names, sizes and times of its segments, and whether its process lives."""
    seen: Sight = {}
    for root in trusted_roots(home):
        try:
            names = os.listdir(root)
        except FileNotFoundError:
            continue  # nobody recorded anything here yet
        for name in names:
            path = root / name
            if len(name) == 32 and not (path / DESTINATION).exists():
                seen[f"{root}/{name}"] = _files(path)
    return seen


def _files(path: Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    try:
        for entry in os.scandir(path):
            if segment_number(entry.name) is not None:
                stat = entry.stat()
                found.append((entry.name, stat.st_size, stat.st_mtime_ns))
        found.append((LOCK, int(is_locked(path)), 0))
    except FileNotFoundError:
        return ()  # drained and removed by somebody else at this moment
    return tuple(sorted(found))
