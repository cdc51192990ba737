"""Attempts of tasks and flows: how many, when, and why."""

from __future__ import annotations

import datetime
from email.message import Message
from email.utils import format_datetime

import pytest

from levada import fail, flow, on, task
from levada import session as real
from levada.core.states import StateType
from levada.engine import session as sessions
from levada.retries import default
from levada.settings import temporary_settings
from levada.states import Failed
from levada.tasks import exponential_backoff
from levada.testing import Harness, VirtualClock


class Flaky:
    """Raises so many times, then gives the number of the call."""

    def __init__(self, failures, error=ValueError):
        self.failures = failures
        self.error = error
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error(str(self.calls)) if isinstance(self.error, type) else self.error
        return self.calls


def made(decorate, colour, flaky, **options):
    """A flow or task around something flaky, and how to call it."""
    if colour == "sync":

        @decorate(name="flaky", **options)
        def work():
            return flaky()

        return work

    @decorate(name="flaky", **options)
    async def awork():
        return flaky()

    return awork


async def ended(definition):
    state = definition(return_state=True)
    return await state if hasattr(state, "__await__") else state


def recorded(home):
    """The run of the flow or task called flaky."""
    found = [run for run in home.flow_runs() if run.flow_name == "flaky"] or home.task_runs()
    return found[0]


each_kind = pytest.mark.parametrize("decorate", [task, flow], ids=["task", "flow"])
each_colour = pytest.mark.parametrize("colour", ["sync", "async"])


@each_kind
@each_colour
async def test_a_run_is_attempted_until_it_completes(decorate, colour, test_home: Harness):
    flaky = Flaky(2)
    state = await ended(made(decorate, colour, flaky, retries=3))
    assert state.result() == 3
    run = recorded(test_home)
    assert run.run_count == 3
    names = [s.name for s in run.states if s.name != "Pending"]
    assert names == ["Running", "Retrying", "Retrying", "Completed"]
    assert [s.attempt for s in run.states if s.name != "Pending"][-1] == 3


@each_kind
@each_colour
async def test_the_last_attempt_decides(decorate, colour, test_home: Harness):
    flaky = Flaky(5)
    state = await ended(made(decorate, colour, flaky, retries=2))
    assert flaky.calls == 3
    assert state.is_failed()
    with pytest.raises(ValueError, match="3"):
        state.result()


@each_kind
@each_colour
@pytest.mark.parametrize(
    ("delay", "slept"),
    [
        (10, [10, 10, 10]),
        (0.5, [0.5, 0.5, 0.5]),
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2], [1, 2, 2]),
        (exponential_backoff(10), [10, 20, 40]),
        (lambda retries: [retries] * retries, [3, 3, 3]),
        (datetime.timedelta(minutes=1), [60, 60, 60]),
        (0, []),
    ],
    ids=["number", "fraction", "list", "short list", "backoff", "function", "timedelta", "none"],
)
async def test_flows_and_tasks_wait_between_attempts_alike(decorate, colour, delay, slept, test_home: Harness):
    """Quirk 33: the rival's flows know whole seconds only."""
    await ended(made(decorate, colour, Flaky(9), retries=3, retry_delay_seconds=delay))
    assert test_home.clock is not None
    assert test_home.clock.slept == slept
    names = [s.name for s in recorded(test_home).states]
    assert names.count("AwaitingRetry") == len(slept)
    waiting = [s for s in recorded(test_home).states if s.name == "AwaitingRetry"]
    for state in waiting:
        assert state.type is StateType.SCHEDULED
        assert state.details["scheduled_time"]
        assert state.details["reason"]


@each_kind
async def test_jitter_spreads_the_delays_within_bounds(decorate, test_home: Harness):
    await ended(made(decorate, "sync", Flaky(99), retries=40, retry_delay_seconds=10, retry_jitter_factor=0.5))
    slept = test_home.clock.slept
    assert len(slept) == 40
    assert len(set(slept)) > 10
    assert all(10 / 1.5 <= seconds <= 15 for seconds in slept)


