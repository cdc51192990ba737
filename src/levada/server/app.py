"""The application: what the server answers to, put together from a plane and settings.

`create_app` makes it; `levada.server.wiring` makes what it is given. Tests make one with a plane of their own and ask
it through `litestar.testing.TestClient`, without a process or a port.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from levada.server import docs_page, health
from levada.server.api import ROUTERS
from levada.server.problems import handle
from levada.server.rendering import Answer
from levada.server.requests import ApiRequest
from levada.version import __version__

if TYPE_CHECKING:
    from levada.control import ControlPlane
    from levada.core.settings import Settings


def create_app(
    plane: ControlPlane,
    settings: Settings,
    *,
    services: Any = None,
    ui: bool = True,
    on_startup: Sequence[Callable[..., Any]] = (),
    on_shutdown: Sequence[Callable[..., Any]] = (),
) -> Litestar:
    """The application of a server.

    Args:
        plane: what carries the verbs out; the application does not close it.
        settings: what the server runs with.
        services: the loops that run beside, for who asks about them; the application neither starts nor stops them.
        ui: whether `/` has a page.
        on_startup: called when the application starts to serve.
        on_shutdown: called when it has stopped.
    """
    with warnings.catch_warnings():
        # Written so that every Litestar 2 understands it; the newest would rather have it written for Litestar 3.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Litestar(
            route_handlers=[
                health.health,
                health.ready,
                health.version,
                docs_page.openapi,
                docs_page.docs,
                docs_page.asset,
                *([docs_page.first_page] if ui else []),
                Router("/api", route_handlers=ROUTERS),
            ],
            dependencies={
                "plane": _always(plane),
                "settings": _always(settings),
                "services": _always(services),
                "caller": Provide(_caller, sync_to_thread=False),
                "by": Provide(_by, sync_to_thread=False),
            },
            exception_handlers={Exception: handle},
            request_class=ApiRequest,
            response_class=Answer,
            request_max_body_size=settings.server.max_body_bytes,
            openapi_config=OpenAPIConfig(
                title="Levada",
                version=__version__,
                description="Runs, their states, logs, artifacts and limits. Errors are `application/problem+json`.",
                # Ours is at /api/openapi.json; the framework insists on one of its own making somewhere.
                path="/api/openapi",
                render_plugins=[JsonRenderPlugin(path="/openapi.json")],
                use_handler_docstrings=True,
            ),
            state=State({"plane": plane, "settings": settings, "services": services}),
            on_startup=list(on_startup),
            on_shutdown=list(on_shutdown),
            logging_config=None,
            debug=False,
        )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _caller(request: Request[Any, Any, Any]) -> Any:
    return request.scope["state"].get("principal")


def _by(request: Request[Any, Any, Any]) -> str:
    principal = request.scope["state"].get("principal")
    return "" if principal is None else str(principal.name)
