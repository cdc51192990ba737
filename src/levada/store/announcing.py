"""Announcements inside one process: who waits for something is woken when a transaction that says so is committed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

Heard = Callable[[str, str], None]

_logger = logging.getLogger(__name__)


class Announcements:
    """Passes topics and texts on to listeners, from a thread of its own that lives while somebody listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[object, Heard] = {}
        self._queue: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._process = os.getpid()

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Have `heard` called with every announcement from now on; returns how to stop."""
        key = object()
        with self._lock:
            if self._process != os.getpid():
                # The thread and the listeners stayed in the parent.
                self._listeners, self._queue, self._process = {}, SimpleQueue(), os.getpid()
            self._listeners[key] = heard
            if len(self._listeners) == 1:
                self._queue = SimpleQueue()
                threading.Thread(target=self._pass_on, args=(self._queue,), name="levada-announce", daemon=True).start()

        def stop() -> None:
            with self._lock:
                if self._listeners.pop(key, None) is not None and not self._listeners:
                    self._queue.put(None)

        return stop

    def announce(self, said: Iterable[tuple[str, str]]) -> None:
        """Pass on to whoever listens now."""
        if not self._listeners or self._process != os.getpid():
            return
        for topic, text in said:
            self._queue.put((topic, text))

    def _pass_on(self, queue: SimpleQueue[tuple[str, str] | None]) -> None:
        while (said := queue.get()) is not None:
            with self._lock:
                listeners = list(self._listeners.values())
            for heard in listeners:
                tell(heard, *said)


def tell(heard: Heard, topic: str, text: str) -> None:
    """Call a listener; what it gets wrong is logged and keeps the others from nothing."""
    try:
        heard(topic, text)
    except Exception:
        _logger.exception("A listener to announcements of the store failed on topic %r.", topic)
