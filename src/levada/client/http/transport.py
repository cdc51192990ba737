"""Requests to a server: sent, sent again where that helps, and answered with a value or with the error it means.

What could not be sent at all, and what the server sent away (429, 503), is sent again always. What may have been
carried out, with its answer lost on the way (a broken connection, 408, 502, 504), is sent again only where carrying it
out twice comes to the same as once: `once=True` says that it does not. Pauses double and are jittered; `Retry-After` is
kept to.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import unquote, urlencode, urlsplit

import msgspec
import urllib3
from msgspec import json, msgpack
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry, Timeout

from levada.core import errors
from levada.core.errors import ConfigurationError, ServerError, ServerUnavailable
from levada.core.ids import as_uuid
from levada.wire.ingest import IngestAnswer, IngestBatch, NewestWord
from levada.wire.problems import Problem

if TYPE_CHECKING:
    from levada.core.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0

_SOCKETS: Final = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 2))
        if hasattr(socket, name)
    ),
]
"""A machine that vanished, and one that came back without knowing the connection, is found out in five seconds, also
while a long answer is awaited."""

WORTH_PACKING: Final = 4096
"""Bytes from which a batch is compressed."""

AGAIN: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which a request is sent again."""

SENT_AWAY: Final = frozenset({429, 503})
"""Those of them that say that nothing was done."""

_NOWHERE: Final = "There is nothing at this address"
"""How a server's answer begins when it does not know the path, rather than the thing."""

_CONNECTION: Final = re.compile(r"^<?HTTPS?Connection(Pool)?\(.*?\)( object at 0x\w+)?>?: ?")
"""With this urllib3 begins what it says of a connection; it tells people nothing."""

_JSON, _MSGPACK = "application/json", "application/msgpack"


