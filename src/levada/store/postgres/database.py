"""Transactions on PostgreSQL: entered, committed, done again, and what goes wrong with them put into words."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from levada.core.errors import ConfigurationError, ParameterError, StoreUnavailable
from levada.core.settings import DatabaseSettings
from levada.store.announcing import Heard
from levada.store.base import Transaction
from levada.store.postgres.connection import PostgresConnection
from levada.store.postgres.listening import CHANNEL, Ear, packed
from levada.store.postgres.pool import Pool, unavailable
from levada.store.postgres.sizes import table_sizes
from levada.store.sql.tables import Tables
from levada.wire.objects import TableSize

_dice = random.Random()
# Of its own: programs seed the shared one, and their numbers must not depend on what happens beside them.

T = TypeVar("T")

ATTEMPTS = 12
"""How often `transact` does a work that PostgreSQL breaks off, before it gives up."""

LOCKS = 1024
"""Numbers of advisory locks; keys share them, because a batch of thousands of runs must not need thousands of locks."""

_CONFLICTS = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
_GONE = (psycopg.OperationalError, psycopg.InterfaceError)

_NOW = "SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint"


class PostgresTransaction(Tables):
    """All tables, seen through one connection that is inside a transaction."""

    def __init__(self, connection: psycopg.Connection[Any], now: int, types: dict[str, dict[str, str]]) -> None:
        self.connection = connection
        self.now = now
        self.said: dict[tuple[str, str], None] = {}
        super().__init__(PostgresConnection(connection, types), now)

    def lock(self, *keys: bytes | str) -> None:
        """Keep other transactions that lock one of the keys out until this one ends."""
        if keys:
            sql = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"
            self.connection.execute(sql, (lock_numbers(keys),))

    def announce(self, topic: str, text: str = "") -> None:
        """Wake those who listen, on every replica, once this transaction is committed."""
        self.said[topic, text] = None


class PostgresStore:
    """The rows of one database.

    The schema must be there: `levada.store.opening.open_store` makes it.

    Args:
        settings: address, connections, timeouts.

    Raises:
        ConfigurationError: the address cannot be understood.
        StoreUnavailable: (on use) the database cannot be reached now.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        try:
            parts = conninfo_to_dict(settings.url or "")
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"database.url cannot be understood: {error}") from error
        self._settings = settings
        self.name = f"The PostgreSQL database {parts.get('dbname') or 'postgres'} on {parts.get('host') or 'localhost'}"
        self._types: dict[str, dict[str, str]] = {}
        wait = settings.connect_timeout
        self._writing = Pool(lambda: self._connect(reading=False), settings.pool_size, wait, self.name)
        self._reading = Pool(lambda: self._connect(reading=True), settings.read_pool_size, wait, self.name)
        self._ear = Ear(lambda: self._connect(reading=False))
        self._closing = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        """A transaction that sees one moment and changes nothing."""
        with self._transaction(self._reading) as transaction:
            try:
                yield transaction
            finally:
                if not transaction.connection.closed:
                    transaction.connection.rollback()

    @contextmanager
    def write(self) -> Iterator[PostgresTransaction]:
        """A writing transaction; commits at the end, rolls back when an exception passes."""
        with self._transaction(self._writing) as transaction:
            try:
                yield transaction
                for payload in packed(transaction.said):
                    transaction.connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
                transaction.connection.commit()
            except BaseException:
                if not transaction.connection.closed:
                    transaction.connection.rollback()
                raise

    @property
    def pools(self) -> dict[str, Pool]:
        """The pools of connections, by what they are for."""
        return {"execution": self._writing, "reads": self._reading}

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in a writing transaction; again from the start when PostgreSQL broke it off for a conflict."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.write() as transaction:
                    return work(transaction)
            except _CONFLICTS as conflict:
                if attempt == ATTEMPTS:
                    if isinstance(conflict, errors.UniqueViolation):
                        raise  # not for others' sake, after so many attempts
                    raise StoreUnavailable(
                        f"{self.name} broke the same change off {ATTEMPTS} times for those of others. Nothing of it is "
                        "stored; try again when there is less to do."
                    ) from conflict
                # Two that met once shall not meet again.
                time.sleep(_dice.uniform(0, 0.005 * 2 ** min(attempt, 6)))
        raise AssertionError("unreachable")

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Have `heard` called with the announcements of all replicas; returns how to stop."""
        return self._ear.listen(heard)

    def table_sizes(self) -> list[TableSize]:
        """Bytes and estimated rows of every table, partitions together."""
        with self.read() as transaction:
            return table_sizes(transaction.execute)

    def close(self) -> None:
        """Close all idle connections; the store opens new ones when it is used again."""
        self._ear.close()
        self._writing.close()
        self._reading.close()

    @contextmanager
    def _transaction(self, pool: Pool) -> Iterator[PostgresTransaction]:
        connection, now = self._begun(pool)
        try:
            yield PostgresTransaction(connection, now, self._types)
        except errors.QueryCanceled as error:
            raise StoreUnavailable(
                f"{self.name} gave a query up after {self._settings.read_timeout:g} seconds. Ask for less: a shorter "
                "time, one flow, fewer rows; or raise database.read_timeout."
            ) from error
        except errors.ReadOnlySqlTransaction as error:
            raise StoreUnavailable(f"{self.name} only reads now; it is a standby, or switching over.") from error
        except psycopg.DataError as error:
            raise ParameterError(f"The database cannot take a value: {error}") from error
        except _GONE as error:
            if isinstance(error, _CONFLICTS):
                raise
            raise unavailable(self.name, error) from error
        finally:
            pool.give_back(connection)

    def _begun(self, pool: Pool) -> tuple[psycopg.Connection[Any], int]:
        """A connection whose transaction began, and the time; a connection that died in the pool is passed over."""
        while True:
            connection, used = pool.take()
            try:
                if pool is self._reading and not self._settings.prepared_statements:
                    # Behind PgBouncer settings of the session are somebody else's.
                    connection.execute(f"SET LOCAL statement_timeout = {self._read_timeout_ms}")
                row = connection.execute(_NOW).fetchone()
                assert row is not None
                return connection, row[0]
            except BaseException as error:
                connection.close()
                pool.give_back(connection)
                if not isinstance(error, _GONE):
                    raise
                if not used:
                    raise unavailable(self.name, error) from error

    def _connect(self, *, reading: bool) -> psycopg.Connection[Any]:
        settings = self._settings
        connection = psycopg.connect(
            settings.url or "",
            connect_timeout=max(2, round(settings.connect_timeout)),
            application_name="levada",
            prepare_threshold=5 if settings.prepared_statements else None,
        )
        if reading:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if settings.prepared_statements:
                connection.execute(f"SET statement_timeout = {self._read_timeout_ms}")
                # Which index is best depends on what is asked for.
                connection.execute("SET plan_cache_mode = force_custom_plan")
                # Every list has an index to walk, and ends where its page is full. Reading a table whole looks
                # cheaper to the planner when it thinks that hardly a row will be found, and is not when it errs.
                connection.execute("SET enable_seqscan = off")
                connection.commit()
        return connection

    @property
    def _read_timeout_ms(self) -> int:
        return max(1, round(self._settings.read_timeout * 1000))


def lock_numbers(keys: tuple[bytes | str, ...]) -> list[int]:
    """The numbers of the advisory locks of some keys, in the order in which everybody takes them."""
    return sorted({_lock_number(key) for key in keys})


def _lock_number(key: bytes | str) -> int:
    """Texts have locks apart from those of ids, so that a limit never waits for a run."""
    text = isinstance(key, str)
    digest = hashlib.blake2b(key.encode() if isinstance(key, str) else key, digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    return (1 << 32) + number % (1 << 30) if text else (1 << 31) + number % LOCKS
