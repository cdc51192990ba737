"""The law of retries: given a policy and a failure, is there another attempt, when, and why.

A policy is the numbers an author wrote (`retries`, `retry_delay_seconds`, `retry_jitter_factor`) and, before them,
rules by exception. The first rule that matches decides; when none does, the numbers do. Whatever decides, a server
that answered with Retry-After is never asked again sooner than it said.

Every decision carries a sentence for people. The engine records it with the attempt.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from levada.core.errors import RetryPolicyError

MAX_DELAYS: Final = 50
"""How many delays a policy may list; the last one repeats, so that more say nothing more."""

RETRY_AFTER: Final = "retry-after"
"""Written as ``after="retry-after"``: wait as long as the server asked for."""


class Fail(enum.Enum):
    """The mark that ends a run instead of retrying it: ``on(AuthError, fail)``."""

    FAIL = "fail"

    def __repr__(self) -> str:
        return "fail"


fail: Final = Fail.FAIL
"""Do not retry: ``on(AuthError, fail)``."""


class ExponentialBackoff(Struct, frozen=True):
    """Delays that double: ``factor * 2 ** retry`` seconds, at most 50 of them."""

    factor: float

    def __call__(self, retries: int) -> list[float]:
        """The delays before each of that many retries, in seconds."""
        return [self.factor * 2**retry for retry in range(min(retries, MAX_DELAYS))]


def exponential_backoff(backoff_factor: float) -> ExponentialBackoff:
    """Delays for `retry_delay_seconds` (or a rule's `after`) that double from `backoff_factor` seconds on."""
    return ExponentialBackoff(_seconds(backoff_factor, "backoff_factor"))


Delays = float | timedelta | Sequence[float | timedelta] | Callable[[int], Sequence[float | timedelta]]
"""What `retry_delay_seconds` accepts: seconds, a list of them, or a function from the retry count to a list."""

After = float | timedelta | Sequence[float | timedelta] | str | Callable[[Any], float | timedelta | None]
"""What a rule's `after` accepts: as `Delays`, or a function of the exception, or ``"retry-after"``."""


class RetryRule(Struct, frozen=True):
    """What to do about one kind of failure. Made by `on` and `default`.

    Attributes:
        name: how the rule is written, for people.
        matches: exception types, a predicate, or None for every failure.
        gives_up: the run ends; nothing else of the rule counts.
        after: delays in seconds, a function of the exception, or None for the policy's own delays.
        from_server: the delay is what the server asked for; the policy's own when it asked for nothing.
        limit: how many retries the run may have made in all when this rule decides; None for the policy's limit.
    """

    name: str
    matches: tuple[type[BaseException], ...] | Callable[[Any], object] | None
    gives_up: bool = False
    after: tuple[float, ...] | Callable[[Any], float | timedelta | None] | None = None
    from_server: bool = False
    limit: int | None = None

    def applies_to(self, error: BaseException | None) -> bool:
        """Whether this rule decides about `error` (None: the run returned a failed state and raised nothing)."""
        if self.matches is None:
            return True
        if error is None:
            return False
        if isinstance(self.matches, tuple):
            return isinstance(error, self.matches)
        return bool(self.matches(error))


def on(
    failure: type[BaseException] | tuple[type[BaseException], ...] | Callable[[Any], object],
    then: Fail | None = None,
    *,
    after: After | None = None,
    limit: int | None = None,
) -> RetryRule:
    """A rule for failures of one kind.

    Args:
        failure: an exception type, several of them, or a function that is given the exception and says whether it is
            of that kind.
        then: `fail` to end the run at once; otherwise it is retried.
        after: how long to wait: seconds, a list of seconds (one per retry, the last repeats), `exponential_backoff`,
            a function that is given the exception and returns seconds or None, or ``"retry-after"`` for what the
            server asked. Default: the delays of `retry_delay_seconds`.
        limit: retries the run may have made in all when this rule decides. Default: `retries`.

    Raises:
        RetryPolicyError: the rule cannot be used as written.
    """
    given: Any = (failure,) if isinstance(failure, type) else failure
    if isinstance(given, tuple):
        if not given or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in given):
            raise RetryPolicyError(f"on(...) takes exception types or a function, got {failure!r}.")
        what = " | ".join(kind.__name__ for kind in given)
    elif callable(given):
        what = getattr(given, "__name__", type(given).__name__)
    else:
        raise RetryPolicyError(f"on(...) takes exception types or a function, got {failure!r}.")
    return _rule(f"on({what}", given, then, after, limit)


def default(then: Fail | None = None, *, after: After | None = None, limit: int | None = None) -> RetryRule:
    """The rule for every failure that no rule before it matched; arguments as of `on`."""
    return _rule("default(", None, then, after, limit)


