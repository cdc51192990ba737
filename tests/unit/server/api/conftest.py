"""A server without a process or a port: its application over a control plane on SQLite, and a story to ask about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.control.bus import Bus
from levada.control.ingest import ingest
from levada.core.settings import ServerSettings, Settings
from levada.core.states import StateType
from levada.server.app import create_app
from levada.wire.records import Record
from tests.unit.control import records as make

_T = StateType


@pytest.fixture
def plane(levada_home: Path) -> Iterator[ControlPlane]:
    with ControlPlane(levada_home) as made:
        yield made


@pytest.fixture
def api(plane: ControlPlane) -> Iterator[TestClient[Any]]:
    bus = Bus(plane.store)
    app = create_app(plane, Settings(server=ServerSettings(max_page_size=500)), bus=bus)
    with closing(bus), TestClient(app, raise_server_exceptions=False) as client:
        yield client


def take_in(plane: ControlPlane, *records: Record) -> None:
    with plane.store.write() as transaction:
        ingest(transaction, make.new_id(), enumerate(records, 1))


@dataclass
class Story:
    """What is recorded: a run that completed with three tasks, one that failed, one that runs."""

    done: UUID
    failed: UUID
    running: UUID
    extract: UUID
    transform: UUID
    broken: UUID
    report: UUID
    writer: bytes
    runs: list[UUID] = field(default_factory=list)


@pytest.fixture
def story(plane: ControlPlane) -> Story:
    return tell_story(plane)


def tell_story(plane: ControlPlane) -> Story:
    writer = make.new_id()
    done, failed, running, extract, transform, subflow, broken, child = (make.new_id() for _ in range(8))
    report = make.artifact(done, "report")
    take_in(
        plane,
        make.run_opened(done, writer, flow="etl", name="done-run", tags=["daily"], labels={"team": "data"}),
        make.run_state(done, _T.RUNNING, 2),
        make.task_opened(extract, done, name="extract-0", started=True),
        make.task_state(extract, done, _T.COMPLETED, 1, result=make.payload()),
        make.task_opened(
            transform, done, key="transform", name="transform-0", inputs={"rows": [extract]}, started=True
        ),
        make.task_state(transform, done, _T.COMPLETED, 1),
        make.task_opened(subflow, done, key="load", name="load-0", child_run=child, started=True),
        make.task_state(subflow, done, _T.COMPLETED, 1),
        make.log_line(done, "the quick brown fox"),
        make.log_line(done, "jumps over", task=extract, level=40),
        report,
        make.run_state(done, _T.COMPLETED, 3),
        make.run_opened(failed, writer, flow="etl", name="failed-run"),
        make.run_state(failed, _T.RUNNING, 2),
        make.task_opened(broken, failed, name="broken-0", started=True),
        make.task_state(broken, failed, _T.FAILED, 1, message="no such file"),
        make.run_state(failed, _T.FAILED, 3, message="1 task failed"),
        make.run_opened(running, writer, flow="report", name="running-run", tags=["daily", "slow"]),
        make.run_state(running, _T.RUNNING, 2),
    )
    named = [UUID(bytes=raw) for raw in (done, failed, running, extract, transform, broken, report.artifact)]
    return Story(*named, writer=writer, runs=named[:3])


def problem(answer: Any, status: int, *paths: str) -> dict[str, Any]:
    """The problem that an answer is; its fields are at least these."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["detail"]
    assert {one["path"] for one in said.get("fields", ())} >= set(paths), said
    return said
