"""A result that is kept is not thrown away."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """What completed with a kept result stays Completed; it may only be renamed RolledBack."""
    if run.state is not StateType.COMPLETED or not run.keeps_result:
        return None
    if wish.type is StateType.COMPLETED and wish.name == "RolledBack":
        return None
    return reject(
        f"{run.title} has completed and its result is kept, so it stays as it is. Fork it to run parts of it again, "
        "or resume it from a task: levada flow-run resume RUN --from TASK."
    )


RULE = Rule("kept-result", Protects.DATA, _apply)
