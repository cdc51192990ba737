"""The time for which a run was scheduled goes with it."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Wish
from levada.core.states import StateType

_CARRY = frozenset({StateType.SCHEDULED, StateType.PENDING})


def _apply(run: RunFacts, wish: Wish) -> Wish | None:
    """From Scheduled to Pending, or to another Scheduled, the time is carried along unless another is given."""
    if run.state not in _CARRY or wish.type not in _CARRY or wish.scheduled_for is not None:
        return None
    return None if run.scheduled_for is None else wish.become(scheduled_for=run.scheduled_for)


RULE = Rule("carried-time", Protects.DATA, _apply)