class RetryPolicy(Struct, frozen=True):
    """How often, after how long and upon what a run is attempted again.

    Attributes:
        limit: retries after the first attempt; 0 for none.
        delays: seconds before each retry; the last repeats, and none at all means at once.
        jitter_factor: spreads each delay between ``delay / (1 + factor)`` and ``delay * (1 + factor)``.
        rules: asked first, in order.
    """

    limit: int = 0
    delays: tuple[float, ...] = ()
    jitter_factor: float | None = None
    rules: tuple[RetryRule, ...] = ()

    @classmethod
    def build(
        cls,
        retries: int | None = None,
        retry_delay_seconds: Delays | None = None,
        retry_jitter_factor: float | None = None,
        retry: Iterable[RetryRule] | RetryRule | None = None,
    ) -> RetryPolicy:
        """The policy that an author wrote down.

        Without `retries`, rules that say their `limit` set it; rules that do not are an error, because a run that
        nobody told how often to retry would either never do it or never stop.

        Raises:
            RetryPolicyError: a number is negative or not a number, there are more than 50 delays, or a rule can
                never be reached.
        """
        rules = _checked_rules(retry)
        limit = _limit(retries, rules)
        if retry_jitter_factor is not None:
            if isinstance(retry_jitter_factor, (int, float)) and retry_jitter_factor < 0:
                raise RetryPolicyError(f"`retry_jitter_factor` must be >= 0, got {retry_jitter_factor!r}.")
            retry_jitter_factor = _seconds(retry_jitter_factor, "retry_jitter_factor")
        return cls(limit, _delays(retry_delay_seconds, limit, "retry_delay_seconds"), retry_jitter_factor, rules)

    @property
    def most_retries(self) -> int:
        """The largest number of retries that any failure can have."""
        return max([self.limit, *(rule.limit for rule in self.rules if rule.limit is not None and not rule.gives_up)])


class RetryDecision(Struct, frozen=True):
    """Whether there is another attempt.

    Attributes:
        retry: there is one.
        delay: seconds to wait before it; 0 for at once.
        reason: one sentence for people, without a full stop.
        rule: the rule that decided, as the author wrote it; None when the plain numbers did.
    """

    retry: bool
    delay: float
    reason: str
    rule: str | None = None


def decide(
    policy: RetryPolicy,
    failures_so_far: int,
    error: BaseException | None,
    *,
    random: Callable[[], float],
    now: datetime,
) -> RetryDecision:
    """Say whether a run that just failed is attempted again.

    Args:
        policy: what the author wrote.
        failures_so_far: failed attempts including this one, so 1 after the first.
        error: what was raised, or None when the run returned a failed state.
        random: draws from 0 to 1, for jitter.
        now: the time, aware; a Retry-After that names a date is measured from it.
    """
    ended = f"attempt {failures_so_far} ended with {_name_of(error)}"
    try:
        rule = next((rule for rule in policy.rules if rule.applies_to(error)), None)
    except Exception as problem:  # noqa: BLE001 - the author's predicate; a broken one must not retry in silence
        return RetryDecision(False, 0.0, f"{ended}; not retried, because a rule's function raised {problem!r}")
    name = None if rule is None else rule.name
    by_rule = "" if name is None else f" by rule {name}"
    if rule is not None and rule.gives_up:
        return RetryDecision(False, 0.0, f"{ended}; not retried{by_rule}", name)
    limit = policy.limit if rule is None or rule.limit is None else rule.limit
    if failures_so_far > limit:
        left = "no retries were asked for" if limit == 0 else f"all {limit + 1} attempts are used up"
        return RetryDecision(False, 0.0, f"{ended}; {left}{by_rule}", name)
    asked = retry_after(error, now)
    try:
        delay = _delay(policy, rule, failures_so_far, error, random)
    except Exception as problem:  # noqa: BLE001 - as above: the author's function
        return RetryDecision(False, 0.0, f"{ended}; not retried, because `after` of {name} raised {problem!r}", name)
    honoured = ""
    if asked is not None and (asked > delay or (rule is not None and rule.from_server)):
        delay, honoured = asked, " as the server asked"
    when = f"retry in {delay:.1f} s" if delay >= 0.1 else f"retry in {delay:.1g} s" if delay > 0 else "retry at once"
    reason = f"attempt {failures_so_far + 1} of {limit + 1} after {_name_of(error)}; {when}{honoured}{by_rule}"
    return RetryDecision(True, delay, reason, name)


