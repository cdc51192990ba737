"""What only the SQLite store does: files, upgrades, processes, bytes."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control.ingest import ingest
from levada.core.errors import ConfigurationError
from levada.core.states import StateType
from levada.store.sqlite import SqliteStore
from levada.store.sqlite.upgrades import STEPS, VERSION, schema, upgrade
from tests.unit.control import records as make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "home" / "levada.db")
    yield made
    made.close()


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


class TestFile:
    def test_it_is_made_with_its_folder_when_first_used(self, store: SqliteStore) -> None:
        assert not store.path.parent.exists()
        with store.read() as transaction:
            assert transaction.execute("PRAGMA journal_mode") == [("wal",)]
            assert transaction.execute("PRAGMA synchronous") == [(1,)]
            assert transaction.execute("PRAGMA busy_timeout") == [(30_000,)]
        assert version_of(store.path) == VERSION

    def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("a file where the folder should be")
        with (
            pytest.raises(ConfigurationError, match=r"levada\.db cannot be used: .* set LEVADA_HOME"),
            SqliteStore(tmp_path / "home" / "levada.db").read(),
        ):
            pass

    def test_a_file_that_is_no_database_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "levada.db").write_text("certainly no database, and long enough to be looked at" * 20)
        with pytest.raises(ConfigurationError, match="not a database"), SqliteStore(tmp_path / "levada.db").read():
            pass

    def test_a_full_disk_is_told_and_changes_nothing(self, store: SqliteStore) -> None:
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
            (pages,) = transaction.execute("PRAGMA page_count")[0]
        with store.read() as transaction:
            transaction.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ConfigurationError, match="database or disk is full"), store.write() as transaction:
            transaction.meta.set("colour", b"red" * 100_000)
        with store.read() as transaction:
            assert transaction.meta.get("colour") == b"blue"


class TestUpgrades:
    def test_a_newer_database_is_refused_and_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "levada.db"
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match="written by a newer Levada"), SqliteStore(path).read():
            pass
        assert path.read_bytes() == before

    def test_there_is_a_step_from_every_older_version(self) -> None:
        assert set(STEPS) == set(range(1, VERSION))

    def test_steps_are_taken_one_after_the_other(self, store: SqliteStore) -> None:
        with store.read() as transaction:
            assert transaction.execute("PRAGMA user_version") == [(VERSION,)]
        connection = sqlite3.connect(store.path, isolation_level=None)
        steps = {
            VERSION: lambda db: db.execute("ALTER TABLE flows ADD COLUMN owner TEXT"),
            VERSION + 1: lambda db: db.execute("UPDATE flows SET owner = 'nobody'"),
        }
        try:
            upgrade(connection, store.path, steps, VERSION + 2)
            assert connection.execute("SELECT owner FROM flows").fetchall() == []
        finally:
            connection.close()
        assert version_of(store.path) == VERSION + 2

    def test_a_step_that_fails_leaves_everything_as_it_was(self, store: SqliteStore) -> None:
        with store.read():
            pass

        def breaks(db: sqlite3.Connection) -> None:
            db.execute("ALTER TABLE flows ADD COLUMN owner TEXT")
            db.execute("ALTER TABLE nothing ADD COLUMN owner TEXT")

        connection = sqlite3.connect(store.path, isolation_level=None)
        try:
            with pytest.raises(sqlite3.OperationalError):
                upgrade(connection, store.path, {VERSION: breaks}, VERSION + 1)
            with pytest.raises(sqlite3.OperationalError, match="no such column"):
                connection.execute("SELECT owner FROM flows")
        finally:
            connection.close()
        assert version_of(store.path) == VERSION

    def test_the_schema_needs_nothing_but_sqlite(self) -> None:
        connection = sqlite3.connect(":memory:")
        connection.executescript(schema())
        connection.close()


class TestProcesses:
    def test_many_processes_may_make_the_same_database_at_once(self, tmp_path: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from levada.store.sqlite import SqliteStore\n"
            "store = SqliteStore(Path(sys.argv[1])); sys.stdin.readline()\n"
            "for number in range(20):\n"
            "    with store.write() as transaction:\n"
            "        total = int(transaction.meta.get('total') or b'0')\n"
            "        transaction.meta.set('total', b'%d' % (total + 1))\n"
            "store.close()\n"
        )
        path = tmp_path / "levada.db"
        command = [sys.executable, "-c", program, str(path)]
        processes = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(6)]
        for process in processes:
            process.communicate("go\n")
        assert [process.returncode for process in processes] == [0] * 6
        store = SqliteStore(path)
        with store.read() as transaction:
            assert transaction.meta.get("total") == b"120"
        store.close()

    def test_a_forked_child_opens_its_own_connection(self, tmp_path: Path) -> None:
        program = (
            "import os, sys; from pathlib import Path; from levada.store.sqlite import SqliteStore\n"
            "store = SqliteStore(Path(sys.argv[1]))\n"
            "with store.write() as transaction: transaction.meta.set('who', b'parent')\n"
            "child = os.fork()\n"
            "with store.write() as transaction: transaction.meta.set('child' if child == 0 else 'parent', b'yes')\n"
            "if child: assert os.waitpid(child, 0)[1] == 0\n"
        )
        path = tmp_path / "levada.db"
        subprocess.run([sys.executable, "-W", "error::ResourceWarning", "-c", program, str(path)], check=True)
        store = SqliteStore(path)
        with store.read() as transaction:
            assert [transaction.meta.get(key) for key in ("who", "child", "parent")] == [b"parent", b"yes", b"yes"]
        store.close()

    def test_a_store_that_nobody_closes_closes_itself(self, tmp_path: Path) -> None:
        store = SqliteStore(tmp_path / "levada.db")
        with store.read() as transaction:
            connection = transaction.connection
        del store, transaction
        gc.collect()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_task_run_takes_at_most_400_bytes_of_disk(store: SqliteStore) -> None:
    """Indexes and half-filled pages included; a usual task: inputs, a result, a code digest, a name, a tag."""
    count = 10_000
    run, writer = make.new_id(), make.new_id()
    batch = [make.run_opened(run, writer)]
    before = make.new_id()
    for number in range(count):
        task = make.new_id()
        opened = make.task_opened(
            task,
            run,
            key="extract_page",
            name=f"extract_page-{number}",
            identity=os.urandom(16),
            inputs={"page": [before]},
            shown={"page": f"[{number}, {number + 1}]"},
            code="0123456789abcdef0123456789abcdef",
            tags=["nightly"],
            started=True,
        )
        result = make.payload(b"\xcd\x01\x02")
        batch += [opened, make.task_state(task, run, StateType.COMPLETED, 2, result=result)]
        before = task
    with store.write() as transaction:
        ingest(transaction, writer, enumerate(batch, 1))
    with store.read() as transaction:
        pages, size = transaction.execute("PRAGMA page_count")[0][0], transaction.execute("PRAGMA page_size")[0][0]
    assert pages * size / count <= 400
