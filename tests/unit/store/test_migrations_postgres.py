"""The chain of revisions on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from levada.core.errors import ConfigurationError, StoreUnavailable
from levada.core.settings import DatabaseSettings
from levada.store.migrations.chain import Chain
from levada.store.migrations.places import PostgresPlace
from levada.store.migrations.standing import HEAD
from levada.store.opening import open_store
from tests.migration.ahead import BREAKING, EXPANDING, FAILING, advance
from tests.migration.homes import postgres_catalogue
from tests.postgres import database


@pytest.fixture
def place(postgres_url: str) -> PostgresPlace:
    return PostgresPlace(postgres_url)


@pytest.fixture
def other_url(postgres_server_url: str) -> Iterator[str]:
    with database(postgres_server_url) as url:
        yield url


def test_the_chain_leads_to_the_tables_of_the_schema_file(place: PostgresPlace, other_url: str) -> None:
    Chain().upgrade(place, "0001")
    assert Chain().upgrade(place) == ["0002"]
    Chain().bring_up_to_date(PostgresPlace(other_url))
    assert postgres_catalogue(place.url) == postgres_catalogue(other_url)


def test_a_new_database_is_made_and_stamped(place: PostgresPlace) -> None:
    assert Chain().check(place).standing == "empty"
    assert Chain().upgrade(place) == ["0001", "0002"]
    report = Chain().check(place)
    assert (report.standing, report.revision, report.works_with) == ("current", HEAD, HEAD)


def test_a_server_that_finds_its_schema_up_to_date_loads_neither_alembic_nor_sqlalchemy(place: PostgresPlace) -> None:
    Chain().bring_up_to_date(place)
    program = (
        "import sys; from pathlib import Path; from levada.core.settings import DatabaseSettings\n"
        "from levada.store.opening import open_store\n"
        "open_store(Path(), DatabaseSettings(url=sys.argv[1])).close()\n"
        "print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))\n"
    )
    told = subprocess.run([sys.executable, "-c", program, place.url], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_replicas_that_start_at_once_make_the_tables_once(place: PostgresPlace, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from levada.core.settings import DatabaseSettings\n"
        "from levada.store.opening import open_store\n"
        "sys.stdin.readline()\n"
        "store = open_store(Path(sys.argv[1]), DatabaseSettings(url=sys.argv[2]))\n"
        "store.transact(lambda transaction: transaction.meta.set(sys.argv[3], b'here')); store.close()\n"
    )
    replicas = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), place.url, f"replica {number}"],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
        )
        for number in range(4)
    ]  # fmt: skip
    for replica in replicas:
        assert replica.stdin is not None
        replica.stdin.write("go\n")
        replica.stdin.flush()
    assert [replica.communicate()[1] for replica in replicas] == [""] * 4
    with psycopg.connect(place.url) as connection:
        assert connection.execute("SELECT count(*) FROM meta WHERE key LIKE 'replica%'").fetchone() == (4,)


def test_a_step_that_fails_leaves_everything_as_it_was(place: PostgresPlace) -> None:
    Chain().upgrade(place)
    before = postgres_catalogue(place.url)
    with pytest.raises(Exception, match='table "not_there" does not exist'):
        advance(place, FAILING)
    assert postgres_catalogue(place.url) == before


def test_code_works_on_a_schema_that_was_only_expanded(place: PostgresPlace, tmp_path: Path) -> None:
    chain = advance(place, EXPANDING)
    store = open_store(tmp_path, DatabaseSettings(url=place.url))
    store.transact(lambda transaction: transaction.meta.set("colour", b"blue"))
    store.close()
    assert Chain().check(place).standing == "ahead"
    assert chain.downgrade(place, HEAD) == [chain.head]
    assert Chain().check(place).standing == "current"


def test_a_schema_that_was_changed_is_refused_with_the_way_out(place: PostgresPlace, tmp_path: Path) -> None:
    advance(place, BREAKING)
    with pytest.raises(ConfigurationError, match="Upgrade Levada, or use another database"):
        open_store(tmp_path, DatabaseSettings(url=place.url))


def test_an_older_schema_stays_when_upgrades_are_not_to_happen_by_themselves(
    place: PostgresPlace, tmp_path: Path
) -> None:
    Chain().upgrade(place, "0001")
    with pytest.raises(ConfigurationError, match="levada database check"):
        open_store(tmp_path, DatabaseSettings(url=place.url, upgrade_on_start=False))
    assert Chain().check(place).revision == "0001"


def test_tables_of_others_are_left_alone(place: PostgresPlace, tmp_path: Path) -> None:
    with psycopg.connect(place.url) as connection:
        connection.execute("CREATE TABLE customers (name text)")
    assert Chain().check(place).standing == "foreign"
    with pytest.raises(ConfigurationError, match="database of its own"):
        Chain().reset(place)
    with pytest.raises(ConfigurationError, match="database of its own"):
        open_store(tmp_path, DatabaseSettings(url=place.url))


def test_a_reset_leaves_the_tables_of_a_new_database(place: PostgresPlace, other_url: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, DatabaseSettings(url=place.url))
    store.transact(lambda transaction: transaction.meta.set("colour", b"blue"))
    store.close()
    Chain().reset(place)
    Chain().bring_up_to_date(PostgresPlace(other_url))
    assert postgres_catalogue(place.url) == postgres_catalogue(other_url)


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    place = PostgresPlace("postgresql://me:secret@/levada?host=/nowhere")
    with pytest.raises(StoreUnavailable, match="PostgreSQL database levada on /nowhere cannot be reached") as told:
        Chain().check(place)
    assert "secret" not in str(told.value)
