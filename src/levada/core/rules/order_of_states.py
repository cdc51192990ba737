"""States follow each other in an order."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, abort
from levada.core.transitions import may_follow


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """What the table of transitions does not know does not happen."""
    if may_follow(run.state, wish.type):
        return None
    return abort(f"{run.standing}; {wish.name} does not follow that.")


RULE = Rule("order-of-states", Protects.PEOPLE, _apply)
