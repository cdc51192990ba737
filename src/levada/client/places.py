"""Which control plane this process asks: a server's when one is configured, the home's otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from levada.core.settings import Settings
    from levada.wire.verbs import Plane


def plane_of(
    settings: Settings,
    home: Path | None = None,
    *,
    version: str = "",
    max_retries: int | None = None,
    deliver: Callable[[], object] | None = None,
) -> Plane:
    """The control plane that settings name; opened when it is first asked.

    Args:
        settings: with `api.url` it is that server; else it works in this process, on `database.url` or on the home.
        home: another home than that of the settings.
        version: of Levada, told to a server.
        max_retries: how often a request is sent again; as settings say unless given.
        deliver: hands a server what this process has recorded and not shipped yet; called before looks.

    Raises:
        ConfigurationError: `api.url` is no address.
    """
    if settings.api.url:
        from levada.client.http import RemotePlane, Transport  # lazy: only where a server is configured

        return RemotePlane(Transport.from_settings(settings, version=version, max_retries=max_retries), deliver)
    from levada.control import ControlPlane  # lazy: where a server is configured, no database is loaded

    here = home or settings.home.expanduser()
    if settings.database.url:
        from levada.store.opening import open_store  # lazy: only where a database is named

        return ControlPlane(here, open_store(here, settings.database))
    return ControlPlane(here)
