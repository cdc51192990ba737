"""Nothing starts before its time."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, clock
from levada.core.states import StateType

_BEFORE = frozenset({StateType.SCHEDULED, StateType.PENDING})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """A run that is scheduled for later waits until then before it runs."""
    if run.state not in _BEFORE or wish.type is not StateType.RUNNING:
        return None
    if run.scheduled_for is None or run.scheduled_for <= run.now:
        return None
    reason = f"{run.title} is to start at {clock(run.scheduled_for)}."
    return Verdict(status="wait", reason=reason, retry_after=(run.scheduled_for - run.now) / 1e6)


RULE = Rule("wait-for-time", Protects.PEOPLE, _apply)
