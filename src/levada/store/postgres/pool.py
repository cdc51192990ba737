"""A pool of connections that notices at once when the database is gone, and when it is back.

Why not psycopg_pool: its threads connect behind one's back and wait ever longer after failures, so that a server stays
unavailable for up to minutes after its database has come back, and nobody is told why it could not connect.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg

from levada.core.errors import StoreUnavailable

Connection = psycopg.Connection[Any]

_forgotten: list[Connection] = []
"""What a forked child found in its parent's pools: closing them would close the parent's."""


class Pool:
    """Up to so many connections, made when they are needed.

    Args:
        connect: makes one; raises `psycopg.OperationalError`.
        size: most connections.
        timeout: seconds to wait for one when all are in use.
        name: of the database, for people.
    """

    _process: int
    _closed: bool
    _idle: deque[Connection]
    _lock: threading.Lock
    _free: int
    _line: deque[threading.Lock]

    def __init__(self, connect: Callable[[], Connection], size: int, timeout: float, name: str) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._name = name
        self._begin()

    @property
    def size(self) -> int:
        """Most connections."""
        return self._size

    @property
    def in_use(self) -> int:
        """Connections that somebody works with at this moment."""
        return self._size - self._free

    @property
    def waiting(self) -> int:
        """Who waits for a connection at this moment."""
        return len(self._line)

    def take(self) -> tuple[Connection, bool]:
        """A connection, and whether it was used before, so that it may be dead.

        Raises:
            StoreUnavailable: the database cannot be reached, or all connections are in use.
        """
        if self._process != os.getpid():
            _forgotten.extend(self._idle)
            self._begin()
        if not self._admitted():
            raise StoreUnavailable(
                f"All {self._size} connections to {self._name} were in use for {self._timeout:g} seconds. "
                "Try again; if this goes on, raise database.pool_size or database.read_pool_size."
            )
        try:
            return self._idle.pop(), True
        except IndexError:
            try:
                return self._connect(), False
            except BaseException as error:
                self._leave()
                if isinstance(error, psycopg.OperationalError):
                    raise unavailable(self._name, error) from error
                raise

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one that is broken, or in the midst of something, is closed."""
        if self._process != os.getpid():
            _forgotten.append(connection)
            return
        with self._lock:
            keep = not (self._closed or connection.closed or _is_busy(connection))
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        self._leave()

    def close(self) -> None:
        """Close all idle connections, and from now on each when its user is done; new ones are made when needed."""
        if self._process != os.getpid():
            return
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._closed = False
        self._idle = deque()
        self._lock = threading.Lock()
        self._free = self._size
        self._line = deque()

    def _admitted(self) -> bool:
        """Wait for a connection to be free; False when it takes too long.

        In order of arrival: with a semaphore those who run take again what they just gave back, and those who wait may
        do so for ever.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._line.append(turn)
        if turn.acquire(timeout=self._timeout):
            return True
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
                return False
        return True  # it came in this moment

    def _leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1


def _is_busy(connection: Connection) -> bool:
    return connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE


def unavailable(name: str, error: BaseException) -> StoreUnavailable:
    """The error for a database that cannot be reached, with what the driver says."""
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return StoreUnavailable(f"{name} cannot be reached now: {said}. It is tried anew with the next request.")
