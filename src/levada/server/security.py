"""Whom the server listens to: addresses, names, origins. Pure; `levada.server.door` applies it."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from levada.core.errors import ConfigurationError, NotPermitted

if TYPE_CHECKING:
    from levada.core.settings import Settings

HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"; ".join(
            (
                b"default-src 'none'",
                b"script-src 'self'",
                b"style-src 'self' 'unsafe-inline'",
                b"img-src 'self' data: https: http:",  # of artifacts, which name their images by address
                b"font-src 'self'",
                b"connect-src 'self'",
                b"form-action 'self'",
                b"base-uri 'none'",
                b"frame-ancestors 'none'",
            )
        ),
    ),
)
"""What every answer says to browsers: nothing from elsewhere, in nobody's frame. The page of the API styles itself."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


class Policy(Struct, frozen=True):
    """Whom the server listens to.

    Attributes:
        required: whether everybody must be known; None when only once there is a password or a key.
        auth_string: `user:password` that opens everything.
        hosts: names by which it may be asked, in lower case; `*` is all.
        any_address: whether it may be asked by any bare IP address: it listens beyond this machine.
        origins: web origins whose pages may ask.
    """

    required: bool | None = None
    auth_string: str | None = None
    hosts: frozenset[str] = frozenset()
    any_address: bool = False
    origins: frozenset[str] = frozenset()

    def check_host(self, host: bytes | None) -> None:
        """Let a request pass whose `Host` is one of ours.

        A page that was loaded under a foreign name which now resolves to our address (DNS rebinding) would otherwise
        count as ours for the browser.

        Raises:
            NotPermitted: it is not; the message says how to allow it.
        """
        name = host_name(host.decode("latin-1")) if host is not None else ""
        if not name or name in self.hosts or "*" in self.hosts or is_loopback(name):
            return
        if self.any_address and _address(name) is not None:
            return
        raise NotPermitted(
            f"This server is not asked by the name {name!r}. If that is its name, allow it: "
            f"LEVADA_SERVER_ALLOWED_HOSTS={name} for the server (setting server.allowed_hosts)."
        )

    def check_origin(self, method: str, origin: bytes | None, site: bytes | None, host: bytes | None) -> None:
        """Let a request pass that no foreign page made a browser send.

        Raises:
            NotPermitted: the browser says that it comes from elsewhere.
        """
        if method in SAFE_METHODS:
            return
        if origin is None:
            foreign = site in {b"cross-site", b"same-site"}
            named = "another site"
        else:
            named = origin.decode("latin-1")
            own = host is not None and _netloc(named) == host.decode("latin-1").lower()
            foreign = not own and not self.allows_origin(named)
        if foreign:
            raise NotPermitted(
                f"A page of {named} may not change anything here. If it should, allow it: setting server.cors_origins."
            )

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of a foreign origin may ask."""
        return origin.rstrip("/").lower() in self.origins


def policy_of(settings: Settings, host: str, *, allow_unauthenticated: bool = False) -> Policy:
    """The policy of a server.

    Args:
        settings: what it runs with.
        host: the address it listens on.
        allow_unauthenticated: it was said aloud that nobody beyond this machine needs to be known.
    """
    server = settings.server
    beyond = not is_loopback(host)
    required: bool | None = {"required": True, "off": False, "auto": None}[server.auth]
    if beyond and required is None:
        # Not "once there is a key": when the last key is revoked, the network must not be let in.
        required = not allow_unauthenticated
    own = {host.lower(), socket.gethostname().lower()} if beyond else {host.lower()}
    return Policy(
        required=required,
        auth_string=server.auth_string,
        hosts=frozenset({*own, *(name.lower() for name in server.allowed_hosts)}),
        any_address=beyond,
        origins=frozenset(origin.rstrip("/").lower() for origin in server.cors_origins),
    )


def check_exposure(settings: Settings, host: str, *, has_keys: bool, allow_unauthenticated: bool) -> str | None:
    """Refuse to serve the network unguarded; what to warn of, if anything.

    Raises:
        ConfigurationError: the server would listen beyond this machine, and nothing guards it; or the password has
            no `:`; or everybody must be known and nobody can be.
    """
    server = settings.server
    if server.auth_string is not None and ":" not in server.auth_string:
        raise ConfigurationError("server.auth_string is `user:password`; there is no `:` in it.")
    guarded = server.auth_string is not None or has_keys
    if server.auth == "required" and not guarded:
        raise ConfigurationError(
            "server.auth is `required`, but nobody could come in: set server.auth_string, or make a key with "
            "`levada server api-key create NAME`."
        )
    if is_loopback(host):
        return None
    open_to_all = (server.auth == "off" or not guarded) and not allow_unauthenticated
    if open_to_all:
        raise ConfigurationError(
            f"The server would listen on {host}, beyond this machine, and ask nobody who they are. Make a key "
            "(`levada server api-key create NAME`) or set server.auth_string"
            + (", and do not switch server.auth off" if server.auth == "off" else "")
            + ". Or say that it is meant: --allow-unauthenticated."
        )
    if server.auth == "off" or not guarded:
        return (
            f"WARNING: the server listens on {host} and asks nobody who they are. Everybody who reaches it can read "
            "and change everything."
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine alone."""
    name = host.lower()
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def host_name(header: str) -> str:
    """The name in a `Host` header, without its port, in lower case; empty when there is none."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, rest = text.rpartition(":")
    return name if colon and rest.isdigit() else text


def _netloc(origin: str) -> str:
    """The host and port of an origin, in lower case; empty when it is none, which no browser sends."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
