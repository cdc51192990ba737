"""Refuses parameters in an address that a handler does not know, instead of doing something else than was asked for."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from litestar.routes import HTTPRoute

from levada.core.errors import RequestInvalid

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import ASGIApp, Receive, Scope, Send


class Understood:
    """Middleware that lets a request pass whose parameters its handler takes.

    Args:
        app: what comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            RequestInvalid: the handler knows not all of its parameters.
        """
        query = scope.get("query_string")
        if query:
            given = {name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}
            known = _known(scope["litestar_app"]).get(id(scope["route_handler"]))
            if known is not None and not given <= known:
                raise _unknown(sorted(given - known), known)
        await self.app(scope, receive, send)


def _known(app: Litestar) -> dict[int, frozenset[str]]:
    """The parameters of each handler, by its `id`; put together when they are needed for the first time."""
    known: dict[int, frozenset[str]] | None = app.state.get("parameters")
    if known is None:
        known = {
            id(handler): frozenset(one.field_alias for one in model.expected_query_params)
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for handler, model in route.route_handler_map.values()
        }
        app.state["parameters"] = known
    return known


def _unknown(names: list[str], known: frozenset[str]) -> RequestInvalid:
    takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    near = [close for name in names for close in get_close_matches(name, known, 1)]
    meant = f" Did you mean {', '.join(near)}?" if near else ""
    return RequestInvalid(
        f"This address has no parameter {', '.join(name[:50] for name in names)}.{meant} {takes}",
        tuple((f"$.{name[:50]}", "is no parameter of this address") for name in names),
    )
