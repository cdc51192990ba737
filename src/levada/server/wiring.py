"""The composition root: everything a server's process consists of is made here, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from levada.control import ControlPlane
from levada.control.bus import Bus
from levada.control.services.host import ServiceHost
from levada.core.errors import StoreUnavailable
from levada.server.app import create_app
from levada.server.security import check_exposure, policy_of
from levada.server.stopping import Stopping
from levada.store.opening import open_store

if TYPE_CHECKING:
    from litestar import Litestar

    from levada.core.settings import Settings
    from levada.store.base import Store

LONGEST_PAUSE = 5.0
"""Seconds between two looks at a database that is away."""


class Built(Struct, frozen=True):
    """A server's process, ready to serve.

    Attributes:
        app: what answers.
        plane: what it asks.
        bus: what wakes streams and services.
        services: the loops; None when they run elsewhere.
        stopping: tells streams that the end is near.
    """

    app: Litestar
    plane: ControlPlane
    bus: Bus
    services: ServiceHost | None
    stopping: Stopping

    def start(self) -> None:
        """Start the services."""
        if self.services is not None:
            self.services.start()

    def close(self) -> None:
        """Stop the services and give connections up."""
        if self.services is not None:
            self.services.stop()
        self.bus.close()
        self.plane.close()


def build(
    settings: Settings,
    *,
    services: bool = True,
    ui: bool = True,
    access_log: bool = False,
    allow_unauthenticated: bool = False,
    tell: Callable[[str], object] = lambda _: None,
) -> Built:
    """Make a server.

    Args:
        settings: what it runs with; `server.host` says how far it can be reached.
        services: whether the loops run in this process.
        ui: whether it has a page.
        access_log: whether every request is logged.
        allow_unauthenticated: it was said aloud that nobody beyond this machine needs to be known.
        tell: told in a sentence what is waited for or to be warned of.

    Raises:
        ConfigurationError: it would serve the network unguarded, or the database is not one this Levada can use.
    """
    store = opened(settings, tell)
    plane = ControlPlane(settings.home, store)
    plane.leases = settings.leases
    try:
        warning = check_exposure(
            settings,
            settings.server.host,
            has_keys=plane.has_api_keys(),
            allow_unauthenticated=allow_unauthenticated,
        )
        if warning is not None:
            tell(warning)
        bus = plane.bus
        host = ServiceHost(plane, settings, bus=bus) if services else None
    except BaseException:
        plane.close()
        raise
    stopping = Stopping()
    app = create_app(
        plane,
        settings,
        policy=policy_of(settings, settings.server.host, allow_unauthenticated=allow_unauthenticated),
        services=host,
        bus=bus,
        stopping=stopping,
        ui=ui,
        access_log=access_log,
    )
    return Built(app, plane, bus, host, stopping)


@contextmanager
def services_of(settings: Settings, tell: Callable[[str], object]) -> Iterator[ServiceHost]:
    """The services of a server, running as long as the block.

    Raises:
        ConfigurationError: settings or database cannot be used.
    """
    with ControlPlane(settings.home, opened(settings, tell)) as plane, ServiceHost(plane, settings) as host:
        yield host


def opened(settings: Settings, tell: Callable[[str], object], sleep: Callable[[float], object] = time.sleep) -> Store:
    """The store, waited for as long as it is away; its schema is up to date.

    Raises:
        ConfigurationError: its address or its schema cannot be used.
    """
    pause = 0.2
    told = ""
    while True:
        try:
            store = open_store(settings.home, settings.database)
            with store.read() as transaction:
                transaction.meta.get("alive")
        except StoreUnavailable as error:
            if str(error) != told:
                told = str(error)
                tell(f"Waiting for the database: {error}")
            sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.6)
        else:
            if told:
                tell("The database is there.")
            return store
