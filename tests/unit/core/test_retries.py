from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from levada.core.errors import RetryPolicyError
from levada.core.retries import RetryPolicy, decide, default, exponential_backoff, fail, on, retry_after

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


class ServerError(Exception):
    def __init__(self, headers: dict[str, str] | None = None) -> None:
        super().__init__("503")
        self.response = SimpleNamespace(headers=headers or {})


def verdict(policy: RetryPolicy, failures: int = 1, error: BaseException | None = None, draw: float = 0.5):
    return decide(policy, failures, error, random=lambda: draw, now=NOW)


def delays(policy: RetryPolicy, count: int, error: BaseException | None = None) -> list[float]:
    return [verdict(policy, failures, error).delay for failures in range(1, count + 1)]


def test_n_retries_mean_n_plus_one_attempts():
    policy = RetryPolicy.build(2, 0.1)
    assert [verdict(policy, failures).retry for failures in (1, 2, 3, 4)] == [True, True, False, False]


def test_without_retries_the_first_failure_is_the_last():
    decision = verdict(RetryPolicy.build(), error=ValueError("x"))
    assert not decision.retry
    assert decision.reason == "attempt 1 ended with ValueError; no retries were asked for"


def test_one_number_is_the_delay_of_every_retry():
    assert delays(RetryPolicy.build(3, 5), 3) == [5, 5, 5]


def test_the_last_delay_of_a_list_repeats():
    assert delays(RetryPolicy.build(4, [1, 10]), 4) == [1, 10, 10, 10]


def test_an_empty_list_of_delays_means_at_once():
    assert delays(RetryPolicy.build(2, []), 2) == [0, 0]


def test_a_function_is_given_the_number_of_retries():
    assert delays(RetryPolicy.build(3, lambda retries: [retries * 10, 1, 2]), 3) == [30, 1, 2]


def test_exponential_backoff_doubles():
    assert exponential_backoff(3)(4) == [3, 6, 12, 24]
    assert delays(RetryPolicy.build(4, exponential_backoff(3)), 4) == [3, 6, 12, 24]


def test_exponential_backoff_lists_at_most_fifty_delays():
    assert len(exponential_backoff(0.001)(80)) == 50
    assert RetryPolicy.build(80, exponential_backoff(0.001)).limit == 80


def test_delays_may_be_timedeltas():
    assert delays(RetryPolicy.build(2, [timedelta(milliseconds=1500), timedelta(minutes=1)]), 2) == [1.5, 60]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retries": -1}, "retries must be a whole number"),
        ({"retries": 1.5}, "retries must be a whole number"),
        ({"retries": 1, "retry_delay_seconds": -2}, "retry_delay_seconds must be a number that is not negative"),
        ({"retries": 1, "retry_delay_seconds": float("nan")}, "retry_delay_seconds must be"),
        ({"retries": 1, "retry_delay_seconds": [1, "2"]}, "retry_delay_seconds must be"),
        ({"retries": 1, "retry_delay_seconds": object()}, "takes seconds, a list of seconds or a function"),
        ({"retries": 60, "retry_delay_seconds": [1] * 51}, "more than 50 retry delays per task: .* has 51"),
        (
            {"retries": 60, "retry_delay_seconds": lambda retries: [1] * retries},
            "more than 50 retry delays per task: .* has 60",
        ),
        ({"retries": 1, "retry_jitter_factor": -0.1}, "`retry_jitter_factor` must be >= 0"),
        ({"retries": 1, "retry": [ValueError]}, "rules made by on"),
        ({"retries": 1, "retry": [default(after=1), on(ValueError)]}, r"so on\(ValueError\) is never reached"),
        ({"retry": [on(ValueError, after=1)]}, "does not say how often"),
    ],
)
def test_what_cannot_work_is_told_at_definition(arguments, message):
    with pytest.raises(RetryPolicyError, match=message):
        RetryPolicy.build(**arguments)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: on("ValueError"),
        lambda: on(()),
        lambda: on((ValueError, int)),
        lambda: on(int),
        lambda: on(ValueError, fail, after=1),
        lambda: on(ValueError, fail, limit=1),
        lambda: on(ValueError, 3),
        lambda: on(ValueError, after="soon"),
        lambda: on(ValueError, after=-1),
        lambda: on(ValueError, limit=-1),
        lambda: exponential_backoff(-1),
    ],
)
def test_a_rule_that_cannot_work_is_told_at_definition(broken):
    with pytest.raises(ValueError):
        broken()


def test_jitter_stays_between_its_bounds_and_spreads():
    source = random.Random(7)
    policy = RetryPolicy.build(1, 10, retry_jitter_factor=1)
    drawn = [decide(policy, 1, None, random=source.random, now=NOW).delay for _ in range(2_000)]
    assert min(drawn) >= 5
    assert max(drawn) <= 20
    assert max(drawn) - min(drawn) > 10
    assert 9 < sum(drawn) / len(drawn) < 12


@pytest.mark.parametrize(("draw", "delay"), [(0.0, 5.0), (1.0, 20.0)])
def test_the_extremes_of_the_draw_are_the_bounds(draw, delay):
    assert verdict(RetryPolicy.build(1, 10, retry_jitter_factor=1), draw=draw).delay == pytest.approx(delay)


def test_jitter_does_not_delay_a_retry_that_is_at_once():
    assert verdict(RetryPolicy.build(1, 0, retry_jitter_factor=5)).delay == 0


def test_the_first_rule_that_matches_decides():
    policy = RetryPolicy.build(3, 1, retry=[on(KeyError, fail), on(LookupError, after=7), on(OSError, after=9)])
    assert not verdict(policy, error=KeyError("k")).retry
    assert verdict(policy, error=IndexError()).delay == 7
    assert verdict(policy, error=ConnectionError()).delay == 9
    assert verdict(policy, error=ValueError()).delay == 1
    assert verdict(policy, error=ValueError()).rule is None


