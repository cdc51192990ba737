"""The test kit itself."""

from __future__ import annotations

import datetime
import os
import time
import warnings

import pytest

from levada import flow, task
from levada.engine import session as sessions
from levada.settings import get_current_settings
from levada.testing import InjectedFault, VirtualClock, eventually, fault, harness
from levada.testing.known import assert_does_not_warn, exceptions_equal, prefect_test_harness


@task(retries=2, retry_delay_seconds=3600)
def flaky():
    flaky.tries += 1
    if flaky.tries % 3:
        raise ValueError("again")
    return flaky.tries


flaky.tries = 0


@flow
def pipeline():
    return flaky()


def test_waits_take_no_time():
    started = time.monotonic()
    with harness(virtual_clock=True) as test:
        assert pipeline()
        assert test.clock.slept == [3600, 3600]
        test.assert_ran("flaky", times=3)
        test.assert_state("flaky-0", "Completed")
        assert test.ran() == {"flaky": 3}
        waits = ["AwaitingRetry", "Retrying"] * 2
        assert test.states_of("flaky-0") == ["Pending", "Running", *waits, "Completed"]
    assert time.monotonic() - started < 20


def test_a_harness_has_a_home_of_its_own_and_leaves_nothing():
    before = (os.environ["LEVADA_HOME"], sessions.existing(), get_current_settings().home)
    with harness() as test:
        flow(lambda: 1)()
        assert str(test.home) == os.environ["LEVADA_HOME"]
        assert test.home.exists()
        assert len(test.flow_runs()) == 1
        with harness() as inner:
            flow(lambda: 2)()
            assert inner.home != test.home
            assert len(inner.flow_runs()) == 1
        assert sessions.current() is test.session
        assert len(test.flow_runs()) == 1
    assert not test.home.exists()
    assert (os.environ["LEVADA_HOME"], sessions.existing(), get_current_settings().home) == before


def test_a_harness_that_fails_is_left_cleanly():
    before = os.environ["LEVADA_HOME"]
    with pytest.raises(ValueError), harness():
        raise ValueError
    assert os.environ["LEVADA_HOME"] == before


def test_assertions_say_what_ran():
    with harness() as test:
        flow(lambda: task(name="work")(lambda: 1)())()
        test.assert_not_ran("other")
        for wrong in (
            lambda: test.assert_ran("other"),
            lambda: test.assert_ran("work", times=2),
            lambda: test.assert_not_ran("work"),
            lambda: test.assert_state("work-0", "Failed"),
            lambda: test.assert_state("nothing", "Failed"),
        ):
            with pytest.raises(AssertionError, match=r"work|nothing"):
                wrong()


def test_a_clock_moves_when_somebody_sleeps():
    clock = VirtualClock(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    first = clock.now_us()
    clock.sleep(10)
    clock.advance(5)
    assert 15_000_000 <= clock.now_us() - first < 15_000_010
    assert 15 <= clock.monotonic() < 15.1
    assert clock.slept == [10]


def test_settings_hold_inside():
    with harness(settings={"tasks.default_retries": 4}):
        assert task(lambda: 1).retries == 4
    assert task(lambda: 1).retries == 0


def test_a_fault_strikes_at_the_passage_asked_for():
    with harness() as test, fault("journal.before_append", at=10_000) as passages:
        flow(lambda: 1)()
        assert passages[0] > 0
        assert test.flow_runs()
    with pytest.raises(KeyError), fault("no.such.point"):
        pass
    assert issubclass(InjectedFault, OSError)


def test_eventually_waits_and_gives_up_with_the_reason():
    answers = iter([None, 0, "", "yes"])
    assert eventually(lambda: next(answers), interval=0) == "yes"

    def never():
        raise AssertionError("the reason")

    with pytest.raises(AssertionError, match="the reason"):
        eventually(never, timeout=0.01, interval=0)


def test_the_helpers_that_prefect_authors_know():
    with prefect_test_harness() as test:
        assert flow(lambda: 3)() == 3
        assert len(test.flow_runs()) == 1
    with assert_does_not_warn():
        pass
    with pytest.raises(AssertionError, match="Warning was raised"), assert_does_not_warn():
        warnings.warn("x", stacklevel=1)
    assert exceptions_equal(ValueError(1), ValueError(1))
    assert not exceptions_equal(ValueError(1), ValueError(2))
    assert not exceptions_equal(ValueError(1), KeyError(1))
