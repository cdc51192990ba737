"""Starts and stops the services of one process."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from levada.control.bus import Bus, Subscription
from levada.control.services.base import STOP_SECONDS, Service
from levada.control.services.registry import make_services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada.control.plane import ControlPlane
    from levada.core.settings import Settings

_logger = logging.getLogger(__name__)


class ServiceHost:
    """All services of a process but the disabled, each in a thread, woken by what the bus hears.

    Args:
        plane: what they work on.
        settings: how.
        bus: whose announcements wake them; one of its own unless given.
        services: which; all that settings do not disable, unless given.

    Raises:
        ConfigurationError: settings disable a service that does not exist, or make no sense.
    """

    def __init__(
        self,
        plane: ControlPlane,
        settings: Settings,
        *,
        bus: Bus | None = None,
        services: Sequence[Service[Any]] | None = None,
    ) -> None:
        self.services = list(services) if services is not None else make_services(plane, settings)
        self._own_bus = bus is None
        self.bus = bus if bus is not None else Bus(plane.store)
        self._subscriptions: list[Subscription] = []

    def start(self) -> None:
        """Start all; those that run go on."""
        if self._subscriptions:
            return
        for service in self.services:
            if service.topics:
                self._subscriptions.append(_waking(self.bus, service))
            service.start()

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop all, side by side; whether every one ended within `timeout` seconds."""
        for subscription in self._subscriptions:
            self.bus.unsubscribe(subscription)
        self._subscriptions = []
        for service in self.services:
            service.signal_stop()
        deadline = time.monotonic() + timeout
        ended = [service.stop(max(0.01, deadline - time.monotonic())) for service in self.services]
        if self._own_bus:
            self.bus.close()
        return all(ended)

    def __enter__(self) -> ServiceHost:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _waking(bus: Bus, service: Service[Any]) -> Subscription:
    # What was said does not matter to a service: it looks at the tables.
    return bus.subscribe(service.topics, service.wake, capacity=0)
