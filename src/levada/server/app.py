"""The application: what the server answers to, put together from a plane and settings.

`create_app` makes it; `levada.server.wiring` makes what it is given. Tests make one with a plane of their own and ask
it through `litestar.testing.TestClient`, without a process or a port.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.core import MsgspecDIPlugin

from levada.control.auth import EVERYBODY
from levada.control.streaming import Feeds
from levada.server import docs_page, health, metrics, session, streams
from levada.server.api import ROUTERS
from levada.server.credentials import Doorkeeper
from levada.server.door import Door, Permitted
from levada.server.gate import Gate, gated
from levada.server.page import Page
from levada.server.parameters import Understood
from levada.server.problems import handle
from levada.server.rendering import Answer
from levada.server.requests import ApiRequest
from levada.server.stopping import Stopping
from levada.server.wishes import Desk, Wishes
from levada.server.words import Words
from levada.version import __version__

if TYPE_CHECKING:
    from levada.control import ControlPlane
    from levada.core.settings import Settings
    from levada.server.security import Policy

_access = logging.getLogger("levada.server.access")


class _Application(Litestar):
    """Litestar without what it brings along for Pydantic: we have no such models, and loading it takes 0.2 s."""

    @staticmethod
    def _get_default_plugins(plugins: list[Any]) -> list[Any]:
        return [*plugins, MsgspecDIPlugin()]


def create_app(
    plane: ControlPlane,
    settings: Settings,
    *,
    policy: Policy | None = None,
    services: Any = None,
    bus: Any = None,
    stopping: Stopping | None = None,
    ui: bool = True,
    access_log: bool = False,
    on_startup: Sequence[Callable[..., Any]] = (),
    on_shutdown: Sequence[Callable[..., Any]] = (),
) -> Litestar:
    """The application of a server.

    Args:
        plane: what carries the verbs out; the application does not close it.
        settings: what the server runs with.
        policy: whom to listen to; without one to everybody, by any name: for tests of what lies behind the door.
        services: the loops that run beside, for who asks about them; the application neither starts nor stops them.
        bus: where streams hear that something happened.
        stopping: tells streams that the end is near.
        ui: whether `/` has a page.
        access_log: whether every request is logged, at level INFO under `levada.server.access`.
        on_startup: called when the application starts to serve.
        on_shutdown: called when it has stopped.
    """
    gate = Gate(settings.server.concurrent_reads)
    keeper = None if policy is None else Doorkeeper(plane, policy)
    stopping = stopping or Stopping()
    feeds = Feeds(plane, bus)
    stopping.when(feeds.close)
    words = Words(bus)
    stopping.when(words.close)
    stopping.when(plane.claims.end)
    measured = metrics.Metrics(plane, services, feeds, gate)
    with warnings.catch_warnings():
        # Written so that every Litestar 2 understands it; the newest would rather have it written for Litestar 3.
        warnings.simplefilter("ignore", DeprecationWarning)
        app = _Application(
            route_handlers=[
                health.health,
                health.ready,
                health.version,
                docs_page.openapi,
                docs_page.docs,
                docs_page.asset,
                Router("/api", route_handlers=[*ROUTERS, session.router, streams.router, metrics.router]),
            ],
            dependencies={
                "plane": _always(plane),
                "wishes": _wishes_at(Desk(plane)),
                "settings": _always(settings),
                "services": _always(services),
                "caller": Provide(_caller, sync_to_thread=False),
                "by": Provide(_by, sync_to_thread=False),
            },
            middleware=[metrics.metered(measured), Permitted, Understood, gated(gate)],
            exception_handlers={Exception: handle},
            request_class=ApiRequest,
            response_class=Answer,
            request_max_body_size=settings.server.max_body_bytes,
            openapi_config=_openapi_config(),
            state=State(
                {
                    "plane": plane,
                    "settings": settings,
                    "services": services,
                    "bus": bus,
                    "stopping": stopping,
                    "feeds": feeds,
                    "words": words,
                    "metrics": measured,
                    "gate": gate,
                    "keeper": keeper,
                }
            ),
            on_startup=[words.listen, *on_startup],
            on_shutdown=list(on_shutdown),
            logging_config=None,
            debug=False,
        )
    if ui:
        app.asgi_handler = Page(app.asgi_handler)
    if policy is not None and keeper is not None:
        # Around everything: addresses that nobody answers, and what goes wrong before a handler is found.
        app.asgi_handler = Door(
            app.asgi_handler, policy, keeper, settings.server.max_body_bytes, _log_access if access_log else None
        )
    return app


def _openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Levada",
        version=__version__,
        description="Runs, their states, logs, artifacts and limits. Errors are `application/problem+json`.",
        # Ours is at /api/openapi.json; the framework insists on one of its own making somewhere.
        path="/api/openapi",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
    )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _caller(request: Request[Any, Any, Any]) -> Any:
    return request.scope["state"].get("principal") or EVERYBODY


def _by(request: Request[Any, Any, Any]) -> str:
    principal = request.scope["state"].get("principal")
    return "" if principal is None else str(principal.name)


def _wishes_at(desk: Desk) -> Provide:
    def wishes(request: Request[Any, Any, Any]) -> Wishes:
        # One dependency and not three: where there are several Litestar makes a task for each, which costs more.
        return Wishes(desk, request, _by(request))

    return Provide(wishes, sync_to_thread=False)


def _log_access(scope: Any, state: Any, seconds: float) -> None:
    principal = state.get("principal")
    _access.info(
        "%s %s %s %.1f ms by %s from %s (request %s)",
        scope["method"],
        scope["path"],
        state.get("status", "-"),
        seconds * 1000,
        getattr(principal, "name", "") or "-",
        (scope.get("client") or ["-"])[0],
        state.get("request_id"),
    )
