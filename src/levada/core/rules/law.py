"""The law as a whole: which rules there are, in which order, and how they make a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from levada.core.rules import (
    cancelled_at_once,
    cancelling_ends_cancelled,
    carried_time,
    corrections_only,
    ended_stays_ended,
    fenced,
    kept_result,
    late_when_due,
    order_of_states,
    parent_must_run,
    pause_expired,
    pause_key_once,
    pause_what_runs,
    pending_once,
    process_tells,
    repeated_wish,
    resume_what_is_paused,
    retry_what_ended,
    subflow_with_parent,
    wait_for_time,
)
from levada.core.rules.facts import Effect, Protects, Rule, RunFacts, Verdict, Wish
from levada.core.states import FINAL_TYPES, StateType

FLOW_RUN_LAW: Final[tuple[Rule, ...]] = (
    repeated_wish.RULE,
    fenced.RULE,
    kept_result.RULE,
    ended_stays_ended.RULE,
    retry_what_ended.RULE,
    subflow_with_parent.RULE,
    cancelling_ends_cancelled.RULE,
    cancelled_at_once.RULE,
    # Slots of deployments are taken here, between the rules about cancelling and those about pending, when there are
    # deployments: a full limit makes a wish for Pending wait, or cancels the run.
    pending_once.RULE,
    late_when_due.RULE,
    pause_what_runs.RULE,
    pause_key_once.RULE,
    resume_what_is_paused.RULE,
    pause_expired.RULE,
    process_tells.RULE,
    carried_time.RULE,
    wait_for_time.RULE,
    order_of_states.RULE,
)
"""What a wish about a flow run goes through, first to last."""

TASK_RUN_LAW: Final[tuple[Rule, ...]] = (
    repeated_wish.RULE,
    fenced.RULE,
    kept_result.RULE,
    ended_stays_ended.RULE,
    parent_must_run.RULE,
    corrections_only.RULE,
    cancelling_ends_cancelled.RULE,
    cancelled_at_once.RULE,
    process_tells.RULE,
    order_of_states.RULE,
)
"""What a wish about a task run goes through: task runs are moved by the engine, and only corrected from outside."""


def decide(run: RunFacts, wish: Wish, law: Sequence[Rule] = FLOW_RUN_LAW) -> Verdict:
    """What becomes of a wish.

    Args:
        run: what is known of the run.
        wish: what somebody wants it to enter.
        law: the rules, in their order.
    """
    for rule in law:
        if wish.force and rule.protects is Protects.PEOPLE:
            continue
        said = rule.apply(run, wish)
        if isinstance(said, Wish):
            wish = said
        elif said is not None:
            return _named(run, said, rule)
    return Verdict(status="accept", state=wish, effects=effects_of(run, wish))


def _named(run: RunFacts, verdict: Verdict, rule: Rule) -> Verdict:
    effects = frozenset() if verdict.state is None else effects_of(run, verdict.state)
    return replace(verdict, rule=rule.name, effects=effects)


def effects_of(run: RunFacts, wish: Wish) -> frozenset[Effect]:
    """What follows from entering a state, whatever the rules said about it."""
    effects = set()
    if wish.type in FINAL_TYPES or wish.type is StateType.PAUSED:
        effects.add(Effect.CLOSES)
    elif (
        run.ended
        or _taken_away(run, wish)
        or (run.state is StateType.PAUSED and not run.executing and wish.type is not StateType.CANCELLING)
    ):
        effects.add(Effect.REOPENS)
    if run.executing and (effects or wish.type is StateType.CANCELLING):
        effects.add(Effect.TELLS)
    return frozenset(effects)


def _taken_away(run: RunFacts, wish: Wish) -> bool:
    """Whether a run is scheduled or claimed anew, by force, while a process executes it, which then owns it no more."""
    return run.executing and wish.force and wish.type in {StateType.SCHEDULED, StateType.PENDING}
