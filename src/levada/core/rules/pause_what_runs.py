"""Only what runs can be paused."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, as_it_is, reject
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Wish | Verdict | None:
    """Pausing is for running runs; from outside it means suspending: the process lets go, a resume goes on."""
    if wish.type is not StateType.PAUSED:
        return None
    if run.state is StateType.PAUSED:
        if run.name == "Suspended":
            return as_it_is(f"{run.title} is suspended already.")
    elif run.state is not StateType.RUNNING:
        return reject(f"{run.standing}; only a running run can be paused or suspended.")
    return wish.become(name="Suspended")


RULE = Rule("pause-what-runs", Protects.DATA, _apply)