def retry_after(error: BaseException | None, now: datetime) -> float | None:
    """Seconds that the server behind `error` asked to be left alone for, or None.

    Looks for a Retry-After header, in seconds or as an HTTP date, on `error.response.headers` or `error.headers`, and
    on what caused the error.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for holder in (getattr(error, "response", None), error):
            text = _header(getattr(holder, "headers", None))
            seconds = None if text is None else _parse_retry_after(text, now)
            if seconds is not None:
                return seconds
        error = error.__cause__
    return None


def jittered(delay: float, factor: float, random: Callable[[], float]) -> float:
    """Draw a delay around `delay`, so that runs that failed together do not come back together.

    The draw is exponential with mean `delay`, cut to ``delay / (1 + factor)`` … ``delay * (1 + factor)``.
    """
    if delay <= 0 or factor <= 0:
        return delay
    soonest, latest = math.exp(-1 / (1 + factor)), math.exp(-(1 + factor))
    return -delay * math.log(soonest - random() * (soonest - latest))


def _delay(
    policy: RetryPolicy,
    rule: RetryRule | None,
    failures: int,
    error: BaseException | None,
    random: Callable[[], float],
) -> float:
    delays: tuple[float, ...] | None = policy.delays
    if rule is not None and rule.after is not None:
        if isinstance(rule.after, tuple):
            delays = rule.after
        else:
            chosen = rule.after(error)
            if chosen is not None:
                delays = (_seconds(chosen, "after"),)
    base = delays[min(failures, len(delays)) - 1] if delays else 0.0
    return base if policy.jitter_factor is None else jittered(base, policy.jitter_factor, random)


def _rule(
    opening: str,
    matches: tuple[type[BaseException], ...] | Callable[[Any], object] | None,
    then: object,
    after: Any,
    limit: int | None,
) -> RetryRule:
    name = f"{opening}{', ' if then is not None and matches is not None else ''}{'fail' if then is not None else ''})"
    if then is not None:
        if not isinstance(then, Fail):
            raise RetryPolicyError(f"{name} was given {then!r}; delays go into after=, and `fail` is the only verdict.")
        if after is not None or limit is not None:
            raise RetryPolicyError(f"{name} ends the run; after= and limit= have no meaning there.")
        return RetryRule(name, matches, gives_up=True)
    if limit is not None:
        limit = _count(limit, "limit")
    if isinstance(after, str):
        if after.lower() != RETRY_AFTER:
            raise RetryPolicyError(f"after={after!r} of {name} is neither a number of seconds nor {RETRY_AFTER!r}.")
        return RetryRule(name, matches, from_server=True, limit=limit)
    if isinstance(after, ExponentialBackoff):  # takes a count, while other functions take the exception
        after = after(MAX_DELAYS)
    if after is None or callable(after):
        return RetryRule(name, matches, after=after, limit=limit)
    return RetryRule(name, matches, after=_delays(after, MAX_DELAYS, "after"), limit=limit)


def _checked_rules(retry: Any) -> tuple[RetryRule, ...]:
    if retry is None:
        return ()
    rules = (retry,) if isinstance(retry, RetryRule) else tuple(retry)
    for place, rule in enumerate(rules):
        if not isinstance(rule, RetryRule):
            raise RetryPolicyError(f"retry= takes rules made by on(...) or default(...), got {rule!r}.")
        if rule.matches is None and place + 1 < len(rules):
            raise RetryPolicyError(f"{rule.name} matches every failure, so {rules[place + 1].name} is never reached.")
    return rules


def _limit(retries: int | None, rules: tuple[RetryRule, ...]) -> int:
    if retries is not None:
        return _count(retries, "retries")
    retrying = [rule for rule in rules if not rule.gives_up]
    unlimited = next((rule for rule in retrying if rule.limit is None), None)
    if unlimited is not None:
        raise RetryPolicyError(f"{unlimited.name} does not say how often: give retries=N, or limit=N to the rule.")
    return 0


def _delays(given: Delays | None, retries: int, field: str) -> tuple[float, ...]:
    if given is None:
        return ()
    values: Any = given(retries) if callable(given) else given
    if isinstance(values, (int, float, timedelta)):
        values = (values,)
    try:
        listed = tuple(values)
    except TypeError:
        raise RetryPolicyError(f"{field} takes seconds, a list of seconds or a function, got {given!r}.") from None
    if len(listed) > MAX_DELAYS:
        raise RetryPolicyError(
            f"Can not configure more than {MAX_DELAYS} retry delays per task: {field} has {len(listed)}. "
            "The last one repeats, so a long tail of equal ones is not needed."
        )
    return tuple(_seconds(value, field) for value in listed)


def _seconds(value: object, field: str) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise RetryPolicyError(f"{field} must be a number that is not negative, got {value!r}.")
    return float(value)


def _count(value: object, field: str) -> int:
    if not isinstance(value, int) or value < 0:
        raise RetryPolicyError(f"{field} must be a whole number that is not negative, got {value!r}.")
    return int(value)


def _name_of(error: BaseException | None) -> str:
    return "a returned failed state" if error is None else type(error).__name__


def _header(headers: object) -> str | None:
    get = getattr(headers, "get", None)
    if not callable(get):
        return None
    value = get("retry-after")
    if value is None and isinstance(headers, Mapping):  # a plain dict minds upper and lower case
        value = next((headers[key] for key in headers if str(key).lower() == RETRY_AFTER), None)
    return None if value is None else str(value).strip()


def _parse_retry_after(text: str, now: datetime) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        from email.utils import parsedate_to_datetime  # lazy: only a server that answers with a date needs it

        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max((moment - now).total_seconds(), 0.0)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
