"""How a run goes on is told by the process that executes it."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import StateType

_BY_PROCESS = frozenset(
    {StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.COMPLETED, StateType.FAILED}
)


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """While a process executes a run, it alone says how the run goes on and ends; others may cancel or suspend it."""
    if not run.executing or run.state not in {StateType.PENDING, StateType.RUNNING} or wish.type not in _BY_PROCESS:
        return None
    return reject(
        f"{run.standing} and a process executes it, which says itself how it ends. Cancel it, or set {wish.name} by "
        "force: then whatever the process still records of it does not count."
    )


RULE = Rule("process-tells", Protects.PEOPLE, _apply)
