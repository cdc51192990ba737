"""A subflow run is part of the run that called it."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import StateType

_SEPARATE = frozenset({StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """A subflow run is retried, and suspended, with the run that called it, which waits for its result."""
    if not run.is_subflow or wish.type not in _SEPARATE:
        return None
    if run.ended or wish.type is StateType.PAUSED:
        verb = "suspended" if wish.type is StateType.PAUSED else "run again"
        return reject(f"{run.title} was called by another flow run; it is {verb} together with that one. Ask for that.")
    return None


RULE = Rule("subflow-with-parent", Protects.PEOPLE, _apply)