class Transport:
    """Connections to one server. Safe to use from many threads; a forked child opens its own.

    Args:
        url: address of the API, e.g. ``http://127.0.0.1:4200/api``.
        key: an API key.
        auth_string: ``user:password``, for servers that are guarded so; `key` goes before.
        timeout: seconds to wait for an answer.
        max_retries: how often a request is sent again when the server is away or busy.
        version: of Levada, told to the server.

    Raises:
        ConfigurationError: the address cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        auth_string: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 5,
        version: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                f"{url!r} is no address of a Levada server. It looks like http://127.0.0.1:4200/api (LEVADA_API_URL)."
            )
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._lease_seconds = IngestAnswer().lease_seconds  # until a server says what its leases are
        self._retries = Retry(
            total=max_retries,
            status_forcelist=AGAIN,
            allowed_methods=None,
            backoff_factor=0.2,
            backoff_jitter=0.3,
            backoff_max=15,
            retry_after_max=60,
            raise_on_status=False,
            redirect=0,
        )
        self._careful = self._retries.new(read=False, other=False, status_forcelist=SENT_AWAY)
        self._max_retries = max_retries
        self._version = version
        self._headers = {"user-agent": f"levada/{version}" if version else "levada", **_authority(key, auth_string)}
        self._lock = threading.Lock()
        self._pools: urllib3.PoolManager | None = None
        self._pid = 0

    @classmethod
    def from_settings(cls, settings: Settings, *, version: str = "", max_retries: int | None = None) -> Transport:
        """The transport to the server that the settings name.

        Raises:
            ConfigurationError: they name none.
        """
        api = settings.api
        if not api.url:
            raise ConfigurationError("No server is configured: set LEVADA_API_URL, or `levada server login`.")
        return cls(
            api.url,
            key=api.key,
            auth_string=api.auth_string,
            timeout=api.request_timeout,
            max_retries=api.max_retries if max_retries is None else max_retries,
            version=version,
        )

    def close(self) -> None:
        """Hang up; the next request opens connections again."""
        with self._lock:
            pools, self._pools = self._pools, None
        if pools is not None:
            pools.clear()

    @overload
    def ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Any] | None = ...,
        body: Any = ...,
        once: bool = ...,
        silence: float | None = ...,
    ) -> T: ...

    @overload
    def ask(
        self,
        method: str,
        path: str,
        answer: None = ...,
        *,
        query: Mapping[str, Any] | None = ...,
        body: Any = ...,
        once: bool = ...,
        silence: float | None = ...,
    ) -> None: ...

    def ask(
        self,
        method: str,
        path: str,
        answer: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        once: bool = False,
        silence: float | None = None,
    ) -> Any:
        """One request.

        Args:
            method: e.g. ``POST``.
            path: below the API's address; names in it are written by `levada.wire.paths.segment`.
            answer: type of the value that the answer holds; None when it holds none.
            query: parameters; those that are None are left out.
            body: anything that msgspec encodes; None for no body.
            once: carrying it out twice is something else than once, so it is not repeated when it may have arrived.
            silence: seconds to wait for the answer; the timeout of the transport unless given.

        Raises:
            LevadaError: the error that the server's problem stands for, e.g. `ObjectNotFound`.
            ServerUnavailable: nobody answers, or not now.
        """
        content = None if body is None else json.encode(body)
        retries = self._careful if once else self._retries
        response = self._send(method, path, query, content, _JSON, _JSON, retries=retries, silence=silence)
        if answer is None:
            return None
        try:
            return json.decode(response.data, type=answer)
        except msgspec.DecodeError as problem:
            raise self._strange(method, path, problem) from problem

    def read_packed(self, path: str, answer: type[T]) -> T:
        """A value that is sent as MessagePack, because it holds bytes."""
        response = self._send("GET", path, None, None, _JSON, _MSGPACK)
        try:
            return msgpack.decode(response.data, type=answer)
        except msgspec.DecodeError as problem:
            raise self._strange("GET", path, problem) from problem

    def ingest(self, batch: IngestBatch) -> IngestAnswer:
        """Send records once: who ships decides itself when to send them again."""
        body = msgpack.encode(batch)
        headers = {}
        if len(body) >= WORTH_PACKING:
            body, headers = gzip.compress(body, 1), {"content-encoding": "gzip"}
        never = Retry(0, redirect=0, raise_on_status=False)
        # A third of a lease: behind a server that stands still, or a connection that leads nowhere, there may be
        # another that can be told in time that this process lives.
        silence = min(self._timeout, self._lease_seconds / 3)
        ask = ("POST", "/ingest", None, body, _MSGPACK, _MSGPACK, headers)
        response = self._send(*ask, retries=never, silence=silence)
        try:
            answer = msgpack.decode(response.data, type=IngestAnswer)
        except msgspec.DecodeError as problem:
            raise self._strange("POST", "/ingest", problem) from problem
        self._lease_seconds = answer.lease_seconds
        return answer

    def await_word(self, writer: bytes, after: int, seconds: float) -> int:
        """Wait until the server has something to say to a process; the number of the newest word (see `NewestWord`)."""
        path, query = f"/ingest/words/{as_uuid(writer)}", {"after": after, "wait": seconds}
        never = Retry(0, redirect=0, raise_on_status=False)
        response = self._send("GET", path, query, None, _JSON, _JSON, retries=never, silence=seconds + CONNECT_SECONDS)
        try:
            return json.decode(response.data, type=NewestWord).number
        except msgspec.DecodeError as problem:
            raise self._strange("GET", path, problem) from problem

    def follow(self, path: str, query: Mapping[str, Any], last: str | None, silence: float) -> Iterator[bytes]:
        """The lines of a stream, until it ends or is silent for so many seconds."""
        headers = {"accept": "text/event-stream", **({"last-event-id": last} if last else {})}
        try:
            response = self._manager().request(
                "GET",
                self._address(path, query),
                headers={**self._headers, **headers},
                timeout=Timeout(connect=CONNECT_SECONDS, read=silence),
                preload_content=False,
                retries=False,
            )
        except HTTPError as problem:
            raise self._away(problem, once=True) from problem
        try:
            if response.status >= 400:
                raise self._error(response.status, response.read(), response.headers, f"GET {path}")
            yield from _lines(response)
        except HTTPError:
            return  # silent for too long, or the server is gone; whoever follows decides whether to come back
        finally:
            response.release_conn()
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: bytes | None,
        sent_as: str,
        wanted: str,
        more: Mapping[str, str] | None = None,
        *,
        retries: Retry | None = None,
        silence: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, "accept": f"{wanted}, application/problem+json", "accept-encoding": "gzip"}
        silence = self._timeout if silence is None else silence
        if body is not None:
            headers["content-type"] = sent_as
        try:
            response = self._manager().request(
                method,
                self._address(path, query),
                body=body,
                headers={**headers, **(more or {})},
                timeout=Timeout(connect=min(CONNECT_SECONDS, silence), read=silence),
                retries=retries or self._retries,
            )
        except HTTPError as problem:
            raise self._away(problem, once=retries is not None and retries.total == 0) from problem
        if response.status >= 300:
            raise self._error(response.status, response.data, response.headers, f"{method} {path}")
        return response

    def _manager(self) -> urllib3.PoolManager:
        with self._lock:
            if self._pools is None or self._pid != os.getpid():
                self._pools = _pools(self.url)
                self._pid = os.getpid()
            return self._pools

    def _address(self, path: str, query: Mapping[str, Any] | None) -> str:
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        return f"{self.url}{path}?{urlencode(given, doseq=True)}" if given else self.url + path

    def _away(self, problem: HTTPError, *, once: bool) -> ServerUnavailable:
        cause = problem.reason if isinstance(problem, MaxRetryError) and problem.reason else problem
        told = _CONNECTION.sub("", str(cause)) or type(cause).__name__
        gave_up = isinstance(problem, MaxRetryError) and self._max_retries > 0 and not once
        tried = f", tried {self._max_retries + 1} times" if gave_up else ""
        return ServerUnavailable(
            f"The Levada server at {self.url} does not answer{tried}: {told.rstrip('.')}. Is it running (`levada "
            "server status`; `levada server start` starts one), and is LEVADA_API_URL right? Without LEVADA_API_URL "
            "runs are recorded in the home and need no server."
        )

    def _error(self, status: int, body: bytes, headers: Mapping[str, str], asked: str) -> Exception:
        try:
            problem = json.decode(body, type=Problem)
        except msgspec.DecodeError:
            problem = Problem(status=status)
        if status == 405 or problem.detail.startswith(_NOWHERE):
            return ServerError(
                f"The server at {self.url} does not know {asked}. It is probably older than Levada here"
                f"{f' ({self._version})' if self._version else ''}: upgrade it."
            )
        kind = _class_of(problem.type, status)
        detail = problem.detail or f"{self.url} answered with status {status}; is that the address of a Levada server?"
        if status == 401:
            detail += " Set LEVADA_API_KEY, or `levada server login`."
        if kind is errors.RequestInvalid:
            return errors.RequestInvalid(detail, tuple((field.path, field.message) for field in problem.fields))
        error = kind(detail)
        seconds = headers.get("retry-after", "")
        if seconds.replace(".", "", 1).isdigit():
            error.retry_after = float(seconds)  # type: ignore[attr-defined] # read by those who wait
        return error

    def _strange(self, method: str, path: str, problem: Exception) -> ServerError:
        return ServerError(
            f"The answer of {self.url} to {method} {path} cannot be read ({problem}). Are Levada here and there of the "
            "same version?"
        )


def _authority(key: str | None, auth_string: str | None) -> dict[str, str]:
    if key:
        return {"authorization": f"Bearer {key}"}
    if auth_string:
        return {"authorization": f"Basic {base64.b64encode(auth_string.encode()).decode()}"}
    return {}


def _class_of(kind: str, status: int) -> type[errors.LevadaError]:
    """The error class that a problem's type names; only those that say something about a request."""
    name = kind.removeprefix("urn:levada:").title().replace("-", "")
    found = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, errors.LevadaError):
        return found
    return ServerUnavailable if status in AGAIN else ServerError


def _pools(url: str) -> urllib3.PoolManager:
    """Connections to an address: by the proxy and with the authorities that the environment names."""
    options: dict[str, Any] = {"num_pools": 4, "maxsize": 16, "socket_options": _SOCKETS}
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if authorities and not os.environ.get("SSL_CERT_FILE"):  # that one is followed by the ssl module itself
        options["ca_certs"] = authorities
    proxy = _proxy(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    given = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    if given.username is not None:
        user = f"{unquote(given.username)}:{unquote(given.password or '')}"
        options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=user)
    where = given.netloc.rpartition("@")[2]
    return urllib3.ProxyManager(f"{given.scheme}://{where}", **options)


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    from urllib.request import getproxies, proxy_bypass  # lazy: once for each process that asks

    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if found and not proxy_bypass(parts.hostname or "") else None


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_text(one) for one in value]
    if isinstance(value, (str, int, float)):
        return value
    return json.decode(json.encode(value))


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    held = b""
    for piece in response.stream(65_536, decode_content=True):
        *whole, held = (held + piece).split(b"\n")
        yield from whole
