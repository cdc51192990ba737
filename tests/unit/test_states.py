"""States as values: how they are made, read, compared and counted."""

from __future__ import annotations

import datetime
import uuid

import pytest

from levada import states as s
from levada.core.errors import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun
from levada.states import State, StateGroup, StateType

MADE = [
    (s.Scheduled, "SCHEDULED", "Scheduled"),
    (s.Late, "SCHEDULED", "Late"),
    (s.AwaitingRetry, "SCHEDULED", "AwaitingRetry"),
    (s.AwaitingConcurrencySlot, "SCHEDULED", "AwaitingConcurrencySlot"),
    (s.Pending, "PENDING", "Pending"),
    (s.Submitting, "PENDING", "Submitting"),
    (s.InfrastructurePending, "PENDING", "InfrastructurePending"),
    (s.Running, "RUNNING", "Running"),
    (s.Retrying, "RUNNING", "Retrying"),
    (s.Completed, "COMPLETED", "Completed"),
    (s.Failed, "FAILED", "Failed"),
    (s.Crashed, "CRASHED", "Crashed"),
    (s.Cancelling, "CANCELLING", "Cancelling"),
    (s.Cancelled, "CANCELLED", "Cancelled"),
    (s.Paused, "PAUSED", "Paused"),
    (s.Suspended, "PAUSED", "Suspended"),
]


@pytest.mark.parametrize(("make", "kind", "name"), MADE, ids=[name for _, _, name in MADE])
def test_each_maker_gives_its_type_and_name(make, kind, name):
    state = make()
    assert state.type == kind
    assert state.type is StateType(kind)
    assert state.name == name
    assert state.message is None
    assert state.data is None
    assert state.is_final() == (kind in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"))
    assert isinstance(state.id, uuid.UUID)
    assert isinstance(state.timestamp, datetime.datetime)
    assert state.timestamp.tzinfo is not None
    questions = (
        "scheduled",
        "pending",
        "running",
        "completed",
        "failed",
        "crashed",
        "cancelling",
        "cancelled",
        "paused",
    )
    assert [question for question in questions if getattr(state, f"is_{question}")()] == [kind.lower()]
    assert make(name="Own", message="m", data=3).name == "Own"


@pytest.mark.parametrize(
    ("state", "text", "representation"),
    [
        (s.Completed(), "Completed()", "Completed(message=None, type=COMPLETED, result=None)"),
        (s.Completed(message="hi"), "Completed('hi')", "Completed(message='hi', type=COMPLETED, result=None)"),
        (s.Completed(name="Custom"), "Custom(type=COMPLETED)", "Custom(message=None, type=COMPLETED, result=None)"),
        (
            s.Completed(name="Custom", message="m", data=3),
            "Custom('m', type=COMPLETED)",
            "Custom(message='m', type=COMPLETED, result=3)",
        ),
        (s.AwaitingRetry(), "AwaitingRetry(type=SCHEDULED)", None),
        (s.Suspended(), "Suspended(type=PAUSED)", None),
    ],
)
def test_states_are_written_as_authors_know(state, text, representation):
    assert str(state) == text
    if representation is not None:
        assert repr(state) == representation


def test_a_state_is_made_by_type_too():
    assert State(type="COMPLETED").name == "Completed"
    assert State(type=StateType.CRASHED).name == "Crashed"
    with pytest.raises(ValueError, match="NOPE"):
        State(type="NOPE")
    with pytest.raises(TypeError):
        s.Completed(5)


def test_types_are_text():
    assert StateType.COMPLETED == "COMPLETED"
    assert set(StateType) == {
        "SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED",
    }  # fmt: skip
    assert {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"} == s.TERMINAL_STATES


def test_the_result_of_a_completed_state():
    assert s.Completed(data=5).result() == 5
    assert s.Completed(data=None).result() is None
    for state in (s.Completed(), s.Completed(message="x")):
        with pytest.raises(MissingResult):
            state.result()


def test_the_result_of_a_failed_state():
    error = ValueError("a")
    with pytest.raises(ValueError, match="a"):
        s.Failed(data=error).result()
    assert s.Failed(data=error).result(raise_on_failure=False) is error
    assert s.Failed(data=error).result(False) is error
    with pytest.raises(FailedRun, match="m"):
        s.Failed(message="m").result()
    assert isinstance(s.Failed(message="m").result(False), FailedRun)
    with pytest.raises(FailedRun, match="text"):
        s.Failed(data="text").result()
    with pytest.raises(TypeError, match="Unexpected result for failed state: 5"):
        s.Failed(data=5).result()


def test_the_result_of_states_within_a_failed_state():
    with pytest.raises(FailedRun, match="inner"):
        s.Failed(data=[s.Completed(data=1), s.Failed(message="inner")]).result()
    with pytest.raises(KeyError, match="q"):
        s.Failed(data=s.Failed(data=KeyError("q"))).result()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (s.Crashed(message="m"), CrashedRun, "m"),
        (s.Crashed(data="d"), CrashedRun, "d"),
        (s.Cancelled(message="m"), CancelledRun, "m"),
        (s.Pending(), UnfinishedRun, "Run is in PENDING state, its result is not available."),
        (s.Running(), UnfinishedRun, "Run is in RUNNING state, its result is not available."),
        (s.Paused(), PausedRun, "Run is paused, its result is not available."),
    ],
)
async def test_states_without_a_result_say_why(state, error, message):
    with pytest.raises(error, match=message):
        state.result()
    with pytest.raises(error, match=message):
        await state.aresult()
    if error is UnfinishedRun:
        with pytest.raises(error):
            state.result(raise_on_failure=False)


