"""Being cancelled is a way of one direction."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, as_it_is, reject
from levada.core.states import StateType

_ENDS = frozenset({StateType.CANCELLED, StateType.CRASHED})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """From Cancelling a run goes to Cancelled or Crashed, and nowhere else."""
    if run.state is not StateType.CANCELLING or wish.type in _ENDS:
        return None
    if wish.type is StateType.CANCELLING:
        if not run.executing:
            return None
        return as_it_is(f"{run.title} is being cancelled already; its process is told until it has stopped.")
    return reject(f"{run.title} is being cancelled, so it cannot become {wish.name}; wait until it has ended.")


RULE = Rule("cancelling-ends-cancelled", Protects.PEOPLE, _apply)
