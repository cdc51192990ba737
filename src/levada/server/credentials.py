"""What a request came with, and who that is: key, password or cookie, remembered for a few seconds."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from litestar.concurrency import sync_to_thread
from msgspec import Struct

from levada.control.auth import EVERYBODY, Principal, passwords, sessions
from levada.control.auth.keys import PREFIX, digest
from levada.core.errors import NotAuthenticated, NotPermitted
from levada.server.security import SAFE_METHODS
from levada.server.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada.control import ControlPlane
    from levada.server.security import Policy

SESSION_COOKIE: Final = "levada_session"
CSRF_COOKIE: Final = "levada_csrf"
CSRF_HEADER: Final = b"x-levada-csrf"

REMEMBERED_SECONDS: Final = 5.0
"""Seconds for which an answer of the database counts: a key that another process revokes opens nothing after them."""

MOST_REMEMBERED: Final = 4096


class Credentials(Struct, frozen=True):
    """What a request came with.

    Attributes:
        kind: `none`, `key`, `password` or `session`.
        text: the key, `user:password`, or the cookie's text.
    """

    kind: str = "none"
    text: str = ""


def credentials_of(headers: Mapping[bytes, bytes]) -> Credentials:
    """What a request came with, by its headers.

    Raises:
        NotAuthenticated: it came with something that is no way to come in here.
    """
    given = headers.get(b"authorization")
    if given is not None:
        scheme, _, value = given.decode("latin-1").strip().partition(" ")
        match scheme.lower():
            case "bearer":
                return Credentials("key", value.strip())
            case "basic":
                text = passwords.from_basic(value.strip())
                if text is not None:
                    name, _, password = text.partition(":")
                    # What can only send a user and a password may send a key as either.
                    key = next((one for one in (password, name) if one.startswith(PREFIX)), None)
                    return Credentials("password", text) if key is None else Credentials("key", key)
        raise NotAuthenticated("The Authorization header is neither `Bearer KEY` nor `Basic` with user and password.")
    cookie = headers.get(b"cookie")
    if cookie is not None:
        for part in cookie.decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            if name == SESSION_COOKIE and value:
                return Credentials("session", value)
    return Credentials()


class Doorkeeper:
    """Knows who comes.

    Args:
        plane: where keys and sessions are.
        policy: whether they must be known, and the password.
        clock: seconds that only grow.
    """

    def __init__(self, plane: ControlPlane, policy: Policy, clock: Callable[[], float] = time.monotonic) -> None:
        self._plane = plane
        self._policy = policy
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._required: tuple[bool, float] | None = None
        self.throttle = Throttle(clock)
        self.seal = passwords.seal(policy.auth_string)

    async def identify(self, method: str, headers: Mapping[bytes, bytes], address: str) -> Principal | None:
        """Who asks; None when nobody said so and it is required.

        Raises:
            NotAuthenticated: what they came with opens nothing.
            NotPermitted: a page that came by its cookie did not send back its token.
            TooManyRequests: too many attempts from there failed.
        """
        credentials = credentials_of(headers)
        if credentials.kind == "none":
            return None if await self.is_required() else EVERYBODY
        principal = await self.recognise(credentials, address)
        if principal is None:
            if credentials.kind == "session":
                return None if await self.is_required() else EVERYBODY  # over, as if nobody had logged in
            raise NotAuthenticated(
                "This key is unknown, revoked or expired." if credentials.kind == "key" else "Wrong user or password."
            )
        if credentials.kind == "session" and method not in SAFE_METHODS:
            sent = headers.get(CSRF_HEADER, b"")
            if not hmac.compare_digest(sent, sessions.csrf_token(credentials.text).encode()):
                raise NotPermitted(
                    f"A page that is logged in by cookie sends the token back with every change: header "
                    f"{CSRF_HEADER.decode()}, value of the cookie {CSRF_COOKIE}."
                )
        return principal

    async def recognise(self, credentials: Credentials, address: str) -> Principal | None:
        """Who comes with these; None when they open nothing.

        Raises:
            TooManyRequests: too many attempts from there failed.
        """
        ours = digest(f"{credentials.kind} {credentials.text}")
        known = self._known.get(ours)
        if known is not None and self._clock() < known[1]:
            return known[0]
        found: Principal | None
        if credentials.kind == "password":
            self.throttle.check(address)
            found = passwords.recognise(credentials.text, self._policy.auth_string)
        elif credentials.kind == "session":
            found = await sync_to_thread(self._plane.session_principal, credentials.text, self.seal)
        elif credentials.text.startswith(PREFIX):
            found = await sync_to_thread(self._plane.key_principal, credentials.text)
        else:
            found = None
        if found is None:
            self._known.pop(ours, None)
            if credentials.kind != "session":
                # A key that is good always comes in, whoever guesses beside it: 256 bits are not guessed.
                self.throttle.check(address)
                self.throttle.failed(address)
            return None
        self._known[ours] = (found, self._clock() + REMEMBERED_SECONDS)
        self._known.move_to_end(ours)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def is_required(self) -> bool:
        """Whether everybody must be known."""
        if self._policy.required is not None:
            return self._policy.required
        if self._policy.auth_string is not None:
            return True
        if self._required is None or self._clock() >= self._required[1]:
            there_are: bool = await sync_to_thread(self._plane.has_api_keys)
            self._required = (there_are, self._clock() + REMEMBERED_SECONDS)
        return self._required[0]

    def forget(self) -> None:
        """Ask the database again: keys or sessions were made or ended here."""
        self._known.clear()
        self._required = None


def address_of(scope: Any) -> str:
    """The address that a request comes from; behind a proxy that of the proxy."""
    client = scope.get("client")
    return client[0] if client else ""