async def test_results_have_an_async_twin():
    assert await s.Completed(data=5).aresult() == 5


def test_no_two_states_are_equal_but_one_is_itself():
    state = s.Completed(data=1)
    assert state == state
    assert s.Completed(data=1) != s.Completed(data=1)
    assert len({s.Completed(), s.Completed()}) == 2


def test_a_fresh_copy_is_another_state_with_the_same_content():
    state = s.Completed(message="q", data=2, name="Own")
    copy = state.fresh_copy()
    assert (copy.name, copy.message, copy.data, copy.type) == ("Own", "q", 2, state.type)
    assert copy.id != state.id
    assert copy.timestamp >= state.timestamp


def test_a_state_can_be_renamed():
    state = s.Completed(message="q")
    state.name = "zzz"
    assert str(state) == "zzz('q', type=COMPLETED)"


def test_scheduled_states_know_their_time():
    assert isinstance(s.Scheduled().state_details.scheduled_time, datetime.datetime)
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    for make in (s.Scheduled, s.Late, s.AwaitingRetry, s.AwaitingConcurrencySlot):
        assert make(scheduled_time=moment).state_details.scheduled_time == moment


def test_paused_states_know_until_when():
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    assert s.Paused(pause_expiration_time=moment).state_details.pause_timeout == moment
    assert s.Paused(timeout_seconds=10).state_details.pause_timeout > datetime.datetime.now(datetime.UTC)
    assert s.Suspended(pause_key="k").state_details.pause_key == "k"
    assert s.Suspended().state_details.pause_reschedule is True
    with pytest.raises(ValueError, match="not both"):
        s.Paused(timeout_seconds=1, pause_expiration_time=moment)


def test_the_exception_of_a_state():
    assert str(s.get_state_exception(s.Failed(data=ValueError("x")))) == "x"
    assert isinstance(s.get_state_exception(s.Failed(message="x")), FailedRun)
    assert str(s.get_state_exception(s.Failed())) == "Run failed."
    with pytest.raises(ValueError, match="Expected failed or crashed state got Completed"):
        s.get_state_exception(s.Completed())


async def test_raising_the_exception_of_a_state():
    assert s.raise_state_exception(s.Completed()) is None
    with pytest.raises(KeyError):
        s.raise_state_exception(s.Failed(data=KeyError("k")))
    with pytest.raises(KeyError):
        await s.araise_state_exception(s.Failed(data=KeyError("k")))
    assert isinstance(await s.aget_state_exception(s.Crashed(message="c")), CrashedRun)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "Execution was aborted by an interrupt signal."),
        (SystemExit(2), "Execution was aborted by Python system exit call."),
        (RuntimeError("rt"), "Execution was interrupted by an unexpected exception: RuntimeError: rt"),
    ],
)
def test_a_crashed_state_of_an_exception_says_what_happened(error, message):
    state = s.exception_to_crashed_state(error)
    assert state.is_crashed()
    assert state.message == message
    assert state.data is error


async def test_a_failed_state_of_an_exception_says_what_happened():
    state = await s.aexception_to_failed_state(ValueError("v1"), message="pre:")
    assert state.message == "pre: ValueError: v1"
    assert (await s.aexception_to_crashed_state(KeyboardInterrupt())).is_crashed()
    assert s.format_exception(ValueError("zz")) == "ValueError: zz"


def test_states_are_recognised():
    assert s.is_state(s.Completed())
    assert not s.is_state("Completed")
    assert s.is_state_iterable([s.Completed()])
    assert s.is_state_iterable({s.Completed()})
    assert not s.is_state_iterable([])
    assert not s.is_state_iterable([1])
    assert not s.is_state_iterable(s.Completed())


def test_a_group_of_states_is_counted():
    group = StateGroup([s.Completed(), s.Failed(), s.Running(), s.Pending()])
    assert group.total_count == 4
    assert group.not_final_count == 2
    assert group.fail_count == 1
    assert group.any_failed()
    for no in (group.all_completed, group.any_cancelled, group.any_paused, group.all_final):
        assert no() is False
    assert group.counts_message() == "total=4, not_final=2, 'COMPLETED'=1, 'FAILED'=1, 'RUNNING'=1, 'PENDING'=1"
    assert StateGroup([s.Completed()]).all_completed()


def test_state_types_write_themselves_as_values():
    """A decision against the rival's ``StateType.COMPLETED``: logs and messages read better."""
    assert f"{StateType.COMPLETED}" == "COMPLETED"
    assert StateType.COMPLETED.value == "COMPLETED"
