"""What nobody executes needs nobody's consent to end."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Wish
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Wish | None:
    """A run that no process executes is cancelled at once: there is nobody who would stop first."""
    if wish.type is not StateType.CANCELLING or run.executing:
        return None
    return wish.become(type=StateType.CANCELLED, name="Cancelled")


RULE = Rule("cancelled-at-once", Protects.DATA, _apply)
