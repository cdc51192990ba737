"""Wishes that are carried out together leave what they would have left one by one, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from levada.control import ControlPlane
from levada.control.making import creation
from levada.control.proposing import Proposal, cancel, retry, suspend
from levada.control.sheet import Asked
from levada.core.errors import LevadaError
from levada.core.states import StateType
from levada.journal.format import encode
from levada.store.base import FlowRunRow
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.events import EventQuery
from levada.wire.filters import FlowRunQuery
from levada.wire.ingest import IngestBatch
from levada.wire.records import Record
from tests.unit.control import records as make

if TYPE_CHECKING:
    from collections.abc import Iterator

T = StateType
Ask = Callable[[], Asked[Any]]

RUNS = [UUID(bytes=make.new_id()) for _ in range(4)]
PARENT, CHILD, WRITER, TASK = (make.new_id() for _ in range(4))
FAR = datetime(2090, 1, 1, tzinfo=UTC)


def creations() -> st.SearchStrategy[Ask]:
    def ask(number: int, key: str | None, later: bool, tags: list[str], caller: UUID | None) -> Ask:
        new = NewFlowRun(
            flow_name=f"flow-{number % 2}",
            id=RUNS[number],
            name=f"run-{number}",
            idempotency_key=key,
            scheduled_time=FAR if later else None,
            tags=tags,
            parameters={"n": number},
            parent_task_run_id=caller,
        )
        return lambda: creation(new, "ana")

    return st.builds(
        ask,
        st.integers(0, 3),
        st.sampled_from([None, None, "a", "b"]),
        st.booleans(),
        st.lists(st.sampled_from(["x", "y"]), max_size=2),
        st.sampled_from([None, None, UUID(bytes=TASK), RUNS[0]]),
    )


def proposals() -> st.SearchStrategy[Ask]:
    run = st.sampled_from([*RUNS, UUID(bytes=PARENT), UUID(bytes=CHILD), "no such run"])
    state = st.builds(
        ProposedState,
        type=st.sampled_from(list(T)),
        force=st.booleans(),
        message=st.sampled_from([None, "said"]),
        transition_id=st.sampled_from([None, None, "once"]),
        epoch=st.sampled_from([None, None, 1]),
    )

    def verb(of: Callable[[Any, str], Proposal], run: Any) -> Ask:
        return lambda: of(run, "eve")

    proposed: st.SearchStrategy[Ask] = st.builds(lambda run, state: lambda: Proposal(run, state, "eve"), run, state)
    return proposed | st.builds(verb, st.sampled_from([cancel, retry, suspend]), run)


@contextmanager
def home() -> Iterator[ControlPlane]:
    """A plane with a run that a process elsewhere executes, and a subflow run that another process was given."""
    with TemporaryDirectory() as folder, ControlPlane(Path(folder)) as plane:
        records: list[Record] = [
            make.run_opened(PARENT, WRITER, name="parent"),
            make.run_state(PARENT, T.RUNNING, 2),
            make.task_opened(TASK, PARENT),
            make.run_opened(CHILD, CHILD, name="child", parent_run=PARENT, parent_task=TASK),
            make.run_state(CHILD, T.RUNNING, 2),
        ]
        batch = IngestBatch(WRITER, [(number, encode(one)) for number, one in enumerate(records, 1)], host="far", pid=7)
        plane.take_in(batch)
        yield plane


def one_by_one(plane: ControlPlane, wishes: Sequence[Asked[Any]]) -> list[Any]:
    answers: list[Any] = []
    for wish in wishes:
        try:
            answers += plane._carry_out([wish])  # noqa: SLF001 - a transaction for this wish alone
        except LevadaError as refusal:
            answers.append(refusal)
    return answers


def told(answer: Any) -> Any:
    """What an answer says, without the moment at which it was given."""
    if isinstance(answer, LevadaError):
        return type(answer), str(answer)
    if isinstance(answer, FlowRunRow):
        return answer.id, answer.state, answer.epoch
    return answer.status, answer.state_type, answer.state_name, answer.rule


def left(plane: ControlPlane) -> Any:
    """Everything that the store shows of flow runs, without moments and made-up ids."""
    with plane.store.write() as transaction:
        transaction.events.dispatch(10_000)
    runs = {}
    for run in plane.read_flow_runs(FlowRunQuery(limit=100)).items:
        events = plane.read_events(EventQuery(flow_run_ids=[run.id], oldest_first=True)).items
        runs[run.id] = (
            (run.name, run.flow_name, run.epoch, run.tags, run.parameters, run.parent_flow_run_id, run.created_by),
            [(state.type, state.name, state.message, state.epoch) for state in run.states],
            sorted((event.event, event.payload["to"]["name"], event.payload.get("by", "")) for event in events),
        )
    with plane.store.read() as transaction:
        facts = sorted(transaction.execute("SELECT fact, run FROM flow_run_facts"))
        keys = sorted(transaction.execute("SELECT flow, key, run FROM idempotency"))
    return runs, facts, keys, sorted(flow.name for flow in plane.read_flows().items)


@settings(max_examples=60, deadline=None)
@given(st.lists(creations() | proposals(), min_size=1, max_size=12))
def test_together_is_as_one_by_one(asks: list[Ask]) -> None:
    with home() as alone, home() as combined:
        expected = one_by_one(alone, [ask() for ask in asks])
        wishes = [ask() for ask in asks]
        answers = combined._carry_out(wishes) if len(wishes) > 1 else one_by_one(combined, wishes)  # noqa: SLF001
        assert [told(answer) for answer in answers] == [told(answer) for answer in expected]
        assert left(combined) == left(alone)
