"""Only what is paused can be resumed."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Resuming is for paused and suspended runs; what has ended is retried."""
    if wish.name != "Resuming" or run.state is StateType.PAUSED:
        return None
    return reject(f"{run.standing}, not paused or suspended, so there is nothing to resume.")


RULE = Rule("resume-what-is-paused", Protects.DATA, _apply)