@each_kind
async def test_rules_say_what_to_do_about_which_error(decorate, test_home: Harness):
    class Busy(Exception):
        pass

    class Refused(Exception):
        pass

    rules = [on(Busy, after=[5, 7], limit=3), on(Refused, fail)]
    flaky = Flaky(2, Busy)
    assert (await ended(made(decorate, "sync", flaky, retry=rules))).result() == 3
    assert test_home.clock.slept == [5, 7]
    flaky = Flaky(2, Refused)
    state = await ended(made(decorate, "sync", flaky, retry=rules))
    assert flaky.calls == 1
    assert "fail" in state.details.reason or "give" in state.details.reason or "on(Refused" in state.details.reason


@each_kind
async def test_rules_come_before_the_plain_numbers(decorate, test_home: Harness):
    flaky = Flaky(2, KeyError)
    state = await ended(
        made(
            decorate, "sync", flaky, retries=2, retry_delay_seconds=3, retry=[on(ValueError, after=1), default(after=2)]
        )
    )
    assert state.result() == 3
    assert test_home.clock.slept == [2, 2]


@each_kind
async def test_what_a_server_asks_for_is_honoured(decorate, test_home: Harness):
    class Response:
        status_code = 429
        headers = {"Retry-After": "17"}

    class HTTPStatusError(Exception):
        response = Response()

    flaky = Flaky(1, HTTPStatusError("429"))
    state = await ended(
        made(
            decorate, "sync", flaky, retries=2, retry=[on(HTTPStatusError, after="retry-after")], retry_delay_seconds=3
        )
    )
    assert state.result() == 2
    assert test_home.clock.slept == [17]


async def test_a_date_in_retry_after_is_honoured(test_home: Harness):
    moment = datetime.datetime.fromtimestamp(test_home.clock.now_us() / 1e6, datetime.UTC)
    headers = Message()
    headers["Retry-After"] = format_datetime(moment + datetime.timedelta(seconds=30), usegmt=True)

    class Response:
        pass

    class Busy(Exception):
        response = Response()

    Busy.response.headers = headers
    state = await ended(made(task, "sync", Flaky(1, Busy), retries=1, retry=[on(Busy, after="retry-after")]))
    assert state.is_completed()
    assert 28 <= test_home.clock.slept[0] <= 30


@each_kind
@each_colour
async def test_a_condition_decides(decorate, colour, test_home: Harness):
    asked = []

    def condition(definition, run, state):
        asked.append((definition.name, run.run_count, state.name, str(state.data)))
        with pytest.raises(ValueError):
            state.result()
        return run.run_count < 2

    flaky = Flaky(9)
    state = await ended(made(decorate, colour, flaky, retries=5, retry_condition_fn=condition))
    assert state.is_failed()
    assert asked == [("flaky", 1, "Failed", "1"), ("flaky", 2, "Failed", "2")]
    assert "retry_condition_fn" in state.details.reason


@each_kind
async def test_a_condition_may_be_async(decorate, test_home: Harness):
    async def condition(definition, run, state):
        return True

    for colour in ("sync", "async"):
        state = await ended(made(decorate, colour, Flaky(1), retries=1, retry_condition_fn=condition))
        assert state.result() == 2


@each_kind
async def test_a_broken_condition_does_not_retry(decorate, test_home: Harness):
    def condition(definition, run, state):
        raise LookupError("broken")

    flaky = Flaky(9)
    state = await ended(made(decorate, "sync", flaky, retries=5, retry_condition_fn=condition))
    assert flaky.calls == 1
    assert str(state.data) == "1"
    assert recorded(test_home).state_name == "Failed"


@each_kind
async def test_a_callable_object_can_be_a_condition(decorate, test_home: Harness):
    class Never:
        def __call__(self, definition, run, state):
            return False

    flaky = Flaky(1)
    await ended(made(decorate, "sync", flaky, retries=1, retry_condition_fn=Never()))
    assert flaky.calls == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_crash_is_not_retried(error, test_home: Harness):
    flaky = Flaky(1, error)
    with pytest.raises(error):
        task(retries=3)(lambda: flaky())()
    assert flaky.calls == 1


