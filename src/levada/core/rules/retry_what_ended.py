"""Only what has ended can be retried."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Retrying is for runs that have ended; what has not will still be run, or is running."""
    if not wish.again or run.ended:
        return None
    return reject(f"{run.standing}: it has not ended, so there is nothing to retry.")


RULE = Rule("retry-what-ended", Protects.DATA, _apply)
