"""The chain of revisions on SQLite: where it leads, from where, and what older and newer code see of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.store.migrations import standing as law
from levada.store.migrations.chain import Chain
from levada.store.migrations.places import SqlitePlace, place_of
from levada.store.migrations.standing import HEAD, WORKS_WITH, Standing, standing
from levada.store.sqlite import SqliteStore
from levada.store.sqlite.upgrades import make, schema, statements
from tests.migration.ahead import BREAKING, EXPANDING, FAILING, advance
from tests.migration.homes import home_of_0001, sqlite_catalogue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "levada.db"


def version_in(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


class TestTheLaw:
    @pytest.mark.parametrize(
        ("version", "works_with", "expected"),
        [
            (None, None, Standing.EMPTY),
            ("0001", "0001", Standing.OLDER),
            ("0002", "0002", Standing.CURRENT),
            ("0003", "0002", Standing.AHEAD),
            ("0003", "0001", Standing.AHEAD),
            ("0003", "0003", Standing.TOO_NEW),
            ("0003", None, Standing.TOO_NEW),
        ],
    )
    def test_what_a_database_says_decides_what_code_may_do(
        self, version: str | None, works_with: str | None, expected: Standing
    ) -> None:
        assert standing(version, works_with, head="0002") is expected

    def test_the_constants_are_those_of_the_chain(self) -> None:
        chain = Chain()
        assert chain.head == HEAD
        assert chain.works_with(HEAD) == WORKS_WITH

    def test_every_revision_says_what_it_is_for_and_sorts_after_the_one_before(self) -> None:
        revisions = Chain().revisions
        assert [one.id for one in revisions] == [f"{number:04}" for number in range(1, len(revisions) + 1)]
        assert all(one.summary.endswith(".") for one in revisions)


class TestTheChain:
    def test_it_leads_to_the_tables_of_the_schema_file(self, path: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "made.db", isolation_level=None)) as connection:
            make(connection)
        Chain().upgrade(SqlitePlace(path), "0001")
        Chain().upgrade(SqlitePlace(path))
        # Until 0002 is released: cp store/sqlite/schema.sql store/migrations/sql/r0002.sqlite.sql (postgres likewise)
        assert sqlite_catalogue(path) == sqlite_catalogue(tmp_path / "made.db")

    def test_a_file_is_the_same_whoever_makes_it(self, path: Path, tmp_path: Path) -> None:
        Chain().upgrade(SqlitePlace(path))
        store = SqliteStore(tmp_path / "made.db")
        with store.read():
            pass
        store.close()
        for pragma in ("page_size", "journal_mode", "user_version"):
            made = []
            for file in (path, store.path):
                with closing(sqlite3.connect(file)) as connection:
                    made.append(connection.execute(f"PRAGMA {pragma}").fetchone())
            assert made[0] == made[1]

    def test_the_schema_needs_nothing_but_sqlite(self) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(schema())

    def test_a_trigger_is_one_statement(self) -> None:
        script = "CREATE TABLE a (b); -- a; b\nCREATE TRIGGER c AFTER INSERT ON a BEGIN\n  DELETE FROM a;\nEND;\n"
        assert [one.split()[1] for one in statements(script)] == ["TABLE", "TRIGGER"]

    def test_the_home_of_the_first_levada_is_upgraded_with_everything_in_it(self, path: Path) -> None:
        home_of_0001(path)
        store = SqliteStore(path)
        with store.read() as transaction:
            (run,) = transaction.execute("SELECT id, flow, name, state, created, expected, changed FROM flow_runs")
            assert run == (b"r" * 16, "report", "quiet-heron", 5, 1_000, 1_000, 3_000)
            assert transaction.execute("SELECT fact FROM flow_run_facts ORDER BY fact") == [
                ("l:team=data",), ("p:day=monday",), ("t:nightly",),
            ]  # fmt: skip
            assert transaction.execute("SELECT count(*), min(changed) FROM task_runs") == [(2, 0)]
            assert transaction.execute("SELECT id, message FROM logs") == [(7, "hello")]
            assert transaction.execute("SELECT name FROM variables") == [("colour",)]
            assert transaction.execute("SELECT number, offset, host FROM writers") == [(1, 99, "")]
        store.close()
        assert version_in(path) == HEAD

    def test_a_step_that_fails_leaves_everything_as_it_was(self, path: Path) -> None:
        home_of_0001(path)
        before = sqlite_catalogue(path)
        with pytest.raises(sqlite3.OperationalError, match="no such table: not_there"):
            advance(SqlitePlace(path), FAILING)
        assert sqlite_catalogue(path) == before

    def test_a_database_that_was_just_upgraded_can_be_opened_by_many_processes_at_once(self, path: Path) -> None:
        home_of_0001(path)
        program = (
            "import sys; from pathlib import Path; from levada.store.sqlite import SqliteStore\n"
            "sys.stdin.readline(); store = SqliteStore(Path(sys.argv[1]))\n"
            "with store.read() as transaction: print(transaction.execute('SELECT count(*) FROM flow_run_facts'))\n"
            "store.close()\n"
        )
        command = [sys.executable, "-c", program, str(path)]
        processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.communicate()[0].strip() for process in processes] == ["[(3,)]"] * 4

    def test_opening_what_is_up_to_date_loads_neither_alembic_nor_sqlalchemy_nor_psycopg(self, path: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from levada.store.sqlite import SqliteStore\n"
            "for _ in range(2):\n"
            "    store = SqliteStore(Path(sys.argv[1]))\n"
            "    with store.read(): pass\n"
            "    store.close()\n"
            "print([name for name in ('alembic', 'sqlalchemy', 'psycopg') if name in sys.modules])\n"
        )
        done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_upgrading_tells_each_step(self, path: Path) -> None:
        home_of_0001(path)
        told: list[str] = []
        assert Chain().upgrade(SqlitePlace(path), told=told.append) == ["0002"]
        assert [line.split(":")[0] for line in told] == ["0002"]
        assert Chain().upgrade(SqlitePlace(path), told=told.append) == []

    def test_an_unknown_revision_is_told_with_those_there_are(self, path: Path) -> None:
        with pytest.raises(ObjectNotFound, match="there are 0001, 0002 and head"):
            Chain().upgrade(SqlitePlace(path), "0815")

    def test_a_step_that_cannot_be_taken_back_says_so_and_changes_nothing(self, path: Path) -> None:
        Chain().upgrade(SqlitePlace(path))
        with pytest.raises(ConfigurationError, match="restore the backup"):
            Chain().downgrade(SqlitePlace(path), "0001")
        assert version_in(path) == HEAD


class TestNewerDatabases:
    def test_code_works_on_a_schema_that_was_only_expanded(self, path: Path) -> None:
        advance(SqlitePlace(path), EXPANDING)
        assert version_in(path) > HEAD
        store = SqliteStore(path)
        with store.write() as transaction:
            transaction.meta.set("colour", b"blue")
        store.close()

    def test_a_schema_that_was_changed_is_refused_with_the_way_out_and_not_touched(self, path: Path) -> None:
        advance(SqlitePlace(path), BREAKING)
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match=r"newer Levada .* Upgrade Levada, or set LEVADA_HOME"):
            SqliteStore(path).read().__enter__()
        with pytest.raises(ConfigurationError, match="newer Levada"):
            Chain().upgrade(SqlitePlace(path))
        assert path.read_bytes() == before

    def test_an_expansion_is_taken_back_by_the_code_that_knows_it(self, path: Path) -> None:
        chain = advance(SqlitePlace(path), EXPANDING)
        assert chain.downgrade(SqlitePlace(path), HEAD) == [chain.head]
        assert Chain().check(SqlitePlace(path)).standing == "current"

    def test_the_first_levada_refuses_what_the_chain_made(self, path: Path) -> None:
        Chain().upgrade(SqlitePlace(path))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone()[0] > 1  # it knew only this number

    def test_tables_that_are_not_ours_are_left_alone(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE customers (name)")
        with pytest.raises(ConfigurationError, match="does not know its tables"):
            SqliteStore(path).read().__enter__()
        assert Chain().check(SqlitePlace(path)).standing == "foreign"
        with pytest.raises(ConfigurationError, match="not of Levada"):
            Chain().upgrade(SqlitePlace(path))


class TestCheck:
    def test_it_says_what_an_upgrade_will_do(self, path: Path) -> None:
        home_of_0001(path)
        report = Chain().check(SqlitePlace(path))
        assert (report.standing, report.revision, report.usable) == ("older", "0001", False)
        (step,) = report.pending
        assert step.id == "0002"
        assert {rewrite.table: rewrite.rows for rewrite in step.rewrites}["task_runs"] == 2

    def test_a_file_that_is_not_there_is_empty_and_stays_away(self, path: Path) -> None:
        assert Chain().check(SqlitePlace(path)).standing == "empty"
        assert not path.exists()

    def test_a_stamp_changes_what_a_database_says_and_no_table(self, path: Path) -> None:
        Chain().upgrade(SqlitePlace(path))
        before = sqlite_catalogue(path)
        Chain().stamp(SqlitePlace(path), "0001")
        assert Chain().check(SqlitePlace(path)).revision == "0001"
        Chain().stamp(SqlitePlace(path), "head")
        assert sqlite_catalogue(path) == before

    def test_a_database_is_named_without_its_password(self, tmp_path: Path) -> None:
        place = place_of("postgresql://me:secret@db.example/levada", tmp_path, "levada.db")
        assert place.name == "PostgreSQL database levada on db.example"
        with pytest.raises(ConfigurationError, match="must begin with postgresql"):
            place_of("mysql://x", tmp_path, "levada.db")


def test_the_law_needs_no_alembic() -> None:
    assert "alembic" not in vars(law)