def test_a_returned_failed_state_is_retried(test_home: Harness):
    tries = []

    @flow(retries=2)
    def run():
        tries.append(1)
        return Failed(message="not yet") if len(tries) < 3 else "done"

    assert run() == "done"
    assert len(tries) == 3


def test_every_attempt_is_recorded_with_its_number_and_reason(test_home: Harness):
    """Quirk 13: attempts are first-class, for flows as for tasks."""

    @task(retries=2, retry_delay_seconds=1)
    def work():
        raise ValueError("x")

    work(return_state=True)
    run = test_home.task_runs()[0]
    assert [(s.name, s.attempt) for s in run.states if s.name != "Pending"] == [
        ("Running", 1), ("AwaitingRetry", 1), ("Retrying", 2), ("AwaitingRetry", 2), ("Retrying", 3), ("Failed", 3),
    ]  # fmt: skip
    reasons = [s.details["reason"] for s in run.states if s.name in ("AwaitingRetry", "Failed")]
    assert len(reasons) == 3
    assert len(set(reasons)) == 3
    assert "ValueError" in run.states[-1].message


def test_a_retried_flow_does_not_run_completed_tasks_again(test_home: Harness):
    """Quirk 5: whatever completed is reused, without persistence or policies."""
    ran = []

    @task
    def step(number):
        ran.append(number)
        return number * 10

    @flow(retries=1)
    def run():
        results = [step(1), step(2), step.submit(3).result(), *step.map([4, 5]).result()]
        if ran.count("broken") == 0:
            ran.append("broken")
            raise ValueError("first attempt")
        return results

    assert run() == [10, 20, 30, 40, 50]
    assert sorted(ran[:-1]) == [1, 2, 3, 4, 5]
    assert len(test_home.task_runs()) == 5


def test_a_retried_flow_runs_failed_tasks_again(test_home: Harness):
    flaky = Flaky(1)

    @task
    def work():
        return flaky()

    @flow(retries=1)
    def run():
        return work()

    assert run() == 2


def test_a_retried_flow_reuses_completed_subflows(test_home: Harness):
    ran = []

    @flow
    def child(number):
        ran.append(number)
        return number

    @flow(retries=1)
    def run():
        found = child(1), child(2)
        if "broken" not in ran:
            ran.append("broken")
            raise ValueError
        return found

    assert run() == (1, 2)
    assert ran == [1, 2, "broken"]


def test_a_retried_flow_runs_everything_again_when_told_so(test_home: Harness):
    ran = []

    @task
    def step():
        ran.append(1)
        return len(ran)

    @flow(retries=1)
    def run():
        found = step()
        if found == 1:
            raise ValueError
        return found

    with temporary_settings({"flows.retry_reuses_results": False}):
        before = sessions.replace(real.build())
        try:
            assert run() == 2
        finally:
            sessions.replace(before)


def test_the_slots_of_a_task_are_free_while_it_waits_for_its_retry(test_home: Harness):
    """Quirk 26: the rival keeps slots while a task sleeps."""
    test_home.control.limits.create("tag:one", 1)
    held = []

    def held_now():
        return test_home.control.limits.read("tag:one").active_slots

    class Watching(VirtualClock):
        def sleep(self, seconds):
            held.append(held_now())
            super().sleep(seconds)

    test_home.session.clock = Watching()

    @task(retries=1, retry_delay_seconds=5, tags=["one"])
    def work():
        held.append(held_now())
        raise ValueError

    flow(lambda: work(return_state=True).is_failed())()
    assert held == [1, 0, 1]


def test_retries_of_tasks_have_a_default_in_the_settings(test_home: Harness):
    with temporary_settings({"tasks.default_retries": 2, "tasks.default_retry_delay_seconds": 4}):
        work = task(lambda: 1)
    with temporary_settings({"flows.default_retries": 3}):
        run = flow(lambda: 1)
    assert (work.retries, work.retry_delay_seconds, run.retries) == (2, 4, 3)
