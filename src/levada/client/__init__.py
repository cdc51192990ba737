"""The verbs of a home: read runs, logs and artifacts, keep variables and limits, delete what is not wanted.

May import control and what lies below it; never the face or the engine: where the home is and how a recorded value is
read are passed in. `open` gives a `SyncLevadaClient`, whose verbs are plain methods; `LevadaClient` offers the same
ones to async code and runs them in threads. Each look first drains what journals have gained, so that a run is seen as
it is now. `limits` holds the slots of this process: waiting, holding, renewing, giving back.

The life of a client: made, store opened at the first verb, closed at the end of its `with` block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from levada.client.awaited import LevadaClient as LevadaClient
    from levada.client.verbs import SyncLevadaClient as SyncLevadaClient
    from levada.wire.records import Payload

__all__ = ["LevadaClient", "SyncLevadaClient", "open"]


def open(  # noqa: A001 - read as `client.open(home)`
    home: Path, decode: Callable[[Payload], Any] | None = None, *, drain: bool = True
) -> SyncLevadaClient:
    """A client of one home.

    Args:
        home: the Levada home.
        decode: reads a recorded value; without it, states of runs carry no results.
        drain: take in what journals have gained before each look.
    """
    from levada.client.verbs import SyncLevadaClient  # lazy: slots need no verbs

    return SyncLevadaClient(home, decode, drain=drain)


def __getattr__(name: str) -> Any:
    """The clients, loaded when asked for: the slots of a run need neither verbs nor a database."""
    if name == "LevadaClient":
        from levada.client.awaited import LevadaClient  # lazy: as above

        return LevadaClient
    if name == "SyncLevadaClient":
        from levada.client.verbs import SyncLevadaClient  # lazy: as above

        return SyncLevadaClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
