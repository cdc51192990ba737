"""A server as a process, or as several: sockets, signals, and an end within seconds.

`run` is what `levada server start` does. One process serves in this one; several are children that share the socket
of a parent, which serves nothing itself: it starts a child anew that dies, and ends with the last. Services run in
the first child only. A child whose parent is gone ends, too.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from msgspec import Struct

from levada.core.errors import ConfigurationError
from levada.server import log_lines, wiring
from levada.server.presence import Presence, occupy, running
from levada.version import __version__

if TYPE_CHECKING:
    from levada.core.settings import Settings
    from levada.server.presence import Held

THREADS = 16
"""Threads in which handlers work. More would not do more: they share one interpreter, and the pools of the database."""

SWITCH_SECONDS = 0.001
"""How long a thread may work before another gets its turn. Python's own 5 ms let a list hold up every other request."""

LAST_REQUESTS_SECONDS = 5
"""Seconds that requests have to end when the server stops."""

Tell = Callable[[str], object]

_CHILD_LIVES = 5.0
"""A child that ends within so many seconds could not start."""
_FAILED_STARTS = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Options(Struct, frozen=True):
    """How a server is started, beside its settings.

    Attributes:
        services: whether it runs the services.
        ui: whether it has a page.
        access_log: whether every request is logged.
        allow_unauthenticated: it was said aloud that nobody beyond this machine needs to be known.
        log: where standard error goes when it runs in the background.
    """

    services: bool = True
    ui: bool = True
    access_log: bool = False
    allow_unauthenticated: bool = False
    log: str | None = None


def run(settings: Settings, options: Options, tell: Tell) -> None:
    """Serve until a signal says stop.

    Args:
        settings: what the server runs with.
        options: how it was started.
        tell: told in a sentence what happens to the server, for the person at its terminal.

    Raises:
        ConfigurationError: it cannot be started so; the message says what to change.
    """
    log_lines.set_up("DEBUG" if settings.debug_mode else settings.logging.level)
    sqlite = settings.database.url is None
    if sqlite:
        _check_alone(settings)
    listening = bound(settings)
    held = occupy(settings.home, listening.getsockname()[1])
    presence = Presence(
        pid=os.getpid(),
        host=settings.server.host,
        port=listening.getsockname()[1],
        started=time.time(),
        version=__version__,
        database="sqlite" if sqlite else "postgresql",
        workers=settings.server.workers,
        services=options.services,
        log=options.log,
    )
    try:
        if settings.server.workers == 1:
            _serve(settings, options, listening, tell, lambda: _announce(held, presence, tell))
        else:
            _Family(settings, options, listening, tell, held, presence).run()
    finally:
        held.release()
        listening.close()


def run_services(settings: Settings, tell: Tell) -> None:
    """Run the services, and answer nothing, until a signal says stop.

    Raises:
        ConfigurationError: settings or database cannot be used.
    """
    log_lines.set_up("DEBUG" if settings.debug_mode else settings.logging.level)
    ended = threading.Event()
    for one in _SIGNALS:
        signal.signal(one, lambda *_: ended.set())
    with wiring.services_of(settings, tell) as host:
        tell(f"{len(host.services)} services run: {', '.join(service.name for service in host.services)}.")
        ended.wait()


def bound(settings: Settings) -> socket.socket:
    """The socket of the server, not listening yet.

    Raises:
        ConfigurationError: the port is taken, or the address is not one of this machine.
    """
    host, port = settings.server.host, settings.server.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ConfigurationError(f"There is no address {host!r} to listen on: {error.strerror}.") from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.set_inheritable(True)
    except OSError as error:
        listening.close()
        raise ConfigurationError(_why_not(error, settings)) from error
    return listening


def _why_not(error: OSError, settings: Settings) -> str:
    host, port = settings.server.host, settings.server.port
    if error.errno == errno.EADDRINUSE:
        ours = next((one for one in running(settings.home) if one.port == port), None)
        who = f"by the Levada server of this home, process {ours.pid}" if ours else "by another process"
        out = "`levada server stop` ends it; --port takes another" if ours else "--port takes another"
        return f"Port {port} on {host} is taken {who}. {out}."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has; take one above 1023 with --port."
    return f"The server cannot listen on {host}, port {port}: {error.strerror}."


def _check_alone(settings: Settings) -> None:
    """Raise when a second process would serve one SQLite file."""
    if settings.server.workers > 1:
        raise ConfigurationError(
            f"{settings.server.workers} processes need PostgreSQL (database.url): SQLite has one writer, so more would "
            "not do more. Set server.workers to 1, or give the server a PostgreSQL database."
        )
    others = running(settings.home)
    if others and settings.server.port not in {one.port for one in others}:
        raise ConfigurationError(
            f"The Levada server of this home runs already, at {others[0].url} (process {others[0].pid}). A home with "
            "SQLite has one; several need PostgreSQL (database.url), or homes of their own."
        )


