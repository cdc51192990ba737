"""Announcements between processes: NOTIFY when a transaction is committed, and one connection that listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg

from levada.core.errors import StoreUnavailable
from levada.store.announcing import Announcements, Heard

CHANNEL = "levada"

MOST_BYTES = 7_900
"""PostgreSQL takes payloads below 8000 bytes."""

LOOK_SECONDS = 0.5
"""How often the listening thread looks whether it is still wanted."""

RETRY_SECONDS = 1.0
"""Seconds between two attempts to find a lost database again."""

_logger = logging.getLogger(__name__)


def packed(said: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Announcements in as few payloads as can hold them: one a line, topic and text with a blank between."""
    payload, size = "", 0
    for topic, text in said:
        for line in _lines(topic, text):
            added = len(line.encode()) + 1
            if payload and size + added > MOST_BYTES:
                yield payload
                payload, size = "", 0
            payload += line if not payload else "\n" + line
            size += added
    if payload:
        yield payload


def _lines(topic: str, text: str) -> Iterator[str]:
    """One line, or several when the words of a text are too many for one."""
    if len(text.encode()) + len(topic) < MOST_BYTES - 1:
        yield f"{topic} {text}"
        return
    line = topic
    for word in text.split(" "):
        if len(line.encode()) + len(word.encode()) + 1 >= MOST_BYTES:
            yield line
            line = topic
        # A word that is too long for any payload cannot be said; whoever listens is woken all the same.
        line += f" {word}" if len(word.encode()) + len(topic) + 1 < MOST_BYTES else " "
    yield line


def unpacked(payload: str) -> list[tuple[str, str]]:
    """The announcements of a payload."""
    lines = (line.partition(" ") for line in payload.split("\n"))
    return [(topic, text) for topic, _, text in lines]


class Ear:
    """Listens on a connection of its own while somebody wants to hear; finds a lost database again.

    Args:
        connect: makes a connection; raises `psycopg.OperationalError`.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._announcements = Announcements()
        self._lock = threading.Lock()
        self._listeners = 0
        self._wanted = threading.Event()

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Have `heard` called; returns how to stop. When it returns, announcements are heard, or it is tried on."""
        stop_hearing = self._announcements.listen(heard)
        with self._lock:
            self._listeners += 1
            if self._listeners == 1:
                self._wanted = threading.Event()
                self._wanted.set()
                ready = threading.Event()
                arguments = (self._wanted, ready)
                threading.Thread(target=self._hear, args=arguments, name="levada-listen", daemon=True).start()
                ready.wait(10)
        stopped = threading.Event()

        def stop() -> None:
            stop_hearing()
            with self._lock:
                if not stopped.is_set():
                    stopped.set()
                    self._listeners -= 1
                    if not self._listeners:
                        self._wanted.clear()

        return stop

    def close(self) -> None:
        """Listen no more."""
        with self._lock:
            self._wanted.clear()

    def _hear(self, wanted: threading.Event, ready: threading.Event) -> None:
        lost = False
        while wanted.is_set():
            try:
                connection = self._connect()
                with connection:
                    connection.autocommit = True
                    connection.execute(f"LISTEN {CHANNEL}")
                    if lost:
                        # Whatever was said meanwhile nobody heard.
                        self._announcements.announce([("", "")])
                        lost = False
                    ready.set()
                    while wanted.is_set():
                        for notification in connection.notifies(timeout=LOOK_SECONDS):
                            if wanted.is_set():  # otherwise another thread listens by now
                                self._announcements.announce(unpacked(notification.payload))
            except (psycopg.Error, StoreUnavailable) as error:
                ready.set()
                if not lost:
                    _logger.warning("The connection that listens for announcements was lost: %s", error)
                lost = True
                threading.Event().wait(RETRY_SECONDS)
