"""Whether the server lives, whether it can work, and what it is."""

from __future__ import annotations

from litestar import get
from msgspec import Struct

from levada.server.pattern import OPEN, ThePlane
from levada.version import __version__


class Health(Struct):
    """The server answers."""

    status: str = "ok"


class Version(Struct):
    """What serves here."""

    version: str = __version__
    api: int = 1
    """Changes when an old client can no longer be understood."""


@get(
    "/api/health",
    operation_id="health",
    opt=OPEN,
    sync_to_thread=False,
    tags=["Server"],
    summary="Whether the process answers",
)
def health() -> Health:
    """Say that the process answers; the database is not asked."""
    return Health()


@get(
    "/api/ready",
    operation_id="ready",
    opt=OPEN,
    sync_to_thread=True,
    tags=["Server"],
    summary="Whether the server can work",
)
def ready(plane: ThePlane) -> Health:
    """Ask the database a word; 503 when it does not answer."""
    with plane.store.read() as transaction:
        transaction.meta.get("alive")
    return Health()


@get(
    "/api/version",
    operation_id="version",
    opt=OPEN,
    sync_to_thread=False,
    tags=["Server"],
    summary="The version of the server",
)
def version() -> Version:
    """Say which version serves."""
    return Version()
