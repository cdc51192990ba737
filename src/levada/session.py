"""How the session of this process is made: the one place where engine, journal, results and control plane meet.

The first run of a flow or task makes it. A forked child makes its own, because a journal has one writer.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from levada.core.faults import arm_from
from levada.core.ids import uuid7_bytes
from levada.engine import logs
from levada.engine import session as sessions
from levada.engine.clock import SystemClock
from levada.engine.context import flow_var, task_var
from levada.engine.flow_run import HOST
from levada.engine.guard import current_guard
from levada.engine.mailbox import Mailbox, carry_out
from levada.engine.session import Session
from levada.engine.signals import executing
from levada.engine.store_of import store_of
from levada.journal.writer import JournalWriter
from levada.results import current as current_results
from levada.results.store import ResultStore
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada.client.http.transport import Transport
    from levada.core.settings import Settings
    from levada.journal.ear import Ear
    from levada.journal.shipper import Shipper
    from levada.wire.ingest import IngestAnswer, IngestBatch

_POOL = 4096

_DELIVER_SECONDS = 2.0
"""How long a look at a server waits at most until the server has what this process recorded before it."""


class IdSource:
    """Makes ids: the time, and random bits drawn from the system in batches."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = _POOL
        self._pid = 0

    def __call__(self) -> bytes:
        """16 bytes of a new version-7 UUID."""
        at = self._at
        if at >= _POOL or self._pid != os.getpid():
            self._pool = os.urandom(_POOL)
            self._pid = os.getpid()
            at = 0
        self._at = at + 8
        return uuid7_bytes(time.time_ns() // 1000, self._pool[at : at + 8])


def build() -> Session:
    """A session on the home that the settings name."""
    arm_from(os.environ)
    settings = get_current_settings()
    home = settings.home.expanduser()
    new_id = IdSource()
    server = settings.api.url
    wanted = settings.journal.durability
    fsync = wanted == "fsync" or (wanted == "acknowledged" and server is None)
    writer = JournalWriter(
        home,
        writer=new_id(),
        durability="fsync" if fsync else "buffered",
        destination=server and server.rstrip("/"),
        segment_bytes=settings.journal.segment_bytes,
    )
    journal, shipper, ear = (writer, None, None) if server is None else _shipped(writer, settings)
    results = ResultStore(
        home_storage=settings.storage_path,
        serializer=settings.results.default_serializer,
        inline_bytes=settings.results.inline_bytes,
        max_automatic_bytes=settings.results.max_automatic_bytes,
    )
    session = Session(
        home=home,
        settings=settings,
        clock=SystemClock(),
        journal=journal,
        results=results,
        new_id=new_id,
        limits=lambda: _slots(session),
        on_run=lambda: _on_run(session, mailbox),
        version=__version__,
    )
    mailbox = Mailbox(journal)
    atexit.register(session.close)
    session.on_close.append(mailbox.stop)
    if shipper is not None and ear is not None:
        session.parts["deliver"] = lambda: (
            shipper.away or shipper.await_acknowledgement(writer.sequence, _DELIVER_SECONDS)
        )
        session.parts["arrival"] = lambda: (writer.sequence, shipper.acknowledged)
        session.parts["await_arrival"] = shipper.await_acknowledgement
        session.on_close += [ear.stop, shipper.finish, journal.close, shipper.settle]
    else:
        session.on_close.append(journal.close)
    session.on_close.append(lambda: atexit.unregister(session.close))
    return session


def _shipped(writer: JournalWriter, settings: Settings) -> tuple[Any, Shipper, Ear]:
    """The journal of a process that reports to a server, what ships it, and what listens to the server."""
    from levada.journal.ear import Ear  # lazy: only processes that report to a server listen to it
    from levada.journal.leftovers import ship_in_background  # lazy: only processes that report to a server ship
    from levada.journal.shipper import Shipper  # lazy: as above

    destination = str(writer.destination)

    @cache
    def transport() -> Transport:
        from levada.client.http.transport import Transport  # lazy: as above, and on the shipper's own thread

        return Transport.from_settings(settings)

    def connect() -> Callable[[IngestBatch], IngestAnswer]:
        return transport().ingest

    def begin(_: object) -> None:
        ear.start()
        # Of runs that have a worker, the worker ships what their processes leave, and then says how they ended.
        has_worker = "_LEVADA_SUPERVISOR" in os.environ
        ship_in_background(writer.home, destination, connect, _warn, HOST, later=has_worker)

    shipper = Shipper(
        writer,
        connect,
        obey=carry_out,
        running=executing,
        warn=_warn,
        flush_seconds=settings.journal.flush_seconds,
        host=HOST,
        levada=__version__,
        then=begin,
    )
    ear = Ear(lambda after, seconds: transport().await_word(writer.writer, after, seconds), shipper.call)
    if settings.journal.durability != "acknowledged":
        return writer, shipper, ear
    from levada.journal.acknowledged import AcknowledgedJournal  # lazy: as above

    return AcknowledgedJournal(writer, shipper, warn=_warn, broken_off=_is_told_to_stop), shipper, ear


def deliver(session: Session) -> None:
    """Hand the server what this process has recorded, so that who asks it finds that; waits for a moment at most.

    A process that reports to no server has nothing to hand over.
    """
    hand_over = session.parts.get("deliver")
    if hand_over is not None:
        hand_over()


def _warn(message: str) -> None:
    logging.getLogger("levada.journal").warning("%s", message)


def _is_told_to_stop() -> bool:
    guard = current_guard()
    return guard is not None and guard.requested


def _slots(session: Session) -> Any:
    found: Any = session.parts.get("slots")
    if found is None:
        from levada.client.limits import Slots  # lazy: only runs with limits open a database
        from levada.client.places import plane_of  # lazy: as above

        settings = session.settings
        found = session.parts["slots"] = Slots(
            session.home,
            writer=lambda: session.journal.writer,
            clock=session.clock,
            plane=lambda: plane_of(settings, session.home, version=__version__, max_retries=0),
            remote=bool(settings.api.url),
        )
    return found


def _on_run(session: Session, mailbox: Mailbox) -> None:
    """Before each flow run: settings as they are now, logging, and an ear for requests to cancel."""
    use_settings(session, get_current_settings())
    mailbox.listen()


def use_settings(session: Session, settings: Settings) -> None:
    """Make a session follow other settings, as far as those may change while a process runs."""
    if session.settings is settings and session.parts.get("logging"):
        return
    session.settings = settings
    logs.set_up(session)
    if settings.cli.progress and sys.stdout.isatty():
        from levada import progress  # lazy: only a terminal has bars

        progress.show(settings)
    session.parts["logging"] = True


def current() -> Session:
    """The session of this process; made when first asked for."""
    return sessions.current()


def _current_store() -> ResultStore | None:
    ctx = task_var.get() or flow_var.get()
    session = sessions.existing()
    found: ResultStore | None = store_of(ctx) if ctx is not None else None if session is None else session.results
    return found


def _after_fork() -> None:
    sessions.replace(None)


sessions.set_factory(build)
current_results.set_source(_current_store)
current_results.set_persisting(lambda: bool(getattr(task_var.get() or flow_var.get(), "persist_result", None)))
os.register_at_fork(after_in_child=_after_fork)
