"""A pause that nobody ended in time has failed."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, clock, reject
from levada.core.states import StateType

_ON = frozenset({StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Going on after the time of a pause is over makes the run Failed, as its author said."""
    if run.state is not StateType.PAUSED or wish.type not in _ON:
        return None
    if run.pause_until is None or run.pause_until > run.now:
        return None
    reason = f"{run.title} was to be resumed before {clock(run.pause_until)}; that has passed, so it has failed."
    return reject(reason, Wish(type=StateType.FAILED, name="Failed", message=reason, details=wish.details))


RULE = Rule("pause-expired", Protects.PEOPLE, _apply)
