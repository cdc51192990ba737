"""Takes lines of log into the index of their text, bit by bit (SQLite; PostgreSQL does so by itself)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.services.base import Result, Service, ServiceConfig

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

LINES_AT_ONCE = 1_000
"""Lines of one transaction: about a twentieth of a second during which other writers wait."""


class TextIndexConfig(ServiceConfig, frozen=True, kw_only=True):
    """How often lines are looked for that wait."""

    interval: float = 10.0


class TextIndex(Service[TextIndexConfig]):
    """Keeps the search for text in all logs fast; lines that wait are found as well, one by one."""

    name: ClassVar[str] = "text-index"
    does: ClassVar[str] = "Takes new lines of log into the index of their text."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, TextIndexConfig())

    def run_once(self, now: int) -> Result:
        """Take in so many lines as one transaction should."""
        with self.plane.store.read() as transaction:
            if not transaction.logs.unindexed():
                return Result()
        done = self.plane.store.transact(lambda transaction: transaction.logs.index_text(LINES_AT_ONCE))
        return Result(done=done, more=done == LINES_AT_ONCE)
