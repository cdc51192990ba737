"""A run is claimed once."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, abort
from levada.core.states import StateType

_TAKEN = frozenset({StateType.PENDING, StateType.RUNNING})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Pending is not entered twice: of two who claim a run, the second is sent away."""
    if wish.type is not StateType.PENDING or run.state not in _TAKEN:
        return None
    if run.state is StateType.PENDING and not wish.is_default_name and wish.name != run.name:
        return None  # its claimer says how far it got
    return abort(f"{run.standing}: somebody has claimed it already. Leave it to them.")


RULE = Rule("pending-once", Protects.DATA, _apply)
