"""A wish that comes twice is one wish."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, as_it_is


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """A wish whose transition id was followed before changes nothing; its answer may have been lost on the way."""
    if wish.transition_id is not None and wish.transition_id in run.wishes:
        return as_it_is(f"This wish was followed before; {run.title[0].lower()}{run.title[1:]} is {run.name} now.")
    return None


RULE = Rule("repeated-wish", Protects.DATA, _apply)
