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
from levada.core.errors import ConfigurationError, ParameterError
from levada.core.states import StateType
from levada.store.migrations.standing import HEAD, VERSION_QUERY
from levada.store.sqlite import SqliteStore
from levada.wire.filters import LogQuery
from tests.unit.control import records as make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "home" / "levada.db")
    yield made
    made.close()


class TestFile:
    def test_it_is_made_with_its_folder_when_first_used(self, store: SqliteStore) -> None:
        assert not store.path.parent.exists()
        with store.read() as transaction:
            assert transaction.execute("PRAGMA journal_mode") == [("wal",)]
            assert transaction.execute("PRAGMA synchronous") == [(1,)]
            assert transaction.execute("PRAGMA busy_timeout") == [(30_000,)]
            assert transaction.execute(VERSION_QUERY) == [(HEAD,)]

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
        with store.write() as transaction:
            (pages,) = transaction.execute("PRAGMA page_count")[0]
            transaction.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ConfigurationError, match="database or disk is full"), store.write() as transaction:
            transaction.meta.set("colour", b"red" * 100_000)
        with store.read() as transaction:
            assert transaction.meta.get("colour") == b"blue"

    def test_a_number_that_no_column_holds_is_told(self, store: SqliteStore) -> None:
        with pytest.raises(ParameterError, match="cannot take a value"), store.read() as transaction:
            transaction.logs.page(LogQuery(min_level=1 << 63))


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
    with store.read() as transaction:
        (empty,) = transaction.execute("PRAGMA page_count")[0]
    with store.write() as transaction:
        ingest(transaction, writer, enumerate(batch, 1))
    with store.read() as transaction:
        pages, size = transaction.execute("PRAGMA page_count")[0][0], transaction.execute("PRAGMA page_size")[0][0]
    assert (pages - empty) * size / count <= 400
