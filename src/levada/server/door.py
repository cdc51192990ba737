"""The door: what happens to a request before the framework sees it, and to every answer on its way out.

In this order: it gets an id; its host must be one of ours; no foreign page may have sent it; who asks is found out
(`Permitted` compares that with what the handler needs, once it is found); its body is read whole (`bodies`). Every
answer, refusals too, carries the headers of `levada.server.security`.
"""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Any, Final

from levada.control.auth import EVERYBODY
from levada.core.errors import LevadaError, NotAuthenticated, StoreUnavailable
from levada.server import bodies, problems
from levada.server.credentials import Doorkeeper, address_of
from levada.server.pattern import scope_of
from levada.server.security import HEADERS

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from levada.control.auth import Principal
    from levada.server.security import Policy

_GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FROM_STRANGERS: Final = 64 * 1024
"""Bytes that those may send of whom nothing is known: enough to log in."""
_OF_PACKING: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_ALLOWED_HEADERS: Final = b"authorization, content-type, content-encoding, last-event-id, x-levada-csrf, x-request-id"


class Door:
    """Wraps an application.

    Args:
        app: what comes next.
        policy: whom to listen to.
        keeper: knows who asks.
        most_bytes: largest body.
        access_log: called with what was asked and how it ended, when that is to be logged.
    """

    def __init__(
        self, app: ASGIApp, policy: Policy, keeper: Doorkeeper, most_bytes: int, access_log: Any = None
    ) -> None:
        self.app = app
        self.policy = policy
        self.keeper = keeper
        self.most_bytes = most_bytes
        self.access_log = access_log
        # Of its own, and seeded by the system: ids of requests need not be secret, and asking for each would cost more
        # than all the rest that is done here.
        self._dice = random.Random()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":  # type: ignore[comparison-overlap] # the framework's enum is a str
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = self._request_id(headers)
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["headers"] = headers
        method = str(scope.get("method"))
        origin = headers.get(b"origin")
        cross = origin is not None and self.policy.allows_origin(origin.decode("latin-1"))
        out = _outgoing(send, request_id, origin if cross else None)
        started = time.perf_counter()
        if self.access_log is not None:
            out = _noting(out, state)
        try:
            self.policy.check_host(headers.get(b"host"))
            if method == "OPTIONS" and cross and b"access-control-request-method" in headers:
                await _say_preflight(out)
                return
            self.policy.check_origin(method, origin, headers.get(b"sec-fetch-site"), headers.get(b"host"))
            state["principal"] = await self._identify(method, headers, scope, state)
            if method not in _WITHOUT_BODY:
                limit = self.most_bytes if state["principal"] is not None else min(self.most_bytes, _FROM_STRANGERS)
                body = await bodies.read(headers, receive, limit)
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _OF_PACKING]
                state["body"] = body
                receive = bodies.replayed(body, receive)
            await self.app(scope, receive, out)
        except bodies.GoneError:
            return  # there is nobody to answer
        except LevadaError as error:
            await _refuse(error, request_id, scope, receive, out)
        finally:
            if self.access_log is not None:
                self.access_log(scope, state, time.perf_counter() - started)

    async def _identify(
        self, method: str, headers: dict[bytes, bytes], scope: Scope, state: MutableMapping[str, Any]
    ) -> Principal | None:
        """Who asks. While the database is away nobody knows; what is open to everybody is answered all the same."""
        try:
            return await self.keeper.identify(method, headers, address_of(scope))
        except StoreUnavailable as error:
            if method not in _WITHOUT_BODY:
                raise
            state["unknown"] = error  # for those handlers that need to know
            return None

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and _GIVEN_ID.fullmatch(given):
            return given.decode("ascii")
        return f"{self._dice.getrandbits(64):016x}"


class Permitted:
    """Middleware that lets a request to a handler pass whose caller has its scope.

    Not a guard of Litestar's: for each request it would copy the handler.

    Args:
        app: what comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            NotAuthenticated: nobody said who asks.
            NotPermitted: they may not.
            StoreUnavailable: who asks cannot be found out now.
        """
        needed = scope_of(str(scope.get("method", "GET")), scope["route_handler"].opt)
        if needed is not None:
            principal = scope["state"].get("principal", EVERYBODY)
            if principal is None:
                unknown = scope["state"].get("unknown")
                if unknown is not None:
                    raise unknown
                raise NotAuthenticated(
                    "This server wants to know who asks: send `Authorization: Bearer KEY` (the setting LEVADA_API_KEY),"
                    " or user and password (LEVADA_API_AUTH_STRING). `levada server api-key create NAME` makes a key."
                )
            principal.demand(needed)
        await self.app(scope, receive, send)


def _outgoing(send: Send, request_id: str, cross: bytes | None) -> Send:
    async def out(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = [*message.get("headers", ()), *HEADERS, (b"x-request-id", request_id.encode())]
            if cross is not None:
                said += [(b"access-control-allow-origin", cross), (b"vary", b"origin")]
            message["headers"] = said
        await send(message)

    return out


def _noting(send: Send, state: MutableMapping[str, Any]) -> Send:
    async def out(message: Message) -> None:
        if message["type"] == "http.response.start":
            state["status"] = message["status"]
        await send(message)

    return out


async def _say_preflight(send: Send) -> None:
    headers = [
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(error: LevadaError, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    answer = problems.refusal(error, request_id)
    await answer(scope, receive, send)
