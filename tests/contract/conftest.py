"""The stores that every contract is held over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.core.settings import DatabaseSettings
from levada.store.base import Store
from levada.store.migrations.standing import WORKS_WITH_KEY
from levada.store.opening import open_store
from tests.migration.ahead import prepare
from tests.postgres import database


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A database with our tables that the tests of this module share; each starts by emptying it."""
    with database(postgres_server_url) as url:
        prepare(Path(), url)
        open_store(Path(), DatabaseSettings(url=url)).close()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        prepare(tmp_path, None)
        made = open_store(tmp_path, DatabaseSettings())
    else:
        made = open_store(tmp_path, DatabaseSettings(url=request.getfixturevalue("module_postgres_url")))
        empty(made)
    yield made
    made.close()


def empty(store: Store) -> None:
    """Remove every row that a test can have made."""
    with store.write() as transaction:
        tables = transaction.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('alembic_version', 'meta')"
        )
        transaction.execute("; ".join(f"DELETE FROM {table}" for (table,) in tables))
        # What the database says about its schema is no row of a test.
        transaction.execute("DELETE FROM meta WHERE key <> ?", (WORKS_WITH_KEY,))
