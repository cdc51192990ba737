"""Two processes open one epoch of a run: the first has it, and what the second says of states does not count."""

from __future__ import annotations

from uuid import UUID

from levada.control import ControlPlane
from levada.core.states import StateType
from levada.journal.format import encode
from levada.wire.ingest import IngestBatch
from levada.wire.records import Record
from tests.unit.control import records as make
from tests.unit.control.stores import plane, postgres_with_tables

__all__ = ["plane", "postgres_with_tables"]  # fixtures


def ship(plane: ControlPlane, writer: bytes, run: bytes, first: int, *records: Record) -> list[str]:
    """Send records as a process does that executes the run; what it is told."""
    raw = [(place, encode(record)) for place, record in enumerate(records, first)]
    return [command.kind for command in plane.take_in(IngestBatch(writer, raw, running=[(run, 1)])).commands]


def test_the_first_process_has_the_run_and_the_second_is_told_to_stop(plane: ControlPlane) -> None:
    run, first, second = make.new_id(), make.new_id(), make.new_id()
    assert (
        ship(plane, first, run, 1, make.run_opened(run, first, pid=1), make.run_state(run, StateType.RUNNING, 2)) == []
    )
    late = make.run_opened(run, second, pid=2), make.run_state(run, StateType.RUNNING, 2)
    assert ship(plane, second, run, 1, *late) == ["fenced"]
    stopped = make.run_state(run, StateType.CANCELLING, 3), make.run_state(run, StateType.CANCELLED, 4)
    assert ship(plane, second, run, 3, *stopped) == ["fenced"]
    found = plane.read_flow_run(UUID(bytes=run))
    assert (found.state_type, found.pid) == (StateType.RUNNING, 1)
    assert ship(plane, first, run, 3, make.run_state(run, StateType.COMPLETED, 3)) == []
    ended = plane.read_flow_run(UUID(bytes=run))
    assert [state.type for state in ended.states][-2:] == [StateType.RUNNING, StateType.COMPLETED]
    ship(plane, second, run, 5, make.run_state(run, StateType.FAILED, 5))
    assert plane.read_flow_run(UUID(bytes=run)).state_type is StateType.COMPLETED
