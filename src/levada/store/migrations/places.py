"""The two kinds of database that the chain is run on. SQLAlchemy is loaded when one is changed, not when looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict

from levada.core.errors import ConfigurationError, StoreUnavailable
from levada.store.migrations.standing import VERSION_QUERY, WORKS_WITH_KEY, Found
from levada.store.sqlite.upgrades import BUSY_SECONDS, begin_file, found_in_sqlite, make

if TYPE_CHECKING:
    import sqlalchemy

_LOCK_NUMBER = 0x6C65_7661_6461  # "levada": the advisory lock of whoever changes a schema


class Place(Protocol):
    """A database whose schema is looked at, made or changed."""

    dialect: str
    name: str
    """For people; without its password."""

    def look(self) -> Found:
        """What it says about its schema; a database that is not there yet is an empty one."""
        ...

    def look_through(self, connection: Any) -> Found:
        """As `look`, through an open connection of the driver."""
        ...

    def connected(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """Context of a SQLAlchemy connection inside the one transaction that may change the schema now."""
        ...

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Make all tables of the present revision in an empty database, and stamp it."""
        ...

    def estimates(self) -> Mapping[str, int]:
        """About how many rows each table has."""
        ...

    def empty(self, connection: sqlalchemy.Connection) -> None:
        """Remove every table of it."""
        ...


class SqlitePlace:
    """The file of a home."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def look(self) -> Found:
        """What the file says about its schema."""
        if not self.path.exists():
            return Found(None, None, stamped=False)
        with self._opened() as connection:
            return found_in_sqlite(connection)

    def look_through(self, connection: Any) -> Found:
        """As `look`, through an open connection."""
        return found_in_sqlite(connection)

    @contextmanager
    def connected(self) -> Iterator[sqlalchemy.Connection]:
        """A connection in the one writing transaction."""
        import sqlalchemy  # lazy: a server that finds its schema up to date starts without it
        from sqlalchemy.exc import DBAPIError  # lazy: as above
        from sqlalchemy.pool import NullPool  # lazy: as above

        engine = sqlalchemy.create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        sqlalchemy.event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
        try:
            with engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise (error.orig or error) from error
        finally:
            engine.dispose()

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Make all tables."""
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        make(raw)

    def estimates(self) -> Mapping[str, int]:
        """Rows of each table, by its greatest row number or its statistics; no table is read through."""
        if not self.path.exists():
            return {}
        with self._opened() as connection:
            found = {}
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
                if sql and "WITHOUT ROWID" not in sql and "VIRTUAL" not in sql:
                    found[name] = connection.execute(f"SELECT max(rowid) FROM {name}").fetchone()[0] or 0
            return found

    def empty(self, connection: sqlalchemy.Connection) -> None:
        """Remove every table; the file stays the one that other processes have open."""
        raw: Any = connection.connection.dbapi_connection
        # A full-text index first: its own tables go with it.
        tables = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql {} 'CREATE V%'"
        )
        for kind in ("LIKE", "NOT LIKE"):
            for (name,) in raw.execute(tables.format(kind)).fetchall():
                raw.execute(f"DROP TABLE {name}")

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            begin_file(connection)
        return connection

    def _opened(self) -> Any:
        return closing(self._connect())


class PostgresPlace:
    """A PostgreSQL database.

    Args:
        url: as in `LEVADA_DATABASE_URL`.
        timeout: seconds to wait for a connection.
    """

    dialect = "postgresql"

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self.url = url
        self.timeout = timeout
        parts = conninfo_to_dict(url)
        self.name = f"PostgreSQL database {parts.get('dbname') or 'postgres'} on {parts.get('host') or 'this machine'}"

    def look(self) -> Found:
        """What the database says about its schema."""
        with closing(self._connect()) as connection:
            return found_in_postgres(connection)

    def look_through(self, connection: Any) -> Found:
        """As `look`, through an open connection."""
        return found_in_postgres(connection)

    @contextmanager
    def connected(self) -> Iterator[sqlalchemy.Connection]:
        """A connection that holds the advisory lock of schema changes until its transaction ends."""
        import sqlalchemy  # lazy: a server that finds its schema up to date starts without it
        from sqlalchemy.pool import NullPool  # lazy: as above

        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=self._connect, poolclass=NullPool)
        try:
            with engine.connect() as connection, connection.begin():
                # Others wait here for as long as an upgrade takes, and then find nothing to do.
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
                yield connection
        finally:
            engine.dispose()

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Make all tables."""
        raw: Any = connection.connection.dbapi_connection
        script = Path(__file__).parents[1] / "postgres" / "schema.sql"
        raw.execute(script.read_text(encoding="utf-8"))

    def estimates(self) -> Mapping[str, int]:
        """Rows of each table as PostgreSQL last counted them, partitions together."""
        with closing(self._connect()) as connection:
            rows = connection.execute(_ESTIMATES).fetchall()
        return {str(name): int(count) for name, count in rows}

    def empty(self, connection: sqlalchemy.Connection) -> None:
        """Remove every table and function in the schema of ours; extensions stay."""
        for kind, name in connection.exec_driver_sql(_OURS).fetchall():
            connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name} CASCADE")

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            return psycopg.connect(self.url, connect_timeout=max(2, round(self.timeout)), application_name="levada")
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"The {self.name} cannot be reached: {str(error).strip()}") from error


_OURS = """
SELECT 'TABLE', oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
UNION ALL SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT 'SEQUENCE', oid::regclass::text FROM pg_class
WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace"""

_ESTIMATES = """
SELECT coalesce(parent.relname, own.relname), sum(greatest(own.reltuples, 0))::bigint
FROM pg_class own
LEFT JOIN pg_inherits link ON link.inhrelid = own.oid
LEFT JOIN pg_class parent ON parent.oid = link.inhparent
WHERE own.relkind = 'r' AND own.relnamespace = current_schema()::regnamespace
GROUP BY 1"""


def found_in_postgres(connection: psycopg.Connection[Any]) -> Found:
    """What an open PostgreSQL database says about its schema."""
    known = connection.execute("SELECT to_regclass('alembic_version'), to_regclass('meta')").fetchone()
    assert known is not None
    if known[0] is None:
        row = connection.execute(
            "SELECT count(*) FROM pg_class "
            "WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
        ).fetchone()
        return Found(None, None, stamped=False, foreign=row is None or row[0] > 0)
    versions = connection.execute(VERSION_QUERY).fetchall()
    kept = None
    if known[1] is not None:
        kept = connection.execute("SELECT value FROM meta WHERE key = %s", (WORKS_WITH_KEY,)).fetchone()
    version = str(versions[0][0]) if versions else None
    return Found(version, None if kept is None else bytes(kept[0]).decode("ascii"), stamped=bool(versions))


def place_of(url: str | None, home: Path, file_name: str, timeout: float = 5.0) -> Place:
    """The database of the settings: `database.url`, else the file in the home.

    Raises:
        ConfigurationError: the address is not one of PostgreSQL.
    """
    if url is None:
        return SqlitePlace(home / file_name)
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(
            "database.url must begin with postgresql:// (SQLite needs no address: it is a file in LEVADA_HOME)."
        )
    return PostgresPlace(url, timeout)