def _announce(held: Held, presence: Presence, tell: Tell) -> None:
    held.describe(presence)
    what = "SQLite in the home" if presence.database == "sqlite" else "PostgreSQL"
    tell(
        f"Levada {presence.version} serves at {presence.url} ({what}"
        f"{'' if presence.services else ', no services'}). The API is below /api, /api/docs shows it. "
        "Ctrl-C or `levada server stop` ends it."
    )


def _serve(
    settings: Settings, options: Options, listening: socket.socket, tell: Tell, began: Callable[[], object]
) -> None:
    built = wiring.build(
        settings,
        services=options.services,
        ui=options.ui,
        access_log=options.access_log,
        allow_unauthenticated=options.allow_unauthenticated,
        tell=tell,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        built.app,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
    )
    try:
        built.start()
        # What was made so far stays; the collector need not look at it again and again.
        gc.freeze()
        _HttpServer(config, began, built.stopping.set).run(sockets=[listening])
    finally:
        built.stopping.set()
        built.close()


class _HttpServer(uvicorn.Server):
    """uvicorn's server, which says when it has begun and when it is about to end, and ends without dying of it."""

    def __init__(self, config: uvicorn.Config, began: Callable[[], object], ending: Callable[[], object]) -> None:
        super().__init__(config)
        self._began = began
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "levada-request"))
        await super().startup(sockets)
        if self.started:
            self._began()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, let what runs end, streams at once."""
        self._ending()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; the second signal stops at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


class _Family:
    """A parent and the children that serve."""

    def __init__(
        self,
        settings: Settings,
        options: Options,
        listening: socket.socket,
        tell: Tell,
        held: Held,
        presence: Presence,
    ) -> None:
        self._settings = settings
        self._options = options
        self._listening = listening
        self._tell = tell
        self._held = held
        self._presence = presence
        self._children: dict[int, tuple[int, float]] = {}
        self._stopping = False
        self._failed_starts = 0
        self._parent_lives, self._never_written = os.pipe()

    def run(self) -> None:
        """Keep the children alive until a signal says stop."""
        # Once, before the children: they would all want to upgrade it, and all say that they wait for it.
        wiring.opened(self._settings, self._tell).close()
        for one in _SIGNALS:
            signal.signal(one, self._stop)
        for number in range(self._settings.server.workers):
            self._begin(number)
        while self._children:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            number, began = self._children.pop(pid, (-1, 0.0))
            if number >= 0 and not self._stopping:
                self._replace(number, began, pid, status)

    def _begin(self, number: int) -> None:
        if self._stopping:
            return
        # A signal between the fork and the child's own handlers would be handled as by the parent, and be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid:
            self._children[pid] = (number, time.monotonic())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            return
        code = 1
        try:
            for one in _SIGNALS:
                signal.signal(one, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._held.forget()
            os.close(self._never_written)
            threading.Thread(target=self._end_with_parent, name="parent-watch", daemon=True).start()
            options = Options(
                services=self._options.services and number == 0,
                ui=self._options.ui,
                access_log=self._options.access_log,
                allow_unauthenticated=self._options.allow_unauthenticated,
            )
            began = (lambda: _announce(self._held, self._presence, self._tell)) if number == 0 else (lambda: None)
            _serve(self._settings, options, self._listening, self._tell, began)
            code = 0
        except ConfigurationError as error:
            self._tell(f"levada: {error}")
        except BaseException:  # noqa: BLE001 - it is told, and the process ends
            sys.excepthook(*sys.exc_info())
        finally:
            # Not by way of the parent's stack, which this process has a copy of.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _end_with_parent(self) -> None:
        os.read(self._parent_lives, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _replace(self, number: int, began: float, pid: int, status: int) -> None:
        how = os.waitstatus_to_exitcode(status)
        self._failed_starts = self._failed_starts + 1 if time.monotonic() - began < _CHILD_LIVES else 0
        if self._failed_starts >= _FAILED_STARTS:
            self._tell(f"levada: process {pid} ended with {how} right after its start, as others before; giving up.")
            self._stop(signal.SIGTERM, None)
            return
        self._tell(f"levada: process {pid} of the server ended with {how}; it is started anew.")
        self._begin(number)

    def _stop(self, _: int, __: Any) -> None:
        self._stopping = True
        for pid in list(self._children):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # it ended by itself in this moment
