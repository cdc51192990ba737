"""Task runs are moved by the engine; people only correct them."""

from __future__ import annotations

from levada.core.rules.facts import Protects, Rule, RunFacts, Verdict, Wish, reject
from levada.core.states import FINAL_TYPES, StateType


def _apply(run: RunFacts, wish: Wish) -> Verdict | None:
    """From outside a task run can be cancelled, or corrected to how it ended; it is started by its flow alone."""
    if wish.type in FINAL_TYPES or wish.type is StateType.CANCELLING:
        return None
    return reject(
        f"{run.title} is started by its flow run, and cannot be made {wish.name} from outside. To run it again: "
        "levada flow-run resume RUN --from TASK."
    )


RULE = Rule("corrections-only", Protects.DATA, _apply)
