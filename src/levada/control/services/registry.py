"""Every service there is, in the order in which they are listed and started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.control.services.backfiller import Backfiller
from levada.control.services.base import Described, Service
from levada.control.services.bulk_jobs import BulkJobs
from levada.control.services.home_drain import HomeDrain
from levada.control.services.late_runs import LateRuns
from levada.control.services.lease_reconciler import LeaseReconciler
from levada.control.services.limit_waiters import LimitWaiters
from levada.control.services.outbox import Outbox
from levada.control.services.pause_expiry import PauseExpiry
from levada.control.services.retention import Retention
from levada.control.services.scheduler import Scheduler
from levada.control.services.sizes import Sizes
from levada.control.services.text_index import TextIndex
from levada.control.services.worker_reconciler import WorkerReconciler
from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

SERVICES: tuple[type[Service[Any]], ...] = (
    Scheduler,
    Backfiller,
    LeaseReconciler,
    WorkerReconciler,
    HomeDrain,
    Outbox,
    LateRuns,
    PauseExpiry,
    BulkJobs,
    LimitWaiters,
    Retention,
    Sizes,
    TextIndex,
)


def make_services(plane: ControlPlane, settings: Settings) -> list[Service[Any]]:
    """All services, configured as settings say; the disabled ones are left out.

    Raises:
        ConfigurationError: `services.disabled` names one that does not exist, or a configuration makes no sense.
    """
    require_known(settings.services.disabled)
    return [kind.configured(plane, settings) for kind in SERVICES if kind.name not in settings.services.disabled]


def describe_services(plane: ControlPlane, settings: Settings) -> list[Described]:
    """Name, duty and interval of every service, and whether it runs here.

    Raises:
        ConfigurationError: a configuration makes no sense.
    """
    return [
        Described(kind.name, kind.does, kind.configured(plane, settings).config.interval, enabled=kind.name not in off)
        for off in [set(settings.services.disabled)]
        for kind in SERVICES
    ]


def require_known(names: tuple[str, ...]) -> None:
    """Do nothing when there are services of all these names.

    Raises:
        ConfigurationError: there is none of some name.
    """
    known = [kind.name for kind in SERVICES]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"There is no service {name!r}; there are {', '.join(known)} (setting `services.disabled`)."
            )
