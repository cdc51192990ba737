"""However the records of a process arrive around a decision, the decision stands as long as it must."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from levada.control.histories import Decided, RunRecord, crash_run, decided, merge_run
from levada.core.states import StateType
from levada.store.base import FlowRunRow
from levada.wire.records import STATE_CODES
from tests.unit.control import records as make

T = StateType


@st.composite
def deliveries(draw: Any) -> tuple[bytes, list[RunRecord], list[RunRecord]]:
    """Records of a run that arrive before a decision, and those that arrive after it: in any order, some twice."""
    run, writer = make.new_id(), make.new_id()
    story: list[RunRecord] = [make.run_opened(run, writer, n=0), make.run_state(run, T.RUNNING, 1)]
    story += [make.run_state(run, T.RUNNING, n, name="Retrying") for n in range(2, 2 + draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        ending = draw(st.sampled_from([T.COMPLETED, T.FAILED, T.CANCELLED]))
        story.append(make.run_state(run, ending, len(story)))
    first = draw(st.integers(1, len(story) - 1))
    rest = draw(st.permutations(story[first:] + draw(st.lists(st.sampled_from(story), max_size=3))))
    return run, story[:first], list(rest)


def taken_in(run: bytes, row: FlowRunRow | None, records: list[RunRecord]) -> FlowRunRow:
    for record in records:
        row, _ = merge_run(run, row, [record])
    assert row is not None
    return row


@given(deliveries())
def test_a_wish_to_cancel_stands_until_the_end(given_records: tuple[bytes, list[RunRecord], list[RunRecord]]) -> None:
    run, before, rest = given_records
    row = taken_in(run, None, before)
    row, _ = decided(row, Decided(T.CANCELLING, None, make.tick()))
    for record in rest:
        row, _ = merge_run(run, row, [record])
        assert row.state >= STATE_CODES[T.CANCELLING]
    whole = taken_in(run, None, [*before, *sorted(rest, key=lambda record: record.n)])
    expected = whole.state if whole.ended is not None else STATE_CODES[T.CANCELLING]
    assert row.state == expected


@given(deliveries(), st.sampled_from(["suspended", "forced", "crashed"]))
def test_what_closes_an_epoch_is_changed_by_no_record_of_it(
    given_records: tuple[bytes, list[RunRecord], list[RunRecord]], how: str
) -> None:
    run, before, rest = given_records
    row = taken_in(run, None, before)
    if how == "crashed":
        row, _ = crash_run(row, make.tick(), "gone", {}, closes=True)
    else:
        kind, name = (T.PAUSED, "Suspended") if how == "suspended" else (T.FAILED, None)
        row, _ = decided(row, Decided(kind, name, make.tick(), closes=True))
    closed = (row.state, row.state_name)
    row = taken_in(run, row, rest)
    assert (row.state, row.state_name) == closed


@given(deliveries())
def test_a_new_epoch_belongs_to_nobody_whatever_the_old_one_still_says(
    given_records: tuple[bytes, list[RunRecord], list[RunRecord]],
) -> None:
    run, before, rest = given_records
    row = taken_in(run, None, before)
    row, _ = decided(row, Decided(T.FAILED, None, make.tick(), closes=True))
    row, _ = decided(row, Decided(T.SCHEDULED, None, make.tick(), reopens=True))
    row = taken_in(run, row, rest)
    assert (row.epoch, row.state, row.writer) == (2, STATE_CODES[T.SCHEDULED], None)
