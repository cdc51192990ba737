"""Control planes on every database, for tests of what is decided in transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control import ControlPlane
from levada.core.settings import DatabaseSettings
from levada.store.opening import open_store
from tests.postgres import database


@pytest.fixture(scope="module")
def postgres_with_tables(postgres_server_url: str) -> Iterator[str]:
    """A database with our tables that the tests of a module share; its runs have ids of their own."""
    with database(postgres_server_url) as url:
        open_store(Path(), DatabaseSettings(url=url)).close()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def plane(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane on each database."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_with_tables")
    with ControlPlane(tmp_path, open_store(tmp_path, DatabaseSettings(url=url))) as made:
        yield made
