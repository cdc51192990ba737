"""What holds for the law of states as a whole, whatever the run and whatever the wish."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from levada.core.rules import FLOW_RUN_LAW, TASK_RUN_LAW, Effect, RunFacts, Verdict, Wish, decide
from levada.core.states import FINAL_TYPES, NAMES_BY_TYPE, StateType

NOW = 1_760_000_000_000_000

moments = st.one_of(st.none(), st.integers(NOW - 10**9, NOW + 10**9))
keys = st.sampled_from(["a", "b", "c"])
states = st.sampled_from(list(StateType)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.sampled_from(NAMES_BY_TYPE[kind]))
)


@st.composite
def runs(draw: Any) -> RunFacts:
    kind, name = draw(st.one_of(st.just((None, None)), states))
    return RunFacts(
        title="Flow run 'calm-otter'",
        now=NOW,
        state=kind,
        name=name,
        epoch=draw(st.integers(0, 3)),
        executing=kind not in FINAL_TYPES and name != "Suspended" and draw(st.booleans()),
        keeps_result=kind is StateType.COMPLETED and draw(st.booleans()),
        scheduled_for=draw(moments),
        pause_until=draw(moments) if kind is StateType.PAUSED else None,
        pause_keys=draw(st.frozensets(keys)),
        wishes=draw(st.frozensets(keys)),
        is_subflow=draw(st.booleans()),
        parent=draw(st.one_of(st.none(), st.sampled_from(list(StateType)))),
    )


@st.composite
def wishes(draw: Any) -> Wish:
    kind, name = draw(states)
    return Wish(
        type=kind,
        name=name,
        scheduled_for=draw(moments),
        pause_key=draw(st.one_of(st.none(), keys)),
        pause_until=draw(moments),
        transition_id=draw(st.one_of(st.none(), keys)),
        force=draw(st.booleans()),
        again=draw(st.booleans()),
        epoch=draw(st.one_of(st.none(), st.integers(0, 3))),
    )


laws = st.sampled_from([FLOW_RUN_LAW, TASK_RUN_LAW])


def after(run: RunFacts, wish: Wish, verdict: Verdict) -> RunFacts:
    """The run once the verdict is carried out, as `levada.control.judging` would find it."""
    state = verdict.state
    if state is None:
        return run
    keys = run.pause_keys | ({state.pause_key} if state.pause_key else set())
    followed = run.wishes | ({wish.transition_id} if wish.transition_id else set())
    return RunFacts(
        title=run.title,
        now=run.now,
        state=state.type,
        name=state.name,
        epoch=run.epoch + (Effect.REOPENS in verdict.effects),
        executing=run.executing and not verdict.effects & {Effect.REOPENS, Effect.CLOSES},
        scheduled_for=state.scheduled_for,
        pause_until=state.pause_until,
        pause_keys=frozenset(keys),
        wishes=frozenset(followed),
        is_subflow=run.is_subflow,
        parent=run.parent,
    )


@given(runs(), wishes(), laws)
def test_everything_but_a_plain_yes_has_a_rule_and_a_reason(run: RunFacts, wish: Wish, law: Any) -> None:
    verdict = decide(run, wish, law)
    assert verdict.status in {"accept", "reject", "wait", "abort"}
    if verdict.status != "accept" or verdict.state is None:
        assert verdict.rule in {rule.name for rule in law}
        assert verdict.reason
    if verdict.status in {"wait", "abort"}:
        assert verdict.state is None
    assert (verdict.retry_after is not None) == (verdict.status == "wait")


@given(runs(), wishes(), laws)
def test_a_final_state_is_never_left_without_a_new_epoch(run: RunFacts, wish: Wish, law: Any) -> None:
    verdict = decide(run, wish, law)
    if run.ended and verdict.state is not None and verdict.state.type not in FINAL_TYPES:
        assert Effect.REOPENS in verdict.effects


@given(runs(), wishes(), laws)
def test_a_kept_result_survives_everything(run: RunFacts, wish: Wish, law: Any) -> None:
    verdict = decide(run, wish, law)
    if run.keeps_result and verdict.state is not None:
        assert (verdict.state.type, verdict.state.name) == (StateType.COMPLETED, "RolledBack")


@given(runs(), wishes(), laws)
def test_final_states_close_their_epoch(run: RunFacts, wish: Wish, law: Any) -> None:
    verdict = decide(run, wish, law)
    if verdict.state is not None:
        assert (verdict.state.type in FINAL_TYPES) <= (Effect.CLOSES in verdict.effects)
        assert not {Effect.CLOSES, Effect.REOPENS} <= verdict.effects


@given(runs(), wishes(), laws)
def test_a_wish_that_is_repeated_changes_nothing_more(run: RunFacts, wish: Wish, law: Any) -> None:
    named = wish.become(transition_id=wish.transition_id or "z")
    first = decide(run, named, law)
    if first.state is None:
        return
    again = decide(after(run, named, first), named, law)
    assert (again.status, again.rule, again.state) == ("accept", "repeated-wish", None)


@given(runs(), wishes(), laws)
def test_older_epochs_have_no_say(run: RunFacts, wish: Wish, law: Any) -> None:
    if wish.epoch is not None and wish.epoch < run.epoch:
        assert decide(run, wish, law).state is None


@given(runs(), wishes())
def test_force_never_refuses_more(run: RunFacts, wish: Wish) -> None:
    gentle, forced = (decide(run, wish.become(force=force)) for force in (False, True))
    if gentle.status == "accept":
        assert forced.status == "accept"
