"""What has ended has ended, unless it is run again."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, abort, reject
from levada.core.states import FINAL_TYPES, StateType

_AGAIN = frozenset({StateType.SCHEDULED, StateType.PENDING})


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """Final states are final: a run is run again from Scheduled or Pending, in a new epoch, or corrected by force."""
    if not run.ended:
        return None
    if wish.type in _AGAIN and wish.name not in {"Late", "Resuming"}:
        return None
    if wish.type in FINAL_TYPES:
        return _correction(run, wish)
    return abort(
        f"{run.standing}: it has ended, so it cannot become {wish.name}. Retry it to run it again, in a new epoch."
    )


def _correction(run: RunFacts, wish: Wish) -> Verdict | None:
    if wish.force or (wish.type is run.state is StateType.COMPLETED and wish.name == "RolledBack"):
        return None
    return reject(
        f"{run.standing}: it has ended, and its state is corrected to {wish.name} only by force, because nothing that "
        "happens by itself does so."
    )


RULE = Rule("ended-stays-ended", Protects.DATA, _apply)
