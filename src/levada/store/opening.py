"""Opens the store that the settings name, with its schema up to date."""

from __future__ import annotations

from pathlib import Path

from levada.core.errors import ConfigurationError
from levada.core.settings import DatabaseSettings
from levada.store.base import Store
from levada.store.migrations.standing import Standing, must_be_upgraded, standing, too_new
from levada.store.sqlite import SqliteStore

DATABASE = "levada.db"
"""The store's file in a home."""


def open_store(home: Path, database: DatabaseSettings) -> Store:
    """The store of a home, or the PostgreSQL database of `database.url`.

    A new database gets its tables; an older one is upgraded when `database.upgrade_on_start` says so. The file of a
    home is always brought up to date, when it is first used.

    Raises:
        ConfigurationError: the address cannot be understood, or the schema is not one this Levada can work with.
        StoreUnavailable: the database cannot be reached.
    """
    if database.url is None:
        return SqliteStore(home / DATABASE)
    return open_postgres(database)


def open_postgres(database: DatabaseSettings) -> Store:
    """The PostgreSQL database of `database.url`; see `open_store`."""
    from levada.store.migrations.places import place_of  # lazy: only servers have a PostgreSQL
    from levada.store.postgres import PostgresStore  # lazy: as above
    from levada.store.postgres.partitions import ensure_partitions  # lazy: as above

    place = place_of(database.url, Path(), DATABASE, database.connect_timeout)
    found = place.look()
    if found.foreign:
        raise ConfigurationError(f"{place.name} holds tables that are not Levada's. Give Levada a database of its own.")
    stands = standing(found.version, found.works_with)
    if stands is Standing.TOO_NEW:
        raise too_new(place.name, str(found.version), "use another database")
    if stands is Standing.OLDER and not database.upgrade_on_start:
        raise must_be_upgraded(place.name, str(found.version))
    if stands in {Standing.EMPTY, Standing.OLDER}:
        from levada.store.migrations.chain import Chain  # lazy: Alembic is needed only by what is not up to date

        Chain().bring_up_to_date(place)
    store = PostgresStore(database)
    store.transact(lambda transaction: ensure_partitions(transaction, transaction.now))
    return store
