"""Works off what people ask to be done with many runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from levada.control.bulk import work_bulk
from levada.control.services.base import Result, Service, ServiceConfig

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings


class BulkJobsConfig(ServiceConfig, frozen=True, kw_only=True):
    """How much is done at once."""

    interval: float = 2.0
    slice: int = 50
    """Runs of one turn; another replica may take the next."""


class BulkJobs(Service[BulkJobsConfig]):
    """Takes one slice of the oldest job; `levada.control.bulk` tells the rest."""

    name: ClassVar[str] = "bulk-jobs"
    does: ClassVar[str] = "Works off actions on many runs, bit by bit."
    topics: ClassVar[frozenset[str]] = frozenset({"bulk"})

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """The service as settings say; there is nothing to set."""
        return cls(plane, BulkJobsConfig())

    def run_once(self, now: int) -> Result:
        """Work on one slice of one job."""
        with self.plane.store.read() as transaction:
            if not transaction.execute("SELECT 1 FROM bulk_jobs WHERE state = 'running' LIMIT 1"):
                return Result()  # the writing transaction of a claim is spared
        worked = work_bulk(self.plane, self.plane.store, self.config.slice)
        return Result(
            done=worked.done, more=worked.more, counts={"runs_done": worked.done, "runs_skipped": worked.skipped}
        )
