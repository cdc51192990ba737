"""Whoever owned an older epoch has no say."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, abort


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """A wish of an older epoch is refused: the run has gone on elsewhere since."""
    if wish.epoch is not None and wish.epoch < run.epoch:
        return abort(
            f"{run.title} has gone on elsewhere: it is in epoch {run.epoch}, and this wish is of epoch {wish.epoch}. "
            "Stop what you execute of it; nothing of it counts."
        )
    return None


RULE = Rule("fenced", Protects.DATA, _apply)
