"""`get_client`: a client of the server, or else of the home, that this process uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from levada import client
from levada.client.places import plane_of
from levada.session import current, deliver
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from levada.client import LevadaClient as LevadaClient
    from levada.client import SyncLevadaClient as SyncLevadaClient
    from levada.wire.verbs import Plane

__all__ = ["LevadaClient", "SyncLevadaClient", "get_client"]


@overload
def get_client(httpx_settings: Any = None, sync_client: Literal[False] = False) -> LevadaClient: ...


@overload
def get_client(httpx_settings: Any = None, *, sync_client: Literal[True]) -> SyncLevadaClient: ...


def get_client(httpx_settings: Any = None, sync_client: bool = False) -> LevadaClient | SyncLevadaClient:
    """A client, to be used in a `with` block (`async with` for the async one).

    It asks the server that `api.url` (LEVADA_API_URL) names, and without one works on this process's home. The verbs
    are the same.

    Args:
        httpx_settings: not looked at; there for files written for other orchestrators.
        sync_client: whether verbs are called plainly; they are awaited otherwise.
    """
    del httpx_settings
    here = current()
    settings = get_current_settings()
    kind = client.SyncLevadaClient if sync_client else client.LevadaClient

    def opened() -> Plane:
        return plane_of(settings, here.home, version=__version__, deliver=lambda: deliver(here))

    return kind(here.home, here.results.load, plane=opened)


def __getattr__(name: str) -> Any:
    """The clients by name, loaded when asked for."""
    if name in {"LevadaClient", "SyncLevadaClient"}:
        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
