from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from levada.cli.main import root
from levada.settings import refresh_settings
from levada.store.migrations.standing import HEAD
from levada.store.sqlite import SqliteStore
from tests.migration.homes import home_of_0001, sqlite_catalogue


def levada(*words: str) -> Result:
    return CliRunner().invoke(root, ["database", *words])


def test_check_says_what_an_upgrade_of_an_old_home_will_do(levada_home: Path) -> None:
    home_of_0001(levada_home / "levada.db")
    result = levada("check")
    assert result.exit_code == 1
    assert "older than this Levada" in result.output
    assert "0002" in result.output
    assert "task_runs (about 2 rows)" in result.output
    assert "must be stopped before" in result.output


def test_upgrade_tells_its_steps_and_leaves_nothing_to_do(levada_home: Path) -> None:
    home_of_0001(levada_home / "levada.db")
    result = levada("upgrade", "-o", "json")
    assert json.loads(result.stdout)["applied"] == ["0002"]
    assert "0002: What a server needs" in result.stderr
    assert "nothing was done" in levada("upgrade").stdout
    checked = json.loads(levada("check", "-o", "json").stdout)
    assert (checked["standing"], checked["usable"], checked["pending"]) == ("current", True, [])


def test_upgrade_makes_the_tables_of_a_home_that_has_none(levada_home: Path) -> None:
    assert levada("check").exit_code == 1
    assert levada("upgrade").exit_code == 0
    assert levada("check").exit_code == 0


def test_reset_asks_and_then_empties_the_file_under_those_who_have_it_open(levada_home: Path) -> None:
    store = SqliteStore(levada_home / "levada.db")
    with store.write() as transaction:
        transaction.meta.set("colour", b"blue")
    before = sqlite_catalogue(store.path)
    refused = levada("reset")
    assert refused.exit_code == 2
    assert "say --yes" in refused.output
    assert levada("reset", "--yes").exit_code == 0
    assert sqlite_catalogue(store.path) == before
    with store.read() as transaction:
        assert transaction.meta.get("colour") is None
    store.close()


def test_reset_leaves_tables_alone_that_are_not_ours(levada_home: Path) -> None:
    levada_home.mkdir()
    with closing(sqlite3.connect(levada_home / "levada.db")) as connection:
        connection.execute("CREATE TABLE customers (name)")
    assert "not of Levada" in str(levada("reset", "--yes").exception)
    assert "not of Levada" in levada("check").output


def test_stamp_and_downgrade_ask_and_name_what_there_is(levada_home: Path) -> None:
    levada("upgrade")
    assert levada("stamp", "0001").exit_code == 2
    assert "is marked as revision 0001" in levada("stamp", "0001", "--yes").stdout
    assert "is marked as revision 0002" in levada("stamp", "head", "--yes").stdout
    assert "cannot be taken back" in str(levada("downgrade", "0001", "--yes").exception)
    assert "nothing was done" in levada("downgrade", HEAD, "--yes").stdout
    assert "There is no revision '7'" in str(levada("downgrade", "7", "--yes").exception)


def test_all_of_it_works_on_postgresql(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVADA_DATABASE_URL", postgres_url)
    refresh_settings()
    assert "empty" in levada("check").output
    assert levada("upgrade").exit_code == 0
    assert json.loads(levada("check", "-o", "json").stdout)["standing"] == "current"
    with psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO meta (key, value) VALUES ('colour', 'blue')")
    assert levada("reset", "--yes").exit_code == 0
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM meta WHERE key = 'colour'").fetchone() == (0,)
