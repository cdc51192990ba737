"""Logging in with a browser: ``/api/session``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from litestar import Request, Router, delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from msgspec import Struct

from levada.control.auth import Principal, sessions
from levada.core.errors import NotAuthenticated
from levada.server.api.answers import answers
from levada.server.credentials import CSRF_COOKIE, SESSION_COOKIE, Credentials, Doorkeeper, address_of
from levada.server.pattern import OPEN, ThePlane
from levada.server.rendering import Answer


class Login(Struct, omit_defaults=True):
    """What somebody logs in with: a key, or user and password."""

    key: str | None = None
    user: str = ""
    password: str | None = None


class SessionView(Struct, omit_defaults=True):
    """Who asks.

    Attributes:
        known: whether they are known; False where it is required and they have not said.
        name: their name, or that of their key; empty for those who need not say.
        kind: `anonymous`, `key`, `password` or `session`.
        scopes: what they may.
        csrf: what a page sends back in the header `X-Levada-CSRF` with every change; only right after logging in.
        expires: when to log in again; only right after logging in.
    """

    known: bool
    name: str = ""
    kind: str = "anonymous"
    scopes: list[str] = []
    csrf: str | None = None
    expires: datetime | None = None


@get(
    "/",
    operation_id="read_session",
    opt=OPEN,
    summary="Who am I",
    responses=answers(200, "Who asks, as the server knows them.", SessionView),
    sync_to_thread=False,
)
def read_session(request: Request[Any, Any, Any]) -> SessionView:
    """Say who asks and what they may; also to those who still have to log in."""
    state = request.scope["state"]
    if state.get("unknown") is not None:
        raise state["unknown"]  # whoever is logged in shall not be shown the way in
    principal = state.get("principal")
    return SessionView(known=False) if principal is None else _view(principal)


@post(
    "/",
    operation_id="begin_session",
    opt=OPEN,
    summary="Log in",
    status_code=201,
    responses=answers(201, "Who that is; the cookies are set.", SessionView),
)
async def begin_session(request: Request[Any, Any, Any], plane: ThePlane, data: Login) -> Answer:
    """Log in with an API key, or with user and password, for twelve hours.

    The cookie of the session cannot be read by scripts; a second one holds the token that a page sends back in the
    header `X-Levada-CSRF` with every change.
    """
    keeper: Doorkeeper | None = request.app.state.get("keeper")
    given = Credentials("key", data.key) if data.key else Credentials("password", f"{data.user}:{data.password or ''}")
    principal = None if keeper is None else await keeper.recognise(given, address_of(request.scope))
    if keeper is None or principal is None:
        raise NotAuthenticated("This key, or this user and password, opens nothing.")
    token = await sync_to_thread(plane.begin_session, principal, keeper.seal)
    view = _view(principal, sessions.csrf_token(token))
    return Answer(view, status_code=201, cookies=_cookies(request, token, sessions.LIFETIME_SECONDS))


@delete(
    "/",
    operation_id="end_session",
    opt=OPEN,
    summary="Log out",
    status_code=200,
    responses=answers(200, "The session is over, if there was one; the cookies are gone.", SessionView),
)
async def end_session(request: Request[Any, Any, Any], plane: ThePlane) -> Answer:
    """Log out: the cookie opens nothing any more."""
    token = request.cookies.get(SESSION_COOKIE)
    keeper: Doorkeeper | None = request.app.state.get("keeper")
    if token:
        await sync_to_thread(plane.end_session, token)
        if keeper is not None:
            keeper.forget()
    return Answer(SessionView(known=False), cookies=_cookies(request, "", 0))


router: Final = Router("/session", route_handlers=[read_session, begin_session, end_session], tags=["Session"])


def _view(principal: Principal, csrf: str | None = None) -> SessionView:
    expires = None if csrf is None else datetime.now(UTC) + timedelta(seconds=sessions.LIFETIME_SECONDS)
    return SessionView(True, principal.name, principal.kind, sorted(principal.scopes), csrf, expires)


def _cookies(request: Request[Any, Any, Any], token: str, seconds: int) -> list[Cookie]:
    secure = request.url.scheme == "https"
    csrf = sessions.csrf_token(token) if token else ""
    return [
        Cookie(SESSION_COOKIE, "/", token, seconds, httponly=True, samesite="strict", secure=secure),
        Cookie(CSRF_COOKIE, "/", csrf, seconds, httponly=False, samesite="strict", secure=secure),
    ]
