"""Watches how large the tables are, so that people see a disk fill up before it is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from msgspec.msgpack import Encoder

from levada.control.services.base import Result, Service, ServiceConfig
from levada.core.states import datetime_of
from levada.wire.objects import TableSize

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

LAST = "service:sizes"
"""Where `meta` keeps the sizes that were seen last: `{"at": …, "tables": […], "bytes": …}`."""

_encode = Encoder().encode


class SizesConfig(ServiceConfig, frozen=True, kw_only=True):
    """How often tables are looked at."""

    interval: float = 180.0


class Sizes(Service[SizesConfig]):
    """Notes bytes and rows of every table; the figures become metrics."""

    name: ClassVar[str] = "sizes"
    does: ClassVar[str] = "Notes how large the tables of the database are."

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, SizesConfig())

    def __init__(self, plane: ControlPlane, config: SizesConfig) -> None:
        super().__init__(plane, config)
        self.tables: list[TableSize] = []
        """As seen last by this process; what metrics show."""

    def run_once(self, now: int) -> Result:
        """Look at every table."""
        self.tables = self.plane.store.table_sizes()
        total = sum(table.bytes for table in self.tables)
        seen = _encode({"at": datetime_of(now), "bytes": total, "tables": self.tables})
        self.plane.store.transact(lambda transaction: transaction.meta.set(LAST, seen))
        return Result(done=len(self.tables))
