"""A task runs inside a flow that runs."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, abort
from levada.core.states import FINAL_TYPES, StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """A task run does not start, or start again, under a flow run that is not running."""
    if wish.type in FINAL_TYPES or wish.type is StateType.CANCELLING:
        return None
    if run.parent is None or run.parent is StateType.RUNNING:
        return None
    return abort(f"{run.title} belongs to a flow run that is {run.parent.value.title()}; resume that one instead.")


RULE = Rule("parent-must-run", Protects.DATA, _apply)
