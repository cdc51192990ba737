"""The server's own home, taken in as it grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada import flow
from levada.control import ControlPlane
from levada.control.services.home_drain import HomeDrain
from levada.core.settings import Settings
from levada.core.states import StateType
from levada.journal.layout import DESTINATION, journal_root
from levada.store.sqlite import SqliteStore
from levada.testing import eventually
from levada.wire.filters import FlowRunQuery


@pytest.fixture
def plane(levada_home: Path) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


@flow
def hello() -> str:
    return "hello"


def counted(plane: ControlPlane) -> int:
    return plane.count_flow_runs(FlowRunQuery(state_types=[StateType.COMPLETED]))


def test_what_is_recorded_in_the_home_is_taken_in_and_an_idle_home_is_only_looked_at(plane: ControlPlane) -> None:
    service = HomeDrain.configured(plane, Settings())
    assert service.run_once(0).done == 0
    hello()
    assert service.run_once(0).done > 0
    assert counted(plane) == 1
    assert service.run_once(0).done == 0
    hello()
    service.run_once(0)
    assert counted(plane) == 2


def test_a_running_service_shows_a_run_of_its_home_by_itself(plane: ControlPlane) -> None:
    service = HomeDrain.configured(plane, Settings())
    service.start()
    hello()
    eventually(lambda: counted(plane) == 1)
    assert service.stop(5)


def test_a_home_whose_rows_are_elsewhere_is_left_alone(levada_home: Path, tmp_path: Path) -> None:
    hello()
    with ControlPlane(levada_home, SqliteStore(tmp_path / "other.db")) as elsewhere:
        assert HomeDrain.configured(elsewhere, Settings()).run_once(0).done == 0
        assert counted(elsewhere) == 0


def test_a_journal_that_is_for_a_server_is_left_alone(plane: ControlPlane) -> None:
    hello()
    for folder in journal_root(plane.home).iterdir():
        (folder / DESTINATION).write_text("http://elsewhere/api")
    assert HomeDrain.configured(plane, Settings()).run_once(0).done == 0


def test_a_process_that_died_is_noticed_although_its_journal_did_not_grow(
    plane: ControlPlane, monkeypatch: Any
) -> None:
    hello()
    service = HomeDrain.configured(plane, Settings())
    service.run_once(0)
    alive = service._seen
    monkeypatch.setattr("levada.control.services.home_drain.is_locked", lambda _: False)
    from levada.control.services.home_drain import look  # lazy: after the lock is told to be free

    assert look(plane.home) != alive
