"""What handlers are written with: what they ask for, and what they say of themselves. See the room's front door."""

from __future__ import annotations

from typing import Any, Final

from levada.control import ControlPlane
from levada.control.auth import Principal
from levada.control.services.host import ServiceHost
from levada.core.settings import Settings
from levada.server.wishes import Wishes

ThePlane = ControlPlane
"""The control plane; asked for as `plane`."""

TheWishes = Wishes
"""Has wishes about flow runs carried out, in the name of who asks; asked for as `wishes`."""

TheSettings = Settings
"""The settings the server runs with, asked for as `settings`."""

TheServices = ServiceHost | None
"""The services of this process, None when it runs none; asked for as `services`."""

TheCaller = Principal
"""Who asks; asked for as `caller`."""

By = str
"""Name of who asks, for `created_by` and states; empty when nobody needs to say. Asked for as `by`."""

READ: Final = {"scope": "read"}
"""A POST that changes nothing."""

HEAVY: Final = {"scope": "read", "gate": True}
"""Lists, counts and graphs: so few at once that they cannot slow execution."""

INGEST: Final = {"scope": "ingest"}
"""What processes that record runs ask for."""

WAITING: Final = {"scope": "ingest", "work": False}
"""What such processes ask for and may be kept waiting for: it works little, and holds nobody up."""

ADMIN: Final = {"scope": "admin"}
"""Keys, settings, and what else only operators may."""

OPEN: Final = {"scope": None}
"""For everybody, known or not."""


def scope_of(method: str, opt: dict[str, Any]) -> str | None:
    """The scope that a request to a handler needs; None when it needs none."""
    scope: str | None = opt.get("scope", "read" if method in {"GET", "HEAD"} else "write")
    return scope


def is_work(method: str, opt: dict[str, Any]) -> bool:
    """Whether a request to a handler goes ahead of waiting reads: it takes records in, or changes something."""
    ahead: bool = opt.get("work", scope_of(method, opt) in {"write", "ingest"})
    return ahead