def test_a_rule_takes_several_types_or_a_predicate():
    def is_busy(error: Exception) -> bool:
        return "busy" in str(error)

    policy = RetryPolicy.build(3, retry=[on((KeyError, ValueError), after=2), on(is_busy, after=4), default(fail)])
    assert verdict(policy, error=ValueError()).rule == "on(KeyError | ValueError)"
    assert verdict(policy, error=RuntimeError("busy")).rule == "on(is_busy)"
    assert verdict(policy, error=RuntimeError("gone")).rule == "default(fail)"


def test_a_rule_may_list_delays_or_back_off():
    assert delays(RetryPolicy.build(3, retry=[on(OSError, after=[1, 4])]), 3, OSError()) == [1, 4, 4]
    assert delays(RetryPolicy.build(3, retry=[on(OSError, after=exponential_backoff(2))]), 3, OSError()) == [2, 4, 8]


def test_a_rule_may_compute_the_delay_from_the_exception():
    def wait(error: OSError) -> float | None:
        return error.errno

    policy = RetryPolicy.build(3, 60, retry=[on(OSError, after=wait)])
    assert verdict(policy, error=OSError(11, "again")).delay == 11
    assert verdict(policy, error=OSError()).delay == 60


def test_a_rules_limit_replaces_the_policys():
    policy = RetryPolicy.build(1, retry=[on(OSError, limit=3)])
    assert [verdict(policy, failures, OSError()).retry for failures in (1, 2, 3, 4)] == [True, True, True, False]
    assert not verdict(policy, 2, ValueError()).retry
    assert policy.most_retries == 3


def test_rules_with_limits_need_no_retries():
    policy = RetryPolicy.build(retry=[on(OSError, limit=2), on(KeyError, fail)])
    assert verdict(policy, 2, OSError()).retry
    assert not verdict(policy, 1, ValueError()).retry


def test_a_returned_failed_state_is_retried_by_the_numbers_and_by_default_only():
    policy = RetryPolicy.build(1, 1, retry=[on(Exception, fail)])
    assert verdict(policy, error=None).retry
    assert not verdict(RetryPolicy.build(1, retry=[default(fail)]), error=None).retry


def test_a_predicate_that_raises_ends_the_run_and_says_so():
    def broken(error: Exception) -> bool:
        raise RuntimeError("oops")

    decision = verdict(RetryPolicy.build(3, retry=[on(broken)]), error=ValueError())
    assert not decision.retry
    assert "a rule's function raised RuntimeError('oops')" in decision.reason


@pytest.mark.parametrize("after", [lambda error: 1 / 0, lambda error: -1, lambda error: "soon"])
def test_an_after_that_cannot_say_ends_the_run_and_says_so(after):
    decision = verdict(RetryPolicy.build(3, retry=[on(ValueError, after=after)]), error=ValueError())
    assert not decision.retry
    assert "`after` of on(ValueError) raised" in decision.reason


def test_retry_after_raises_the_delay_and_never_lowers_it():
    policy = RetryPolicy.build(3, 10)
    assert verdict(policy, error=ServerError({"retry-after": "30"})).delay == 30
    assert verdict(policy, error=ServerError({"Retry-After": "3"})).delay == 10


def test_retry_after_may_be_a_date():
    error = ServerError({"Retry-After": "Wed, 01 Jul 2026 12:01:30 GMT"})
    assert verdict(RetryPolicy.build(1), error=error).delay == 90
    assert retry_after(ServerError({"Retry-After": "Wed, 01 Jul 2026 11:00:00 GMT"}), NOW) == 0


def test_retry_after_is_found_on_the_cause():
    error = RuntimeError("could not fetch")
    error.__cause__ = ServerError({"retry-after": "12.5"})
    assert verdict(RetryPolicy.build(1), error=error).delay == 12.5


@pytest.mark.parametrize("text", ["soon", "-5", "nan", ""])
def test_a_retry_after_that_means_nothing_is_ignored(text):
    assert retry_after(ServerError({"retry-after": text}), NOW) is None


def test_a_cause_that_goes_in_circles_ends():
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert retry_after(first, NOW) is None


def test_the_rule_retry_after_waits_as_asked_and_by_the_numbers_otherwise():
    policy = RetryPolicy.build(3, 10, retry=[on(ServerError, after="retry-after")])
    assert verdict(policy, error=ServerError({"retry-after": "2"})).delay == 2
    assert verdict(policy, error=ServerError()).delay == 10


def test_reasons_are_sentences_for_people():
    policy = RetryPolicy.build(3, 0, retry=[on(ConnectionError, after=3), on(PermissionError, fail)])
    assert verdict(policy, 1, ConnectionError()).reason == (
        "attempt 2 of 4 after ConnectionError; retry in 3.0 s by rule on(ConnectionError)"
    )
    assert verdict(policy, 4, ConnectionError()).reason == (
        "attempt 4 ended with ConnectionError; all 4 attempts are used up by rule on(ConnectionError)"
    )
    assert verdict(policy, 1, PermissionError()).reason == (
        "attempt 1 ended with PermissionError; not retried by rule on(PermissionError, fail)"
    )
    assert "retry in 0.02 s" in verdict(RetryPolicy.build(1, 0.02), 1, ValueError()).reason
    assert verdict(policy, 2, None).reason == "attempt 3 of 4 after a returned failed state; retry at once"
    assert verdict(policy, 1, ServerError({"retry-after": "8"})).reason == (
        "attempt 2 of 4 after ServerError; retry in 8.0 s as the server asked"
    )
