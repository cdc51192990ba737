from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from levada.testing import eventually
from tests.postgres import PostgresServer, binaries, database

ROOT = Path(__file__).parents[2]


def _value(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_every_test_has_an_empty_database_of_its_own(postgres_server_url: str) -> None:
    with database(postgres_server_url) as one, database(postgres_server_url) as other:
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE mine (a int)")
        assert _value(other, "SELECT to_regclass('mine') IS NULL")


def test_a_database_goes_also_from_under_those_who_still_use_it(postgres_server_url: str) -> None:
    with database(postgres_server_url) as url:
        forgotten = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_a_server_can_be_taken_away_and_comes_back_with_its_rows(own_postgres: PostgresServer, mode: str) -> None:
    with psycopg.connect(own_postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")

    own_postgres.stop(mode)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_postgres.url())

    own_postgres.start()
    assert _value(own_postgres.url(), "SELECT seven FROM kept") == 7


@pytest.mark.skipif(binaries() is None, reason="no PostgreSQL binaries")
def test_a_server_does_not_outlive_a_test_run_that_is_killed() -> None:
    program = (
        "from tests.postgres import PostgresServer\nserver = PostgresServer()\n"
        "print((server.folder / 'data' / 'postmaster.pid').read_text().split()[0], server.folder, flush=True)\ninput()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdin is not None
    assert run.stdout is not None
    with run, run.stdin:
        postmaster, folder = run.stdout.readline().split()
        os.kill(run.pid, signal.SIGKILL)

    assert eventually(lambda: not Path(folder).exists())
    with pytest.raises(ProcessLookupError):
        os.kill(int(postmaster), 0)
