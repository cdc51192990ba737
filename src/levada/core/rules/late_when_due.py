"""Late is what should have started."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, as_it_is, clock, reject
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Late comes only after Scheduled, once its time has passed, and only once."""
    if wish.type is not StateType.SCHEDULED or wish.name != "Late":
        return None
    if run.state is not StateType.SCHEDULED:
        return reject(f"{run.standing}, not Scheduled, so it cannot be late.")
    if run.name == "Late":
        return as_it_is(f"{run.title} is marked Late already.")
    if run.scheduled_for is not None and run.scheduled_for > run.now:
        return reject(f"{run.title} is to start at {clock(run.scheduled_for)}, so it is not late.")
    return None


RULE = Rule("late-when-due", Protects.DATA, _apply)
