from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.control.result_files import remove_temporary_files, remove_unreferenced
from levada.store.base import TaskRunRow
from levada.store.sqlite import SqliteStore

NOW = 1_790_000_000.0
DAY = 86_400.0
KEY = "ac3bb36e30298a5d7ec62a84ac8b184e"
OTHER = "aefee9fafe57314b008d66c75e2332c3"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "levada.db")
    yield opened
    opened.close()


def put(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"value")
    os.utime(path, (NOW - days * DAY, NOW - days * DAY))
    return path


def refer(store: SqliteStore, key: str) -> None:
    body = b"\x91\xd9\x20" + key.encode()
    with store.write() as transaction:
        transaction.task_runs.insert([TaskRunRow(os.urandom(16), None, 0, 5, None, None, None, None, None, 1, body)])


def sweep(tmp_path: Path, store: SqliteStore, storage: Path | None = None) -> int:
    return remove_unreferenced(tmp_path, storage or tmp_path / "storage", store, NOW, 180 * DAY, lambda: False)


def test_what_killed_writers_left_goes_after_a_day(tmp_path: Path) -> None:
    old = put(tmp_path / "storage" / "deep" / ".tmp-12-0-abcd", 2)
    young = put(tmp_path / "storage" / ".tmp-13-0-abcd", 0.5)
    named = put(tmp_path / "storage" / "tmp-report", 2)
    assert remove_temporary_files(tmp_path / "storage", NOW) == 1
    assert (old.exists(), young.exists(), named.exists()) == (False, True, True)
    assert remove_temporary_files(tmp_path / "nowhere", NOW) == 0


def test_an_old_file_goes_when_nothing_refers_to_it(tmp_path: Path, store: SqliteStore) -> None:
    unreferenced = put(tmp_path / "storage" / KEY, 200)
    referenced = put(tmp_path / "storage" / OTHER, 200)
    refer(store, OTHER)
    assert sweep(tmp_path, store) == 1
    assert (unreferenced.exists(), referenced.exists()) == (False, True)


@pytest.mark.parametrize(("name", "days"), [(KEY, 100), ("report", 900), ("models/latest", 900), (KEY + ".csv", 900)])
def test_what_is_young_or_named_by_an_author_stays(tmp_path: Path, store: SqliteStore, name: str, days: float) -> None:
    kept = put(tmp_path / "storage" / name, days)
    assert sweep(tmp_path, store) == 0
    assert kept.exists()


def test_a_journal_that_is_not_taken_in_keeps_what_it_refers_to(tmp_path: Path, store: SqliteStore) -> None:
    kept = put(tmp_path / "storage" / KEY, 200)
    segment = tmp_path / "journal" / "w1" / "000.seg"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"\x00\x01" + KEY.encode() + b"\x02")
    assert sweep(tmp_path, store) == 0
    assert kept.exists()


def test_a_storage_outside_the_home_may_be_of_others_and_is_left_alone(
    tmp_path: Path, store: SqliteStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.mktemp("shared")
    kept = put(shared / KEY, 900)
    assert sweep(tmp_path, store, shared) == 0
    assert kept.exists()


def test_references_are_found_in_every_row_however_many_there_are(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada.control.result_files.PAGE", 3)
    keys = [f"{number:032x}" for number in range(10)]
    for key in keys:
        put(tmp_path / "storage" / key, 200)
        refer(store, key)
    with store.write() as transaction:
        for number in range(8):
            transaction.execute(
                "INSERT INTO flow_run_inputs (run, key, value, created) VALUES (?, ?, ?, 0)",
                (b"r" * 16 if number else b"q" * 16, f"k{number}", f"{number + 100:032x}".encode()),
            )
    for number in range(8):
        put(tmp_path / "storage" / f"{number + 100:032x}", 200)
    assert sweep(tmp_path, store) == 0
