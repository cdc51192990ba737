"""Connections, transactions, and the making and upgrading of the database file."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from levada.core.errors import ConfigurationError, ParameterError
from levada.store.announcing import Announcements, Heard
from levada.store.base import Transaction
from levada.store.sql.tables import Tables
from levada.store.sqlite.connection import SqliteConnection
from levada.store.sqlite.sizes import table_sizes
from levada.store.sqlite.upgrades import upgrade
from levada.wire.objects import TableSize

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long one statement waits for the lock of another process."""

PATIENCE = 20
"""How many such waits until a transaction gives up: ten minutes, far above what any of ours takes."""

_PRAGMAS = ("PRAGMA synchronous = NORMAL", "PRAGMA temp_store = MEMORY")

_WRITER_CACHE, _READER_CACHE = -16_000, -4_000
"""KiB of pages that a connection keeps, as a PRAGMA takes it. There is one that writes, and one for each who reads at
the same time; what they do not keep the operating system does."""


class SqliteTransaction(Tables):
    """All tables, seen through one connection that is inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.now = time.time_ns() // 1000
        self.said: dict[tuple[str, str], None] = {}
        super().__init__(SqliteConnection(connection), self.now)

    def lock(self, *keys: bytes | str) -> None:
        """Nothing to do: there is one writing transaction at a time."""

    def announce(self, topic: str, text: str = "") -> None:
        """Wake those who listen in this process, once this transaction is committed."""
        self.said[topic, text] = None


class SqliteStore:
    """The rows of one database file.

    The file is made or upgraded when it is first used.

    Args:
        path: the file; its folder is made when it is missing.

    Raises:
        ConfigurationError: (on use) the file cannot be opened or written, is no database, or is of a newer Levada.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._announcements = _announcements.setdefault(str(path.absolute()), Announcements())
        self._begin_pool()

    @contextmanager
    def read(self) -> Iterator[SqliteTransaction]:
        """A transaction that sees one moment and changes nothing."""
        self._notice_fork()
        connection = self._take(self._readers, _READER_CACHE)
        try:
            connection.execute("BEGIN")
            try:
                yield SqliteTransaction(connection)
            finally:
                _roll_back(connection)
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error
        except OverflowError as error:
            raise ParameterError(f"The database cannot take a value: {error}") from error
        finally:
            self._readers.append(connection)

    @contextmanager
    def write(self) -> Iterator[SqliteTransaction]:
        """The one writing transaction; others wait."""
        self._notice_fork()
        # Threads of one process wait in line for each other: SQLite would have them sleep, and look again too late.
        with self._line:
            connection = self._take(self._writers, _WRITER_CACHE)
            try:
                _begin_immediate(connection)
                try:
                    transaction = SqliteTransaction(connection)
                    yield transaction
                    connection.execute("COMMIT")
                    self._announcements.announce(transaction.said)
                except BaseException:
                    _roll_back(connection)
                    raise
            except sqlite3.DatabaseError as error:
                raise self._explained(error) from error
            except OverflowError as error:
                raise ParameterError(f"The database cannot take a value: {error}") from error
            finally:
                self._writers.append(connection)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a writing transaction; there is one at a time, so nothing ever breaks one off."""
        with self.write() as transaction:
            return work(transaction)

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Have `heard` called with the announcements of this process; returns how to stop."""
        return self._announcements.listen(heard)

    def table_sizes(self) -> list[TableSize]:
        """Bytes and rows of every table."""
        with self.read() as transaction:
            return table_sizes(transaction.execute)

    def close(self) -> None:
        """Close all idle connections; the store opens new ones when it is used again."""
        _close_all([self._readers, self._writers], self._process)

    def _begin_pool(self) -> None:
        self._process = os.getpid()
        self._readers: deque[sqlite3.Connection] = deque()
        self._writers: deque[sqlite3.Connection] = deque()
        self._line = threading.Lock()
        # Nobody has to close a store: what it holds open goes with it, or with the process.
        weakref.finalize(self, _close_all, [self._readers, self._writers], self._process)

    def _notice_fork(self) -> None:
        if self._process != os.getpid():
            # A connection must not be carried across a fork, and closing it here would tidy up files that the
            # parent still uses. It is left alone.
            _forgotten.extend([*self._readers, *self._writers])
            self._begin_pool()

    def _take(self, idle: deque[sqlite3.Connection], cache: int) -> sqlite3.Connection:
        try:
            return idle.pop()
        except IndexError:
            connection = self._open()
            connection.execute(f"PRAGMA cache_size = {cache}")
            return connection

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except (OSError, sqlite3.Error) as error:
            raise self._cannot_be_used(error) from error
        try:
            _patiently(lambda: upgrade(connection, self.path))
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except sqlite3.Error as error:
            connection.close()
            raise self._cannot_be_used(error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _cannot_be_used(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"The database {self.path} cannot be used: {error}. Check that its folder can be written to and has "
            "space, or set LEVADA_HOME to another folder."
        )

    def _explained(self, error: sqlite3.DatabaseError) -> Exception:
        """The error as people should see it: what is wrong with the file or its disk, with the way out."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return self._cannot_be_used(error) if code in _TROUBLE_WITH_THE_FILE else error


_TROUBLE_WITH_THE_FILE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}

_announcements: WeakValueDictionary[str, Announcements] = WeakValueDictionary()
"""Two stores of one file in a process hear each other."""

_forgotten: list[sqlite3.Connection] = []


def _close_all(pools: Sequence[deque[sqlite3.Connection]], process: int) -> None:
    for idle in pools:
        while idle and process == os.getpid():
            idle.pop().close()


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite itself rolls back on some errors (a full disk, say), and then there is nothing left to roll back.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _begin_immediate(connection: sqlite3.Connection) -> None:
    _patiently(lambda: connection.execute("BEGIN IMMEDIATE"))


def _patiently(action: Callable[[], object]) -> None:
    """Do it, again when another process holds the lock.

    SQLite waits by itself where it may (`BUSY_SECONDS`), but answers at once where waiting could be a deadlock: when
    two processes switch a new file to WAL, or recover a WAL that a killed process left.
    """
    deadline = time.monotonic() + BUSY_SECONDS * PATIENCE
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether the error means that another process holds the lock."""
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
